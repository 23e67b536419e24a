// Unlocking as the phone is unlocked: a WebAuthn credential of this device whose PRF extension gives the same 32 bytes each time.
// They wrap the data key beside the PIN. Where the browser or the phone cannot, nothing is offered.
import { base as database } from "../store/base";
import { random, utf8, type Bytes } from "./bytes";
import { keyFromSecret, lockUp, openUp } from "./crypto";
import { vault } from "./vault";

const ABOUT = "data key by passkey";
const PROMPT_MS = 60_000;

type PrfResults = { prf?: { enabled?: boolean; results?: { first?: ArrayBuffer } } };

async function available(): Promise<boolean> {
  if (!("PublicKeyCredential" in window) || !navigator.credentials) return false;
  try {
    return await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
  } catch {
    // Some browsers refuse to say in a frame or a private window: then it is not offered.
    return false;
  }
}

async function enabled(): Promise<boolean> {
  return ((await (await database()).get("vault", "key"))?.passkey ?? null) !== null;
}

function secretOf(credential: Credential | null): Bytes | null {
  if (!(credential instanceof PublicKeyCredential)) return null;
  const results = credential.getClientExtensionResults() as PrfResults;
  const first = results.prf?.results?.first;
  return first ? new Uint8Array(first) : null;
}

async function ask(id: Bytes, salt: Bytes): Promise<Bytes | null> {
  const extensions = { prf: { eval: { first: salt } } } as AuthenticationExtensionsClientInputs;
  const publicKey: PublicKeyCredentialRequestOptions = {
    challenge: random(32), allowCredentials: [{ type: "public-key", id }], userVerification: "required", timeout: PROMPT_MS, extensions,
  };
  return secretOf(await navigator.credentials.get({ publicKey }));
}

/** Sets it up; the PIN is asked for, because the data key cannot be read while the vault is open. False when it did not work. */
async function enable(pin: string): Promise<boolean> {
  const salt = random(32);
  const extensions = { prf: { eval: { first: salt } } } as AuthenticationExtensionsClientInputs;
  let secret: Bytes | null;
  let id: Bytes;
  try {
    const made = await navigator.credentials.create({
      publicKey: {
        challenge: random(32), rp: { name: "Fieldpost" }, timeout: PROMPT_MS, extensions,
        user: { id: random(16), name: "fieldpost", displayName: "Fieldpost" },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }],
        authenticatorSelection: { authenticatorAttachment: "platform", userVerification: "required", residentKey: "discouraged" },
      },
    });
    if (!(made instanceof PublicKeyCredential)) return false;
    id = new Uint8Array(made.rawId);
    // Most phones answer with the secret on the first use only.
    secret = secretOf(made) ?? (await ask(id, salt));
  } catch (reason) {
    console.warn("the phone's own lock could not be set up", reason);
    return false;
  }
  if (secret === null) return false;
  const raw = await vault.rawKey(pin);
  if (typeof raw === "number") return false;
  const wrapped = await lockUp(await keyFromSecret(secret, utf8("fieldpost")), raw, ABOUT);
  raw.fill(0);
  const work = (await database()).transaction("vault", "readwrite", { durability: "strict" });
  const kept = await work.store.get("key");
  if (kept) await work.store.put({ ...kept, passkey: { id, salt, wrapped } }, "key");
  await work.done;
  return kept !== undefined;
}

async function disable(): Promise<void> {
  const work = (await database()).transaction("vault", "readwrite", { durability: "strict" });
  const kept = await work.store.get("key");
  if (kept) await work.store.put({ ...kept, passkey: undefined }, "key");
  await work.done;
}

async function unlock(): Promise<boolean> {
  const kept = (await (await database()).get("vault", "key"))?.passkey;
  if (!kept) return false;
  try {
    const secret = await ask(kept.id, kept.salt);
    if (secret === null) return false;
    await vault.openWith(await openUp(await keyFromSecret(secret, utf8("fieldpost")), kept.wrapped, ABOUT));
    return true;
  } catch (reason) {
    console.warn("the phone's own lock did not open the vault", reason);
    return false;
  }
}

export const passkey = { available, enabled, enable, disable, unlock };
