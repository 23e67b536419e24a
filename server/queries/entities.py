"""Queries behind /v1's entity lists: records within a scope, counted, ordered and read in batches; who uses a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from server.models import Actor, Dataset, Entity, Form, FormAttachment, FormVersion, Observation, Record
from server.queries.odata_filter import FilterField
from server.queries.records import in_scope
from server.queries.scope import Scope

BATCH = 500
FILTER_FIELDS: dict[str, FilterField] = {
    "__id": FilterField(Record.__table__.c.id, "text"),
    "label": FilterField(Record.__table__.c.label, "text"),
    "__system/createdAt": FilterField(Record.__table__.c.created_at, "time"),
    "__system/updatedAt": FilterField(Record.__table__.c.updated_at, "time"),
    "__system/deletedAt": FilterField(Record.__table__.c.deleted_at, "time"),
    "__system/creatorId": FilterField(Record.__table__.c.creator_id, "number"),
    "__system/conflict": FilterField(Record.__table__.c.conflict, "text"),
}


@dataclass(frozen=True)
class WantedRecords:
    """Which records of a list, in which order (newest first by default). deleted: True only those, None both."""

    project_id: int
    dataset: str
    scope: Scope
    deleted: bool | None = False
    condition: ColumnElement[bool] | None = None
    words: tuple[str, ...] = ()
    order: Sequence[ColumnElement[Any]] = ()


def conditions(wanted: WantedRecords) -> list[ColumnElement[bool]]:
    """Everything that a record must fulfil to be in the list."""
    found = [in_scope(wanted.scope, wanted.project_id), Record.dataset == wanted.dataset]
    if wanted.deleted is not None:
        found.append(Record.deleted_at.is_not(None) if wanted.deleted else Record.deleted_at.is_(None))
    if wanted.condition is not None:
        found.append(wanted.condition)
    found += [Record.search.contains(word, autoescape=True) for word in wanted.words]
    return found


def count(session: Session, wanted: WantedRecords) -> int:
    """How many there are."""
    return session.scalar(select(func.count()).select_from(Record).where(*conditions(wanted))) or 0


def fingerprint(session: Session, wanted: WantedRecords) -> str:
    """A text that changes when anything in the list changes."""
    row = session.execute(
        select(
            func.count(), func.max(Record.updated_at), func.max(Record.created_at), func.sum(Record.version),
            func.max(Record.deleted_at), func.count(Record.conflict),
        ).where(*conditions(wanted))
    ).one()
    return "|".join(str(part) for part in row)


def ids(session: Session, wanted: WantedRecords, limit: int | None = None, offset: int = 0) -> list[str]:
    """The ids of one page (or of all) in order."""
    order = [*wanted.order, Record.created_at.desc(), Record.id.desc()]
    statement = select(Record.id).where(*conditions(wanted)).order_by(*order)
    if limit is not None or offset:
        statement = statement.limit(2**53 if limit is None else limit).offset(offset)
    return list(session.scalars(statement))


def by_ids(session: Session, wanted: WantedRecords, page: Sequence[str]) -> Iterator[tuple[Record, Actor | None]]:
    """These records with their creators, in the order given, read in batches."""
    for start in range(0, len(page), BATCH):
        part = page[start : start + BATCH]
        rows = session.execute(
            select(Record, Actor).outerjoin(Actor, Actor.id == Record.creator_id)
            .where(Record.project_id == wanted.project_id, Record.dataset == wanted.dataset, Record.id.in_(part))
        )
        found = {record.id: (record, actor) for record, actor in rows}
        yield from (found[key] for key in part if key in found)
        if len(page) > BATCH:
            session.expunge_all()


def one(session: Session, wanted: WantedRecords, record_id: str) -> tuple[Record, Actor | None] | None:
    """One record with its creator."""
    row = session.execute(
        select(Record, Actor).outerjoin(Actor, Actor.id == Record.creator_id).where(*conditions(wanted), Record.id == record_id)
    ).first()
    return None if row is None else (row[0], row[1])


def known_entities(session: Session, project_id: int, dataset: str, entity_ids: Sequence[str]) -> set[str]:
    """Which of these entity ids the list has, merged away and deleted ones too."""
    found: set[str] = set()
    for start in range(0, len(entity_ids), BATCH):
        part = entity_ids[start : start + BATCH]
        found |= set(session.scalars(
            select(Entity.id).where(Entity.project_id == project_id, Entity.dataset == dataset, Entity.id.in_(part))
        ))
    return found


def applied(session: Session, project_id: int, dataset: str, record_id: str) -> Sequence[tuple[Observation, Actor | None]]:
    """What was applied to the entities of a record, in the order received, with who sent it."""
    rows = session.execute(
        select(Observation, Actor)
        .join(
            Entity,
            (Entity.id == Observation.entity_id) & (Entity.project_id == Observation.project_id)
            & (Entity.dataset == Observation.dataset),
        )
        .outerjoin(Actor, Actor.id == Observation.actor_id)
        .where(
            Entity.project_id == project_id, Entity.dataset == dataset, Entity.record_id == record_id,
            Observation.state == "applied",
        ).order_by(Observation.hlc, Observation.id)
    )
    return [(row[0], row[1]) for row in rows]


def counts(session: Session, scope: Scope, project_id: int) -> dict[str, tuple[int, Any, int]]:
    """Per list: live records, when the last was made, how many are in conflict."""
    rows = session.execute(
        select(Record.dataset, func.count(), func.max(Record.created_at), func.count(Record.conflict))
        .where(in_scope(scope, project_id), Record.deleted_at.is_(None)).group_by(Record.dataset)
    )
    return {name: (number, last, conflicts) for name, number, last, conflicts in rows}


def linked_forms(session: Session, dataset: Dataset) -> Sequence[tuple[str, str]]:
    """Ids and titles of forms whose published version is served this list."""
    rows = session.execute(
        select(Form.xml_form_id, FormVersion.title).join(FormVersion, FormVersion.id == Form.current_version_id)
        .join(FormAttachment, FormAttachment.form_version_id == FormVersion.id)
        .where(Form.project_id == dataset.project_id, Form.deleted_at.is_(None), FormAttachment.dataset_name == dataset.name)
        .order_by(Form.xml_form_id)
    )
    return [(row[0], row[1]) for row in rows]


def titles(session: Session, project_id: int, form_ids: Sequence[str]) -> dict[str, str]:
    """Titles of published forms by form id."""
    rows = session.execute(
        select(Form.xml_form_id, FormVersion.title).join(FormVersion, FormVersion.id == Form.current_version_id)
        .where(Form.project_id == project_id, Form.deleted_at.is_(None), Form.xml_form_id.in_(form_ids))
    )
    return {row[0]: row[1] for row in rows}
