// The database of this browser profile: opened once, nothing in clear but what must be read while the vault is locked.
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Bytes } from "../vault/bytes";

/** How the data key is wrapped. wrong: wrong PINs in a row, counted before each try. */
export interface KeyRecord {
  salt: Bytes;
  iterations: number;
  wrapped: Bytes;
  wrong: number;
  passkey?: { id: Bytes; salt: Bytes; wrapped: Bytes };
}

/** A value under the data key. id: a digest of its kind and name; kind says nothing of anybody's answers. */
export interface Item {
  id: string;
  kind: Kind;
  box: Bytes;
}

export type Kind =
  | "enrolment" | "facts" | "form" | "form-file" | "draft" | "draft-file" | "report" | "setting" | "log";

/** An envelope for the office. report: the report's id (random); part 0 is the report, the others are its files. */
export interface Sealed {
  id: string;
  report: string;
  part: number;
  delivered: boolean;
  blob: Blob;
}

export interface Schema extends DBSchema {
  vault: { key: string; value: KeyRecord };
  marks: { key: string; value: string };
  items: { key: string; value: Item; indexes: { kind: string } };
  sealed: { key: string; value: Sealed; indexes: { report: string } };
}

const VERSION = 1;
let opening: Promise<IDBPDatabase<Schema>> | null = null;

/** The open database. Rejects where the browser keeps nothing (some private windows). */
export function base(): Promise<IDBPDatabase<Schema>> {
  opening ??= openDB<Schema>("fieldpost", VERSION, {
    upgrade(db, from) {
      if (from < 1) {
        db.createObjectStore("vault");
        db.createObjectStore("marks");
        db.createObjectStore("items", { keyPath: "id" }).createIndex("kind", "kind");
        db.createObjectStore("sealed", { keyPath: "id" }).createIndex("report", "report");
      }
    },
    // A newer app in another tab wants to change the database: this tab lets go, and opens anew when it is used.
    blocking: (_current, _blocked, event) => {
      (event.target as IDBDatabase).close();
      opening = null;
    },
    terminated: () => { opening = null; },
  }).catch((reason: unknown) => {
    opening = null;
    throw reason;
  });
  return opening;
}
