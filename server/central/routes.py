"""The blueprint of this door: every module adds its routes to it; path and query are checked here once for all."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from server.problems import Problem

routes = Blueprint("central", __name__, url_prefix="/v1")
NUMBERS = ("project_id", "actor_id", "number")
"""Values that are database keys. They are plain parts of the rules, as at the addresses that devices use: with rules of
one shape werkzeug chooses the more specific one, whichever door it belongs to, and a wrong number gets Central's code."""
MAX_NUMBER = 2**31 - 1


@routes.url_value_preprocessor
def _check_values(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Numbers become int (else 400.11, as in ODK Central); what no database can hold is refused before it gets there."""
    for name, value in (values or {}).items():
        if isinstance(value, str) and not _storable(value):
            raise Problem("not_found")
        if name in NUMBERS and values is not None:
            values[name] = _number(name, str(value))
    for name, text in request.args.items(multi=True):
        if not _storable(name) or not _storable(text):
            reason = "it holds characters that cannot be stored."
            raise Problem("unexpected_value", field="query", value="", reason=reason)


def _storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Problem("invalid_type", expected="an integer", got=text[:50], field=name)
    if len(text) > 10 or int(text) > MAX_NUMBER:
        raise Problem("not_found")
    return int(text)


@routes.after_request
def _revalidate(response: Response) -> Response:
    """Answers may be kept but must be asked after; a body that is known gets a weak ETag and may come back as 304."""
    response.headers.setdefault("Cache-Control", "private, no-cache")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if request.method in {"GET", "HEAD"} and response.status_code == 200:
        if "ETag" not in response.headers and not response.is_streamed:
            response.add_etag(weak=True)
        if "ETag" in response.headers:
            response.make_conditional(request)
    return response
