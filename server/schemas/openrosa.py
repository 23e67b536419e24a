"""What the devices' door takes behind the question mark; its answers are XML."""

from __future__ import annotations

from marshmallow import fields

from server.schemas.base import Query


class FormListQuery(Query):
    """Which forms, and how much of them. deviceID is taken and grants nothing."""

    formID = fields.String()
    verbose = fields.Boolean()
    listAllVersions = fields.Boolean()
    deviceID = fields.String()


class VersionQuery(Query):
    """Another version than the present one."""

    version = fields.String()


class IntegrityQuery(Query):
    """The entities that a device asks about, comma-separated; all without it."""

    id = fields.String()


class SubmissionQuery(Query):
    """strict=1: refuse as ODK Central does what would be kept in quarantine."""

    deviceID = fields.String()
    strict = fields.String()
    items = fields.Boolean()
