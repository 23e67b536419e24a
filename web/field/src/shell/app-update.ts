// The service worker and what it needs from the page: a new version of the app takes over only while no questionnaire is open,
// because a page that loads half from one version and half from another could lose what was typed.
import { ref } from "vue";

// Held, shared, by every tab while a questionnaire is open in it: one worker serves all tabs, and its files change for all at once.
const OPEN = "fieldpost-questionnaire-open";
const PATIENCE = 10_000;

let waiting: ServiceWorker | null = null;
let close: (() => void) | null = null;
let held: Promise<unknown> = Promise.resolve();
let changed = false;
let reloading = false;

/** Whether a newer app is here and waits. */
export const updateReady = ref(false);
/** Whether the app can start without a network: its own files are kept. */
export const offlineReady = ref(false);

/** Tells that a questionnaire is open in this tab (or no longer). */
export function setFilling(open: boolean): void {
  if (!open) {
    close?.();
    close = null;
    if (changed) reload();
  } else if (close === null) {
    const ended = new Promise<void>((resolve) => (close = resolve));
    held = navigator.locks.request(OPEN, { mode: "shared" }, () => ended);
  }
}

function reload(): void {
  if (reloading) return;
  reloading = true;
  location.reload();
}

function found(worker: ServiceWorker | null): void {
  if (worker === null) return;
  waiting = worker;
  updateReady.value = true;
}

/** Lets the newer app take over and starts it. False, and nothing done, while a questionnaire is open in any tab. */
export async function takeUpdate(): Promise<boolean> {
  const worker = waiting;
  if (worker === null || close !== null) return false;
  await held; // this tab's own lock is let go of a moment after its questionnaire is closed
  return await navigator.locks.request(OPEN, { ifAvailable: true }, async (free) => {
    if (free === null) return false;
    if (worker.state === "activated") {
      reload(); // it took over while this page was loading
      return true;
    }
    // Held until it has taken over: a questionnaire that is opened meanwhile would be of the old app with the new one's files.
    const active = new Promise<void>((resolve) => {
      worker.addEventListener("statechange", () => (worker.state === "activated" || worker.state === "redundant") && resolve());
      setTimeout(resolve, PATIENCE);
    });
    worker.postMessage("take over");
    await active;
    return true;
  });
}

// From the first moment: a worker that takes over while the page is still loading must not leave it with another version's files.
const had = "serviceWorker" in navigator && navigator.serviceWorker.controller !== null;
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    // The first worker of all takes over a page that it fits: nothing to load anew.
    if (!had && waiting === null) return;
    if (close === null) reload();
    else changed = true;
  });
}

/** Registers the worker. Without one (private windows of some browsers) the app works as long as it stays open. */
export async function installWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const registration = await navigator.serviceWorker.register("./sw.js", { scope: "./", updateViaCache: "none" });
  found(had ? registration.waiting : null);
  registration.addEventListener("updatefound", () => {
    const worker = registration.installing;
    worker?.addEventListener("statechange", () => {
      if (worker.state === "installed" && navigator.serviceWorker.controller !== null) found(worker);
    });
  });
  const ready = await navigator.serviceWorker.ready;
  offlineReady.value = true;
  ready.active?.postMessage("keep the rest");
  // A phone that is never closed still learns of a new version: asked every six hours and when the network is back.
  const ask = () => void registration.update().catch(() => undefined);
  setInterval(ask, 6 * 3600 * 1000);
  addEventListener("online", ask);
}
