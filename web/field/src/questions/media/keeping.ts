// What all questions that keep a file share: its address for showing, taking a new one within the limits, taking it away.
import { computed, inject, onBeforeUnmount, ref, unref, watch } from "vue";
import { size, t } from "../../words";
import type { UploadNode } from "../nodes";
import { maxBodyKey, photosAllowedKey } from "./limits";

/** The address of a file for an element of the page, given back when the file changes or the component goes. */
export function useAddress(file: () => Blob | null) {
  const address = ref<string | null>(null);
  const drop = () => address.value && URL.revokeObjectURL(address.value);
  watch(file, (now) => {
    drop();
    address.value = now ? URL.createObjectURL(now) : null;
  }, { immediate: true });
  onBeforeUnmount(drop);
  return address;
}

export function useKeeping(node: () => UploadNode) {
  const state = computed(() => node().currentState);
  const file = computed(() => state.value.value);
  const busy = ref(false);
  const problem = ref("");
  const said = ref("");
  const address = useAddress(() => file.value);
  const maxBody = inject(maxBodyKey, null);
  const photosAllowed = inject(photosAllowedKey, async () => true);
  const limit = computed(() => unref(maxBody));
  // The answer names a file, but the file is not here: a draft whose photo was lost must say so, not look answered.
  const lost = computed(() => !file.value && state.value.instanceValue !== "" && !state.value.attachmentState.loading);

  /** Puts a file in the answer; `prepare` changes it first. The problem says why it was not taken. */
  async function keep(taken: File, prepare: (file: File) => Promise<File> = async (same) => same): Promise<boolean> {
    busy.value = true;
    problem.value = "";
    try {
      const ready = await prepare(taken);
      if (ready.size === 0) problem.value = t("media.empty");
      else if (limit.value !== null && ready.size > limit.value) problem.value = t("media.too-large", { size: size(ready.size), limit: size(limit.value) });
      else node().setValue(ready);
    } catch (reason) {
      problem.value = t("media.unreadable", { name: taken.name, reason: reason instanceof Error ? reason.message : String(reason) });
    } finally {
      busy.value = false;
    }
    if (problem.value === "") said.value = t("media.kept", { name: taken.name });
    return problem.value === "";
  }
  function remove(): void {
    node().setValue(null);
    problem.value = "";
    said.value = t("media.removed");
  }
  async function roomForPhotos(): Promise<boolean> {
    if (await photosAllowed()) return true;
    problem.value = t("media.image.no-room");
    return false;
  }
  return { state, file, busy, problem, said, address, limit, lost, keep, remove, roomForPhotos };
}
