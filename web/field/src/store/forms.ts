// Questionnaires and their files as they were fetched. Several versions of one may be here: a draft keeps the one it was begun on.
import { all, filePieces, get, getFile, item, put, write } from "./database";
import { drafts } from "./drafts";
import { overlaid } from "./overlay";
import { changesHere } from "./queue";

export interface StoredForm {
  /** formId@version. */
  key: string;
  formId: string;
  version: string;
  title: string;
  hash: string;
  xml: string;
  /** Name -> hash; the bytes lie under the hash, so that versions and forms share them. */
  files: Record<string, string>;
  /** Names of files that are entity lists. */
  lists: string[];
  current: boolean;
  languages: string[];
  /** Kinds of question that the app cannot do; said before filling. */
  unsupported: string[];
}

const TYPES: Record<string, string> = {
  csv: "text/csv", geojson: "application/geo+json", xml: "text/xml", png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg",
  svg: "image/svg+xml", gif: "image/gif", webp: "image/webp", mp3: "audio/mpeg", m4a: "audio/mp4", ogg: "audio/ogg", wav: "audio/wav",
  mp4: "video/mp4", webm: "video/webm",
};

export function formKey(formId: string, version: string): string {
  return `${formId}@${version}`;
}

async function every(): Promise<StoredForm[]> {
  return (await all<StoredForm>("form")).map((each) => each.value);
}

/** What a person can begin, by title. */
async function listed(): Promise<StoredForm[]> {
  return (await every()).filter((each) => each.current).sort((a, b) => a.title.localeCompare(b.title));
}

function get_(key: string): Promise<StoredForm | null> {
  return get<StoredForm>("form", key);
}

/** Keeps a form whose files are all here, as the one that new records use. */
async function becomeCurrent(form: StoredForm): Promise<void> {
  const others = (await every()).filter((each) => each.formId === form.formId && each.key !== form.key && each.current);
  const changed = others.map((each) => item("form", each.key, { ...each, current: false }));
  const before = await get_(form.key);
  await write(await Promise.all([...changed, item("form", form.key, { ...form, current: true })]));
  // A list that changed within the same version leaves its old bytes behind.
  if (before !== null) await dropFiles(Object.values(before.files));
}

/** Forms that the server no longer hands out are not offered any more; drafts on them can still be finished. */
async function offerOnly(formIds: Set<string>): Promise<void> {
  for (const each of await every()) if (each.current && !formIds.has(each.formId)) await put("form", each.key, { ...each, current: false });
}

/** Throws away forms that no draft and no new record needs, and files that no form needs. */
async function sweep(): Promise<void> {
  const needed = new Set((await drafts.list()).map((each) => each.formKey));
  const found = await every();
  const gone = found.filter((each) => !each.current && !needed.has(each.key));
  await write([], gone.map((each) => ({ kind: "form" as const, id: each.key })));
  await dropFiles(gone.flatMap((each) => Object.values(each.files)));
}

/** Throws away those of the files that no form needs any more. */
async function dropFiles(hashes: string[]): Promise<void> {
  const needed = new Set((await every()).flatMap((each) => Object.values(each.files)));
  const orphans = [...new Set(hashes)].filter((hash) => !needed.has(hash));
  await write([], (await Promise.all(orphans.map((hash) => filePieces("form-file", hash)))).flat());
}

/** A file of a form as a Response, with what was changed here laid over entity lists; status 404 when it is not here. */
async function file(form: StoredForm, name: string): Promise<Response> {
  const hash = form.files[name];
  const blob = hash === undefined ? null : await getFile("form-file", hash);
  if (blob === null) return new Response(null, { status: 404 });
  const type = TYPES[name.split(".").pop()?.toLowerCase() ?? ""] ?? "application/octet-stream";
  const isList = form.lists.includes(name);
  const body: BodyInit = isList ? overlaid(await blob.text(), name.replace(/\.csv$/, ""), await changesHere()) : blob;
  return new Response(body, { status: 200, headers: { "Content-Type": type } });
}

export const forms = { listed, every, get: get_, file, becomeCurrent, offerOnly, sweep };
