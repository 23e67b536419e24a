"""People, app users and roles."""

from __future__ import annotations

from marshmallow import fields, validate

from server.schemas.base import Answer, Request, Stamp

_KEY = validate.Range(1, 2**31 - 1)


class ActorAnswer(Answer):
    """Anybody who acts, as lists name them."""

    id = fields.Integer()
    type = fields.String()
    displayName = fields.String(attribute="display_name")
    createdAt = Stamp(attribute="created_at")
    updatedAt = Stamp(attribute="updated_at")
    deletedAt = Stamp(attribute="deleted_at")


class UserAnswer(ActorAnswer):
    """A person with e-mail address. role: this server's own role, beside ODK Central's fields."""

    email = fields.String()
    lastLoginAt = Stamp(attribute="last_login_at")
    role = fields.String()


class UserRequest(Request):
    """A new person. Without a password one is made and shown in the answer once."""

    email = fields.String(required=True, validate=validate.Length(1, 320))
    password = fields.String(allow_none=True, validate=validate.Length(max=1_000))
    displayName = fields.String(validate=validate.Length(1, 255))
    role = fields.String()
    sectorId = fields.Integer(allow_none=True, strict=True, validate=_KEY)
    postId = fields.Integer(allow_none=True, strict=True, validate=_KEY)
    branch = fields.String(allow_none=True, validate=validate.Length(max=10))


class UserChange(Request):
    """What may change of a person."""

    email = fields.String(validate=validate.Length(1, 320))
    displayName = fields.String(validate=validate.Length(1, 255))
    role = fields.String()


class PasswordChange(Request):
    """A person's own new password."""

    old = fields.String(required=True, validate=validate.Length(max=1_000))
    new = fields.String(required=True, validate=validate.Length(max=1_000))


class AppUserRequest(Request):
    """A new app user (device)."""

    displayName = fields.String(required=True, validate=validate.Length(1, 255))


class AppUserAnswer(ActorAnswer):
    """An app user; token null: revoked, or not for the asking actor's eyes."""

    projectId = fields.Integer(attribute="project_id")
    token = fields.String(allow_none=True)


class AppUserExtended(AppUserAnswer):
    """An app user with its maker and when it was last heard of."""

    createdBy = fields.Dict(attribute="created_by", allow_none=True)
    lastUsed = Stamp(attribute="last_used")


class RoleAnswer(Answer):
    """A role in ODK Central's words."""

    id = fields.Integer()
    name = fields.String()
    system = fields.String()
    verbs = fields.List(fields.String())
    createdAt = fields.Constant(None)
    updatedAt = fields.Constant(None)


class AssignmentAnswer(Answer):
    """Who has which role."""

    actorId = fields.Integer(attribute="actor_id")
    roleId = fields.Integer(attribute="role_id")
