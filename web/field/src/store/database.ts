// Everything that is kept, encrypted under the vault's key: put, get, list, remove; and files in pieces, so that a long video is
// never in memory as a whole. A write that resolved is on disk; one that failed is told to whoever asked, never swallowed.
import { base, type Item, type Kind } from "./base";
import { decode, encode } from "./encoding";
import { hex, utf8, type Bytes } from "../vault/bytes";
import { vault } from "../vault/vault";
import { t } from "../words";

export type { Kind } from "./base";
const PIECE = 2 << 20;

/** The browser has no room left for it. Nothing was written. */
export class StorageFull extends Error {
  constructor() {
    super(t("send.full"));
    this.name = "StorageFull";
  }
}

interface Kept<T> {
  id: string;
  value: T;
}

/** The database's key of a value: a digest, so that names of forms and the like do not lie there in clear. */
async function keyOf(kind: Kind, id: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(`${kind}\n${id}`))));
}

/** The item that keeps a value; written by `write` together with others. */
export async function item<T>(kind: Kind, id: string, value: T): Promise<Item> {
  const key = await keyOf(kind, id);
  return { id: key, kind, box: await vault.encrypt(encode({ id, value }), `${kind} ${key}`) };
}

async function read<T>(kept: Item): Promise<Kept<T>> {
  return decode(await vault.decrypt(kept.box, `${kept.kind} ${kept.id}`)) as Kept<T>;
}

/** One transaction over all that belongs together. Rejects with StorageFull when there is no room. */
export async function write(puts: Item[], removes: Array<{ kind: Kind; id: string }> = []): Promise<void> {
  const gone = await Promise.all(removes.map((each) => keyOf(each.kind, each.id)));
  await guarded(async () => {
    const work = (await base()).transaction("items", "readwrite", { durability: "strict" });
    await Promise.all([...puts.map((each) => work.store.put(each)), ...gone.map((key) => work.store.delete(key)), work.done]);
  });
}

/** Says StorageFull where the browser says QuotaExceededError. */
export async function guarded(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (reason) {
    const name = reason instanceof Error || reason instanceof DOMException ? reason.name : "";
    throw name === "QuotaExceededError" ? new StorageFull() : reason;
  }
}

export async function put<T>(kind: Kind, id: string, value: T): Promise<void> {
  await write([await item(kind, id, value)]);
}

export async function get<T>(kind: Kind, id: string): Promise<T | null> {
  const kept = await (await base()).get("items", await keyOf(kind, id));
  return kept ? (await read<T>(kept)).value : null;
}

export async function all<T>(kind: Kind): Promise<Array<Kept<T>>> {
  const found = (await (await base()).getAllFromIndex("items", "kind", kind)) as Item[];
  return Promise.all(found.map((each) => read<T>(each)));
}

export async function remove(kind: Kind, id: string): Promise<void> {
  await write([], [{ kind, id }]);
}

/** Whether something is kept under that name; reads nothing of it. */
export async function has(kind: Kind, id: string): Promise<boolean> {
  return (await (await base()).count("items", await keyOf(kind, id))) > 0;
}

const pieceName = (id: string, at: number): string => `${id}/${at}`;

/** Keeps a file in pieces, each in a transaction of its own; what needs it is written after it. */
export async function putFile(kind: "draft-file" | "form-file", id: string, file: Blob): Promise<void> {
  const count = Math.max(1, Math.ceil(file.size / PIECE));
  for (let at = 0; at < count; at += 1) {
    const bytes: Bytes = new Uint8Array(await file.slice(at * PIECE, (at + 1) * PIECE).arrayBuffer());
    await write([await item(kind, pieceName(id, at), { of: count, bytes })]);
  }
}

/** A file that was kept, or null when it is not here as a whole. */
export async function getFile(kind: "draft-file" | "form-file", id: string): Promise<Blob | null> {
  const parts: Blob[] = [];
  for (let at = 0, count = 1; at < count; at += 1) {
    const piece = await get<{ of: number; bytes: Bytes }>(kind, pieceName(id, at));
    if (piece === null) return null;
    count = piece.of;
    parts.push(new Blob([piece.bytes]));
  }
  return new Blob(parts);
}

/** The names of a file's pieces, to be removed together with what named it. */
export async function filePieces(kind: "draft-file" | "form-file", id: string): Promise<Array<{ kind: Kind; id: string }>> {
  const first = await get<{ of: number }>(kind, pieceName(id, 0));
  return Array.from({ length: first?.of ?? 0 }, (_, at) => ({ kind, id: pieceName(id, at) }));
}

export async function hasFile(kind: "draft-file" | "form-file", id: string): Promise<boolean> {
  const first = await get<{ of: number }>(kind, pieceName(id, 0));
  return first !== null && (await has(kind, pieceName(id, first.of - 1)));
}

/** A name for something new. */
export function newId(): string {
  return crypto.randomUUID();
}
