// Makes a key for encrypted forms in this browser. The private half leaves it only wrapped by the passphrase (argon2id,
// AES-256-GCM; server/services/wrapping.py reads the format), and the passphrase does not leave it at all.
import { argon2idAsync } from "@noble/hashes/argon2.js";

const BITS = 3072;
const PASSES = 3;
const MEMORY_KIB = 64 * 1024;
const LANES = 1;
const ASSOCIATED = new TextEncoder().encode("fieldpost private key 1");

interface Made {
  publicKey: string;
  wrapped: string;
}

function base64(data: ArrayBuffer | Uint8Array): string {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

async function makeKey(passphrase: string, progress: (share: number) => void): Promise<Made> {
  const pair = await crypto.subtle.generateKey(
    { name: "RSA-OAEP", modulusLength: BITS, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    true,
    ["encrypt", "decrypt"],
  );
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const secret = new TextEncoder().encode(passphrase.normalize("NFKC"));
  const derived = await argon2idAsync(secret, salt, { t: PASSES, m: MEMORY_KIB, p: LANES, dkLen: 32, onProgress: progress });
  const key = await crypto.subtle.importKey("raw", new Uint8Array(derived), "AES-GCM", false, ["encrypt"]);
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: ASSOCIATED }, key, pkcs8);
  const wrapped = {
    scheme: "argon2id+aes-256-gcm",
    passes: PASSES,
    memoryKiB: MEMORY_KIB,
    lanes: LANES,
    salt: base64(salt),
    nonce: base64(nonce),
    sealed: base64(sealed),
  };
  return { publicKey: base64(await crypto.subtle.exportKey("spki", pair.publicKey)), wrapped: JSON.stringify(wrapped) };
}

function field(form: HTMLFormElement, name: string): HTMLInputElement {
  const found = form.querySelector<HTMLInputElement>(`[data-key="${name}"]`);
  if (!found) throw new Error(`the form has no field ${name}`);
  return found;
}

function show(form: HTMLFormElement, name: string): void {
  for (const note of form.querySelectorAll<HTMLElement>("[data-note]")) note.hidden = note.dataset.note !== name;
}

async function submit(form: HTMLFormElement): Promise<void> {
  const first = field(form, "passphrase");
  const again = field(form, "again");
  if ([...first.value].length < 10) return show(form, "short");
  if (first.value !== again.value) return show(form, "different");
  const button = form.querySelector<HTMLButtonElement>("button[type=submit]");
  const bar = form.querySelector<HTMLProgressElement>("progress");
  if (button) button.disabled = true;
  show(form, "working");
  try {
    const made = await makeKey(first.value, (share) => {
      if (bar) bar.value = share;
    });
    field(form, "public").value = made.publicKey;
    field(form, "wrapped").value = made.wrapped;
    first.value = again.value = "";
    form.submit();
  } catch (reason) {
    console.error("the key could not be made", reason);
    if (button) button.disabled = false;
    show(form, "failed");
  }
}

export function installMaking(form: HTMLFormElement): void {
  if (!globalThis.crypto?.subtle) {
    // Browsers offer their cryptography over https and on the server itself only.
    show(form, "insecure");
    for (const each of form.querySelectorAll<HTMLInputElement | HTMLButtonElement>("input, button")) each.disabled = true;
    return;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit(form);
  });
  form.dataset.ready = "yes";
}
