// Sends what is finished, once: one sender over all tabs, data before photos, back-off between tries, the receipt kept. What the
// server refuses is kept and shown. A server that shut the device out empties it; sealed reports stay, for the office to import.
import { ref, type Ref } from "vue";
import { enrolment, type Enrolment } from "../store/enrolment";
import { log } from "../store/log";
import { queue, type Report, type ReportFile } from "../store/queue";
import { settings } from "../store/settings";
import { vault, VaultLocked } from "../vault/vault";
import { get, put } from "../store/database";
import { t } from "../words";
import { ask, Later, Refused, ShutOut } from "./openrosa";
import { refreshAll } from "./refresh";
import { upload } from "./tus";

export interface Status {
  busy: boolean;
  online: boolean;
  waiting: number;
  lastError: string | null;
  lastContact: string | null;
}

const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 15 * 60;
const ROUND_MS = 20_000;
const REFRESH_MS = 30 * 60_000;
const LOCK = "fieldpost.sender";
const status: Ref<Status> = ref({ busy: false, online: navigator.onLine, waiting: 0, lastError: null, lastContact: null });
const listeners = new Set<() => void>();
const tabs = new BroadcastChannel("fieldpost.queue");
let shutOut: (info: { at: string; sealed: number }) => void = () => undefined;
let timer: ReturnType<typeof setInterval> | null = null;
let lastRefresh = 0;

tabs.addEventListener("message", () => listeners.forEach((each) => each()));
addEventListener("online", () => {
  status.value.online = true;
  quietly(true);
});
addEventListener("offline", () => { status.value.online = false; });

function tell(): void {
  listeners.forEach((each) => each());
  tabs.postMessage("changed");
}

function seconds(tries: number, asked: number | null): number {
  const grown = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** tries);
  // Jitter: forty phones that lost the same link do not come back at the same moment.
  return Math.max(asked ?? 0, grown * (0.5 + Math.random() / 2));
}

async function contact(): Promise<void> {
  const at = new Date().toISOString();
  status.value.lastContact = at;
  status.value.lastError = null;
  status.value.online = true;
  await put("setting", "contact", at);
}

function isDue(report: Report, forced: boolean): boolean {
  return forced || report.nextTryAt === null || Date.parse(report.nextTryAt) <= Date.now();
}

/** Sends the report itself. 201 and 202 mean that the office has it; so does the answer to one that came twice. */
async function sendReport(who: Enrolment, report: Report): Promise<void> {
  const blob = await queue.envelope(report.sealedId);
  if (blob === null) throw new Refused(0, t("send.gone"));
  report.state = "sending";
  await queue.update(report);
  tell();
  const answer = await ask(`${who.server}/sealed`, {
    method: "POST", body: blob, headers: { "Content-Type": "application/vnd.fieldpost.sealed" },
  });
  report.state = answer.status === 202 ? "quarantined" : "delivered";
  report.receipt = answer.headers.get("X-Fieldpost-Receipt");
  report.deliveredAt = new Date().toISOString();
  report.reportSent = true;
  report.message = null;
  report.nextTryAt = null;
  report.tries = 0;
  await queue.settle(report, report.sealedId);
  void log.add(`${report.title}: ${report.receipt ?? answer.status}`);
}

async function sendFile(who: Enrolment, report: Report, file: ReportFile): Promise<void> {
  const blob = await queue.envelope(file.sealedId);
  if (blob !== null) {
    const name = `upload ${file.sealedId}`;
    const resume = await get<string>("setting", name);
    const wanted = { formId: report.formId, instanceId: report.instanceId, name: file.name, type: file.type };
    await upload(who.server, wanted, blob, resume, (address) => put("setting", name, address));
  }
  file.sent = true;
  report.nextTryAt = null;
  report.tries = 0;
  report.message = null;
  await queue.settle(report, file.sealedId);
}

/** Does one thing for a report and notes how it went; false when the round should end (no network). */
async function attempt(report: Report, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    await contact();
    return true;
  } catch (reason) {
    if (reason instanceof ShutOut || reason instanceof VaultLocked) throw reason;
    const said = reason instanceof Error ? reason.message : String(reason);
    report.message = said;
    if (!report.reportSent) report.state = reason instanceof Refused ? "refused" : "waiting";
    report.tries += 1;
    const asked = reason instanceof Later ? reason.after : null;
    report.nextTryAt = new Date(Date.now() + seconds(report.tries, asked) * 1000).toISOString();
    await queue.update(report);
    status.value.lastError = said;
    void log.add(`${report.title}: ${said}`);
    return !(reason instanceof Later);
  } finally {
    tell();
  }
}

