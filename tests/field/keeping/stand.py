"""A server that does what it is told: it stands in for Fieldpost where a test needs lost answers, refusals and waits."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEGMENT = 1 << 20
PATH = "/v1/key/device-key/projects/1"
HTML = b"<!doctype html><title>keeping</title><script type=module src=/page.js></script>"


@dataclass(frozen=True)
class Answer:
    """What the stand says to one request. lost: it takes the request and closes the line without a word."""

    status: int = 201
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    lost: bool = False


LOST = Answer(lost=True)
RECEIVED = Answer(201, (("X-Fieldpost-Receipt", "R-0001"),))


@dataclass
class Upload:
    """A file that comes in pieces. gone: it is no longer known."""

    length: int
    metadata: dict[str, str]
    data: bytearray = field(default_factory=bytearray)
    gone: bool = False


@dataclass
class Stand:
    """What came, what is answered, and what is handed out."""

    built: Path
    key: rsa.RSAPrivateKey
    sealed: list[bytes] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    pieces: deque[Answer] = field(default_factory=deque)
    facts_answer: Answer | None = None
    uploads: dict[str, Upload] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    forms: dict[str, tuple[str, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    server: ThreadingHTTPServer | None = None

    def start(self) -> Stand:
        """Listens on a port of the system's choice."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"stand": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Closes the door."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()

    @property
    def url(self) -> str:
        """Its address; localhost, because browsers keep secrets in secure contexts only."""
        assert self.server is not None
        return f"http://localhost:{self.server.server_address[1]}"

    @property
    def sealing_key(self) -> dict[str, str]:
        """The public half, as a device is told of it."""
        spki = self.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {"id": hashlib.sha256(spki).digest()[:16].hex(), "spki": base64.b64encode(spki).decode()}

    def reports(self) -> list[tuple[dict[str, Any], bytes]]:
        """What the envelopes that came as reports hold."""
        return [open_envelope(self.key, each) for each in self.sealed]


