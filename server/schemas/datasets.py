"""Entity lists and their properties."""

from __future__ import annotations

from marshmallow import fields

from server.schemas.base import Answer, Request, Stamp


class DatasetRequest(Request):
    """A new list."""

    name = fields.String(required=True)
    approvalRequired = fields.Boolean(load_default=False)


class DatasetChange(Request):
    """What may change of a list."""

    approvalRequired = fields.Boolean()
    ownerOnly = fields.Boolean()


class PropertyRequest(Request):
    """A new property."""

    name = fields.String(required=True)


class PropertyAnswer(Answer):
    """A property; forms are the ids of the forms that write it."""

    name = fields.String()
    odataName = fields.String(attribute="odata_name")
    publishedAt = Stamp(attribute="published_at")
    forms = fields.List(fields.String())


class DatasetAnswer(Answer):
    """A list."""

    name = fields.String()
    projectId = fields.Integer(attribute="project_id")
    createdAt = Stamp(attribute="created_at")
    approvalRequired = fields.Boolean(attribute="approval_required")
    ownerOnly = fields.Boolean(attribute="owner_only")
    deletedAt = Stamp(attribute="deleted_at")


class DatasetExtended(DatasetAnswer):
    """A list with counts."""

    entities = fields.Integer()
    lastEntity = Stamp(attribute="last_entity")
    conflicts = fields.Integer()


class DatasetDetails(DatasetAnswer):
    """A list with its properties and the forms around it."""

    properties = fields.List(fields.Nested(PropertyAnswer))
    linkedForms = fields.List(fields.Dict(), attribute="linked_forms")
    sourceForms = fields.List(fields.Dict(), attribute="source_forms")
