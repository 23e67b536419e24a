// Finished reports. Each is sealed for the office the moment it is finished: envelope, list entry and the end of the draft are one
// transaction, so a kill leaves either the draft or the report. What the list says of it is encrypted; the envelope is besides
// unreadable on this device even with the PIN.
import { guarded, all, get, item, newId, put } from "./database";
import { base, type Sealed } from "./base";
import { partsOf, type Draft } from "./drafts";
import { enrolment } from "./enrolment";
import { entityChanges, metaOf } from "./instance";
import { hex, utf8 } from "../vault/bytes";
import { seal } from "../vault/seal";
import type { Change } from "./overlay";

export type QueueState = "waiting" | "sending" | "delivered" | "quarantined" | "refused";

export interface ReportFile {
  name: string;
  type: string;
  size: number;
  sealedId: string;
  sent: boolean;
}

export interface Report {
  id: string;
  formId: string;
  version: string;
  title: string;
  name: string;
  instanceId: string;
  finishedAt: string;
  state: QueueState;
  tries: number;
  nextTryAt: string | null;
  receipt: string | null;
  message: string | null;
  deliveredAt: string | null;
  reportSent: boolean;
  sealedId: string;
  files: ReportFile[];
  /** What it does to lists, for the overlay until the server's lists hold it. */
  entities: Change[];
}

export const EXPORT_MAGIC = "FPQUEUE1\n";

/** Seals a finished record and puts it into the queue in the place of its draft. */
async function add(draft: Draft, xml: string, files: File[], formXml: string): Promise<Report> {
  const who = await enrolment.current();
  if (who === null) throw new Error("this device is not set up");
  const meta = metaOf(xml);
  const id = newId();
  const inside = { token: who.token, formId: meta.formId, version: meta.version, instanceId: meta.instanceId };
  const text = new Blob([utf8(xml)]);
  const sealed: Sealed[] = [
    { id: newId(), report: id, part: 0, delivered: false, blob: await seal(who.sealingKey, { kind: "report", ...inside, size: text.size }, text) },
  ];
  const entries: ReportFile[] = [];
  for (const [at, file] of files.entries()) {
    const told = { kind: "file" as const, ...inside, name: file.name, type: file.type, size: file.size };
    const envelope: Sealed = { id: newId(), report: id, part: at + 1, delivered: false, blob: await seal(who.sealingKey, told, file) };
    sealed.push(envelope);
    entries.push({ name: file.name, type: file.type, size: file.size, sealedId: envelope.id, sent: false });
  }
  const report: Report = {
    id, formId: meta.formId, version: meta.version, title: draft.title, name: draft.name || meta.instanceName,
    instanceId: meta.instanceId, finishedAt: new Date().toISOString(), state: "waiting", tries: 0, nextTryAt: null, receipt: null,
    message: null, deliveredAt: null, reportSent: false, sealedId: sealed[0]!.id, files: entries,
    entities: entityChanges(xml, formXml).map((each) => ({ ...each, ownBranch: crypto.randomUUID(), delivered: false })),
  };
  const entry = await item("report", id, report);
  const gone = await Promise.all((await partsOf(draft)).map((each) => itemKey(each.kind, each.id)));
  await guarded(async () => {
    const work = (await base()).transaction(["items", "sealed"], "readwrite", { durability: "strict" });
    const [items, envelopes] = [work.objectStore("items"), work.objectStore("sealed")];
    await Promise.all([
      ...sealed.map((each) => envelopes.put(each)), items.put(entry), ...gone.map((key) => items.delete(key)), work.done,
    ]);
  });
  return report;
}

async function itemKey(kind: string, id: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(`${kind}\n${id}`))));
}

/** The newest first. */
async function list(): Promise<Report[]> {
  const found = await all<Report>("report");
  return found.map((each) => each.value).sort((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1));
}

function get_(id: string): Promise<Report | null> {
  return get<Report>("report", id);
}

async function update(report: Report): Promise<void> {
  await put("report", report.id, report);
}

/** Notes that the server has what is in an envelope, and throws the envelope away: one transaction, so that neither is without the other. */
async function settle(report: Report, sealedId: string): Promise<void> {
  const entry = await item("report", report.id, report);
  await guarded(async () => {
    const work = (await base()).transaction(["items", "sealed"], "readwrite", { durability: "strict" });
    await Promise.all([work.objectStore("items").put(entry), work.objectStore("sealed").delete(sealedId), work.done]);
  });
}

/** The envelope of a report or of one of its files. */
async function envelope(sealedId: string): Promise<Blob | null> {
  return (await (await base()).get("sealed", sealedId))?.blob ?? null;
}

/** Envelopes that have not left, of reports only; works while the vault is locked. */
async function sealedCount(): Promise<number> {
  const found = await (await base()).getAll("sealed");
  return new Set(found.map((each) => each.report)).size;
}

/**
 * All that has not left, as a file that the server imports: magic, then each envelope after its length (8 bytes, big-endian),
 * reports before files. Works while the vault is locked: nothing has to be decrypted.
 */
async function exportFile(): Promise<Blob> {
  const found = await (await base()).getAll("sealed");
  found.sort((a, b) => Math.sign(a.part) - Math.sign(b.part));
  const parts: BlobPart[] = [EXPORT_MAGIC];
  for (const each of found) {
    const length = new DataView(new ArrayBuffer(8));
    length.setBigUint64(0, BigInt(each.blob.size));
    parts.push(length.buffer, each.blob);
  }
  return new Blob(parts, { type: "application/octet-stream" });
}

async function remove(id: string): Promise<void> {
  const key = await itemKey("report", id);
  const work = (await base()).transaction(["items", "sealed"], "readwrite", { durability: "strict" });
  const mine = await work.objectStore("sealed").index("report").getAllKeys(id);
  await Promise.all([...mine.map((each) => work.objectStore("sealed").delete(each)), work.objectStore("items").delete(key), work.done]);
}

/** What was done to lists on this device, in the order in which it was done. */
export async function changesHere(): Promise<Change[]> {
  const found = await list();
  return found.reverse().flatMap((each) => each.entities.map((change) => ({ ...change, delivered: each.reportSent })));
}

export const queue = { add, list, get: get_, update, settle, envelope, sealedCount, exportFile, remove };
