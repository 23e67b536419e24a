// Values with bytes in them, as one run of bytes: JSON in which each Uint8Array stands as {"$bytes": n}, then the bytes.
import { join, number, text, utf8, type Bytes } from "../vault/bytes";

function readNumber(data: Bytes, at: number): number {
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(at);
}

export function encode(value: unknown): Bytes {
  const parts: Uint8Array[] = [];
  const told = utf8(
    JSON.stringify(value, (_name, each: unknown) => {
      if (!(each instanceof Uint8Array)) return each;
      parts.push(each);
      return { $bytes: parts.length - 1 };
    }),
  );
  const lengths = parts.flatMap((part) => [number(part.length, 4), part]);
  return join(number(told.length, 4), told, ...lengths);
}

export function decode(data: Bytes): unknown {
  const end = 4 + readNumber(data, 0);
  const parts: Bytes[] = [];
  for (let at = end; at < data.length; ) {
    const length = readNumber(data, at);
    parts.push(data.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return JSON.parse(text(data.subarray(4, end)), (_name, each: unknown) =>
    typeof each === "object" && each !== null && "$bytes" in each ? parts[(each as { $bytes: number }).$bytes] : each,
  );
}
