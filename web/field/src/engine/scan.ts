// What this app cannot do with a questionnaire, read from the XForm before anybody fills it.

const CONTROLS = new Set(["input", "select1", "select", "upload", "trigger", "range", "rank", "group", "repeat", "note", "label", "hint", "item", "itemset", "value", "output", "setvalue", "setgeopoint"]);

/** Codes of what cannot be done here; each has a sentence (fill.unsupported.CODE). */
export function scan(xml: string): string[] {
  const document = new DOMParser().parseFromString(xml, "text/xml");
  const found = new Set<string>();
  const all = (name: string): Element[] => [...document.getElementsByTagNameNS("*", name)];
  if (all("submission").some((each) => each.hasAttribute("base64RsaPublicKey"))) found.add("encrypted");
  if (all("audit").some((each) => each.parentElement?.localName === "meta")) found.add("audit");
  if (all("recordaudio").length > 0) found.add("background-audio");
  if (all("bind").some((each) => each.getAttributeNS("http://openrosa.org/javarosa", "preload") === "last-saved")) found.add("last-saved");
  if (all("instance").some((each) => (each.getAttribute("src") ?? "") === "jr://instance/last-saved")) found.add("last-saved");
  if (/\bsearch\s*\(/.test(all("body")[0]?.innerHTML.match(/appearance="[^"]*"/g)?.join(" ") ?? "")) found.add("search");
  for (const control of all("body").flatMap((body) => [...body.getElementsByTagName("*")])) {
    const appearance = control.getAttribute("appearance") ?? "";
    if (/(^|\s)(ex:|intent)/.test(appearance) || control.hasAttribute("intent")) found.add("external-app");
    if (/\bprinter/.test(appearance)) found.add("printer");
    if (/\b(ethiopian|coptic|islamic|bikram-sambat|myanmar|persian)\b/.test(appearance)) found.add("calendar");
    if (/\bbearing\b/.test(appearance)) found.add("bearing");
    const isControl = control.hasAttribute("ref") && !CONTROLS.has(control.localName);
    if (isControl && control.parentElement?.localName !== "label") found.add("unknown");
  }
  return [...found].sort();
}
