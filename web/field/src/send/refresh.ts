// Fetches what changed: facts about the post, questionnaires, their files and lists. A questionnaire becomes the current one only
// when all of its files are here; what was cut off goes on where it was, because files lie under their hash.
import { hasFile, putFile } from "../store/database";
import { enrolment, type Enrolment } from "../store/enrolment";
import { facts, type Facts } from "../store/facts";
import { formKey, forms, type StoredForm } from "../store/forms";
import { log } from "../store/log";
import { scan } from "../engine/scan";
import type { SealingKey } from "../vault/seal";
import { ask, download, formList, formXml, manifest, type ListedForm } from "./openrosa";

export interface Progress {
  forms: number;
  done: number;
}

function titleOf(xml: string, fallback: string): string {
  const found = new DOMParser().parseFromString(xml, "text/xml").getElementsByTagNameNS("http://www.w3.org/1999/xhtml", "title")[0];
  return found?.textContent?.trim() || fallback;
}

function languagesOf(xml: string): string[] {
  const found = new DOMParser().parseFromString(xml, "text/xml").getElementsByTagNameNS("*", "translation");
  return [...found].map((each) => each.getAttribute("lang") ?? "").filter(Boolean);
}

async function fetchFacts(who: Enrolment): Promise<void> {
  const said = (await (await ask(`${who.server}/field`)).json()) as Facts & { sealingKey: SealingKey };
  await facts.save({
    mission: said.mission, project: said.project, label: said.label, post: said.post, dutyPhone: said.dutyPhone ?? null,
    returnsDue: said.returnsDue ?? [], maxBody: said.maxBody, serverTime: said.serverTime, fetchedAt: new Date().toISOString(),
  });
  const changed = said.label !== who.label || said.post !== who.post || said.sealingKey.id !== who.sealingKey.id || said.mission !== who.mission;
  if (changed) await enrolment.save({ ...who, label: said.label, post: said.post, mission: said.mission, sealingKey: said.sealingKey });
}

async function fetchForm(listed: ListedForm, kept: StoredForm | undefined): Promise<StoredForm> {
  const same = kept !== undefined && kept.version === listed.version && kept.hash === listed.hash;
  const xml = same ? kept.xml : await formXml(listed);
  const files = await manifest(listed);
  for (const file of files) {
    if (await hasFile("form-file", file.hash)) continue;
    await putFile("form-file", file.hash, await download(file));
    if (!(await hasFile("form-file", file.hash))) throw new Error(`${file.name} could not be kept`);
  }
  return {
    key: formKey(listed.formId, listed.version), formId: listed.formId, version: listed.version, title: titleOf(xml, listed.title),
    hash: listed.hash, xml, files: Object.fromEntries(files.map((each) => [each.name, each.hash])),
    lists: files.filter((each) => each.isList).map((each) => each.name), current: true, languages: languagesOf(xml), unsupported: scan(xml),
  };
}

/** Brings everything up to date; throws Later or ShutOut. One form that cannot be fetched keeps none of the others back. */
export async function refreshAll(tell: (progress: Progress) => void): Promise<void> {
  const who = await enrolment.current();
  if (who === null) return;
  await fetchFacts(who);
  const listed = await formList(who);
  const kept = new Map((await forms.every()).filter((each) => each.current).map((each) => [each.formId, each]));
  let failed: unknown = null;
  let done = 0;
  tell({ forms: listed.length, done });
  for (const each of listed) {
    try {
      await forms.becomeCurrent(await fetchForm(each, kept.get(each.formId)));
    } catch (reason) {
      failed = reason;
      void log.add(`${each.title}: ${reason instanceof Error ? reason.message : String(reason)}`);
    }
    done += 1;
    tell({ forms: listed.length, done });
  }
  await forms.offerOnly(new Set(listed.map((each) => each.formId)));
  await forms.sweep();
  if (failed !== null) throw failed;
}
