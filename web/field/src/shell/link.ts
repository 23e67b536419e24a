// The enrolment link: its fragment holds where the device's key opens the server. It is read once and taken out of the address.

export interface Link {
  /** Path and key on this host: /v1/key/TOKEN/projects/N. */
  server: string;
  token: string;
  project: number;
}

const SHAPE = /^\/v1\/key\/([^/?#]+)\/projects\/(\d+)\/?$/;

function decode(text: string): string {
  const plain = text.replace(/-/g, "+").replace(/_/g, "/");
  return new TextDecoder().decode(Uint8Array.from(atob(plain), (sign) => sign.charCodeAt(0)));
}

/** What a link, or the fragment of one, says; null when it is no enrolment link of this server. */
export function readLink(text: string): Link | null {
  const coded = /#\/?enrol=([A-Za-z0-9_=-]+)/.exec(text)?.[1];
  if (!coded) return null;
  try {
    const said: unknown = JSON.parse(decode(coded));
    const server = typeof said === "object" && said !== null && "server" in said ? String(said.server) : "";
    // A full address must be of this host: the app talks to no other.
    const path = server.startsWith("/") ? server : new URL(server).origin === location.origin ? new URL(server).pathname : "";
    const shape = SHAPE.exec(path);
    return shape ? { server: path.replace(/\/$/, ""), token: shape[1]!, project: Number(shape[2]) } : null;
  } catch {
    // Cut in half by a messenger, or no link at all: the caller says so.
    return null;
  }
}
