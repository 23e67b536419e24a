// What the fill screen hands to everything below it.
import { inject, type InjectionKey, type Ref } from "vue";
import type { Opened } from "../engine/types";
import type { StoredForm } from "../store/forms";

export interface FillContext {
  opened: Opened;
  form: StoredForm;
  /** After Finish was pressed: every problem is shown, not only those of what was typed. */
  showAll: Ref<boolean>;
  /** Goes to the next page, as after a choice that needs no button (appearance quick). */
  next(): void;
}

export const fillKey: InjectionKey<FillContext> = Symbol("fill");

export function useFill(): FillContext {
  const found = inject(fillKey);
  if (!found) throw new Error("a question stands outside of a questionnaire");
  return found;
}
