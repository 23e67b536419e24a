// The primitives of the vault, all from WebCrypto: PBKDF2-SHA-256 for what a person types, AES-256-GCM for what is kept.
import { join, random, utf8, type Bytes } from "./bytes";

/** OWASP's least for PBKDF2 with SHA-256 (Password Storage Cheat Sheet, 2023). Kept with each vault, so that it can rise. */
export const ITERATIONS = 600_000;
const NONCE = 12;

/** The key that a PIN or passphrase gives; it wraps the data key and does nothing else. */
export async function keyFromPin(pin: string, salt: Bytes, iterations: number): Promise<CryptoKey> {
  const typed = await crypto.subtle.importKey("raw", utf8(pin.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return crypto.subtle.deriveKey(how, typed, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** The key that a secret of 32 bytes (a passkey's answer) gives. */
export async function keyFromSecret(secret: Bytes, salt: Bytes): Promise<CryptoKey> {
  const given = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt, info: utf8("fieldpost passkey 1") };
  return crypto.subtle.deriveKey(how, given, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** The data key as the browser holds it while the vault is open: it can be used, not read. */
export function dataKey(raw: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Nonce and ciphertext. `about` is bound to it: what is kept for one thing does not open as another. */
export async function lockUp(key: CryptoKey, data: Bytes, about: string): Promise<Bytes> {
  const iv = random(NONCE);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(about) }, key, data);
  return join(iv, new Uint8Array(sealed));
}

/** What was locked up. Rejects (OperationError) when the key or `about` is another, or a bit was changed. */
export async function openUp(key: CryptoKey, box: Bytes, about: string): Promise<Bytes> {
  const how = { name: "AES-GCM", iv: box.subarray(0, NONCE), additionalData: utf8(about) };
  return new Uint8Array(await crypto.subtle.decrypt(how, key, box.subarray(NONCE)));
}
