// Single keys press the button or link that names them: <button data-key="s">. Typing in a field is left alone.

import { waits } from "./review";

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Presses what names the key, unless a page is under way. */
export function press(root: Document, key: string): boolean {
  const element = root.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]:not([disabled])`);
  if (element === null || root.querySelector("[data-keys] .htmx-request, [data-keys].htmx-request")) return false;
  if (!waits(key)) element.click();
  return true;
}

/** Listens on the document. A page under way (a button marked busy by htmx) takes no second key: nothing is decided twice. */
export function installKeys(root: Document): void {
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    const inMap = event.target instanceof HTMLElement && event.target.closest("[data-map]") !== null;
    if (!inMap && press(root, event.key.toLowerCase())) event.preventDefault();
  });
}
