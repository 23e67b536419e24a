"""What all schemas share: unknown fields are ignored (as ODK Central does), times go out as ISO 8601 with ms and Z."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from server.services.times import stamp


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
