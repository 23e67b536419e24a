"""Sends one large file in pieces (tus 1.0.0), so that a cut costs at most one of them. Goes on after a kill of either side.

The address of an upload is written down before its next piece goes out. Pieces carry no checksum at first, because the server
then keeps what had come of one before a cut; the whole file is checked at its end, and if that fails it goes again with
a checksum on each piece. tuspy is not used: it opens a connection per piece,
which costs seconds over a satellite, and waits for ever on a link that stalls.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

import requests

from sync.client import documents
from sync.client.http import Connection
from sync.client.multipart import Part
from sync.client.problems import ServerAway
from sync.client.store import Item, Store

SMALLEST, FIRST, LARGEST = 16_384, 32_768, 4 << 20
# A piece should take about so long: shorter ones cost more headers, longer ones more at a cut.
SECONDS_OF_A_PIECE = 8.0
GONE = frozenset({404, 410})
_DAMAGED = 460
_TRIES = 5
_PIECE = "application/offset+octet-stream"


class FileRefused(Exception):
    """The server will never take this file as it is; status and message are its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReportGone(ServerAway):
    """The server does not have the report to which the file belongs (any more); it must be sent again first."""


@dataclass
class Pace:
    """How large the next piece should be, from how long the last one took, and how many arrived.

    One per run: the link is the same for all files.
    """

    size: int = FIRST
    arrived: int = 0

    def took(self, size: int, seconds: float) -> None:
        """A piece arrived."""
        self.arrived += 1
        fitting = int(size / seconds * SECONDS_OF_A_PIECE) if seconds > 0 else LARGEST
        self.size = max(SMALLEST, min(LARGEST, fitting, size * 4))

    def failed(self) -> None:
        """A piece did not arrive: the next one risks less."""
        self.size = max(SMALLEST, self.size // 2)


class Carrier:
    """Carries files of reports to `uploads` below the server URL. Raises ServerAway when the way fails: call again later."""

    def __init__(self, store: Store, connection: Connection, clock: Callable[[], float], pace: Pace) -> None:
        self._store, self._connection, self._clock, self._pace = store, connection, clock, pace
        self._wary = False

    def carry(self, item: Item, part: Part) -> None:
        """Returns when the server has the whole file. Raises ServerAway, ServerRefused, FileRefused, ReportGone."""
        address = self._store.upload_of(item.id, part.name)
        offset = self._where(address) if address else None
        if not address or offset is None:
            address, offset = self._begin(item, part, with_first=address is None)
        for _ in range(_TRIES):
            try:
                while offset < part.size:
                    offset = self._piece(address, part, offset)
                return
            except _Astray as turn:
                self._wary = self._wary or turn.damaged
                found = self._where(address)
                if found is None:
                    address, found = self._begin(item, part, with_first=False)
                offset = found
        raise ServerAway("The server takes no piece of a file; something on the way damages what is sent.")

    def _where(self, address: str) -> int | None:
        """The offset that the server tells, or None when it does not know the upload any more."""
        response = self._connection.call("HEAD", address, {"Tus-Resumable": "1.0.0"})
        if response.status_code in GONE:
            return None
        return _offset(self._checked(response, 200, 204))

    def _begin(self, item: Item, part: Part, with_first: bool) -> tuple[str, int]:
        """Creates the upload, with its first piece unless that went out before and only its answer was lost."""
        self._store.put_upload(item.id, part.name, "")
        metadata = {
            "formID": item.form_id, "instanceID": item.instance_id, "filename": part.name, "filetype": part.content_type,
            "sha256": part.path.name,
        }
        headers = {
            "Tus-Resumable": "1.0.0", "Upload-Length": str(part.size),
            "Upload-Metadata": ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in metadata.items()),
        }
        piece = b""
        if with_first:
            piece = _read(part, 0, self._pace.size)
            headers |= self._headers_of(piece)
        url = f"{self._connection.server_url}/uploads"
        response = self._timed("POST", url, headers, piece)
        if response.status_code == 404:
            raise ReportGone("The server does not have this report any more; it is sent again.")
        if response.status_code == _DAMAGED:
            self._wary = True
            return self._begin(item, part, with_first=False)
        self._checked(response, 201)
        address = urljoin(url, response.headers.get("Location", ""))
        self._store.put_upload(item.id, part.name, address)
        return address, _offset(response) if "Upload-Offset" in response.headers else 0

    def _piece(self, address: str, part: Part, offset: int) -> int:
        piece = _read(part, offset, self._pace.size)
        headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset)} | self._headers_of(piece)
        response = self._timed("PATCH", address, headers, piece)
        if response.status_code in {409, _DAMAGED, *GONE}:
            raise _Astray(damaged=response.status_code == _DAMAGED)
        return _offset(self._checked(response, 204, 200))

    def _headers_of(self, piece: bytes) -> dict[str, str]:
        return {"Content-Type": _PIECE} | ({"Upload-Checksum": _checksum(piece)} if self._wary else {})

    def _timed(self, method: str, url: str, headers: dict[str, str], piece: bytes) -> requests.Response:
        started = self._clock()
        try:
            response = self._connection.call(method, url, headers, piece)
        except ServerAway:
            self._pace.failed()
            raise
        if piece and response.ok:
            self._pace.took(len(piece), self._clock() - started)
        return response

    def _checked(self, response: requests.Response, *wanted: int) -> requests.Response:
        """The response if its status is wanted. Raises FileRefused for what will never pass, else as Connection.failure."""
        status = response.status_code
        if status in wanted:
            return response
        if status in {400, 413, 415, 422, 501}:
            raise FileRefused(status, documents.message(response.content) or f"HTTP {status} {response.reason}")
        raise self._connection.failure(response)


class _Astray(Exception):
    """The server stands elsewhere than we thought, or what it got was damaged."""

    def __init__(self, damaged: bool) -> None:
        super().__init__()
        self.damaged = damaged


def _read(part: Part, offset: int, size: int) -> bytes:
    with part.path.open("rb") as file:
        file.seek(offset)
        piece = file.read(min(size, part.size - offset))
    if not piece and offset < part.size:
        raise OSError(f"{part.path} is shorter than when it was queued")
    return piece


def _checksum(piece: bytes) -> str:
    return f"sha1 {base64.b64encode(hashlib.sha1(piece, usedforsecurity=False).digest()).decode()}"


def _offset(response: requests.Response) -> int:
    text = response.headers.get("Upload-Offset", "")
    if not text.isascii() or not text.isdigit():
        raise ServerAway("Something between here and the server answers in its place (no Upload-Offset).")
    return int(text)