def open_envelope(key: rsa.RSAPrivateKey, data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and content of an envelope, read by its description alone. Raises ValueError or InvalidTag."""
    if data[:8] != b"FPSEAL1\n":
        raise ValueError("no envelope")
    (length,) = struct.unpack(">H", data[24:26])
    wrapped, prefix = data[26 : 26 + length], data[26 + length : 33 + length]
    head, rest = data[: 33 + length], data[33 + length :]
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    content_key = AESGCM(key.decrypt(wrapped, oaep))
    step = SEGMENT + 16
    parts = [rest[at : at + step] for at in range(0, len(rest), step)]
    plain = b"".join(
        content_key.decrypt(prefix + struct.pack(">IB", number, number == len(parts) - 1), part, head)
        for number, part in enumerate(parts)
    )
    (told,) = struct.unpack(">I", plain[:4])
    header: dict[str, Any] = json.loads(plain[4 : 4 + told])
    return header, plain[4 + told :]


def envelopes_of(export: bytes) -> list[bytes]:
    """The envelopes in an export file, in its order."""
    assert export[:9] == b"FPQUEUE1\n"
    found, at = [], 9
    while at < len(export):
        (length,) = struct.unpack(">Q", export[at : at + 8])
        found.append(export[at + 8 : at + 8 + length])
        at += 8 + length
    return found


class Handler(BaseHTTPRequestHandler):
    """One request; the stand decides."""

    protocol_version = "HTTP/1.1"
    stand: Stand

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing on the console."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _say(self, answer: Answer, body: bytes = b"", kind: str = "text/plain") -> None:
        if answer.lost:
            self.close_connection = True
            return
        body = body or answer.body.encode()
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        """The page, and what a phone fetches."""
        stand, path = self.stand, self.path
        if path == "/":
            return self._say(Answer(200), HTML, "text/html")
        if path.endswith(".js"):
            return self._say(Answer(200), (stand.built / path.removeprefix("/")).read_bytes(), "text/javascript")
        stand.log.append(f"GET {path.removeprefix(PATH)}")
        if path == f"{PATH}/field":
            return self._say(stand.facts_answer or Answer(200, body=self._facts()), kind="application/json")
        if path == f"{PATH}/formList":
            return self._say(Answer(200), self._form_list(), "text/xml")
        parts = path.removeprefix(f"{PATH}/forms/").split("/")
        if path in stand.missing or parts[0].removesuffix(".xml") not in stand.forms:
            return self._say(Answer(404, body="not there"))
        if len(parts) == 1:
            return self._say(Answer(200), stand.forms[parts[0].removesuffix(".xml")][1].encode(), "text/xml")
        if parts[1] == "manifest":
            return self._say(Answer(200), self._manifest(parts[0]), "text/xml")
        return self._say(Answer(200), stand.files[parts[-1]])

    def _facts(self) -> str:
        said: dict[str, Any] = {"mission": "UNTEST", "project": "CIMIC", "label": "ZULU 7", "post": "CP Ouham"}
        said |= {"dutyPhone": "+236 70", "maxBody": 10_000_000, "serverTime": "2026-11-24T01:00:00Z"}
        said |= {"sealingKey": self.stand.sealing_key, "returnsDue": []}
        return json.dumps(said)

    def _form_list(self) -> bytes:
        at = f"http://elsewhere.example{PATH}/forms"
        rows = "".join(
            f"<xform><formID>{name}</formID><name>{name}</name><version>{version}</version><hash>md5:{md5(xml.encode())}</hash>"
            f"<downloadUrl>{at}/{name}.xml</downloadUrl><manifestUrl>{at}/{name}/manifest</manifestUrl></xform>"
            for name, (version, xml) in self.stand.forms.items()
        )
        return f'<xforms xmlns="http://openrosa.org/xforms/xformsList">{rows}</xforms>'.encode()

    def _manifest(self, form: str) -> bytes:
        rows = "".join(
            f'<mediaFile type="entityList"><filename>{name}</filename><hash>md5:{md5(data)}</hash>'
            f"<downloadUrl>http://elsewhere.example{PATH}/forms/{form}/attachments/{name}</downloadUrl></mediaFile>"
            for name, data in self.stand.files.items()
        )
        return f'<manifest xmlns="http://openrosa.org/xforms/xformsManifest">{rows}</manifest>'.encode()

    def do_POST(self) -> None:
        """A sealed report, or the beginning of a file."""
        stand, body = self.stand, self._body()
        stand.log.append(f"POST {self.path.removeprefix(PATH)}")
        if self.path == f"{PATH}/sealed":
            answer = stand.answers.popleft() if stand.answers else RECEIVED
            if answer.lost or answer.status < 300:
                stand.sealed.append(body)
            return self._say(answer)
        pairs = (each.split(" ") for each in self.headers["Upload-Metadata"].split(","))
        told = {name: base64.b64decode(value).decode() for name, value in pairs}
        name = f"{PATH}/uploads/u{len(stand.uploads)}"
        stand.uploads[name] = Upload(int(self.headers["Upload-Length"]), told)
        self._say(Answer(201, (("Location", f"http://elsewhere.example{name}"), ("Tus-Resumable", "1.0.0"))))

    def do_HEAD(self) -> None:
        """How far a file came."""
        self.stand.log.append("HEAD")
        found = self.stand.uploads.get(self.path)
        if found is None or found.gone:
            return self._say(Answer(410))
        self._say(Answer(200, (("Upload-Offset", str(len(found.data))), ("Tus-Resumable", "1.0.0"))))

    def do_PATCH(self) -> None:
        """A piece of a file."""
        stand, body = self.stand, self._body()
        found = stand.uploads[self.path]
        answer = stand.pieces.popleft() if stand.pieces else Answer(204)
        stand.log.append(f"PATCH {self.headers['Upload-Offset']}")
        if int(self.headers["Upload-Offset"]) != len(found.data):
            return self._say(Answer(409, body="another offset"))
        if answer.lost or answer.status < 300:
            found.data += body
        headers = (("Upload-Offset", str(len(found.data))), ("Tus-Resumable", "1.0.0")) if answer.status < 300 else ()
        self._say(Answer(answer.status, (*answer.headers, *headers), answer.body, answer.lost))


def md5(data: bytes) -> str:
    """The hash that OpenRosa names files by."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def new_key() -> rsa.RSAPrivateKey:
    """A key pair of the office."""
    return rsa.generate_private_key(65537, 3072)
