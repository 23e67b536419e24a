// Places as the questionnaires write them ('lat lon alt acc', several parted by '; '), and what can be reckoned from them.
// Pure functions: no page, no map.
import { mgrs, readMgrs } from "../../../../shared/mgrs";

/** A place in WGS 84 degrees; altitude and accuracy in metres, 0 when not known (as Collect writes them). */
export interface Place {
  lat: number;
  lon: number;
  alt: number;
  acc: number;
}

/** Why a typed place was not taken; the words are `place.bad.<reason>`. */
export type Refusal = "unclear" | "swapped" | "range" | "grid";

const RADIUS = 6371008.8; // metres, mean of the earth
const RADIANS = Math.PI / 180;

function number(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals)));
}

/** One place as the engine takes it. Seven decimals are a centimetre. */
export function write(place: Place): string {
  return `${number(place.lat, 7)} ${number(place.lon, 7)} ${number(place.alt, 1)} ${number(place.acc, 1)}`;
}

/** The places of a stored answer of any of the three kinds; what cannot be read is left out. */
export function readAnswer(answer: string): Place[] {
  return answer
    .split(";")
    .map((each) => each.trim().split(/\s+/).map(Number))
    .filter((parts) => parts.length >= 2 && parts.every(Number.isFinite))
    .map(([lat, lon, alt, acc]) => ({ lat: lat!, lon: lon!, alt: alt ?? 0, acc: acc ?? 0 }));
}

/** "4.85000, 31.60000": a point as decimal mark in every language, so that it can be read out and typed in again. */
export function degrees(place: { lat: number; lon: number }): string {
  return `${place.lat.toFixed(5)}, ${place.lon.toFixed(5)}`;
}

export function grid(place: { lat: number; lon: number }): string {
  return mgrs(place.lat, place.lon);
}

/** The typed text with a point as decimal mark. A comma is one only where it cannot part two numbers: "4,85 31,6", "4,85; 31,6". */
function withPoints(text: string): string {
  const plain = text.toUpperCase().replace(/°/g, " ");
  if (plain.includes(".")) return plain.replace(/[,;]/g, " ");
  const parts = plain.trim().split(/\s*;\s*|,?\s+/).filter((part) => /\d/.test(part));
  if (parts.length > 1) return plain.replace(/,(?=\s|$)/g, " ").replace(/,/g, ".").replace(/;/g, " ");
  return /^[^,]*,[^,]*,[^,]*,[^,]*$/.test(plain) ? plain.replace(/,(.*?),(.*),/, ".$1 $2.") : plain.replace(/,/g, " ");
}

/** Two numbers of a typed text, each with the letter that stood before or behind it. */
function twoNumbers(text: string): Array<{ value: number; letter: string }> | null {
  const tokens = withPoints(text).match(/[NSEWO]|[+-]?\d+(?:\.\d+)?|\S+?/g) ?? [];
  const kinds = tokens.map((token) => (/^[NSEWO]$/.test(token) ? "L" : /\d/.test(token) ? "1" : "?")).join("");
  const at = { "11": [0, 1, -1, -1], L1L1: [1, 3, 0, 2], "1L1L": [0, 2, 1, 3] }[kinds];
  if (!at) return null;
  const letter = (index: number) => (tokens[index] ?? "").replace("O", "W");
  return [0, 1].map((which) => ({ value: Number(tokens[at[which]!]), letter: letter(at[which + 2]!) }));
}

/** What a person typed: decimal degrees (latitude first, or with letters) or a grid reference. */
export function readTyped(text: string): Place | Refusal {
  const typed = text.trim();
  if (/^\d{1,2}\s*[A-Z]\s*[A-Z]{2}[\s\d]*$/i.test(typed)) {
    const square = readMgrs(typed);
    return square ? { lat: square.lat, lon: square.lon, alt: 0, acc: square.side > 1 ? square.side : 0 } : "grid";
  }
  const two = twoNumbers(typed);
  if (!two) return "unclear";
  const signed = two.map(({ value, letter }) => ({ value: letter === "S" || letter === "W" ? -Math.abs(value) : value, letter }));
  const [first, second] = signed as [(typeof signed)[0], (typeof signed)[0]];
  const turned = /[EW]/.test(first.letter) || /[NS]/.test(second.letter);
  const [lat, lon] = turned ? [second.value, first.value] : [first.value, second.value];
  if (Math.abs(lat) > 90 && Math.abs(lon) <= 90 && Math.abs(lat) <= 180) return "swapped";
  if (Math.abs(lat) > 90 || Math.abs(lon) > 180) return "range";
  return { lat, lon, alt: 0, acc: 0 };
}

/** Metres between two places along the earth. */
export function distance(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const half = (from: number, to: number) => Math.sin(((to - from) * RADIANS) / 2) ** 2;
  const h = half(a.lat, b.lat) + Math.cos(a.lat * RADIANS) * Math.cos(b.lat * RADIANS) * half(a.lon, b.lon);
  return 2 * RADIUS * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Metres of a line, or of the border of a shape when `closed`. */
export function length(places: Place[], closed: boolean): number {
  const ends = closed && places.length > 2 ? [...places, places[0]!] : places;
  return ends.slice(1).reduce((sum, place, index) => sum + distance(ends[index]!, place), 0);
}

/** Square metres inside a shape (sphere; within half a per cent of the ellipsoid). */
export function area(places: Place[]): number {
  let sum = 0;
  places.forEach((a, index) => {
    const b = places[(index + 1) % places.length]!;
    const turn = ((((b.lon - a.lon + 180) % 360) + 360) % 360) - 180;
    sum += turn * RADIANS * (2 + Math.sin(a.lat * RADIANS) + Math.sin(b.lat * RADIANS));
  });
  return Math.abs((sum * RADIUS * RADIUS) / 2);
}

function side(a: Place, b: Place, c: Place): number {
  return Math.sign((b.lon - a.lon) * (c.lat - a.lat) - (b.lat - a.lat) * (c.lon - a.lon));
}

/** Whether two sides of a shape cross (sides that only share a corner do not). Meant for up to a few thousand corners. */
export function crossesItself(places: Place[]): boolean {
  const count = places.length;
  for (let i = 0; i < count; i++) {
    const [a, b] = [places[i]!, places[(i + 1) % count]!];
    for (let j = i + 2; j < count; j++) {
      if (i === 0 && j === count - 1) continue;
      const [c, d] = [places[j]!, places[(j + 1) % count]!];
      if (side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0) return true;
    }
  }
  return false;
}
