"""Sealed envelopes of the field app: opened as a stream, segment by segment, with every change, cut or reordering noticed.

The format is written by web/field/src/vault/seal.ts: magic, id of the server's key, the wrapped content key, a nonce prefix; then
AES-256-GCM segments over 1 MiB of plain text each, their nonce being prefix, number and whether it is the last, bound to the
header. The plain text begins with a JSON object that says what the content is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from server.problems import Problem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

MAGIC: Final = b"FPSEAL1\n"
CONTENT_TYPE: Final = "application/vnd.fieldpost.sealed"
SEGMENT: Final = 1 << 20
_TAG, _KEY_ID, _PREFIX = 16, 16, 7
_MOST_WRAPPED, _MOST_INSIDE = 1_024, 65_536


class Readable(Protocol):
    """A body to read from."""

    def read(self, size: int, /) -> bytes: ...


class Keys(Protocol):
    """Finds the private key with an id of 32 hexadecimal digits; None when there is none."""

    def __call__(self, key_id: str, /) -> RSAPrivateKey | None: ...


@dataclass(frozen=True, slots=True)
class Inside:
    """What an envelope says of its content. name, type: of a file only; size: bytes of the content."""

    kind: Literal["report", "file"]
    token: str
    form_id: str
    version: str
    instance_id: str
    size: int
    name: str = ""
    type: str = ""


def key_id(public: RSAPublicKey) -> str:
    """The id under which envelopes name a key: half of the SHA-256 of its SubjectPublicKeyInfo, in hexadecimal digits."""
    return hashlib.sha256(spki(public)).digest()[:_KEY_ID].hex()


def spki(public: RSAPublicKey) -> bytes:
    """SubjectPublicKeyInfo (DER)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def opened(stream: Readable, keys: Keys) -> tuple[Inside, Iterator[bytes]]:
    """What an envelope holds, and its content in pieces; the iterator raises where the envelope was cut or changed.

    Raises Problem envelope_damaged, envelope_unknown_key.
    """
    segments = _segments(stream, keys)
    first = next(segments)
    length = int.from_bytes(first[:4], "big")
    if len(first) < 4 or length > min(_MOST_INSIDE, len(first) - 4):
        raise Problem("envelope_damaged", reason="it does not say what it holds.")
    inside = _inside(first[4 : 4 + length])
    return inside, _sized(first[4 + length :], segments, inside.size)


def _inside(told: bytes) -> Inside:
    try:
        said: Any = json.loads(told)
        kind = said["kind"]
        if kind not in {"report", "file"}:
            raise ValueError(kind)
        texts = {name: str(said[name]) for name in ("token", "formId", "version", "instanceId")}
        size = int(said["size"])
        name, media = str(said.get("name", "")), str(said.get("type", ""))
    except (ValueError, KeyError, TypeError) as error:
        raise Problem("envelope_damaged", reason="what it says of itself cannot be read.") from error
    if any("\x00" in text for text in (*texts.values(), name, media)) or size < 0:
        raise Problem("envelope_damaged", reason="what it says of itself cannot be right.")
    return Inside(kind, texts["token"], texts["formId"], texts["version"], texts["instanceId"], size, name, media)


def _sized(first: bytes, rest: Iterator[bytes], size: int) -> Iterator[bytes]:
    come = 0
    for piece in chain((first,), rest):
        come += len(piece)
        # Whoever believed the size must not be given more than that.
        if come > size:
            break
        yield piece
    if come != size:
        raise Problem("envelope_damaged", reason="it does not hold as much as it says.")


def _segments(stream: Readable, keys: Keys) -> Iterator[bytes]:
    """The plain text, a segment at a time; at least one."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256

    start = _exactly(stream, len(MAGIC) + _KEY_ID + 2)
    if not start.startswith(MAGIC):
        raise Problem("envelope_damaged", reason="it is no sealed report of the field app.")
    named, length = start[len(MAGIC) : -2].hex(), int.from_bytes(start[-2:], "big")
    if length > _MOST_WRAPPED:
        raise Problem("envelope_damaged", reason="its key cannot be right.")
    rest = _exactly(stream, length + _PREFIX)
    private = keys(named)
    if private is None:
        raise Problem("envelope_unknown_key", key=named)
    try:
        content_key = private.decrypt(rest[:length], OAEP(MGF1(SHA256()), SHA256(), None))
        box = AESGCM(content_key)
    except ValueError as error:
        raise Problem("envelope_damaged", reason="its key does not open.") from error
    header, prefix, number = start + rest, rest[length:], 0
    segment = _up_to(stream, SEGMENT + _TAG)
    while True:
        after = _up_to(stream, SEGMENT + _TAG) if len(segment) == SEGMENT + _TAG else b""
        last = not after
        nonce = prefix + number.to_bytes(4, "big") + bytes([last])
        try:
            yield box.decrypt(nonce, segment, header)
        except InvalidTag as error:
            raise Problem("envelope_damaged", reason="it was cut short or changed on its way.") from error
        if last:
            return
        segment, number = after, number + 1


def _up_to(stream: Readable, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (piece := stream.read(size)):
        parts.append(piece)
        size -= len(piece)
    return b"".join(parts)


def _exactly(stream: Readable, size: int) -> bytes:
    found = _up_to(stream, size)
    if len(found) < size:
        raise Problem("envelope_damaged", reason="it was cut short.")
    return found
