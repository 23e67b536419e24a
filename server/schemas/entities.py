"""Entities: rows of lists as plain functions, requests as schemas."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from server.models import Actor, Record
from server.schemas.base import Request
from server.schemas.submissions import actor_row
from server.services.entities import EntityVersion, Found
from server.services.times import stamp


class EntityRequest(Request):
    """A new entity, or several with their source."""

    uuid = fields.String(allow_none=True)
    label = fields.Raw(allow_none=True)
    data = fields.Raw(allow_none=True)
    entities = fields.List(fields.Dict())
    source = fields.Dict(allow_none=True)


class EntityChange(Request):
    """A change of an entity."""

    label = fields.Raw(allow_none=True)
    data = fields.Raw(allow_none=True)


class EntityIds(Request):
    """Which entities."""

    ids = fields.List(fields.String(), required=True)


def entity_row(record: Record, creator: Actor | None, extended: bool = False) -> dict[str, Any]:
    """An entity as lists show it, without its data. creatorId 0: imported, nobody sent it."""
    row: dict[str, Any] = {
        "uuid": record.id, "creatorId": record.creator_id or 0, "conflict": record.conflict,
        "createdAt": stamp(record.created_at), "updatedAt": stamp(record.updated_at), "deletedAt": stamp(record.deleted_at),
        "currentVersion": {
            "label": record.label, "current": True, "version": record.version, "creatorId": record.creator_id or 0,
            "createdAt": stamp(record.updated_at or record.created_at), "userAgent": "",
            "baseVersion": record.version - 1 if record.version > 1 else None, "conflictingProperties": None,
        },
    }
    if extended:
        row["creator"] = actor_row(creator)
        row["currentVersion"]["creator"] = row["creator"]
    return row


def entity_details(found: Found, extended: bool = False) -> dict[str, Any]:
    """One entity with its data; mergedFrom is the asked id when that was merged into this entity."""
    row = entity_row(found.record, found.creator, extended)
    row["currentVersion"]["data"] = dict(found.record.data)
    if found.merged:
        row["mergedFrom"] = found.asked
    return row


def version_row(version: EntityVersion, current: bool) -> dict[str, Any]:
    """One step of an entity's history; source is the instanceID of the report that made it."""
    said = version.said
    return {
        "version": version.number, "label": version.label, "data": version.data, "current": current,
        "createdAt": stamp(said.received_at), "creatorId": said.actor_id or 0, "creator": actor_row(version.actor),
        "userAgent": "", "baseVersion": said.base_version, "branchId": said.branch_id, "trunkVersion": said.trunk_version,
        "conflictingProperties": None, "source": {"submission": {"instanceId": said.source}} if said.source else {},
    }
