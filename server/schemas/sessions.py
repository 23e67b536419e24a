"""Log-in and its answer."""

from __future__ import annotations

from marshmallow import fields

from server.schemas.base import Answer, Request, Stamp


class SessionRequest(Request):
    """E-mail address and password."""

    email = fields.String(allow_none=True, metadata={"minLength": 1})
    password = fields.String(allow_none=True, metadata={"minLength": 1})


class SessionAnswer(Answer):
    """The bearer token, shown once."""

    token = fields.String()
    csrf = fields.String()
    expiresAt = Stamp(attribute="expires_at")
    createdAt = Stamp(attribute="created_at")
