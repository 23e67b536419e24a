"""Shapes of answers: JSON, success, streamed JSON arrays and files. No logic."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from flask import Response, request

from server.extensions import streamed
from server.problems import Problem
from server.services.odata_options import flag

BATCH = 200
JSON = "application/json; charset=utf-8"


def as_json(data: Any, status: int = 200) -> Response:
    """The data as JSON; NaN has no place in it."""
    return Response(dumps(data), status=status, content_type=JSON)


def dumps(data: Any) -> str:
    """Compact JSON; refuses NaN and infinity rather than writing what no client can read."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def success() -> Response:
    """What ODK Central says when there is nothing to show."""
    return as_json({"success": True})


def json_array(rows: Iterable[dict[str, Any]]) -> Response:
    """A JSON array, streamed in pieces, so that a list of any length takes little memory."""
    return _streamed(streamed(_array(rows)), JSON)


def _streamed(pieces: Iterable[bytes] | Iterable[str], content_type: str) -> Response:
    response = Response(pieces, content_type=content_type)
    # Else werkzeug would read the whole body into memory to learn its length when it looks at the ETag.
    response.implicit_sequence_conversion = False
    return response


def _array(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    pieces, separator = ["["], ""
    for row in rows:
        pieces.append(separator + dumps(row))
        separator = ","
        if len(pieces) >= BATCH:
            yield "".join(pieces)
            pieces = []
    yield "".join([*pieces, "]"])


def stream(pieces: Iterable[bytes | str], content_type: str, filename: str | None = None) -> Response:
    """A body made while it is sent; `filename` makes it a download."""
    encoded = (piece.encode() if isinstance(piece, str) else piece for piece in pieces)
    response = _streamed(streamed(encoded), content_type)
    if filename:
        response.headers["Content-Disposition"] = disposition(filename)
    return response


def disposition(filename: str) -> str:
    """Content-Disposition of a download, with the name in ASCII for old readers and in UTF-8 for all others (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", filename) or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def extended() -> bool:
    """Whether the client asked for counts and names beside the bare rows."""
    return flag(request.headers.get("X-Extended-Metadata"))


def known_stamp(stamp: str) -> Response | None:
    """304 when the client's copy carries this stamp; asked before the body is made. Else None."""
    response = Response(status=200)
    response.set_etag(stamp, weak=True)
    response.make_conditional(request)
    return response if response.status_code == 304 else None


def page(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that `limit` and `offset` of the query ask for, of a list that is at hand as a whole."""
    limit, offset = limits()
    return rows[offset : None if limit is None else offset + limit]


def limits(default: int | None = None) -> tuple[int | None, int]:
    """`limit` and `offset` of the query. Raises Problem invalid_type (400.11) for what is no number from 0."""
    found: list[int | None] = []
    for name in ("limit", "offset"):
        text = request.args.get(name, "")
        if text and not (text.isascii() and text.isdigit()):
            raise Problem("invalid_type", field=name, expected="an integer from 0", got=text[:50])
        found.append(min(int(text[:18]), 2**53) if text else None)
    return found[0] if found[0] is not None else default, found[1] or 0
