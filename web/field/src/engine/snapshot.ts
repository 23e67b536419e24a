import type { AnyNode, RootNode, Snapshot } from "./types";

interface Walked {
  nodeType: string;
  currentState: { relevant: boolean; children: readonly unknown[] | null; value: unknown; attachmentState?: { loading: boolean } };
}

/**
 * Answers and files as they are now. The files are collected here, because the engine hands out only those that were set since
 * the record was opened: a photo of yesterday's draft would be lost.
 */
export function snapshot(root: RootNode): Snapshot {
  const files: File[] = [];
  let busy = false;
  const walk = (node: Walked): void => {
    const state = node.currentState;
    if (!state.relevant) return;
    if (node.nodeType === "upload") {
      busy ||= state.attachmentState?.loading ?? false;
      if (state.value instanceof File) files.push(state.value);
    }
    for (const child of state.children ?? []) walk(child as Walked);
  };
  walk(root as unknown as Walked);
  return { xml: root.instanceState.instanceXML, files, busy };
}

export type { AnyNode };
