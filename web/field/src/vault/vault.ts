// One vault per browser profile: the data key under which everything is kept, wrapped by a key from the PIN and, where a person
// set it up, by one from the phone's own lock. Ten wrong PINs in a row empty it. The count is written before a PIN is tried, so
// that ending the browser in between buys no try.
import { ref, type Ref } from "vue";
import { t } from "../words";
import { base as database, type KeyRecord } from "../store/base";
import { random, type Bytes } from "./bytes";
import { dataKey, ITERATIONS, keyFromPin, lockUp, openUp } from "./crypto";

export type VaultState = "none" | "locked" | "open" | "wiped";
export type Unlocked = { ok: true } | { ok: false; left: number };

export const TRIES = 10;
const ABOUT_PIN = "data key by PIN";
/** How long an open questionnaire may take over its last words before the key goes all the same. */
const LAST_WORDS_MS = 5_000;
/** How often other tabs hear that this one is in use. */
const TOUCH_MS = 10_000;

/** The vault is locked: nothing can be read or kept. */
export class VaultLocked extends Error {
  constructor() {
    super(t("send.locked"));
    this.name = "VaultLocked";
  }
}

const state: Ref<VaultState> = ref("none");
const listeners = new Set<() => Promise<void>>();
// Other tabs of the same profile: what one locks or empties, the others do too.
const tabs = new BroadcastChannel("fieldpost.vault");
let key: CryptoKey | null = null;
let minutes = 5;
let lastTouch = Date.now();
let lastTold = 0;

tabs.addEventListener("message", (event) => {
  if (event.data === "wiped") forgetKey("wiped");
  else if (event.data === "none") forgetKey("none");
  else if (event.data === "locked") void lockHere();
  // A tab in use keeps the ones in the background open: it is the person who left, or did not.
  else if (event.data === "touched") lastTouch = Date.now();
  else if (event.data === "created" && state.value === "none") state.value = "locked";
});

function forgetKey(next: VaultState): void {
  key = null;
  state.value = next;
}

function opened(made: CryptoKey): void {
  key = made;
  lastTouch = Date.now();
  state.value = "open";
}

async function record(): Promise<KeyRecord | undefined> {
  return (await database()).get("vault", "key");
}

async function write(changed: KeyRecord): Promise<void> {
  const work = (await database()).transaction("vault", "readwrite", { durability: "strict" });
  await work.store.put(changed, "key");
  await work.done;
}

async function load(): Promise<void> {
  const kept = await record();
  if (state.value === "open") return;
  if (kept) state.value = "locked";
  else state.value = (await (await database()).get("marks", "emptied")) ? "wiped" : "none";
}

/** Makes the data key and opens the vault. Throws where one exists already: it would make everything kept unreadable. */
async function create(pin: string): Promise<void> {
  if (await record()) throw new Error("this browser has a vault already");
  const raw = random(32);
  const salt = random(16);
  const wrapped = await lockUp(await keyFromPin(pin, salt, ITERATIONS), raw, ABOUT_PIN);
  // `add`, not `put`: of two tabs that begin at once, one finds that there is a vault.
  const work = (await database()).transaction("vault", "readwrite", { durability: "strict" });
  await Promise.all([work.store.add({ salt, iterations: ITERATIONS, wrapped, wrong: 0 }, "key"), work.done]);
  await (await database()).delete("marks", "emptied");
  opened(await dataKey(raw));
  raw.fill(0);
  tabs.postMessage("created");
}

/** Counts a try and hands out the vault's record; null when that was one too many, or another tab emptied it. */
async function countTry(): Promise<KeyRecord | null> {
  // One transaction reads and writes: two tabs cannot both have the same try.
  const work = (await database()).transaction("vault", "readwrite", { durability: "strict" });
  const kept = await work.store.get("key");
  if (kept) await work.store.put({ ...kept, wrong: kept.wrong + 1 }, "key");
  await work.done;
  return kept && kept.wrong < TRIES ? kept : null;
}

