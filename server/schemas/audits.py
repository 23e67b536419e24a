"""The audit log."""

from __future__ import annotations

from marshmallow import fields

from server.schemas.actors import ActorAnswer
from server.schemas.base import Answer, PageQuery, Stamp


class AuditAnswer(Answer):
    """Who did or read what; acteeId names what it was done to."""

    actorId = fields.Integer(allow_none=True)
    action = fields.String()
    acteeId = fields.String(allow_none=True)
    details = fields.Dict(allow_none=True)
    loggedAt = Stamp()
    notes = fields.String(allow_none=True)
    actor = fields.Nested(ActorAnswer, allow_none=True)
    actee = fields.Dict(allow_none=True)


class AuditQuery(PageQuery):
    """Which rows: an action or group of actions (nonverbose: all but the many), since and until when."""

    action = fields.String()
    start = fields.String()
    end = fields.String()
