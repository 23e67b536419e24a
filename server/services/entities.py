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


@dataclass(frozen=True)
class Found:
    """A record with its creator; asked: the id that was asked for, another one when that was merged away."""

    record: Record
    creator: Actor | None
    asked: str

    @property
    def merged(self) -> bool:
        """Whether the asked id lives on in another record."""
        return self.asked != self.record.id


@dataclass(frozen=True)
class EntityVersion:
    """One step of a record's history: what was said, and label and data as they were after it."""

    number: int
    label: str
    data: dict[str, Any]
    said: Any
    actor: Actor | None


def wanted(who: Identity, dataset: Dataset, deleted: bool | None = False) -> WantedRecords:
    """The records of a list that the actor may see."""
    return WantedRecords(dataset.project_id, dataset.name, who.scope, deleted)


def find(session: Session, who: Identity, dataset: Dataset, entity_id: str, deleted: bool | None = False) -> Found:
    """The record of this id, or the one it was merged into. Raises Problem not_found, also outside the actor's sector."""
    asked = entity_uuid(entity_id) or entity_id
    survivor = records.survivor_id(session, dataset.name, asked, dataset.project_id) or asked
    found = queries.one(session, wanted(who, dataset, deleted), survivor)
    if found is None:
        raise Problem("not_found")
    return Found(found[0], found[1], asked)


def just_written(session: Session, dataset: Dataset, entity_id: str) -> Found:
    """The record of an entity that the actor has just written, wherever it lies now: for answering the write."""
    everywhere = WantedRecords(dataset.project_id, dataset.name, Scope(), None)
    survivor = records.survivor_id(session, dataset.name, entity_id, dataset.project_id) or entity_id
    found = queries.one(session, everywhere, survivor)
    if found is None:
        raise Problem("not_found")
    return Found(found[0], found[1], entity_id)


def create(session: Session, who: Identity, dataset: Dataset, wishes: Sequence[Mapping[str, Any]]) -> list[str]:
    """New entities ({uuid?, label, data}), all or none, committed; returns their ids.

    Raises Problem invalid_entity (400.28) for a faulty one and uniqueness (409.3) for an id that the list knows.
    """
    known = {each.name for each in datasets.properties(session, dataset)}
    made = [(_new_id(wish.get("uuid")), _label(wish.get("label")), _data(wish.get("data"), known)) for wish in wishes]
    ids = [entity_id for entity_id, _label_, _data_ in made]
    taken = queries.known_entities(session, dataset.project_id, dataset.name, ids)
    twice = taken | {each for each, number in Counter(ids).items() if number > 1}
    if twice:
        raise Problem("uniqueness", fields="uuid", values=", ".join(sorted(twice)[:5]))
    facts = [
        merging.write_entity(session, who, dataset.project_id, dataset.name, entity_id, "create", label, data)
        for entity_id, label, data in made
    ]
    _settle(session, facts)
    return ids


def update(
    session: Session, who: Identity, dataset: Dataset, found: Found, changes: Mapping[str, Any], base_version: int | None,
    force: bool,
) -> None:
    """Changes label and properties, and commits.

    Raises missing_parameter without base version or force, entity_version (409.15) when it was changed since.
    """
    version = found.record.version
    if not force:
        if base_version is None:
            raise Problem("missing_parameter", field="baseVersion")
        if base_version != version:
            raise Problem("entity_version", current=version, base=base_version)
    known = {each.name for each in datasets.properties(session, dataset)}
    label = _label(changes["label"]) if changes.get("label") is not None else None
    data = _data(changes.get("data"), known)
    fact = merging.write_entity(
        session, who, dataset.project_id, dataset.name, found.asked, "update", label, data, base_version=version
    )
    _settle(session, [fact])


def set_deleted(session: Session, who: Identity, dataset: Dataset, found: Found, deleted: bool) -> None:
    """Deletes or restores the record, and commits."""
    fact = merging.set_presence(session, who, dataset.project_id, dataset.name, found.record.id, deleted=deleted)
    action = "entity.delete" if deleted else "entity.restore"
    audit(session, who, action, f"entity:{dataset.name}/{found.record.id}")
    _settle(session, [fact])


def versions(session: Session, dataset: Dataset, record: Record) -> list[EntityVersion]:
    """The history of a record, oldest first; the last step shows the record as it is."""
    found: list[EntityVersion] = []
    label = ""
    data: dict[str, Any] = {}
    for said, actor in queries.applied(session, dataset.project_id, dataset.name, record.id):
        label = said.label or label or record.label
        data = {**data, **{name: text for name, text in said.values.items() if text}}
        found.append(EntityVersion(len(found) + 1, label, dict(data), said, actor))
    if found:
        last = found[-1]
        found[-1] = EntityVersion(record.version, record.label, dict(record.data), last.said, last.actor)
    return found


def _settle(session: Session, facts: Sequence[Fact]) -> None:
    folding.fold_now(session, facts)
    session.commit()


def _new_id(given: object) -> str:
    if given is None:
        return str(uuids.uuid4())
    found = entity_uuid(given) if isinstance(given, str) else None
    if found is None:
        raise Problem("invalid_entity", reason=f"The uuid {str(given)[:50]!r} is not a version 4 UUID.")
    return found


def _label(given: object) -> str:
    if not isinstance(given, str) or not given.strip():
        raise Problem("invalid_entity", reason="Label empty or missing.")
    return given.strip()


def _data(given: object, known: set[str]) -> dict[str, str]:
    """Values are texts; numbers are written out, because scripts send them so. null empties a property."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Problem("invalid_type", expected="an object of texts", got=type(given).__name__)
    found: dict[str, str] = {}
    for name, value in given.items():
        if name not in known:
            raise Problem("invalid_entity", reason=f"You specified the dataset property [{name[:100]}] which does not exist.")
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise Problem("invalid_type", expected="a text", got=type(value).__name__, field=name[:100])
        found[name] = "" if value is None else str(value)
    return found
