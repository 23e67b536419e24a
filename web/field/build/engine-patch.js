// Changes three places of @getodk/xforms-engine 0.22.0 (Apache-2.0; NOTICE tells of it) while the app is built:
// 1. `list[column = value]` looks rows up in an index instead of testing each of 20,000; the engine still tests what it finds.
// 2. no reactive memo per column of each listed row, but for choices from a map (nothing else reads them).
// 3. taking a photo out of a restored record clears its name in the answer.
// The build stops when the engine's text is another: then each change must be thought through anew.
const ENGINE = /@getodk\/xforms-engine\/dist\/index\.js$/;

// Runs inside the engine's module, so it may use the engine's own createExpression.
const LOOKUP = `
const lookupIndexes = new WeakMap();
const lookupTerms = new WeakMap();
const LOOKUP_LEAST_ROWS = 64;
// True when the expression gives the same value whichever row is being tested.
function lookupIsFixed(node) {
  const type = node.type;
  if (type === "absolute_location_path" || type === "string_literal") return true;
  if (type === "xpath" || type === "expr" || type === "argument" || type === "filter_expr") return node.children.every(lookupIsFixed);
  if (type === "function_call") {
    if (/^(position|last|current)\\b/.test(node.text)) return false;
    return node.children.slice(1).every(lookupIsFixed);
  }
  if (type !== "filter_path_expr") return false;
  if (node.children.length === 1) return lookupIsFixed(node.children[0]);
  return /^\\s*current\\s*\\(\\s*\\)/.test(node.text) && !node.text.includes("[");
}
// Adds each "column = fixed value" that every hit must satisfy: terms joined by "and" only.
function lookupCollect(node, into) {
  const only = node.children?.length === 1;
  switch (node.type) {
    case "xpath": case "expr": case "argument":
      if (only) lookupCollect(node.children[0], into);
      break;
    case "filter_path_expr":
      if (only) lookupCollect(node.children[0].children[0], into);
      break;
    case "and_expr":
      for (const term of node.children) lookupCollect(term, into);
      break;
    case "eq_expr": {
      const [left, right] = node.children;
      const column = [[left, right], [right, left]].find(([name, value]) => /^[A-Za-z_][\\w.-]*$/.test(name.text.trim()) && lookupIsFixed(value));
      if (column) into.push({ column: column[0].text.trim(), value: column[1] });
    }
  }
  return into;
}
function lookupIndex(parent, rows, column) {
  const columns = lookupIndexes.get(parent) ?? new Map();
  lookupIndexes.set(parent, columns);
  const known = columns.get(column);
  if (known) return known;
  const index = new Map();
  columns.set(column, index);
  for (const row of rows) for (const cell of row.childElements) {
    if (cell.qualifiedName.localName !== column) continue;
    const key = cell.getXPathValue().trim();
    const found = index.get(key);
    if (!found) index.set(key, [row]);
    else if (found.at(-1) !== row) found.push(row);
  }
  return index;
}
// The rows worth testing, or null: then all are tested, as before.
function lookupRows(context, predicate) {
  const rows = context.contextNodes;
  if (rows.size < LOOKUP_LEAST_ROWS) return null;
  const first = rows.values().next().value;
  const parent = first.parent;
  if (first.nodeType !== "static-element" || parent == null || parent.childElements?.length !== rows.size) return null;
  let terms = lookupTerms.get(predicate);
  if (!terms) {
    terms = /\\b(position|last)\\s*\\(/.test(predicate.text) ? [] : lookupCollect(predicate, []);
    lookupTerms.set(predicate, terms);
  }
  for (const term of terms) {
    const result = createExpression(term.value).evaluate(context);
    const isText = result.type === "STRING" || (result.type === "NODE" && !(result.nodes?.size > 1));
    const text = isText ? result.toString().trim() : "";
    // Numbers compare as numbers and dates as dates: those are left to the engine.
    if (!isText || /^\\d{4}-\\d\\d/.test(text)) continue;
    return lookupIndex(parent, rows, term.column).get(text) ?? [];
  }
  return null;
}
`;
const EVALUATOR = "class LocationPathEvaluator extends LocationPathExpressionEvaluator {";
const PREDICATES = `        let positionPredicate = null;
        if (predicateExpression instanceof NumberExpressionEvaluator) {`;
const CHANGES = [
  { from: EVALUATOR, to: LOOKUP + EVALUATOR },
  {
    from: PREDICATES,
    to: `        const rowsWorthTesting = lookupRows(currentContext, predicateExpressionNode);
        if (rowsWorthTesting != null) currentContext = LocationPathEvaluation.fromArbitraryNodes(currentContext, rowsWorthTesting, this);
${PREDICATES}`,
  },
  { from: "itemset.getPropertiesExpressions(nodeElements).map((expression) => {", to: "(control.appearances?.map ? itemset.getPropertiesExpressions(nodeElements) : []).map((expression) => {" },
  { from: "intrinsicName: existingName,", to: "intrinsicName: writtenAt == null ? existingName : ''," },
];

export function enginePatch() {
  let seen = false;
  return {
    name: "fieldpost-engine-patch",
    enforce: "pre",
    apply: "build",
    transform(code, id) {
      if (!ENGINE.test(id.split("?")[0])) return null;
      seen = true;
      let changed = code;
      for (const { from, to } of CHANGES) {
        if (changed.split(from).length !== 2) this.error(`the engine's text changed: not found exactly once: ${from.slice(0, 70)}`);
        changed = changed.replace(from, () => to);
      }
      return { code: changed, map: null };
    },
    buildEnd(error) {
      if (!error && !seen) this.error("the engine was not seen by the patch");
    },
  };
}
