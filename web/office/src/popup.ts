// What a click on a point shows: its name as a link, and the lines that the server wrote for it. Text only, never HTML.
import type Feature from "ol/Feature";
import type Geometry from "ol/geom/Geometry";

/** Fills the element from the properties title, href and lines of the point. */
export function popup(element: HTMLElement, feature: Feature<Geometry>): void {
  const title = String(feature.get("title") ?? "");
  const href = feature.get("href") as string | undefined;
  const head = document.createElement(href ? "a" : "strong");
  head.textContent = title;
  if (href && head instanceof HTMLAnchorElement && href.startsWith("/")) head.href = href;
  const lines = ((feature.get("lines") as string[] | undefined) ?? []).map((line) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = line;
    return paragraph;
  });
  element.replaceChildren(head, ...lines);
}
