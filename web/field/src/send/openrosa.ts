// The devices' door of the server: form list, questionnaires, files (OpenRosa), and the facts about the post.
import type { Enrolment } from "../store/enrolment";
import { t } from "../words";

/** The server shut this device out. */
export class ShutOut extends Error {
  constructor() {
    super(t("send.shut-out"));
    this.name = "ShutOut";
  }
}

/** The server did not take it, in its own words. */
export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
    this.name = "Refused";
  }
}

/** To be tried again: no network, or the server is busy. after: seconds that the server asked to wait. */
export class Later extends Error {
  constructor(message: string, readonly after: number | null = null) {
    super(message);
    this.name = "Later";
  }
}

export interface ListedForm {
  formId: string;
  version: string;
  title: string;
  hash: string;
  downloadUrl: string;
  manifestUrl: string | null;
}

export interface MediaFile {
  name: string;
  hash: string;
  url: string;
  isList: boolean;
}

const PATIENCE_MS = 120_000;

/** How long an answer may take: a millisecond more for each byte that leaves, because a satellite telephone sends a kilobyte a second. */
function patience(body: RequestInit["body"]): number {
  return PATIENCE_MS + (body instanceof Blob ? body.size : 0);
}

/** The answer of the server; throws Later, ShutOut or Refused where it is not one of 2xx. */
export async function ask(address: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address, {
      cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(patience(init.body)), ...init,
      headers: { "X-OpenRosa-Version": "1.0", ...init.headers },
    });
  } catch (reason) {
    // fetch rejects when there is no network, when it was cut, or when it took too long: never because of what the server said.
    throw new Later(t(reason instanceof DOMException && reason.name === "TimeoutError" ? "send.too-slow" : "send.no-network"));
  }
  if (answer.ok) return answer;
  if ((answer.status === 401 || answer.status === 403) && (await isShutOut(address, answer))) throw new ShutOut();
  const said = await words(answer);
  if (answer.status === 429 || answer.status === 408 || answer.status >= 500) throw new Later(said, retryAfter(answer));
  throw new Refused(answer.status, said);
}

/**
 * Whether it is the office that says no to this device, at the one address that every device may read. The page of a hotel's Wi-Fi
 * says 403 too, and what follows empties the device.
 */
async function isShutOut(address: string, answer: Response): Promise<boolean> {
  const door = /^(.*\/projects\/\d+)\//.exec(new URL(address, location.origin).pathname)?.[1];
  if (door === undefined) return false;
  try {
    const again = address.endsWith("/field") ? answer.clone() : await fetch(`${door}/field`, { cache: "no-store", credentials: "omit" });
    if (again.status !== 401 && again.status !== 403) return false;
    // The devices' door answers as OpenRosa says; a proxy of the office in front may answer as the API does.
    if (again.headers.get("X-OpenRosa-Version") === "1.0" && (await again.clone().text()).includes("<OpenRosaResponse")) return true;
    return typeof ((await again.json()) as { code?: unknown }).code === "number";
  } catch {
    // No answer, or none of the office's.
    return false;
  }
}

function retryAfter(answer: Response): number | null {
  const said = answer.headers.get("Retry-After");
  if (said === null) return null;
  const seconds = /^\d+$/.test(said) ? Number(said) : (Date.parse(said) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

/** What the server says in an OpenRosa answer, or as JSON. */
export async function words(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => "");
  if (text.startsWith("{")) {
    try {
      const said = JSON.parse(text) as { message?: string };
      if (said.message) return said.message;
    } catch {
      // Not JSON after all: shown as it is.
    }
  }
  const message = /<message[^>]*>([\s\S]*?)<\/message>/.exec(text)?.[1];
  const plain = message === undefined ? text : (new DOMParser().parseFromString(`<p>${message}</p>`, "text/html").body.textContent ?? "");
  return plain.trim().slice(0, 500) || `${answer.status} ${answer.statusText}`;
}

function parse(xml: string): Document {
  const found = new DOMParser().parseFromString(xml, "text/xml");
  if (found.getElementsByTagName("parsererror").length) throw new Refused(200, "the server's list cannot be read");
  return found;
}

function said(parent: Element, name: string): string {
  return parent.getElementsByTagNameNS("*", name)[0]?.textContent?.trim() ?? "";
}

/** Another address of this server, whatever name the server has for itself: only the path counts. */
function here(address: string): string {
  const url = new URL(address, location.origin);
  return url.pathname + url.search;
}

export async function formList(who: Enrolment): Promise<ListedForm[]> {
  const document = parse(await (await ask(`${who.server}/formList`)).text());
  return [...document.getElementsByTagNameNS("*", "xform")].map((each) => ({
    formId: said(each, "formID"), version: said(each, "version"), title: said(each, "name"), hash: said(each, "hash"),
    downloadUrl: here(said(each, "downloadUrl")), manifestUrl: said(each, "manifestUrl") ? here(said(each, "manifestUrl")) : null,
  }));
}

export async function formXml(form: ListedForm): Promise<string> {
  return (await ask(form.downloadUrl)).text();
}

export async function manifest(form: ListedForm): Promise<MediaFile[]> {
  if (form.manifestUrl === null) return [];
  const document = parse(await (await ask(form.manifestUrl)).text());
  return [...document.getElementsByTagNameNS("*", "mediaFile")].map((each) => ({
    name: said(each, "filename"), hash: said(each, "hash"), url: here(said(each, "downloadUrl")),
    isList: each.getAttribute("type") === "entityList",
  }));
}

export async function download(file: MediaFile): Promise<Blob> {
  return (await ask(file.url)).blob();
}
