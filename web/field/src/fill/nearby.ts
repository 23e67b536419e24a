// "This clinic is listed 180 m away: is it the same place?" Before a record makes something new, what a list holds close to the
// position that was taken is offered. Nothing here knows a form by name: lists are found by their column `geometry`, and what
// must be answered before a row can be chosen is read from the choice filter.
import type { AnyNode, InputNode, Opened, RootNode, SelectNode } from "../engine/types";
import { distance, readAnswer, type Place } from "../questions/place/geo";

/** Metres around a position, besides its accuracy, within which a row may be the same place. */
const AROUND_M = 300;
const MOST = 5;

export type Row = Record<string, string>;

export interface Hit {
  row: Row;
  metres: number;
}

/** Rows of a list close to a place, the closest first. */
export function closeTo(rows: Row[], place: Place): Hit[] {
  return rows
    .map((row) => ({ row, at: readAnswer(row.geometry ?? "")[0] }))
    .filter((each): each is { row: Row; at: Place } => each.at !== undefined && (each.at.lat !== 0 || each.at.lon !== 0))
    .map(({ row, at }) => ({ row, metres: distance(place, at) }))
    .filter(({ metres }) => metres <= AROUND_M + place.acc)
    .sort((a, b) => a.metres - b.metres)
    .slice(0, MOST);
}

interface Source {
  list: string;
  /** Column of the list -> reference of the answer that it must equal. */
  filter: Array<{ column: string; path: string }>;
}

/** Which list a select offers, and the terms "column = answer" of its choice filter. Null for choices that are no list of rows. */
export function sourceOf(nodeset: string): Source | null {
  const found = /^\s*(?:randomize\s*\(\s*)?instance\s*\(\s*['"]([^'"]+)['"]\s*\)\/root\/item\b/.exec(nodeset);
  if (!found) return null;
  const terms = nodeset.matchAll(/(?:^|[[\s(])([A-Za-z_][\w.-]*)\s*=\s*((?:current\s*\(\s*\)\s*\/|\/|\.\.\/)[\w./-]+)/g);
  return { list: found[1]!, filter: [...terms].map((each) => ({ column: each[1]!, path: each[2]!.replace(/\s/g, "") })) };
}

const plain = (reference: string): string => reference.replace(/\[\d+\]/g, "");

function everyNode(node: AnyNode | RootNode): AnyNode[] {
  const children = (node.currentState.children ?? []) as AnyNode[];
  return children.flatMap((child) => [child, ...everyNode(child)]);
}

function sourceOfSelect(node: SelectNode): Source | null {
  const { itemset } = node.definition.bodyElement;
  return itemset ? sourceOf(itemset.nodes.expression) : null;
}

/** The absolute reference of a path in a filter, without positions. "current()/../adm2" counts from the select itself. */
export function absolute(path: string, from: string): string {
  if (path.startsWith("/")) return path;
  const steps = plain(from).split("/");
  for (const step of path.replace(/^current\(\)\//, "").split("/")) {
    if (step === "..") steps.pop();
    else if (step !== ".") steps.push(step);
  }
  return steps.join("/");
}

/** Of several nodes of one name, in entries of repeats, the one in the same entry as `beside`. */
function nearest<T extends { currentState: { reference: string } }>(nodes: T[], beside: string): T | undefined {
  const shared = (reference: string): number => {
    let at = 0;
    while (at < reference.length && reference[at] === beside[at]) at += 1;
    return at;
  };
  return [...nodes].sort((a, b) => shared(b.currentState.reference) - shared(a.currentState.reference))[0];
}

export interface Offer {
  select: SelectNode;
  list: string;
  hits: Hit[];
}

/** Reads the rows of one list of the form; [] when it is not here. */
export type ReadList = (name: string) => Promise<Row[]>;

/**
 * What may be meant by the position: for each unanswered select over a list with places, the rows close by.
 * A position in an entry of a repeat is about that entry: selects of other entries are left alone.
 */
export async function offers(opened: Opened, geopoint: InputNode<"geopoint">): Promise<Offer[]> {
  const place = readAnswer(geopoint.currentState.instanceValue)[0];
  if (place === undefined) return [];
  const read: ReadList = (name) => opened.list(name);
  const selects = everyNode(opened.root).filter((node): node is SelectNode => node.nodeType === "select" && node.selectType === "select1");
  const found: Offer[] = [];
  for (const select of selects) {
    const source = sourceOfSelect(select);
    const { relevant, readonly, value, reference } = select.currentState;
    if (source === null || !relevant || readonly || value.length > 0 || !sameEntry(reference, geopoint.currentState.reference)) continue;
    const hits = closeTo(await read(source.list), place);
    if (hits.length > 0) found.push({ select, list: source.list, hits });
  }
  return found;
}

function sameEntry(one: string, other: string): boolean {
  const entry = (reference: string): string => /^.*\[\d+\]/.exec(reference)?.[0] ?? "";
  return entry(one) === entry(other) || entry(one) === "" || entry(other) === "";
}

/**
 * Chooses a row: first what its choice filter asks for (district, kind), with the values of the row, each of which may need what
 * stands before it (region). True when the select took it.
 */
export async function choose(opened: Opened, select: SelectNode, row: Row, depth = 0): Promise<boolean> {
  const nodes = everyNode(opened.root);
  for (const { column, path } of sourceOfSelect(select)?.filter ?? []) {
    const wanted = row[column];
    const same = nodes.filter((node) => plain(node.currentState.reference) === absolute(path, select.currentState.reference));
    const needed = nearest(same, select.currentState.reference);
    if (wanted === undefined || wanted === "" || needed?.nodeType !== "select" || needed.currentState.value[0] === wanted || depth > 4) continue;
    const list = sourceOfSelect(needed)?.list;
    const above = list === undefined ? undefined : (await opened.list(list)).find((each) => each.name === wanted);
    await choose(opened, needed, above ?? { name: wanted }, depth + 1);
  }
  select.selectValue(row.name ?? null);
  return select.currentState.value[0] === row.name;
}
