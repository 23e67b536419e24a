// What the app says, in the languages of the mission. Each folder keeps its own words beside this file; a key without a word in
// the language is said in English, so that nothing is ever blank.
import { computed, ref } from "vue";

export type Words = Record<string, string>;
export type Language = "en" | "fr";

const files = import.meta.glob<{ default: Words }>("./*.{en,fr}.ts", { eager: true });
const KEPT = "fieldpost.language";

function gathered(language: Language): Words {
  const found: Words = {};
  for (const [path, file] of Object.entries(files)) if (path.endsWith(`.${language}.ts`)) Object.assign(found, file.default);
  return found;
}

const catalogue: Record<Language, Words> = { en: gathered("en"), fr: gathered("fr") };

function firstLanguage(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "fr") return kept;
  return navigator.languages.some((each) => each.toLowerCase().startsWith("fr")) && !navigator.language.startsWith("en") ? "fr" : "en";
}

const chosen = ref<Language>(firstLanguage());
export const language = computed(() => chosen.value);
/** How days and numbers are written: day before month in both. */
export const locale = computed(() => (chosen.value === "fr" ? "fr-FR" : "en-GB"));

/** Speaks another language from now on; kept for the next start (a preference, not an answer: it lies in clear). */
export function speak(wanted: Language): void {
  chosen.value = wanted;
  localStorage.setItem(KEPT, wanted);
  document.documentElement.lang = wanted;
  document.documentElement.dir = "ltr";
}

/** The word for a key, with {name} replaced; `n` chooses between "one | many". */
export function t(key: string, values: Record<string, string | number> = {}): string {
  const word = catalogue[chosen.value][key] ?? catalogue.en[key] ?? key;
  const forms = word.split(" | ");
  const rule = new Intl.PluralRules(chosen.value);
  const form = forms.length > 1 && typeof values.n === "number" ? (rule.select(values.n) === "one" ? forms[0] : forms[1]) : word;
  return form!.replace(/\{(\w+)\}/g, (all, name: string) => (name in values ? String(values[name]) : all));
}

/** Day, month as a word, year, and the clock: never a form that two countries read differently. */
export function when(iso: string | null): string {
  if (!iso) return "";
  const day = new Intl.DateTimeFormat(locale.value, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return day.format(new Date(iso));
}

/** Bytes as a person says them. */
export function size(bytes: number): string {
  const format = (value: number, unit: string) =>
    new Intl.NumberFormat(locale.value, { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
  if (bytes < 1e6) return format(bytes / 1e3, "kilobyte");
  return bytes < 1e9 ? format(bytes / 1e6, "megabyte") : format(bytes / 1e9, "gigabyte");
}
