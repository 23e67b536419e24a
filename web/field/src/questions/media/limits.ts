// What the app tells the questions about its storage and its server; provided by whoever shows the questions, so that they can
// be shown alone.
import type { InjectionKey, Ref } from "vue";

/** Whether the storage of the device still has room for photos; without a provider it has. */
export const photosAllowedKey: InjectionKey<() => Promise<boolean>> = Symbol("photos allowed");
/** The largest file in bytes that the server takes; null when not known. */
export const maxBodyKey: InjectionKey<Ref<number | null> | number | null> = Symbol("largest file");
