"""Photos as they leave where a page or a project wants them clean: without position and EXIF, the picture itself untouched."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlalchemy.orm import Session

from server import logs
from server.config import Settings
from server.models import Project
from server.problems import Problem
from server.services.blobs import BlobStore
from server.services.media import Content
from server.services.photo_metadata import NotAPhoto, position, stripped
from server.services.thumbnails import is_photo
from sync.merge.facts import Position

# A photo is cleaned in memory. Phones make up to some 20 MB; what is larger than this is no photo of a phone.
MOST = 64 * 1024 * 1024
# EXIF stands in the first segment of a JPEG, which cannot be longer than 64 kB; a few others may come before it.
_HEAD = 256 * 1024
# JPEG, PNG, GIF, TIFF (little and big end first); and the brands of pictures among the files that begin with a box "ftyp".
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})


def wanted(session: Session, project_id: int) -> bool:
    """Whether photos of this project leave clean."""
    project = session.get(Project, project_id)
    return project is not None and project.clean_photos


def is_picture(name: str, content_type: str, head: bytes) -> bool:
    """Whether a file is a photo by its name, the type that the phone gave, or its first bytes: any of the three may mislead."""
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    return is_photo(name, content_type) or head.startswith(_BEGINNINGS) or brand in _BRANDS or head[8:12] == b"WEBP"


def leaving(name: str, pieces: Iterable[bytes]) -> Iterable[bytes] | None:
    """A file as it leaves a project that wants photos clean: a photo clean, anything else as it is; None for a photo that
    cannot be cleaned."""
    head, whole = _opened(pieces)
    if not is_picture(name, "", head):
        return whole
    data = of_pieces(whole)
    return None if data is None else [data]


def clean(name: str, file: Content) -> Content:
    """The same of a file that is sent alone. Raises Problem unsupported_type for a photo that cannot be cleaned."""
    head, whole = _opened(file.chunks)
    return _cleaned(whole, file.content_type) if is_picture(name, file.content_type, head) else replace(file, chunks=whole)


def _opened(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first piece, and all of them."""
    rest = iter(pieces)
    first = next(rest, b"")
    return first, itertools.chain([first], rest)


def content(settings: Settings, sha256: str, content_type: str) -> Content:
    """The stored photo, clean. Raises Problem not_found (it was purged), unsupported_type for what cannot be cleaned."""
    store = BlobStore(settings)
    if not store.exists(sha256):
        raise Problem("not_found")
    return _cleaned(store.chunks(sha256), content_type)


def _cleaned(pieces: Iterable[bytes], content_type: str) -> Content:
    data = of_pieces(pieces)
    if data is None:
        raise Problem("unsupported_type", type="of this picture", allowable="JPEG, PNG, WebP")
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Content(iter([data]), len(data), digest, content_type or "application/octet-stream")


def of_pieces(pieces: Iterable[bytes]) -> bytes | None:
    """The photo that these pieces are, clean; None, with a line in the log, for what cannot be cleaned: it does not leave."""
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > MOST:
            logs.warning("a photo is too large to be cleaned and was left out", most_bytes=MOST)
            return None
    try:
        return stripped(bytes(data))
    except NotAPhoto as error:
        logs.warning("a photo could not be cleaned and was left out", reason=str(error))
        return None


def taken_at(settings: Settings, sha256: str) -> Position | None:
    """Where the phone wrote into the photo that it was; None when it did not, or the file is gone."""
    store = BlobStore(settings)
    return position(b"".join(store.chunks(sha256, 0, _HEAD))) if store.exists(sha256) else None
