// What a person chose on this device; read when the vault opens.
import { ref } from "vue";
import { vault } from "../vault/vault";
import { get, put } from "./database";

export interface Settings {
  autoLockMinutes: number;
  photos: "always" | "wifi" | "demand";
}

const DEFAULTS: Settings = { autoLockMinutes: 5, photos: "always" };
const ID = "own";
const current = ref<Settings>({ ...DEFAULTS });

async function load(): Promise<void> {
  current.value = { ...DEFAULTS, ...(await get<Partial<Settings>>("setting", ID)) };
  vault.lockAfter(current.value.autoLockMinutes);
}

async function save(part: Partial<Settings>): Promise<void> {
  const next = { ...current.value, ...part };
  await put("setting", ID, next);
  current.value = next;
  vault.lockAfter(next.autoLockMinutes);
}

export const settings = { current, load, save };
