"""What all schemas share: unknown fields are ignored (as ODK Central does), times go out as ISO 8601 with ms and Z."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marshmallow import EXCLUDE, Schema, fields


def stamp(instant: dt.datetime | None) -> str | None:
    """`2026-11-22T16:23:14.713Z`; clients cut at the point, so the milliseconds are always there."""
    if instant is None:
        return None
    return instant.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


class Stamp(fields.Field[dt.datetime]):
    """An instant of an answer."""

    def _serialize(self, value: dt.datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return stamp(value)


class Request(Schema):
    """A request body."""

    class Meta:
        unknown = EXCLUDE


class Answer(Schema):
    """An answer body; dumped from rows or dicts."""
