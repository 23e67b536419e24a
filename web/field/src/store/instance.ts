// What the store has to know of a record's XML: its ids, and the entities that it makes or changes.

const SERIALIZER = new XMLSerializer();

function parse(xml: string): Document {
  const found = new DOMParser().parseFromString(xml, "text/xml");
  if (found.getElementsByTagName("parsererror").length > 0) throw new Error("this record's XML cannot be read");
  return found;
}

function child(parent: Element | null | undefined, name: string): Element | null {
  return [...(parent?.children ?? [])].find((each) => each.localName === name) ?? null;
}

export function metaOf(xml: string): { instanceId: string; instanceName: string; formId: string; version: string } {
  const root = parse(xml).documentElement;
  const meta = child(root, "meta");
  return {
    instanceId: child(meta, "instanceID")?.textContent?.trim() ?? "",
    instanceName: child(meta, "instanceName")?.textContent?.trim() ?? "",
    formId: root.getAttribute("id") ?? "",
    version: root.getAttribute("version") ?? "",
  };
}

/** The same answers as another record. Entities that the record would make get ids of their own: a copy is another thing. */
export function withInstanceId(xml: string, instanceId: string): string {
  const document = parse(xml);
  const id = child(child(document.documentElement, "meta"), "instanceID");
  if (id) id.textContent = instanceId;
  let said = SERIALIZER.serializeToString(document);
  for (const entity of document.querySelectorAll("entity")) {
    const old = entity.getAttribute("id") ?? "";
    // The id may also lie in a calculation of the form (once(uuid())): every place changes alike.
    if (isTrue(entity.getAttribute("create")) && old.length >= 32) said = said.split(old).join(crypto.randomUUID());
  }
  return said;
}

export function isTrue(said: string | null): boolean {
  return said === "1" || said === "true";
}

export interface EntityChange {
  dataset: string;
  id: string;
  create: boolean;
  update: boolean;
  /** Of an update: the version that the phone had. */
  baseVersion: number;
  trunkVersion: string;
  branchId: string;
  label: string | null;
  data: Record<string, string>;
}

/** The properties that a form's questions are saved to: path below the root -> property (attribute saveto of its binds). */
function savedTo(form: Document): Map<string, string> {
  const found = new Map<string, string>();
  for (const bind of form.getElementsByTagNameNS("*", "bind")) {
    const property = [...bind.attributes].find((each) => each.localName === "saveto")?.value;
    const path = bind.getAttribute("nodeset");
    if (property && path) found.set(path.split("/").slice(2).join("/"), property);
  }
  return found;
}

/** What a record says of entities: one change per `entity` element, with the answers beside it that belong to it. */
export function entityChanges(xml: string, formXml: string): EntityChange[] {
  const document = parse(xml);
  const properties = savedTo(parse(formXml));
  const root = document.documentElement;
  const changes: EntityChange[] = [];
  for (const entity of [...root.getElementsByTagNameNS("*", "entity")]) {
    const create = isTrue(entity.getAttribute("create"));
    const update = isTrue(entity.getAttribute("update"));
    const id = entity.getAttribute("id") ?? "";
    if ((!create && !update) || id === "") continue;
    // <entity> stands in a `meta`: of the record, or of one repeat.
    const scope = entity.parentElement?.parentElement ?? root;
    changes.push({
      dataset: entity.getAttribute("dataset") ?? "", id, create, update,
      baseVersion: Number(entity.getAttribute("baseVersion") ?? "0") || 0,
      trunkVersion: entity.getAttribute("trunkVersion") ?? "", branchId: entity.getAttribute("branchId") ?? "",
      label: child(entity, "label")?.textContent ?? null, data: answersOf(scope, root, properties),
    });
  }
  return changes;
}

function pathOf(element: Element, root: Element): string {
  const names: string[] = [];
  for (let at: Element | null = element; at && at !== root; at = at.parentElement) names.unshift(at.localName);
  return names.join("/");
}

function answersOf(scope: Element, root: Element, properties: Map<string, string>): Record<string, string> {
  const data: Record<string, string> = {};
  for (const element of scope.getElementsByTagName("*")) {
    const property = properties.get(pathOf(element, root));
    if (property && element.children.length === 0) data[property] = element.textContent ?? "";
  }
  return data;
}
