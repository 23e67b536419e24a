// The languages of a form, as XLSForms name them: "French (fr)", sometimes only "French".
const FROM_THE_RIGHT = new Set(["Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"]);

/** The code in a language's name, as BCP 47; undefined where there is none, or one that no browser knows how to read. */
export function codeOf(name: string): string | undefined {
  const written = /\(([A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)\)\s*$/.exec(name)?.[1];
  try {
    return written && new Intl.Locale(written).toString();
  } catch {
    return undefined; // such as "en-1": a form's own mark, and no reason not to open the form
  }
}

/** "French (fr)" in its own words: who looks for French reads Français. */
export function ownName(name: string): string {
  const code = codeOf(name);
  const own = code ? new Intl.DisplayNames([code], { type: "language", fallback: "none" }).of(code) : undefined;
  return own ? own[0]!.toLocaleUpperCase(code) + own.slice(1) : name.replace(/\s*\(.*\)$/, "");
}

/** How its script runs; "auto" (by the first letter) where the name has no code. */
export function directionOf(name: string): "ltr" | "rtl" | "auto" {
  const code = codeOf(name);
  if (code === undefined) return "auto";
  return FROM_THE_RIGHT.has(new Intl.Locale(code).maximize().script ?? "") ? "rtl" : "ltr";
}
