// The screens of a questionnaire: one question or one field-list each, in document order; a repeat has a screen of its own on
// which its entries are added and taken away, then the screens of each entry.
import { looks, type AnyControlNode, type AnyNode, type GroupNode, type RepeatInstanceNode, type RepeatRangeNode, type RootNode } from "../engine/types";

export interface Page {
  id: string;
  kind: "question" | "list" | "repeat";
  node: AnyControlNode | GroupNode | RepeatInstanceNode | RepeatRangeNode;
  /** Groups and entries around it, outermost first. */
  trail: Array<GroupNode | RepeatInstanceNode>;
}

type Around = Array<GroupNode | RepeatInstanceNode>;

export function isRepeat(node: AnyNode): node is RepeatRangeNode {
  return node.nodeType === "repeat-range:controlled" || node.nodeType === "repeat-range:uncontrolled";
}

export function isGroup(node: AnyNode | RepeatInstanceNode): node is GroupNode {
  return node.nodeType === "group";
}

export function isQuestion(node: AnyNode): node is AnyControlNode {
  return ["input", "note", "range", "rank", "select", "trigger", "upload"].includes(node.nodeType);
}

function isShown(node: AnyNode): boolean {
  if (!node.currentState.relevant) return false;
  if (isGroup(node)) return node.currentState.hasRelevantBodyNodes;
  return isRepeat(node) || isQuestion(node);
}

/** The children of a node that a person sees. */
export function shown(node: { currentState: { children: readonly unknown[] | null } }): AnyNode[] {
  return ((node.currentState.children ?? []) as AnyNode[]).filter(isShown);
}

function collect(nodes: AnyNode[], trail: Around, pages: Page[]): void {
  for (const node of nodes) {
    if (isGroup(node)) {
      if (looks(node).has("field-list")) pages.push({ id: node.nodeId, kind: "list", node, trail });
      else collect(shown(node), [...trail, node], pages);
    } else if (isRepeat(node)) {
      const isList = looks(node).has("field-list");
      pages.push({ id: node.nodeId, kind: "repeat", node, trail });
      for (const entry of node.currentState.children) {
        if (!entry.currentState.relevant) continue;
        if (isList || looks(entry).has("field-list")) pages.push({ id: entry.nodeId, kind: "list", node: entry, trail });
        else collect(shown(entry), [...trail, entry], pages);
      }
    } else if (isQuestion(node)) pages.push({ id: node.nodeId, kind: "question", node, trail });
  }
}

export function pagesOf(root: RootNode): Page[] {
  const pages: Page[] = [];
  collect(shown(root), [], pages);
  return pages;
}

/** Every question on a page, to any depth. */
export function questionsOf(page: Page): AnyControlNode[] {
  const found: AnyControlNode[] = [];
  const walk = (node: AnyNode | RepeatInstanceNode): void => {
    if (node.nodeType === "repeat-instance" || isGroup(node)) shown(node).forEach(walk);
    else if (isRepeat(node)) node.currentState.children.forEach(walk);
    else if (isQuestion(node)) found.push(node);
  };
  if (page.kind !== "repeat") walk(page.node as AnyNode);
  return found;
}

/** Which entry of its repeat this is, from 1. */
export function entryNumber(entry: RepeatInstanceNode): number {
  return entry.parent.currentState.children.indexOf(entry) + 1;
}

export function isAnswered(node: AnyControlNode): boolean {
  const value: unknown = node.currentState.value;
  return Array.isArray(value) ? value.length > 0 : value !== null && value !== "" && value !== false;
}

/** The page on which a node is, or its nearest: a repeat's own violations stand on its page. */
export function pageOfNode(pages: Page[], nodeId: string): number {
  const exact = pages.findIndex((page) => page.id === nodeId || questionsOf(page).some((each) => each.nodeId === nodeId));
  return exact;
}

/** The page that was open when a draft was left; the first when it is gone. */
export function pageOfPlace(pages: Page[], place: string): number {
  return Math.max(0, pages.findIndex((page) => page.node.currentState.reference === place));
}
