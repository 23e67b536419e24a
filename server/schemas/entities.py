"""Entities: rows of lists as plain functions, requests as schemas."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, fields

from server.models import Actor, Record
from server.schemas.base import Query, Request
from server.schemas.submissions import actor_row
from server.services.entities import Found, editor_id
from server.services.entity_history import EntityVersion, Judged
from server.services.times import stamp
from sync.merge.records import Record as PastRecord


class EntityRequest(Request):
    """A new entity, or several with their source. What is unexpected is refused by the service, with ODK Central's code."""

    class Meta:
        unknown = INCLUDE

    uuid = fields.Raw(allow_none=True)
    label = fields.Raw(allow_none=True)
    data = fields.Raw(allow_none=True)
    entities = fields.Raw()
    source = fields.Raw(allow_none=True)


class EntityChange(Request):
    """A change of an entity."""

    class Meta:
        unknown = INCLUDE

    label = fields.Raw(allow_none=True)
    data = fields.Raw(allow_none=True)


class EntityIds(Request):
    """Which entities."""

    ids = fields.List(fields.String(), required=True)


class EntityChangeQuery(Query):
    """The version that the change is made on, or that it does not matter; whether it settles the conflicts."""

    baseVersion = fields.Integer()
    force = fields.Boolean()
    resolve = fields.Boolean()


class EntityListQuery(Query):
    """Which entities of a list."""

    deleted = fields.Boolean()


class VersionsQuery(Query):
    """Which versions: all, or those that an officer needs to settle a conflict."""

    relevantToConflict = fields.Boolean()


class PastQuery(Query):
    """Until when it was observed (now, if not given), and known (received). ISO 8601; a mere date is the end of that day, UTC."""

    observed = fields.String()
    known = fields.String()


def past_entity(uuid: str, was: PastRecord) -> dict[str, Any]:
    """An entity as it was; provenance tells for each property who said it and by which rule it stood."""
    return {
        "uuid": uuid, "label": was.label, "data": dict(was.data), "aliases": list(was.aliases), "conflict": was.conflict,
        "provenance": {name: dict(origin) for name, origin in was.provenance.items()},
        "lastObservedAt": stamp(was.last_observed_at), "deletedAt": stamp(was.deleted_at), "entities": list(was.entities),
    }  # fmt: skip


def entity_row(
    record: Record, creator: Actor | None, extended: bool = False, editor: Actor | None = None
) -> dict[str, Any]:
    """An entity as lists show it, without its data. creatorId 0: imported, nobody sent it."""
    current = record.current or {}
    row: dict[str, Any] = {
        "uuid": record.id, "creatorId": record.creator_id or 0, "conflict": record.conflict,
        "createdAt": stamp(record.created_at), "updatedAt": stamp(record.updated_at), "deletedAt": stamp(record.deleted_at),
        "currentVersion": {
            "label": record.label, "current": True, "version": record.version, "creatorId": editor_id(record),
            "createdAt": current.get("created_at") or stamp(record.updated_at or record.created_at),
            "userAgent": current.get("user_agent") or "", "baseVersion": current.get("base_version"),
            "branchId": current.get("branch_id"), "trunkVersion": current.get("trunk_version"),
            "branchBaseVersion": current.get("branch_base_version"),
            "conflictingProperties": current.get("conflicting"),
        },
    }
    if extended:
        row["creator"] = actor_row(creator)
        row["currentVersion"]["creator"] = actor_row(editor)
    return row


def entity_details(found: Found, extended: bool = False) -> dict[str, Any]:
    """One entity with its data; mergedFrom is the asked id when that was merged into this entity."""
    row = entity_row(found.record, found.creator, extended, found.editor)
    row["currentVersion"]["data"] = dict(found.record.data)
    if found.merged:
        row["mergedFrom"] = found.asked
    return row


def version_row(judged: Judged, current: bool) -> dict[str, Any]:
    """One version of an entity. redirectedFrom: the id that its sender named, which was merged into this entity."""
    version, step = judged.version, judged.version.step
    said = step.observation
    row: dict[str, Any] = {
        "version": version.number, "label": version.label, "data": dict(version.data), "dataReceived": version.received,
        "current": current, "createdAt": stamp(version.at), "creatorId": version.actor.id if version.actor else 0,
        "creator": actor_row(version.actor), "userAgent": version.user_agent or "", "baseVersion": step.base,
        "branchId": said.branch_id if said else None, "trunkVersion": said.trunk_version if said else None,
        "branchBaseVersion": said.base_version if said and said.branch_id else None,
        "conflict": step.conflict, "resolved": step.resolved,
        "conflictingProperties": list(step.conflicting) if step.conflict else None,
        "baseDiff": list(judged.base_diff), "serverDiff": list(judged.server_diff), "lastGoodVersion": judged.last_good,
        "relevantToConflict": judged.relevant, "source": dict(version.source),
    }
    if version.redirected:
        row["redirectedFrom"] = version.redirected
    if step.item.version is not None and step.item.version.forced:
        row["forced"] = True
    return row


def log_row(row: dict[str, Any], extended: bool = False) -> dict[str, Any]:
    """One line of an entity's log; version is the number that the entry made."""
    actor: Actor | None = row["actor"]
    shown = {
        "actorId": actor.id if actor else None, "action": row["action"], "details": row["details"] or {},
        "loggedAt": stamp(row["at"]), "notes": row["notes"],
    }
    return {**shown, "actor": actor_row(actor)} if extended else shown


__all__ = [
    "EntityChange", "EntityChangeQuery", "EntityIds", "EntityListQuery", "EntityRequest", "EntityVersion", "PastQuery",
    "VersionsQuery", "entity_details", "entity_row", "log_row", "past_entity", "version_row",
]
