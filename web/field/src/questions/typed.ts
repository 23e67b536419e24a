// What was typed and cannot be read as the answer. The engine would silently store a blank for it; here the text stays as it was
// typed, is said to be wrong, survives turning the page, and keeps the record from being finished as if nothing had been typed.
import { computed, ref, shallowReactive, watch } from "vue";
import type { AnyControlNode } from "../engine/types";

const unread = shallowReactive(new Map<object, string>());

/** Forgets all such texts, when another record is opened. */
export function forgetTyped(): void {
  unread.clear();
}

/** Whether a question holds a text that is not an answer. */
export function isUnread(node: object): boolean {
  return unread.has(node);
}

export interface Typeable {
  readonly currentState: { readonly instanceValue: string };
}

export interface Reading {
  /** How a stored answer is shown to be typed over. */
  show(stored: string): string;
  /** What a typed text is stored as; null when it cannot be read. */
  read(text: string): string | null;
  /** Puts the answer into the node; "" empties it. */
  store(value: string): void;
}

/** A text of its own beside the answer, so that nothing typed is ever thrown away by what the engine makes of it. */
export function useTyped(node: () => Typeable, { show, read, store }: Reading) {
  const text = ref(unread.get(node()) ?? show(node().currentState.instanceValue));
  let written = node().currentState.instanceValue;

  function type(typed: string): void {
    text.value = typed;
    const said = typed.trim() === "" ? "" : read(typed);
    store(said ?? "");
    written = node().currentState.instanceValue;
    // The engine has limits of its own (a whole number of 32 bits, say): what it blanks is not an answer either.
    if (said === null || (said !== "" && written === "")) unread.set(node(), typed);
    else unread.delete(node());
  }

  // A calculation of the form may set the answer anew.
  watch(() => node().currentState.instanceValue, (now) => {
    if (now === written) return;
    written = now;
    unread.delete(node());
    text.value = show(now);
  });

  return { text, type, bad: computed(() => unread.has(node())) };
}

/** Nodes of questions with such a text, as they stand in the record. */
export function unreadAmong(nodes: AnyControlNode[]): AnyControlNode[] {
  return nodes.filter((node) => node.currentState.relevant && unread.has(node));
}
