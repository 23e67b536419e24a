// Numbers as people of many countries type them. Pure functions.

const GAPS = /[\s\u00a0\u202f\u2009'’]/g;

/** A whole number as it is stored, or null. "12 000", "12,000" and "12'000" are twelve thousand; "12.5" is no whole number. */
export function readInteger(text: string): string | null {
  const plain = text.replace(GAPS, "").replace(/^\+/, "").replace(/^[−–]/, "-");
  const joined = /^-?\d{1,3}(,\d{3})+$/.test(plain) ? plain.replaceAll(",", "") : plain;
  return /^-?\d+$/.test(joined) ? BigInt(joined).toString() : null;
}

/**
 * A number as it is stored, or null. A comma is a decimal mark like a point; where both stand, the last is the decimal mark and the
 * others part thousands. "1,234" is therefore 1.234: the question shows how it was read.
 */
export function readDecimal(text: string): string | null {
  const plain = text.replace(GAPS, "").replace(/^\+/, "").replace(/^[−–]/, "-");
  const last = Math.max(plain.lastIndexOf(","), plain.lastIndexOf("."));
  let said = plain;
  if (plain.includes(",") && plain.includes(".")) {
    const parted = plain[last] === "," ? "." : ",";
    said = plain.replaceAll(parted, "").replace(",", ".");
    const groups = plain.slice(0, last).replace("-", "").split(parted);
    if (groups.slice(1).some((group) => group.length !== 3)) return null;
  } else if (plain.split(",").length > 2) {
    if (!/^-?\d{1,3}(,\d{3})+$/.test(plain)) return null;
    said = plain.replaceAll(",", "");
  } else said = plain.replace(",", ".");
  return /^-?(\d+\.?\d*|\.\d+)$/.test(said) ? said.replace(/\.$/, "").replace(/^(-?)\./, "$10.") : null;
}

/** What a typed text is stored as: null when nothing is typed, undefined when it is no such number. */
export function readNumber(text: string, kind: "int" | "decimal"): { value: string | null | undefined } {
  if (text.trim() === "") return { value: null };
  return { value: (kind === "int" ? readInteger(text) : readDecimal(text)) ?? undefined };
}

/** A stored number with its thousands parted as the language does it. */
export function grouped(stored: string, language: string): string {
  if (stored === "") return "";
  const whole = /^-?\d+$/.test(stored);
  const decimals = stored.split(".")[1]?.length ?? 0;
  return new Intl.NumberFormat(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(whole ? BigInt(stored) : Number(stored));
}
