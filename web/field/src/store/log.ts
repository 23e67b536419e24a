// What happened on this device, for whoever has to explain why a report is late: the last 500 lines, encrypted like all else.
import { get, put } from "./database";

export interface LogEntry {
  at: string;
  text: string;
}

const ID = "lines";
const MOST = 500;
let writing: Promise<void> = Promise.resolve();

async function append(text: string): Promise<void> {
  const kept = (await get<LogEntry[]>("log", ID)) ?? [];
  await put("log", ID, [...kept, { at: new Date().toISOString(), text }].slice(-MOST));
}

/** Adds a line. One after the other; a line that cannot be kept is told on the console, because work goes on without it. */
function add(text: string): Promise<void> {
  writing = writing.then(() => append(text)).catch((reason: unknown) => console.warn("the log could not be written", reason));
  return writing;
}

/** The newest lines first. */
async function latest(count: number): Promise<LogEntry[]> {
  return ((await get<LogEntry[]>("log", ID)) ?? []).slice(-count).reverse();
}

export const log = { add, latest };
