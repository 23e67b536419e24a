// "Pin" beside a value fills the form with that property and its present value.

/** Listens on the document for links with data-pin and data-value. */
export function installPins(root: Document): void {
  root.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-pin]") : null;
    if (!link) return;
    const property = root.querySelector<HTMLSelectElement>("#f-property");
    const value = root.querySelector<HTMLInputElement>("#f-value");
    if (!property || !value) return;
    property.value = link.dataset.pin ?? "";
    value.value = link.dataset.value ?? "";
    value.focus();
  });
}
