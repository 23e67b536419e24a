"""Reads request bodies: JSON through a schema, or bytes. Everything that cannot be stored is refused here."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask import request
from marshmallow import Schema, ValidationError

from server.problems import Problem

MAX_JSON = 100_000_000
# What the conversion refuses anyway (forms.formcheck.workbook) need not be held in memory.
MAX_FORM = 11_000_000


def read(schema: Schema) -> dict[str, Any]:
    """The body as the schema demands it.

    Raises Problem unparseable (400.1) for what is no JSON object, missing_parameter (400.2) and unexpected_value (400.8).
    """
    body = json_body()
    if not isinstance(body, dict):
        raise Problem("unparseable", reason="a JSON object was expected.")
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise _as_problem(error, body) from error
    return loaded


def json_body() -> Any:
    """The body as JSON of any kind; an empty body is null. Raises Problem unparseable and too_large."""
    raw = limited_body(MAX_JSON)
    if not raw.strip():
        return None
    try:
        found = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Problem("unparseable", reason="the body is no valid JSON.") from error
    if not _storable(found):
        raise Problem("unparseable", reason="a text holds characters that cannot be stored (NUL or half of a character).")
    return found


def limited_body(limit: int) -> bytes:
    """The raw body. Raises Problem too_large above `limit` bytes, whether the size was declared or not."""
    if (request.content_length or 0) > limit:
        raise Problem("too_large", limit=limit)
    raw = request.stream.read(limit + 1)
    if len(raw) > limit:
        raise Problem("too_large", limit=limit)
    return bytes(raw)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _storable(value: Any) -> bool:
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            if "\x00" in each or any("\ud800" <= character <= "\udfff" for character in each):
                return False
        elif isinstance(each, dict):
            pending.extend(each)
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
    return True


def _as_problem(error: ValidationError, body: dict[str, Any]) -> Problem:
    messages = error.messages if isinstance(error.messages, dict) else {"body": error.messages}
    field, found = next(iter(messages.items()))
    while isinstance(found, dict):
        key, found = next(iter(found.items()))
        field = f"{field}.{key}"
    reason = str(found[0] if isinstance(found, list) else found)
    if reason.startswith("Missing data"):
        return Problem("missing_parameter", field=str(field))
    return Problem("unexpected_value", field=str(field), value=str(body.get(str(field)))[:100], reason=reason)
