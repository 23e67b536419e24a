// Vault, store and sender of the field app on a page without screens: the tests call them from outside.
import { sender } from "@field/send/sender";
import * as database from "@field/store/database";
import { base } from "@field/store/base";
import { drafts } from "@field/store/drafts";
import { enrolment } from "@field/store/enrolment";
import { facts } from "@field/store/facts";
import { forms } from "@field/store/forms";
import { log } from "@field/store/log";
import { overlaid } from "@field/store/overlay";
import { queue } from "@field/store/queue";
import { settings } from "@field/store/settings";
import * as room from "@field/store/storage";
import { seal } from "@field/vault/seal";
import { base64, fromBase64 } from "@field/vault/bytes";
import { passkey } from "@field/vault/passkey";
import { vault } from "@field/vault/vault";

async function bytesOf(blob: Blob): Promise<string> {
  return base64(new Uint8Array(await blob.arrayBuffer()));
}

/** Everything that lies in IndexedDB, as text in which each byte is one sign: what a thief would read. */
async function dump(): Promise<string> {
  const db = await base();
  const said: string[] = [];
  const walk = async (value: unknown): Promise<void> => {
    if (value instanceof Blob) said.push(atob(await bytesOf(value)), value.type);
    else if (value instanceof Uint8Array) said.push(atob(base64(value)));
    else if (typeof value === "object" && value !== null) for (const [name, each] of Object.entries(value)) said.push(name), await walk(each);
    else said.push(String(value));
  };
  for (const store of db.objectStoreNames) {
    for (const key of await db.getAllKeys(store)) await walk(key);
    for (const value of await db.getAll(store)) await walk(value);
  }
  return said.join("\n");
}

function draftOf(said: Record<string, unknown>): unknown {
  const now = new Date().toISOString();
  return { id: crypto.randomUUID(), files: [], place: "", language: "en", createdAt: now, savedAt: now, name: "", ...said };
}

const file = (name: string, size: number, filling = 7, type = "image/jpeg"): File => new File([new Uint8Array(size).fill(filling)], name, { type });

Object.assign(window, {
  fp: { sender, database, base, drafts, enrolment, facts, forms, log, overlaid, queue, settings, room, seal, passkey, vault, dump, draftOf, file, bytesOf, fromBase64 },
});
document.documentElement.dataset.ready = "yes";
