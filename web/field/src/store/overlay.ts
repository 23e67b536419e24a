// What was created or changed on this device and the server's list does not hold yet, laid over that list: a clinic entered this
// morning can be chosen this afternoon, with no network. The columns that begin with two underscores are what the form's own
// entity block reads (ODK entities 2024.1): the version the phone has, the server's version it came from, and the branch.
import { readCsv, writeCsv } from "./csv";
import type { EntityChange } from "./instance";

/** The changes of one finished report, in the order in which reports were finished. */
export interface Change extends EntityChange {
  /** Branch of offline work on an entity that was made here: a chain of changes has one. */
  ownBranch: string;
  /** Whether the server has the report; it may not have come to work on it yet. */
  delivered: boolean;
}

const RESERVED = ["__version", "__trunkVersion", "__branchId"];

/**
 * The list with the changes. `dataset` is the list's name. A change that was delivered and that the server's list holds (its
 * version is as high as the change made it) is left out, so nothing has to be told when the list is fetched anew.
 * Rows of the server get their own version as trunk and a branch of their own, as ODK Collect gives them: the first change of a
 * row then begins that branch, and later ones go on with it.
 */
export function overlaid(csv: string, dataset: string, changes: Change[]): string {
  const mine = changes.filter((each) => each.dataset === dataset);
  const rows = readCsv(csv);
  const header = rows[0] ?? ["name", "label"];
  for (const name of RESERVED) if (!header.includes(name)) header.push(name);
  const column = (name: string): number => header.indexOf(name);
  for (const row of rows.slice(1)) {
    while (row.length < header.length) row.push("");
    row[column("__trunkVersion")] = row[column("__version")]!;
    row[column("__branchId")] = crypto.randomUUID();
  }
  const id = column("name");
  const byId = new Map(rows.slice(1).map((row) => [row[id] ?? "", row]));
  const body = rows.slice(1);
  // What the server said, before any change of ours: how far its version has come.
  const atServer = new Map([...byId].map(([name, row]) => [name, Number(row[column("__version")] ?? "0") || 0]));
  for (const change of mine) {
    const version = change.create ? 1 : change.baseVersion + 1;
    if (change.delivered && (atServer.get(change.id) ?? 0) >= version) continue;
    let row = byId.get(change.id);
    if (row === undefined) {
      // An update of what is not (any more) in this list shows nothing: the person could not have chosen it here.
      if (!change.create) continue;
      row = header.map(() => "");
      row[id] = change.id;
      byId.set(change.id, row);
      body.push(row);
    }
    while (row.length < header.length) row.push("");
    if (change.label !== null) row[column("label")] = change.label;
    for (const [name, value] of Object.entries(change.data)) if (column(name) >= 0) row[column(name)] = value;
    row[column("__version")] = String(version);
    // The branch begins at the server's version; what was made here has none there.
    row[column("__trunkVersion")] = change.create ? "" : change.trunkVersion || String(change.baseVersion);
    row[column("__branchId")] = change.branchId || change.ownBranch;
  }
  return writeCsv([header, ...body]);
}
