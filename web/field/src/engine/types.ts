// The engine's nodes under the names that the screens use. Only types: the engine itself comes with the adapter.
import type { AnyNode, AnyControlNode, GroupNode, RepeatInstanceNode, RepeatRangeNode, RootNode, TextRange } from "@getodk/xforms-engine";

export type { AnyControlNode, AnyNode, GroupNode, RepeatInstanceNode, RepeatRangeNode, RootNode };
export type { InputNode, RangeNode, RankNode, SelectNode, TriggerNode, UploadNode, NoteNode, MarkdownNode } from "@getodk/xforms-engine";
export type { RepeatRangeUncontrolledNode } from "@getodk/xforms-engine";
export type AnyText = TextRange<"label"> | TextRange<"hint"> | TextRange<"item-label"> | TextRange<"constraintMsg"> | TextRange<"requiredMsg">;

/** The names of a node's appearances. */
export function looks(node: { appearances: unknown }): Set<string> {
  const said = node.appearances as Iterable<string> | null;
  return new Set(said ? [...said].map((each) => each.toLowerCase()) : []);
}

export interface Language {
  name: string;
  active: boolean;
}

export interface Violation {
  nodeId: string;
  reference: string;
}

export interface Snapshot {
  xml: string;
  files: File[];
  /** A file is still being read: to be saved later. */
  busy: boolean;
}

/** A questionnaire that is open. */
export interface Opened {
  readonly root: RootNode;
  readonly title: string;
  languages(): Language[];
  speak(name: string): void;
  snapshot(): Snapshot;
  violations(): Violation[];
  /** Sets the end time and hands out what is to be sent. */
  finish(): Promise<Snapshot>;
  /** A file of the form (a picture of a label, say) as an address in this page; null when it is not here. */
  media(url: URL | undefined): Promise<string | null>;
  /** Rows of a list of the form by its instance id; none for what is no CSV or not here. */
  list(name: string): Promise<Array<Record<string, string>>>;
  close(): void;
}
