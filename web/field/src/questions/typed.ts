// What was typed and cannot be read as the answer. The engine would silently store a blank for it; here the text stays as it was
// typed, is said to be wrong, survives turning the page, and keeps the record from being finished as if nothing had been typed.
import { shallowReactive } from "vue";

const unread = shallowReactive(new Map<object, string>());

/** Keeps the text of a question that is no answer; null when there is none any more. */
export function keepUnread(node: object, text: string | null): void {
  if (text === null) unread.delete(node);
  else unread.set(node, text);
}

export function unreadText(node: object): string | null {
  return unread.get(node) ?? null;
}

/** Questions that hold such a text and are asked at all. */
export function unreadNodes(): Array<{ nodeId: string; reference: string }> {
  const nodes = [...unread.keys()] as Array<{ nodeId: string; currentState: { reference: string; relevant: boolean } }>;
  return nodes.filter((node) => node.currentState.relevant).map((node) => ({ nodeId: node.nodeId, reference: node.currentState.reference }));
}

/** Forgets all such texts, when another record is opened. */
export function forgetUnread(): void {
  unread.clear();
}
