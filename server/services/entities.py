"""Entities as API clients read and write them: one per record of a list, under the surviving id.

A write is one more fact, folded at once, so that the client reads it back. A record that was merged away answers with
the record it went into.
"""

from __future__ import annotations

import uuid as uuids
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from forms.entities import entity_uuid
from server.models import Actor, Dataset, Fact, Record
from server.problems import Problem
from server.queries import entities as queries
from server.queries import records
from server.queries.entities import WantedRecords
from server.queries.scope import Scope
from server.services import datasets, folding, merging
from server.services.audits import audit
from server.services.identity import Identity

EXPECTED = ("label", "uuid", "data")


@dataclass(frozen=True)
class Found:
    """A record with its creator and whoever changed it last; asked: the id that was asked for, another one when that was
    merged away."""

    record: Record
    creator: Actor | None
    asked: str
    editor: Actor | None = None

    @property
    def merged(self) -> bool:
        """Whether the asked id lives on in another record."""
        return self.asked != self.record.id


@dataclass(frozen=True)
class Client:
    """Who writes with what: the User-Agent, and the note of the header X-Action-Notes."""

    user_agent: str | None = None
    notes: str | None = None

    def told(self, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """As an event's payload keeps it."""
        told = {"user_agent": self.user_agent, "notes": self.notes, "source": source}
        return {name: each for name, each in told.items() if each}


def wanted(who: Identity, dataset: Dataset, deleted: bool | None = False) -> WantedRecords:
    """The records of a list that the actor may see."""
    return WantedRecords(dataset.project_id, dataset.name, who.scope, deleted)


def find(session: Session, who: Identity, dataset: Dataset, entity_id: str, deleted: bool | None = False) -> Found:
    """The record of this id, or the one it was merged into. Raises Problem not_found, also outside the actor's sector."""
    return _find(session, wanted(who, dataset, deleted), entity_uuid(entity_id) or entity_id)


def just_written(session: Session, dataset: Dataset, entity_id: str) -> Found:
    """The record of an entity that the actor has just written, wherever it lies now: for answering the write."""
    return _find(session, WantedRecords(dataset.project_id, dataset.name, Scope(), None), entity_id)


def _find(session: Session, where: WantedRecords, asked: str) -> Found:
    survivor = records.survivor_id(session, where.dataset, asked, where.project_id) or asked
    found = queries.one(session, where, survivor)
    if found is None:
        raise Problem("not_found")
    record, creator = found
    editors = queries.editors(session, [record])
    return Found(record, creator, asked, editors.get(editor_id(record)))


def editor_id(record: Record) -> int:
    """Who made the newest version; 0 for nobody known."""
    current = record.current or {}
    return int(current.get("creator_id") or (0 if current else record.creator_id or 0))


def create(
    session: Session, who: Identity, dataset: Dataset, wishes: Sequence[Mapping[str, Any]], client: Client,
    source: Mapping[str, Any] | None = None,
) -> list[str]:  # fmt: skip
    """New entities ({uuid?, label, data}), all or none, committed; returns their ids. source: the file several came from.

    Raises the problems of ODK Central: unexpected_attributes, missing_parameter, unexpected_value, invalid_type,
    invalid_entity for a faulty one, uniqueness (409.3) for an id that the list knows, uuid_deleted (409.19).
    """
    known = {each.name for each in datasets.properties(session, dataset)}
    made = [_new(wish, known) for wish in wishes]
    ids = [entity_id for entity_id, _label_, _data_ in made]
    _check_ids(session, dataset, ids)
    how = client.told(source)
    facts = [
        merging.write_entity(session, who, dataset.project_id, dataset.name, entity_id, "create", label, data, how=how)
        for entity_id, label, data in made
    ]
    if source is not None:
        audit(session, who, "entity.bulk.create", _actee(dataset), {"source": dict(source)}, client.notes)
    else:
        for entity_id in ids:
            audit(session, who, "entity.create", _actee(dataset, entity_id), _details(dataset, entity_id), client.notes)
    _settle(session, facts)
    return ids


def _check_ids(session: Session, dataset: Dataset, ids: Sequence[str]) -> None:
    taken = queries.known_entities(session, dataset.project_id, dataset.name, ids)
    gone = sorted(entity_id for entity_id, deleted in taken.items() if deleted)
    if gone:
        raise Problem("uuid_deleted", entityUuids=", ".join(gone[:5]))
    twice = set(taken) | {each for each, number in Counter(ids).items() if number > 1}
    if twice:
        raise Problem("uniqueness", fields="uuid", values=", ".join(sorted(twice)[:5]))


def check_version(found: Found, base_version: int | None, force: bool) -> None:
    """Raises entity_version (409.15) unless the client knew the current version, or forces the change."""
    if not force and base_version != found.record.version:
        raise Problem("entity_version", current=found.record.version, base="undefined" if base_version is None else base_version)


def update(
    session: Session, who: Identity, dataset: Dataset, found: Found, changes: Mapping[str, Any], client: Client,
) -> None:  # fmt: skip
    """Changes label and properties, and commits. Raises as `create` does for faulty ones."""
    known = {each.name for each in datasets.properties(session, dataset)}
    _check_attributes(changes)
    if changes.get("label") is None and changes.get("data") is None:
        raise Problem("invalid_entity", reason="No entity data or label provided.")
    label = _label(changes["label"]) if changes.get("label") is not None else None
    data = _data(changes.get("data"), known)
    fact = merging.write_entity(
        session, who, dataset.project_id, dataset.name, found.asked, "update", label, data,
        base_version=found.record.version, how=client.told(),
    )  # fmt: skip
    audit(
        session, who, "entity.update.version", _actee(dataset, found.record.id), _details(dataset, found.record.id),
        client.notes,
    )  # fmt: skip
    _settle(session, [fact])


def resolve(session: Session, who: Identity, dataset: Dataset, found: Found, client: Client) -> None:
    """Declares the record's conflicts settled, and commits. Raises no_conflict (400.32) when there is none."""
    fact = merging.resolve(session, who, dataset.project_id, dataset.name, found.record.id, client.notes)
    audit(
        session, who, "entity.update.resolve", _actee(dataset, found.record.id), _details(dataset, found.record.id),
        client.notes,
    )  # fmt: skip
    _settle(session, [fact])


def check_conflict(found: Found) -> None:
    """Raises no_conflict (400.32) when there is nothing to settle."""
    if found.record.conflict is None:
        raise Problem("no_conflict")


def set_deleted(
    session: Session, who: Identity, dataset: Dataset, found: Sequence[Found], deleted: bool, client: Client
) -> None:
    """Deletes or restores records, and commits."""
    facts = [
        merging.set_presence(session, who, dataset.project_id, dataset.name, each.record.id, deleted=deleted) for each in found
    ]
    action = "delete" if deleted else "restore"
    if len(found) > 1:
        told = {"entityUuids": [each.record.id for each in found]}
        audit(session, who, f"entity.bulk.{action}", _actee(dataset), told, client.notes)
    for each in found:
        audit(session, who, f"entity.{action}", _actee(dataset, each.record.id), _details(dataset, each.record.id), client.notes)
    _settle(session, facts)


def several(session: Session, who: Identity, dataset: Dataset, ids: Sequence[str], deleted: bool) -> list[Found]:
    """Those of these ids that are there, each record once. Raises invalid_type for what is no UUID."""
    asked = []
    for each in ids:
        found = entity_uuid(each)
        if found is None:
            raise Problem("invalid_type", expected="valid version 4 UUID", got=each[:50], field="ids")
        asked.append(found)
    where = wanted(who, dataset, deleted)
    seen: dict[str, Found] = {}
    for each in dict.fromkeys(asked):
        survivor = records.survivor_id(session, dataset.name, each, dataset.project_id) or each
        row = queries.one(session, where, survivor)
        if row is not None:
            seen.setdefault(survivor, Found(row[0], row[1], each))
    return list(seen.values())


def _settle(session: Session, facts: Sequence[Fact]) -> None:
    folding.fold_now(session, facts)
    session.commit()


def _actee(dataset: Dataset, entity_id: str | None = None) -> str:
    return f"entity:{dataset.name}/{entity_id}" if entity_id else f"dataset:{dataset.project_id}/{dataset.name}"


def _details(dataset: Dataset, entity_id: str) -> dict[str, Any]:
    return {"entity": {"uuid": entity_id, "dataset": dataset.name}}


def _new(wish: Mapping[str, Any], known: set[str]) -> tuple[str, str, dict[str, str]]:
    _check_attributes(wish)
    entity_id = _new_id(wish.get("uuid"))
    if wish.get("label") is None:
        raise Problem("missing_parameter", field="label")
    return entity_id, _label(wish["label"]), _data(wish.get("data"), known)


def _check_attributes(body: Mapping[str, Any]) -> None:
    if not set(body) <= set(EXPECTED):
        raise Problem("unexpected_attributes", expected=", ".join(EXPECTED), actual=", ".join(map(str, body))[:200])


def _new_id(given: object) -> str:
    if given is None or given == "":
        return str(uuids.uuid4())
    if not isinstance(given, str):
        raise Problem("invalid_type", expected="string", got=type(given).__name__, field="uuid")
    found = entity_uuid(given)
    if found is None:
        raise Problem("invalid_type", expected="valid version 4 UUID", got=given[:50], field="uuid")
    return found


def _label(given: object) -> str:
    if not isinstance(given, str):
        raise Problem("invalid_type", expected="string", got=type(given).__name__, field="label")
    if not given.strip():
        raise Problem("unexpected_value", field="label", value="(empty string)", reason="Label cannot be blank.")
    return given


def _data(given: object, known: set[str]) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Problem("invalid_type", expected="an object of texts", got=type(given).__name__, field="data")
    found: dict[str, str] = {}
    for name, value in given.items():
        if not isinstance(value, str):
            raise Problem("invalid_type", expected="string", got=type(value).__name__, field=name[:100])
        if name not in known:
            raise Problem("invalid_entity", reason=f"You specified the dataset property [{name[:100]}] which does not exist.")
        found[name] = value
    return found
