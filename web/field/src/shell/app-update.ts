// The service worker and what it needs from the page: a new version of the app takes over only while no questionnaire is open,
// because a page that loads half from one version and half from another could lose what was typed.
import { ref } from "vue";

let waiting: ServiceWorker | null = null;
let filling = false;
let reloading = false;

/** Whether a newer app is here and waits. */
export const updateReady = ref(false);
/** Whether the app can start without a network: its own files are kept. */
export const offlineReady = ref(false);

/** Tells that a questionnaire is open (or no longer). */
export function setFilling(open: boolean): void {
  filling = open;
}

function found(worker: ServiceWorker | null): void {
  if (worker === null) return;
  waiting = worker;
  updateReady.value = true;
}

/** Lets the newer app take over and starts it; does nothing while a questionnaire is open. */
export function takeUpdate(): boolean {
  if (filling || waiting === null) return false;
  waiting.postMessage("take over");
  return true;
}

/** Registers the worker. Without one (private windows of some browsers) the app works as long as it stays open. */
export async function installWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const had = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    // The first worker of all takes over a page that it fits: nothing to load anew.
    if (!had && waiting === null) return;
    if (!filling && !reloading) {
      reloading = true;
      location.reload();
    }
  });
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
