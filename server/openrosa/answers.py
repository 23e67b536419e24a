"""Answers in OpenRosa's manner: its headers on every one, ETag and 304, gzip, byte ranges."""

from __future__ import annotations

import gzip
import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from flask import Response, current_app, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from forms import openrosa
from server.config import Settings
from server.gate import identity_or_none
from server.openrosa import messages
from server.problems import Problem
from server.services.blobs import BlobStore
from server.services.form_media import MediaFile
from server.services.route_classes import accept_length

# What a phone downloads as text; pictures and sound are compressed already.
_TEXT = re.compile(r"\.(csv|xml|geojson|json|txt|html?|svg|kml|gpx)$", re.IGNORECASE)
_MAX_KEPT = 64
_gzipped: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()


def settings() -> Settings:
    """The settings in force."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def with_headers(response: Response) -> Response:
    """Adds the headers that every OpenRosa answer has (OpenRosa HTTP request API 1.0)."""
    response.headers["X-OpenRosa-Version"] = "1.0"
    response.headers["X-OpenRosa-Accept-Content-Length"] = str(accept_length(settings(), identity_or_none(), request.remote_addr))
    response.headers.setdefault("Content-Language", messages.language())
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def envelope(text: str, status: int, nature: str, items: int) -> Response:
    """An OpenRosaResponse; the item count is told to whoever asks with items=true, and with refusals as Central does."""
    told = items if request.args.get("items", "").lower() == "true" or status >= 400 else None
    body = openrosa.response(text, nature, told)
    return with_headers(Response(body, status=status, content_type=openrosa.CONTENT_TYPE))


def document(data: bytes, content_type: str, md5: str | None = None, gzipped: bytes | None = None) -> Response:
    """A document that a device may ask for again: 304 when it has it, gzip when it takes it."""
    response = with_headers(Response(data, content_type=content_type))
    if md5 is None:
        response.add_etag(weak=True)
    else:
        response.set_etag(md5)
    _judge_conditions(response, len(data))
    if response.status_code == 200 and data and _takes_gzip():
        response.set_data(gzipped or _compressed(data, md5))
        _mark_gzipped(response)
    response.headers.add("Vary", "Accept-Encoding")
    return response


def media(file: MediaFile) -> Response:
    """A file of a form: a list, or stored bytes sent from disk with byte ranges."""
    if file.content is not None:
        compressed = file.content.gzipped if _takes_gzip() else None
        response = document(file.content.data, file.content_type, file.md5, compressed)
    else:
        response = _stored(file, file.blob_sha256 or "")
    # An uploaded file is never a page of this server, whatever it says it is.
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers.set("Content-Disposition", "attachment", filename=file.name)
    return response


def _stored(file: MediaFile, sha256: str) -> Response:
    """An uploaded file, sent from disk: a range of it, or text compressed on the way."""
    store = BlobStore(settings())
    if not store.exists(sha256):
        raise Problem("not_found")
    response = with_headers(Response(store.chunks(sha256), content_type=file.content_type))
    response.content_length = file.size
    response.set_etag(file.md5)
    _judge_conditions(response, file.size)
    if _TEXT.search(file.name) or file.content_type.startswith("text/"):
        if response.status_code == 200 and file.size and _takes_gzip():
            response.response = _gzipping(store.chunks(sha256))
            response.headers.pop("Content-Length", None)
            _mark_gzipped(response)
        response.headers.add("Vary", "Accept-Encoding")
    return response


def _judge_conditions(response: Response, length: int) -> None:
    """Makes it 304 for whoever has it, 206 for whoever wants a part, 416 for a part that is not there."""
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=length)
    except RequestedRangeNotSatisfiable:
        response.status_code = 416
        response.set_data(b"")
        response.headers["Content-Range"] = f"bytes */{length}"


def _gzipping(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: a gzip header and trailer
    yield from (packed for piece in pieces if (packed := packer.compress(piece)))
    yield packer.flush()


def _mark_gzipped(response: Response) -> None:
    response.headers["Content-Encoding"] = "gzip"
    # The ETag speaks of the decoded bytes, so beside the encoding it can only be a weak one.
    response.set_etag(response.get_etag()[0] or "", weak=True)


def _takes_gzip() -> bool:
    return request.accept_encodings.quality("gzip") > 0 and "Range" not in request.headers


def _compressed(data: bytes, md5: str | None) -> bytes:
    """gzip of the data; what has an MD5 is a form's XML, asked for again and again, and is kept."""
    if md5 is None:
        return gzip.compress(data, 6, mtime=0)
    with _lock:
        kept = _gzipped.get(md5)
    if kept is None:
        kept = gzip.compress(data, 6, mtime=0)
        with _lock:
            _gzipped[md5] = kept
            while len(_gzipped) > _MAX_KEPT:
                _gzipped.popitem(last=False)
    return kept
