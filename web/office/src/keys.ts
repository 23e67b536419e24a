// Single keys press the button or link that names them: <button data-key="s">. Typing in a field is left alone.

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Listens on the document. A page under way (a button marked busy by htmx) takes no second key: nothing is decided twice. */
export function installKeys(root: Document): void {
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    const inMap = event.target instanceof HTMLElement && event.target.closest("[data-map]") !== null;
    const element = root.querySelector<HTMLElement>(`[data-key="${CSS.escape(event.key.toLowerCase())}"]:not([disabled])`);
    if (element === null || inMap || root.querySelector("[data-keys] .htmx-request, [data-keys].htmx-request")) return;
    event.preventDefault();
    element.click();
  });
}
