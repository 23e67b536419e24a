// The engine alone, driven by a script: no screen, no store. The tests hand it a form and answers and read the record back.
import { constants, loadForm } from "@getodk/xforms-engine";

let form = null;
let root = null;
let given = null;
const CONFIG = {
  // The screens need live objects; here plain ones do.
  stateFactory: (state) => state,
  instanceAttachments: { fileNameFactory: ({ nodeId, extension }) => `file-${nodeId.replace(/\W/g, "")}${extension ?? ""}` },
  preloadProperties: { deviceID: "fieldpost:1", username: "tester" },
};

async function load(xml, files) {
  given = { xml, files };
  form = await loadForm(xml, {
    fetchFormAttachment: async (url) => {
      const name = url.pathname.split("/").pop();
      return name in files ? new Response(files[name], { headers: { "content-type": "text/csv" } }) : new Response(null, { status: 404 });
    },
    missingResourceBehavior: constants.MISSING_RESOURCE_BEHAVIOR.BLANK,
  });
  if (form.status === "failure") throw form.error;
}

const children = (node) => node.currentState.children ?? [];
const name = (node) => node.currentState.reference.replace(/\[\d+\]$/, "").split("/").pop();
const isRange = (node) => node.nodeType.startsWith("repeat-range");

/** Nodes in document order, without what lies in repeats. */
function scope(node) {
  return children(node).flatMap((child) => (isRange(child) ? [child] : [child, ...scope(child)]));
}
function all(node) {
  return [node, ...children(node).flatMap(all)];
}
function at(reference) {
  return all(root).find((node) => node.currentState.reference === reference) ?? null;
}
function named(wanted) {
  return all(root).find((node) => !isRange(node) && node.nodeType !== "repeat-instance" && name(node) === wanted) ?? null;
}

function put(node, text) {
  switch (node.nodeType) {
    case "select":
      if (node.selectType === "select") node.selectValues(text === "" ? [] : text.split(" "));
      else node.selectValue(text === "" ? null : text);
      return;
    case "rank":
      node.setValues(text === "" ? [] : text.split(" "));
      return;
    case "trigger":
      node.setValue(text !== "");
      return;
    case "upload":
      node.setValue(text === "" ? null : new File([text], `${text}.jpg`, { type: "image/jpeg" }));
      return;
    case "input": case "range":
      node.setValue(text);
  }
}

/** Answers in document order, as a person goes through a form; a repeat is a list of its entries. */
function give(within, answers) {
  for (const node of scope(within)) {
    const said = answers[name(node)];
    if (said === undefined) continue;
    if (!isRange(node)) {
      if (typeof said === "string") put(node, said);
      continue;
    }
    const missing = said.length - children(node).length;
    if (missing > 0) node.addInstances(undefined, missing);
    if (missing < 0) node.removeInstances(said.length, -missing);
    said.forEach((each, index) => give(children(node)[index], each));
  }
}

// --- answers by chance, the same for the same seed ---
function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
const DAYS = ["2026-11-01", "2026-11-22", "2025-02-28", "2019-12-31"];
const TEXTS = ["", "12", "05", "5", "2026-11-01", "École <B> & fils", "x"];

function some(node, random) {
  const one = (list) => list[Math.floor(random() * list.length)];
  if (node.nodeType === "select" || node.nodeType === "rank") {
    const options = node.currentState.valueOptions.map((option) => option.value);
    if (options.length === 0) return null;
    if (node.nodeType === "rank") return options.join(" ");
    return node.selectType === "select" ? options.filter(() => random() < 0.3).slice(0, 5).join(" ") : random() < 0.15 ? "" : one(options);
  }
  if (node.nodeType === "trigger") return random() < 0.5 ? "OK" : "";
  if (node.nodeType !== "input") return null;
  switch (node.valueType) {
    case "int": return String(Math.floor(random() * 40) - 3);
    case "decimal": return (random() * 30).toFixed(2);
    case "date": return one(DAYS);
    case "dateTime": return `${one(DAYS)}T08:30:00.000+01:00`;
    case "time": return "09:30:00.000+01:00";
    case "geopoint": return `${(6 + random()).toFixed(4)} 17.4 0 5`;
    case "string": return one(TEXTS);
    default: return null;
  }
}

/** What a person sees of the record: the XML, how many options each list has, what is wrong. */
function state() {
  const options = all(root).filter((node) => node.nodeType === "select").map((node) => `${node.currentState.reference}:${node.currentState.valueOptions.length}`);
  const wrong = root.validationState.violations.map((each) => `${each.reference} ${each.violation.condition}`);
  return { xml: root.instanceState.instanceXML, options, wrong };
}

Object.assign(window, {
  load,
  async begin(xml, files) {
    await load(xml, files);
    root = form.createInstance(CONFIG).root;
  },
  give: (answers) => give(root, answers),
  put: (wanted, text) => put(named(wanted), text),
  putAt: (reference, text) => put(at(reference), text),
  read: (wanted) => named(wanted).currentState.instanceValue,
  options: (reference) => at(reference).currentState.valueOptions.map((option) => option.value),
  properties: (wanted) => named(wanted).currentState.valueOptions.flatMap((option) => option.properties.map((each) => [...each])),
  problems: () => root.validationState.violations.map((each) => `${each.reference} ${each.violation.condition}`),
  xml: () => root.instanceState.instanceXML,
  state,
  async finished() {
    const payload = await root.prepareInstancePayload({ payloadType: "monolithic" });
    return await payload.data[0].get("xml_submission_file").text();
  },
  /** Saves the record with its files, and opens it from the save, as after a reload. */
  async again() {
    const data = new FormData();
    data.set("xml_submission_file", new File([root.instanceState.instanceXML], "xml_submission_file", { type: "text/xml" }));
    for (const node of all(root)) if (node.nodeType === "upload" && node.currentState.value) data.set(node.currentState.value.name, node.currentState.value);
    await load(given.xml, given.files);
    root = (await form.restoreInstance({ data: [data] }, CONFIG)).root;
    return [...data.keys()].length - 1;
  },
  /** So many answers by chance, one after the other; the state after each. */
  wander(seed, steps) {
    const random = chance(seed);
    const states = [];
    for (let step = 0; step < steps; step += 1) {
      const repeats = all(root).filter((node) => node.nodeType === "repeat-range:uncontrolled" && node.currentState.relevant);
      if (repeats.length > 0 && random() < 0.05) repeats[Math.floor(random() * repeats.length)].addInstances();
      else {
        const open = all(root).filter((node) => node.currentState.relevant && !node.currentState.readonly && ["input", "select", "rank", "trigger"].includes(node.nodeType));
        const node = open[Math.floor(random() * open.length)];
        const said = some(node, random);
        if (said !== null) put(node, said);
      }
      states.push(state());
    }
    return states;
  },
});
document.documentElement.dataset.ready = "yes";