async function rawKey(pin: string): Promise<Bytes | number> {
  const kept = await countTry();
  if (kept === null) {
    await wipe(true);
    return 0;
  }
  try {
    const raw = await openUp(await keyFromPin(pin, kept.salt, kept.iterations), kept.wrapped, ABOUT_PIN);
    await write({ ...kept, wrong: 0 });
    return raw;
  } catch {
    // WebCrypto says nothing but "operation failed" for a wrong key, which is what this is.
    const left = TRIES - kept.wrong - 1;
    if (left <= 0) await wipe(true);
    return Math.max(left, 0);
  }
}

async function unlock(pin: string): Promise<Unlocked> {
  const found = await rawKey(pin);
  if (typeof found === "number") return { ok: false, left: found };
  opened(await dataKey(found));
  found.fill(0);
  return { ok: true };
}

/** Opens with the data key that another way (a passkey) unwrapped, and counts no wrong PIN any more. */
async function openWith(raw: Bytes): Promise<void> {
  const kept = await record();
  if (!kept) return;
  await write({ ...kept, wrong: 0 });
  opened(await dataKey(raw));
  raw.fill(0);
}

async function lock(): Promise<void> {
  if (await lockHere()) tabs.postMessage("locked");
}

/** Locks this tab; false when it was not open. */
async function lockHere(): Promise<boolean> {
  if (state.value !== "open") return false;
  // A questionnaire that is open writes its last words first, but cannot hold the door open.
  const tooLong = new Promise((done) => setTimeout(done, LAST_WORDS_MS));
  await Promise.race([Promise.allSettled([...listeners].map((each) => each())), tooLong]);
  // It may have been emptied meanwhile.
  if (state.value === "open") forgetKey("locked");
  return true;
}

/** Another PIN for the same data key; false when the old one is wrong (which counts as a try). */
async function changePin(old: string, next: string): Promise<boolean> {
  const raw = await rawKey(old);
  if (typeof raw === "number") return false;
  const kept = (await record())!;
  const salt = random(16);
  const wrapped = await lockUp(await keyFromPin(next, salt, ITERATIONS), raw, ABOUT_PIN);
  await write({ ...kept, salt, iterations: ITERATIONS, wrapped, wrong: 0 });
  raw.fill(0);
  return true;
}

/** Empties everything; keepSealed leaves the sealed reports, which nobody here can read and the office can. */
async function wipe(keepSealed = false): Promise<void> {
  const db = await database();
  const stores = ["vault", "items", "marks", "sealed"] as const;
  const work = db.transaction(stores, "readwrite", { durability: "strict" });
  for (const store of stores) if (store !== "sealed" || !keepSealed) await work.objectStore(store).clear();
  if (keepSealed) await work.objectStore("marks").put(new Date().toISOString(), "emptied");
  await work.done;
  forgetKey(keepSealed ? "wiped" : "none");
  tabs.postMessage(keepSealed ? "wiped" : "none");
}

/** After a wipe: lets the sealed reports go as well, and begins anew. */
async function forget(): Promise<void> {
  await wipe(false);
}

async function encrypt(data: Bytes, about: string): Promise<Bytes> {
  if (key === null) throw new VaultLocked();
  return lockUp(key, data, about);
}

async function decrypt(box: Bytes, about: string): Promise<Bytes> {
  if (key === null) throw new VaultLocked();
  return openUp(key, box, about);
}

/** Calls a listener before the key is forgotten, and waits for it; returns what takes it off again. */
function beforeLock(listener: () => Promise<void>): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function lockAfter(idleMinutes: number): void {
  minutes = idleMinutes;
}

function touched(): void {
  lastTouch = Date.now();
  if (state.value !== "open" || lastTouch - lastTold < TOUCH_MS) return;
  lastTold = lastTouch;
  tabs.postMessage("touched");
}

for (const kind of ["pointerdown", "keydown", "touchstart"] as const) {
  addEventListener(kind, touched, { passive: true, capture: true });
}
// The clock is looked at, not counted: a phone that slept for an hour is locked when it wakes.
const look = (): void => {
  if (state.value === "open" && Date.now() - lastTouch > minutes * 60_000) void lock();
};
setInterval(look, 5_000);
document.addEventListener("visibilitychange", look);

export const vault = {
  state, load, create, unlock, openWith, lock, changePin, wipe, forget, encrypt, decrypt, beforeLock, lockAfter, rawKey,
};
