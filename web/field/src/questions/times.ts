// Days and times as XForms writes them, from parts that a person fills one by one.

/** YYYY-MM-DD, or null when there is no such day. */
export function isoDay(year: number, month: number, day: number): string | null {
  if (!Number.isInteger(year) || year < 1000 || year > 9999 || month < 1 || month > 12) return null;
  const made = new Date(Date.UTC(year, month - 1, day));
  if (made.getUTCMonth() !== month - 1 || made.getUTCDate() !== day) return null;
  return made.toISOString().slice(0, 10);
}

/** +01:00 of this device on that day and time. */
export function offset(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
}

/** 09:30 as the engine takes it: it empties a time without seconds. */
export function isoTime(clock: string, day: string | null = null): string {
  const seconds = clock.length === 5 ? `${clock}:00.000` : `${clock}.000`;
  const at = day === null ? new Date() : new Date(`${day}T${clock}`);
  return `${seconds}${offset(Number.isNaN(at.getTime()) ? new Date() : at)}`;
}

/** HH:MM of a time answer. */
export function clockOf(answer: string): string {
  return /(?:^|T)(\d\d:\d\d)/.exec(answer)?.[1] ?? "";
}

export function monthNames(language: string): string[] {
  const name = new Intl.DateTimeFormat(language, { month: "long", timeZone: "UTC" });
  return Array.from({ length: 12 }, (_, month) => name.format(new Date(Date.UTC(2026, month, 1))));
}

export function writtenDay(day: string, language: string): string {
  const format = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  return format.format(new Date(`${day}T00:00:00Z`));
}
