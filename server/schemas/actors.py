"""People, app users and roles."""

from __future__ import annotations

from marshmallow import fields, validate

from server.schemas.base import Answer, Query, Request, Stamp

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

    email = fields.String(allow_none=True)
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
    """A new app user (device). postId: the post it belongs to, whose forms it fills."""

    displayName = fields.String(required=True, validate=validate.Length(1, 255))
    postId = fields.Integer(allow_none=True, strict=True, validate=_KEY)


class AppUserAnswer(ActorAnswer):
    """An app user; token null: revoked, or not for the asking actor's eyes."""

    projectId = fields.Integer(attribute="project_id")
    token = fields.String(allow_none=True)
    postId = fields.Integer(attribute="post_id", allow_none=True)


class AppUserExtended(AppUserAnswer):
    """An app user with its maker and when it was last heard of."""

    createdBy = fields.Nested(ActorAnswer, attribute="created_by", allow_none=True)
    lastUsed = Stamp(attribute="last_used")


class AppUserWithProperties(AppUserAnswer):
    """An app user with the values of its properties by name."""

    properties = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True))


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


class AssignmentExtended(AssignmentAnswer):
    """The same with the person or app user."""

    actor = fields.Nested(ActorAnswer)


class FormAssignmentAnswer(AssignmentAnswer):
    """Who has which role on which form."""

    xmlFormId = fields.String(attribute="xml_form_id")


class FormAssignmentExtended(FormAssignmentAnswer):
    """The same with the person or app user."""

    actor = fields.Nested(ActorAnswer)


class PublicLinkRequest(Request):
    """A new public link."""

    displayName = fields.String(required=True, validate=validate.Length(1, 255))
    once = fields.Boolean(load_default=False)


class PublicLinkChange(Request):
    """What may change of a public link."""

    displayName = fields.String(validate=validate.Length(1, 255))
    once = fields.Boolean()


class PublicLinkAnswer(ActorAnswer):
    """A public link; token null: revoked."""

    once = fields.Boolean()
    token = fields.String(allow_none=True)


class PublicLinkExtended(PublicLinkAnswer):
    """A public link with its maker."""

    createdBy = fields.Nested(ActorAnswer, attribute="created_by", allow_none=True)


class PreferencesAnswer(Answer):
    """What the person's client wants remembered: by name for the site, by the project's number and name for projects."""

    site = fields.Dict(keys=fields.String())
    projects = fields.Dict(keys=fields.String(), values=fields.Dict(keys=fields.String()))


class PreferenceRequest(Request):
    """A value to remember, any JSON."""

    propertyValue = fields.Raw(required=True, allow_none=True)


class UserWithVerbs(UserAnswer):
    """The own account with what it may do, in ODK Central's words, and what its client wants remembered."""

    verbs = fields.List(fields.String())
    preferences = fields.Nested(PreferencesAnswer)


class UserMade(UserAnswer):
    """A new account; oneTimePassword: to hand over, when none was given."""

    oneTimePassword = fields.String()


class UserListQuery(Query):
    """Whom to look for."""

    q = fields.String()


class ResetRequest(Request):
    """Whose password is to be replaced."""

    email = fields.String(required=True, validate=validate.Length(1, 320))


class ResetVerification(Request):
    """The new password of whoever holds the one-time token."""

    new = fields.String(required=True, validate=validate.Length(max=1_000))


class ResetQuery(Query):
    """What becomes of the present password."""

    invalidate = fields.Boolean()


class ResetAnswer(Answer):
    """oneTimePassword: to hand over, when an administrator replaced the password."""

    success = fields.Boolean()
    oneTimePassword = fields.String()
