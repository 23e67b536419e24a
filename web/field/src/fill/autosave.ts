// Saves what changed, every second: the answers are compared with the saved ones, because some changes (an added entry) are told
// by no event. A save that fails is said loudly and tried again; while a file is still being read nothing is saved.
import { onMounted, onUnmounted, ref } from "vue";
import type { Snapshot } from "../engine/types";

const EVERY_MS = 1_000;

export interface Autosave {
  savedAt: { value: string };
  failed: { value: string };
  /** What is kept already: nothing is written until the answers differ from it. */
  begin(xml: string): void;
  /** Something besides the answers changed (the page): to be saved with the next second. */
  touch(): void;
  /** Saves now; false when that failed. */
  now(): Promise<boolean>;
  end(): void;
}

/** Without what changes by itself: a record whose clock ran on is the same record. */
function answers(xml: string): string {
  return xml.replace(/<end>[^<]*<\/end>/, "");
}

export function useAutosave(take: () => Snapshot | null, save: (now: Snapshot) => Promise<void>): Autosave {
  const savedAt = ref("");
  const failed = ref("");
  let last: string | null = null;
  let touched = false;
  let kept = false;
  let ended = false;
  let running: Promise<boolean> | null = null;

  async function write(): Promise<boolean> {
    const now = take();
    if (now === null || now.busy || last === null || ended) return true;
    const differs = answers(now.xml) !== last;
    // Turning pages is kept too, but makes no draft of a questionnaire that nobody has begun to answer.
    if (!differs && !(touched && kept)) return failed.value === "";
    try {
      touched = false;
      await save(now);
      last = answers(now.xml);
      kept = true;
      failed.value = "";
      savedAt.value = new Date().toLocaleTimeString("fr", { hour12: false });
      return true;
    } catch (reason) {
      touched = true;
      failed.value = reason instanceof Error ? reason.message : String(reason);
      return false;
    }
  }

  /** One save at a time; whoever asks meanwhile gets one more that begins after it. */
  async function now(): Promise<boolean> {
    while (running !== null) await running;
    running = write();
    try {
      return await running;
    } finally {
      running = null;
    }
  }

  const hidden = (): void => { if (document.visibilityState === "hidden") void now(); };
  const leaving = (): void => void now();
  const timer = setInterval(() => { if (running === null) void now(); }, EVERY_MS);
  onMounted(() => {
    document.addEventListener("visibilitychange", hidden);
    addEventListener("pagehide", leaving);
  });
  function end(): void {
    ended = true;
    clearInterval(timer);
    document.removeEventListener("visibilitychange", hidden);
    removeEventListener("pagehide", leaving);
  }
  onUnmounted(() => clearInterval(timer));
  return {
    savedAt, failed, now, end,
    begin(xml) { last = answers(xml); },
    touch() { touched = true; },
  };
}
