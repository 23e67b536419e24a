"""What all schemas share: unknown fields are ignored (as ODK Central does), times go out as ISO 8601 with ms and Z."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from server.services.times import stamp


class Stamp(fields.Field[dt.datetime]):
    """An instant of an answer; null when it has not come about."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_none": True, **options})

    def _serialize(self, value: dt.datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return stamp(value)


class Request(Schema):
    """A request body."""

    class Meta:
        unknown = EXCLUDE


class Query(Schema):
    """What an address takes behind the question mark. Views read it themselves; this is for the API's document."""


class Answer(Schema):
    """An answer body; dumped from rows or dicts."""


class SuccessAnswer(Answer):
    """There is nothing to show."""

    success = fields.Boolean()


class ProblemAnswer(Answer):
    """A refusal. The integer part of the code is the HTTP status."""

    message = fields.String(required=True)
    code = fields.Float(required=True)
    details = fields.Dict()


class PageQuery(Query):
    """Which rows of a list."""

    limit = fields.Integer(metadata={"minimum": 0})
    offset = fields.Integer(metadata={"minimum": 0})
