// The only place that speaks to the engine: opens a questionnaire, new or as it was left, and hands out what the screens need.
import { shallowReactive } from "vue";
import { readCsv } from "../store/csv";
import type { Draft } from "../store/drafts";
import { forms, type StoredForm } from "../store/forms";
import { loadEngine } from "./load";
import { snapshot } from "./snapshot";
import type { Language, Opened, RootNode, Snapshot } from "./types";

export interface EngineContext {
  deviceId: string;
  username: string;
}

/** The questionnaire cannot be opened; the message says why. */
export class CannotOpen extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CannotOpen";
  }
}

const XML_FILE = "xml_submission_file";

function position(): Promise<string> {
  return new Promise((done) => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => done(`${coords.latitude} ${coords.longitude} ${coords.altitude ?? 0} ${coords.accuracy}`),
      // A form that notes the place by itself goes on without it, as on a phone without a fix.
      () => done(""),
      { enableHighAccuracy: true, timeout: 20_000 },
    );
  });
}

async function load(form: StoredForm, context: EngineContext) {
  const engine = await loadEngine().catch((reason: unknown) => {
    throw new CannotOpen(reason instanceof Error ? reason.message : String(reason));
  });
  const loaded = await engine.loadForm(form.xml, {
    fetchFormAttachment: (url: URL) => forms.file(form, decodeURIComponent(url.pathname.split("/").pop() ?? "")),
    missingResourceBehavior: engine.constants.MISSING_RESOURCE_BEHAVIOR.BLANK,
  });
  if (loaded.status === "failure") throw new CannotOpen(loaded.error.message);
  const config = {
    stateFactory: shallowReactive,
    instanceAttachments: {
      // Unique within the record whatever the camera calls its pictures: the record is sent with all files in one list of names.
      fileNameFactory: ({ nodeId, writtenAt, extension }: { nodeId: string; writtenAt: Date; extension: string | null }) =>
        `${writtenAt.getTime()}-${nodeId.replace(/\W/g, "")}${extension ?? ""}`,
    },
    preloadProperties: { deviceID: context.deviceId, username: context.username },
    geolocationProvider: { getLocation: position },
  };
  return { loaded, config };
}

function opened(root: RootNode, form: StoredForm): Opened {
  const addresses = new Map<string, Promise<string | null>>();

  const lists = new Map<string, Promise<Array<Record<string, string>>>>();

  /** Rows of one of the form's CSV lists, as they were when the record was opened; none when it is not here. */
  async function rows(instance: string): Promise<Array<Record<string, string>>> {
    const model = new DOMParser().parseFromString(form.xml, "text/xml");
    const source = [...model.getElementsByTagNameNS("*", "instance")].find((each) => each.getAttribute("id") === instance)?.getAttribute("src");
    if (!source?.endsWith(".csv")) return [];
    const answer = await forms.file(form, decodeURIComponent(source.split("/").pop() ?? ""));
    if (!answer.ok) return [];
    const [header = [], ...body] = readCsv(await answer.text());
    return body.map((cells) => Object.fromEntries(header.map((column, at) => [column, cells[at] ?? ""])));
  }

  async function address(name: string): Promise<string | null> {
    const answer = await forms.file(form, name);
    return answer.ok ? URL.createObjectURL(await answer.blob()) : null;
  }

  return {
    root,
    title: form.title,
    languages(): Language[] {
      const active = root.currentState.activeLanguage.language;
      return root.languages.filter((each) => !each.isSyntheticDefault).map((each) => ({ name: each.language, active: each.language === active }));
    },
    speak(name: string): void {
      const found = root.languages.find((each) => each.language === name);
      if (found && !found.isSyntheticDefault) root.setLanguage(found);
    },
    snapshot: () => snapshot(root),
    violations: () => root.validationState.violations.map(({ nodeId, reference }) => ({ nodeId, reference })),
    async finish(): Promise<Snapshot> {
      const payload = await root.prepareInstancePayload({ payloadType: "monolithic" });
      const xml = payload.data[0].get(XML_FILE);
      const now = snapshot(root);
      return { ...now, xml: xml instanceof Blob ? await xml.text() : now.xml };
    },
    media(url: URL | undefined): Promise<string | null> {
      if (url === undefined) return Promise.resolve(null);
      const name = decodeURIComponent(url.pathname.split("/").pop() ?? "");
      const known = addresses.get(name) ?? address(name);
      addresses.set(name, known);
      return known;
    },
    list(name: string): Promise<Array<Record<string, string>>> {
      const known = lists.get(name) ?? rows(name);
      lists.set(name, known);
      return known;
    },
    close(): void {
      for (const each of addresses.values()) void each.then((made) => made && URL.revokeObjectURL(made));
      addresses.clear();
    },
  };
}

/** A new record. Throws CannotOpen. */
export async function openNew(form: StoredForm, context: EngineContext): Promise<Opened> {
  const { loaded, config } = await load(form, context);
  return opened(loaded.createInstance(config).root, form);
}

/** A record as it was left: same instanceID, same files. Throws CannotOpen. */
export async function openDraft(form: StoredForm, draft: Draft, files: File[], context: EngineContext): Promise<Opened> {
  const { loaded, config } = await load(form, context);
  const data = new FormData();
  data.set(XML_FILE, new File([draft.xml], XML_FILE, { type: "text/xml" }));
  for (const file of files) data.set(file.name, file);
  const made = await loaded.restoreInstance({ data: [data as never] }, config);
  return opened(made.root, form);
}
