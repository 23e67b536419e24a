"""Projects."""

from __future__ import annotations

from marshmallow import fields, validate

from server.schemas.base import Answer, Request, Stamp


class ProjectRequest(Request):
    """A new project."""

    name = fields.String(required=True, validate=validate.Length(1, 255))
    description = fields.String(allow_none=True, validate=validate.Length(max=10_000))


class ProjectChange(Request):
    """What may change of a project."""

    name = fields.String(validate=validate.Length(1, 255))
    description = fields.String(allow_none=True, validate=validate.Length(max=10_000))
    archived = fields.Boolean(allow_none=True)
    cleanPhotos = fields.Boolean()


class WholeAssignment(Request):
    """Who has which role on a form."""

    actorId = fields.Integer(required=True, strict=True, validate=validate.Range(1, 2**31 - 1))
    roleId = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100))


class WholeForm(Request):
    """A form of the project: its state and everybody who is assigned to it."""

    xmlFormId = fields.String(required=True)
    state = fields.String(validate=validate.OneOf(["open", "closing", "closed"]))
    assignments = fields.List(fields.Nested(WholeAssignment))


class ProjectWhole(ProjectChange):
    """All that may change of a project."""

    name = fields.String(required=True, validate=validate.Length(1, 255))
    forms = fields.List(fields.Nested(WholeForm))


class ProjectAnswer(Answer):
    """A project."""

    id = fields.Integer()
    name = fields.String()
    description = fields.String(allow_none=True)
    archived = fields.Boolean()
    keyId = fields.Integer(attribute="key_id", allow_none=True)
    cleanPhotos = fields.Boolean(attribute="clean_photos")
    createdAt = Stamp(attribute="created_at")
    updatedAt = Stamp(attribute="updated_at")
    deletedAt = Stamp(attribute="deleted_at")


class ProjectExtended(ProjectAnswer):
    """A project with counts and what the asking actor may do in it."""

    appUsers = fields.Integer(attribute="app_users")
    forms = fields.Integer()
    datasets = fields.Integer()
    lastSubmission = Stamp(attribute="last_submission")
    lastEntity = Stamp(attribute="last_entity")
    verbs = fields.List(fields.String())