function filesLeaveNow(asked: boolean): boolean {
  const rule = settings.current.value.photos;
  if (asked || rule === "always") return true;
  const kind = (navigator as Navigator & { connection?: { type?: string } }).connection?.type;
  // A browser that does not say how it is connected waits to be asked.
  return rule === "wifi" && (kind === "wifi" || kind === "ethernet");
}

async function sendAll(forced: boolean, onlyFilesOf: string | null): Promise<void> {
  const who = await enrolment.current();
  if (who === null) return;
  const found = (await queue.list()).reverse();
  for (const report of found.filter((each) => !each.reportSent && (each.state !== "refused" || forced) && isDue(each, forced))) {
    if (!(await attempt(report, () => sendReport(who, report)))) return;
  }
  const files = found.filter((each) => each.reportSent).flatMap((report) => report.files.map((file) => ({ report, file })));
  // The smallest first: most of a report is there soonest.
  files.sort((a, b) => a.file.size - b.file.size);
  for (const { report, file } of files) {
    if (file.sent || !isDue(report, forced) || !filesLeaveNow(onlyFilesOf === report.id)) continue;
    if (!(await attempt(report, () => sendFile(who, report, file)))) return;
  }
}

async function count(): Promise<void> {
  const found = await queue.list();
  status.value.waiting = found.filter((each) => !each.reportSent || each.files.some((file) => !file.sent)).length;
}

/** One round; `forced`: at once, whatever the back-off says. */
async function round(forced: boolean, onlyFilesOf: string | null = null): Promise<void> {
  if (vault.state.value !== "open") return;
  // What a person asks for waits for a round that is under way; what nobody asked for lets it be.
  await alone(() => sendAll(forced, onlyFilesOf), forced);
}

async function alone(work: () => Promise<void>, waits: boolean): Promise<void> {
  await navigator.locks.request(LOCK, { ifAvailable: !waits }, async (lock) => {
    if (lock === null) return;
    status.value.busy = true;
    try {
      await work();
      await count();
    } catch (reason) {
      if (reason instanceof ShutOut) await closeDown();
      else if (!(reason instanceof VaultLocked)) {
        status.value.lastError = reason instanceof Error ? reason.message : String(reason);
        throw reason;
      }
    } finally {
      status.value.busy = false;
      tell();
    }
  });
}

/** The office shut this device out: everything goes but what only the office can read. */
async function closeDown(): Promise<void> {
  const sealed = await queue.sealedCount();
  await vault.wipe(true);
  shutOut({ at: new Date().toISOString(), sealed });
}

function start(): void {
  void get<string>("setting", "contact").then((at) => { status.value.lastContact ??= at; });
  void count();
  // Reports that were under way when the app ended wait again.
  void alone(resume, false).then(() => quietly(false));
  timer ??= setInterval(() => quietly(false), ROUND_MS);
}

async function resume(): Promise<void> {
  for (const report of await queue.list()) if (report.state === "sending") await queue.update({ ...report, state: "waiting" });
}

/** A round that nobody asked for: what went wrong stands in the status. */
function quietly(forced: boolean): void {
  if (vault.state.value !== "open") return;
  void round(forced)
    .then(() => (Date.now() - lastRefresh > REFRESH_MS && navigator.onLine ? refresh() : undefined))
    .catch((reason: unknown) => { status.value.lastError = reason instanceof Error ? reason.message : String(reason); });
}

/** Fetches forms, lists and facts. Throws what went wrong, for the screen that asked. */
async function refresh(): Promise<void> {
  lastRefresh = Date.now();
  let problem: unknown = null;
  await navigator.locks.request(LOCK, async () => {
    status.value.busy = true;
    try {
      await refreshAll(() => undefined);
      await contact();
    } catch (reason) {
      problem = reason;
    } finally {
      status.value.busy = false;
    }
  });
  if (problem instanceof ShutOut) await closeDown();
  tell();
  if (problem instanceof Later) status.value.online = false;
  if (problem !== null && !(problem instanceof ShutOut)) throw problem;
}

/** Sends now, whatever the back-off says. */
async function now(): Promise<void> {
  await round(true);
}

/** The photos of one report, on demand. */
async function sendFiles(reportId: string): Promise<void> {
  await round(true, reportId);
}

function changed(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function onRevoked(listener: (info: { at: string; sealed: number }) => void): void {
  shutOut = listener;
}

export const sender = { start, now, sendFiles, refresh, changed, onRevoked, status };
