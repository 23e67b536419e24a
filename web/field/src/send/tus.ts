// A file in pieces (tus 1.0): begun, asked how far it came, gone on with. A cut costs at most the piece that was under way.
import { base64, hex, utf8 } from "../vault/bytes";
import { ask, Later, Refused } from "./openrosa";

/** A piece: small enough that a cut on a satellite link costs seconds, large enough that a LAN is not slowed. */
export const PIECE = 256 * 1024;
const HEAD = { "Tus-Resumable": "1.0.0" };

export interface Wanted {
  formId: string;
  instanceId: string;
  name: string;
  type: string;
}

async function digest(blob: Blob): Promise<string> {
  // WebCrypto hashes what lies in memory only; an envelope of more than this is found again without a hash.
  if (blob.size > 64 * 1024 * 1024) return "";
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())));
}

function metadata(wanted: Wanted, sha256: string): string {
  const pairs: Array<[string, string]> = [
    ["formID", wanted.formId], ["instanceID", wanted.instanceId], ["filename", wanted.name],
    ["filetype", wanted.type || "application/octet-stream"], ["sealed", "1"],
  ];
  if (sha256) pairs.push(["sha256", sha256]);
  return pairs.map(([key, value]) => `${key} ${base64(utf8(value))}`).join(",");
}

async function offsetAt(address: string): Promise<number | null> {
  try {
    const answer = await ask(address, { method: "HEAD", headers: HEAD });
    return Number(answer.headers.get("Upload-Offset") ?? "0");
  } catch (reason) {
    if (reason instanceof Refused && (reason.status === 404 || reason.status === 410)) return null;
    throw reason;
  }
}

async function begin(server: string, wanted: Wanted, blob: Blob): Promise<{ address: string; at: number }> {
  const answer = await ask(`${server}/uploads`, {
    method: "POST", headers: { ...HEAD, "Upload-Length": String(blob.size), "Upload-Metadata": metadata(wanted, await digest(blob)) },
  });
  const address = answer.headers.get("Location");
  if (address === null) throw new Later("the server did not say where the file goes");
  return { address: new URL(address, location.origin).pathname, at: Number(answer.headers.get("Upload-Offset") ?? "0") };
}

/** Sends an envelope; `resume` is where it was begun before, `begun` is told where it is begun now. */
export async function upload(
  server: string, wanted: Wanted, blob: Blob, resume: string | null, begun: (address: string | null) => Promise<void>,
): Promise<void> {
  let address = resume;
  let at = address === null ? null : await offsetAt(address);
  if (address === null || at === null) {
    const made = await begin(server, wanted, blob);
    ({ address, at } = made);
    await begun(address);
  }
  while (at < blob.size) {
    const piece = blob.slice(at, at + PIECE);
    try {
      const answer = await ask(address, {
        method: "PATCH", body: piece,
        headers: { ...HEAD, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(at) },
      });
      at = Number(answer.headers.get("Upload-Offset") ?? String(at + piece.size));
    } catch (reason) {
      // What came is not what left, or the server knows the file no more: begun anew at the next try.
      if (reason instanceof Refused && [404, 410, 460].includes(reason.status)) {
        await begun(null);
        throw new Later(reason.message);
      }
      // The server is elsewhere than we thought (an answer was lost): it says where. Anything else goes to the sender.
      if (!(reason instanceof Refused) || reason.status !== 409) throw reason;
      const there = await offsetAt(address);
      if (there === null || there === at) throw new Later(reason.message);
      at = there;
    }
  }
}
