"""Entity lists and their properties."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, post_dump, validate

from server.schemas.base import Answer, Query, Request, Stamp


class AccessRule(Request):
    """An entity is served to an actor whose property has the value of the entity's property."""

    datasetProperty = fields.String(required=True)
    actorProperty = fields.String(required=True)


class AccessFilter(Request):
    """Who gets which entities on a device: only their own (ownerOnly), or those that one of the rules matches (property)."""

    type = fields.String(required=True, validate=validate.OneOf(("ownerOnly", "property")))
    rules = fields.List(fields.Nested(AccessRule), load_default=None, allow_none=True)


class DatasetRequest(Request):
    """A new list."""

    name = fields.String(required=True)
    approvalRequired = fields.Boolean()
    ownerOnly = fields.Boolean()
    accessFilter = fields.Nested(AccessFilter, allow_none=True)


class DatasetChange(Request):
    """What may change of a list."""

    approvalRequired = fields.Boolean()
    ownerOnly = fields.Boolean()
    accessFilter = fields.Nested(AccessFilter, allow_none=True)


class DatasetChangeQuery(Query):
    """When approval is no longer required: whether the reports that wait for it make their entities now."""

    convert = fields.Boolean()


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
    """A list. accessFilter is there when something limits who gets what."""

    name = fields.String()
    projectId = fields.Integer(attribute="project_id")
    createdAt = Stamp(attribute="created_at")
    approvalRequired = fields.Boolean(attribute="approval_required")
    ownerOnly = fields.Boolean(attribute="owner_only")
    accessFilter = fields.Dict(attribute="access_filter")
    deletedAt = Stamp(attribute="deleted_at")

    @post_dump
    def _leave_out(self, data: dict[str, Any], **_more: Any) -> dict[str, Any]:
        if data.get("accessFilter") is None:
            data.pop("accessFilter", None)
        return data


class DatasetExtended(DatasetAnswer):
    """A list with counts."""

    entities = fields.Integer()
    lastEntity = Stamp(attribute="last_entity")
    conflicts = fields.Integer()


class DatasetDetails(DatasetAnswer):
    """A list with its properties and the forms around it."""

    lastUpdate = Stamp(attribute="last_update")
    properties = fields.List(fields.Nested(PropertyAnswer))
    linkedForms = fields.List(fields.Dict(), attribute="linked_forms")
    sourceForms = fields.List(fields.Dict(), attribute="source_forms")
    draftLinkedForms = fields.List(fields.Dict(), attribute="draft_linked_forms")
    draftSourceForms = fields.List(fields.Dict(), attribute="draft_source_forms")


class DatasetDetailsExtended(DatasetDetails, DatasetExtended):
    """The same with counts."""


class ActorValues(Request):
    """Values of actor properties by name; null takes one away."""

    properties = fields.Dict(keys=fields.String(), required=True)


class AppUserProperties(Request):
    """What may change of an app user."""

    displayName = fields.String(validate=validate.Length(1, 255))
    properties = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)


class ActorPropertyAnswer(Answer):
    """A property that app users and collectors of the project may have; values: those in use (extended)."""

    name = fields.String()
    values = fields.List(fields.String())
