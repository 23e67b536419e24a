// The one script of the officers' pages: htmx, single-key decisions, and maps that load only where a page has one.
import htmx from "htmx.org";
import "./office.css";
import { installKeys, press } from "./keys";
import { installReview } from "./review";

declare global {
  interface Window {
    htmx: typeof htmx;
  }
}

window.htmx = htmx;
// The content security policy forbids evaluated code and inline styles; htmx works without both.
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.historyCacheSize = 0;
htmx.config.scrollBehavior = "instant";
htmx.config.defaultSettleDelay = 0;
htmx.config.defaultSwapDelay = 0;

async function showMaps(root: ParentNode): Promise<void> {
  const places = [...root.querySelectorAll<HTMLElement>("[data-map]:not([data-map-ready])")];
  if (root instanceof HTMLElement && root.matches("[data-map]:not([data-map-ready])")) places.push(root);
  if (!places.length) return;
  for (const place of places) place.dataset.mapReady = "loading";
  const { showMap } = await import("./map");
  // The words of a page come first: an officer who decides quickly never waits for a map that he does not look at.
  if (root !== document) await new Promise((resolve) => setTimeout(resolve, 80));
  await Promise.all(places.filter((place) => place.isConnected).map((place) => showMap(place)));
}

function maps(root: ParentNode): void {
  showMaps(root).catch((reason: unknown) => {
    console.error("the map could not be shown", reason);
    for (const place of document.querySelectorAll<HTMLElement>('[data-map-ready="loading"]')) {
      place.dataset.mapReady = "failed";
      place.textContent = place.dataset.failed ?? "The map could not be shown.";
    }
  });
}

async function makeKeys(): Promise<void> {
  const forms = [...document.querySelectorAll<HTMLFormElement>("form[data-make-key]")];
  if (!forms.length) return;
  const { installMaking } = await import("./wrapping");
  for (const form of forms) installMaking(form);
}

installKeys(document);
installReview(
  document,
  (element) => {
    htmx.process(element);
    maps(element);
  },
  (key) => press(document, key),
);
htmx.onLoad((element) => maps(element as HTMLElement));
function started(): void {
  maps(document);
  makeKeys().catch((reason: unknown) => console.error("keys cannot be made on this page", reason));
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", started);
else started();
