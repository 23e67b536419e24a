"""Keys for encrypted forms, in ODK Central's shape. A private key has none: it is never handed out."""

from __future__ import annotations

from marshmallow import fields

from server.schemas.base import Answer, Request, Stamp


class KeyAnswer(Answer):
    """A key that reports were encrypted with; managed: its private half is here, wrapped by a passphrase."""

    id = fields.Integer()
    public = fields.String()
    managed = fields.Boolean()
    hint = fields.String(allow_none=True)
    createdAt = Stamp(attribute="created_at")


class ProjectKeyRequest(Request):
    """The passphrase (at least 10 characters) that a new project key is wrapped by, and a hint shown to whoever unlocks."""

    passphrase = fields.String(required=True)
    hint = fields.String(allow_none=True)


class PassphrasesRequest(Request):
    """Passphrases by the number of their key, such as {"3": "..."}."""


class UnlockedAnswer(Answer):
    """What unlocking did: how many reports are in clear now, how many still locked, and why (a problem by receipt)."""

    unlocked = fields.Integer()
    locked = fields.Integer()
    refused = fields.Dict()
