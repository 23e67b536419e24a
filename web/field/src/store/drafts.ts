// Drafts: what was typed so far, with its files. A save writes the files that are new first, then the answers together with the
// list of files in one transaction: after a kill the draft is the one before or the one after, never half of each.
import { all, filePieces, get, getFile, item, newId, putFile, write } from "./database";
import { withInstanceId } from "./instance";

export interface DraftFile {
  name: string;
  type: string;
  size: number;
  fileId: string;
}

export interface Draft {
  id: string;
  formKey: string;
  formId: string;
  version: string;
  title: string;
  /** What the person calls it, or what the answers say it is. */
  name: string;
  instanceId: string;
  xml: string;
  files: DraftFile[];
  /** Reference of the page that was on screen. */
  place: string;
  language: string;
  createdAt: string;
  savedAt: string;
}

async function list(): Promise<Draft[]> {
  const found = await all<Draft>("draft");
  return found.map((each) => each.value).sort((a, b) => (a.savedAt < b.savedAt ? 1 : -1));
}

function get_(id: string): Promise<Draft | null> {
  return get<Draft>("draft", id);
}

/**
 * Keeps a draft with exactly these files; `draft.files` is set to what was kept.
 * Files that were kept before (same name, same size) are not written again: their names are unique within a record.
 */
async function save(draft: Draft, files: File[]): Promise<void> {
  const before = (await get_(draft.id))?.files ?? [];
  const kept: DraftFile[] = [];
  for (const file of files) {
    const known = before.find((each) => each.name === file.name && each.size === file.size);
    if (known) {
      kept.push(known);
      continue;
    }
    const fileId = newId();
    await putFile("draft-file", fileId, file);
    kept.push({ name: file.name, type: file.type, size: file.size, fileId });
  }
  const gone = before.filter((each) => !kept.some((file) => file.fileId === each.fileId));
  const pieces = (await Promise.all(gone.map((each) => filePieces("draft-file", each.fileId)))).flat();
  await write([await item("draft", draft.id, { ...draft, files: kept })], pieces);
  draft.files = kept;
}

async function filesOf(draft: Draft): Promise<File[]> {
  const found: File[] = [];
  for (const each of draft.files) {
    const blob = await getFile("draft-file", each.fileId);
    // A file that is not here as a whole: the question shows that it is missing, the rest of the draft opens.
    if (blob !== null) found.push(new File([blob], each.name, { type: each.type }));
  }
  return found;
}

/** A copy as the start of a new record: its own instanceID, its own files. */
async function duplicate(id: string): Promise<Draft> {
  const from = await get_(id);
  if (from === null) throw new Error("this draft is no longer here");
  const instanceId = `uuid:${crypto.randomUUID()}`;
  const now = new Date().toISOString();
  const copy: Draft = { ...from, id: newId(), instanceId, xml: withInstanceId(from.xml, instanceId), files: [], createdAt: now, savedAt: now };
  await save(copy, await filesOf(from));
  return copy;
}

/** What has to go from the database when a draft goes. */
export async function partsOf(draft: Draft): Promise<Array<{ kind: "draft" | "draft-file"; id: string }>> {
  const pieces = (await Promise.all(draft.files.map((each) => filePieces("draft-file", each.fileId)))).flat();
  return [{ kind: "draft", id: draft.id }, ...(pieces as Array<{ kind: "draft-file"; id: string }>)];
}

async function remove(id: string): Promise<void> {
  const draft = await get_(id);
  if (draft !== null) await write([], await partsOf(draft));
}

export const drafts = { list, get: get_, save, filesOf, duplicate, remove };
