// Sealing for the office: an envelope that only the server opens. The header holds a key of its own, wrapped by the server's RSA
// key; the content follows in segments of 1 MiB, each bound to the header, its number and whether it is the last. The server reads
// the same format (server/services/envelopes.py).
import { fromBase64, join, number, random, utf8, type Bytes } from "./bytes";

export const MAGIC = "FPSEAL1\n";
export const SEGMENT = 1 << 20;
const TAG = 16;

export interface SealingKey {
  /** 32 hexadecimal digits: the first 16 bytes of SHA-256 of the key. */
  id: string;
  /** SubjectPublicKeyInfo (DER) in base64, RSA 3072. */
  spki: string;
}

/** What the content is; it lies inside, unreadable on this device. */
export interface Inside {
  kind: "report" | "file";
  token: string;
  formId: string;
  version: string;
  instanceId: string;
  name?: string;
  type?: string;
  size: number;
}

/** An envelope around content that is read piece by piece, so that a long video never lies in memory as a whole. */
export async function seal(key: SealingKey, inside: Inside, content: Blob): Promise<Blob> {
  const spki = fromBase64(key.spki);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", spki));
  const office = await crypto.subtle.importKey("spki", spki, { name: "RSA-OAEP", hash: "SHA-256" }, false, ["encrypt"]);
  const raw = random(32);
  const own = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  const wrapped = new Uint8Array(await crypto.subtle.encrypt({ name: "RSA-OAEP" }, office, raw));
  raw.fill(0);
  const prefix = random(7);
  const header = join(utf8(MAGIC), digest.subarray(0, 16), number(wrapped.length, 2), wrapped, prefix);
  const told = utf8(JSON.stringify(inside));
  const whole = new Blob([number(told.length, 4), told, content]);
  const parts: BlobPart[] = [header];
  for (let at = 0, count = 0; at === 0 || at < whole.size; at += SEGMENT, count += 1) {
    const plain = new Uint8Array(await whole.slice(at, at + SEGMENT).arrayBuffer());
    const last = at + SEGMENT >= whole.size;
    const iv = join(prefix, number(count, 4), number(last ? 1 : 0, 1));
    const segment = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: header }, own, plain);
    // A Blob per segment: the browser may put it on disk.
    parts.push(new Blob([segment]));
  }
  return new Blob(parts, { type: "application/vnd.fieldpost.sealed" });
}

/** How large an envelope around so many bytes is, header told of included. */
export function sealedSize(contentBytes: number, insideBytes: number, wrappedBytes = 384): number {
  const plain = 4 + insideBytes + contentBytes;
  return 8 + 16 + 2 + wrappedBytes + 7 + plain + TAG * Math.max(1, Math.ceil(plain / SEGMENT));
}

export type { Bytes };
