"""What every answer to a reader has, whichever door made it: ETag and 304, byte ranges, gzip. For links where each byte counts.

Works on finished answers only; knows nothing of their content. Views may set an ETag of their own (made from a stamp of the
data, before the body is made): then a body that is streamed stays streamed.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from flask import Flask, Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import ClosingIterator

SMALLEST = 500
_TEXT = re.compile(r"text/|application/([\w.+-]*\+)?(json|xml)\b|application/(javascript|manifest\+json|geo\+json)|image/svg")
# A file of the pages larger than this is not read into memory to be compressed.
_LARGEST_FILE = 8_000_000
_IN_MEMORY = 2_000_000
_MAX_KEPT = 32
_PIECE = 1 << 16
_kept: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()


def install(app: Flask) -> None:
    """Must be the first to ask for finished answers, because Flask asks in reverse order."""
    app.after_request(deliver)


def deliver(response: Response) -> Response:
    """The answer as this reader can take it with the fewest bytes."""
    if request.method not in {"GET", "HEAD"} or response.status_code != 200:
        return response
    if not response.direct_passthrough:
        if response.is_streamed and _length(response) is None:
            _settle(response)
        elif "ETag" not in response.headers and not response.is_streamed:
            response.add_etag(weak=True)
        _judge(response)
    _compress(response)
    return response


def _settle(response: Response) -> None:
    """A body of unknown length is written to a file first when a part of it is wanted, or when nothing tells its version."""
    if "Range" not in request.headers and "ETag" in response.headers:
        return
    digest, body = hashlib.sha256(), SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the answer
    try:
        for piece in response.iter_encoded():
            digest.update(piece)
            body.write(piece)
    except BaseException:
        body.close()
        raise
    finally:
        response.close()
    length = body.tell()
    body.seek(0)
    if length <= _IN_MEMORY:
        response.set_data(body.read())
        body.close()
    else:
        response.content_length = length
        response.response = _pieces(cast(IO[bytes], body))
        # Also when the answer becomes a 304 and nobody reads it.
        response.call_on_close(body.close)
    if "ETag" not in response.headers:
        response.set_etag(digest.hexdigest()[:32])


def _length(response: Response) -> int | None:
    told = response.headers.get("Content-Length")
    return None if told is None else int(told)


def _pieces(body: IO[bytes]) -> Iterator[bytes]:
    while piece := body.read(_PIECE):
        yield piece


def _judge(response: Response) -> None:
    """304 for whoever has it, 206 for whoever wants a part, 416 for a part that is not there."""
    length = _length(response) if response.is_streamed else len(response.get_data())
    if "ETag" not in response.headers and length is None:
        return
    try:
        response.make_conditional(request, accept_ranges=length is not None, complete_length=length)
    except RequestedRangeNotSatisfiable:
        response.status_code = 416
        response.set_data(b"")
        response.headers["Content-Range"] = f"bytes */{length}"


def _compress(response: Response) -> None:
    if response.status_code != 200 or not _TEXT.match(response.mimetype or "") or "Content-Encoding" in response.headers:
        return
    if "accept-encoding" not in response.headers.get("Vary", "").lower():
        response.headers.add("Vary", "Accept-Encoding")
    if request.accept_encodings.quality("gzip") <= 0 or "Range" in request.headers:
        return
    length = _length(response)
    if response.direct_passthrough:
        if length is None or not SMALLEST <= length <= _LARGEST_FILE:
            return
        response.direct_passthrough = False
        close = getattr(response.response, "close", None)
        response.set_data(_file(response.get_etag()[0] or "", response))
        if close is not None:
            close()
    elif response.is_streamed:
        close = getattr(response.response, "close", None)
        response.response = ClosingIterator(_gzipping(response.iter_encoded()), [close] if close else [])
        response.headers.pop("Content-Length", None)
    else:
        data = response.get_data()
        if len(data) < SMALLEST:
            return
        response.set_data(gzip.compress(data, 5, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    etag = response.get_etag()[0]
    if etag is not None:
        # The ETag speaks of the decoded bytes, so beside the encoding it can only be a weak one.
        response.set_etag(etag, weak=True)


def _gzipping(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The quickest compression, so that a long export does not take twice its time; the first piece goes out at once."""
    packer, first = zlib.compressobj(1, zlib.DEFLATED, 31), True  # 31: with gzip's header and trailer
    for piece in pieces:
        packed = packer.compress(piece)
        if first:
            packed, first = packed + packer.flush(zlib.Z_SYNC_FLUSH), False
        if packed:
            yield packed
    yield packer.flush()


def _file(etag: str, response: Response) -> bytes:
    """A file of the pages, compressed once."""
    with _lock:
        kept = _kept.get(etag)
    if kept is None:
        kept = gzip.compress(response.get_data(), 9, mtime=0)
        with _lock:
            _kept[etag] = kept
            while len(_kept) > _MAX_KEPT:
                _kept.popitem(last=False)
    return kept
