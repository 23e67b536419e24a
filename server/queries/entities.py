"""Queries behind /v1's entity lists: records within a scope, counted, ordered and read in batches; who uses a list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from server.models import Actor, Dataset, Entity, Form, FormAttachment, FormVersion, Observation, Record, SubmissionSummary
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
            func.count(), func.max(Record.updated_at), func.max(Record.created_at), func.sum(Record.digest),
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


def known_entities(session: Session, project_id: int, dataset: str, entity_ids: Sequence[str]) -> dict[str, bool]:
    """Which of these entity ids the list has, merged away ones too, and whether they are deleted."""
    found: dict[str, bool] = {}
    for start in range(0, len(entity_ids), BATCH):
        part = entity_ids[start : start + BATCH]
        rows = session.execute(
            select(Entity.id, Entity.deleted_at)
            .where(Entity.project_id == project_id, Entity.dataset == dataset, Entity.id.in_(part))
        )
        found |= {entity_id: deleted_at is not None for entity_id, deleted_at in rows}
    return found


def editors(session: Session, found: Sequence[Record]) -> dict[int, Actor]:
    """Who made the newest versions of these records."""
    wanted = {(record.current or {}).get("creator_id") or record.creator_id for record in found}
    rows = session.scalars(select(Actor).where(Actor.id.in_([each for each in wanted if each])))
    return {actor.id: actor for actor in rows}


def all_editors(session: Session, wanted: WantedRecords) -> dict[int, Actor]:
    """Whoever made the newest version of one of these records."""
    found: dict[int, Actor] = {}
    made = select(Record.current["creator_id"].as_integer()).where(*conditions(wanted)).distinct()
    for part in batches([each for each in session.scalars(made) if each]):
        found |= {actor.id: actor for actor in session.scalars(select(Actor).where(Actor.id.in_(part)))}
    return found


def batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """The ids in pieces that fit one statement."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def creators(session: Session, wanted: WantedRecords) -> Sequence[Actor]:
    """Everybody who made one of these records, by name."""
    made = select(Record.creator_id).where(*conditions(wanted)).distinct()
    return session.scalars(select(Actor).where(Actor.id.in_(made)).order_by(Actor.display_name, Actor.id)).all()


def last_change(session: Session, wanted: WantedRecords) -> dt.datetime | None:
    """When a record of the list was made, changed or deleted last."""
    row = session.execute(
        select(func.max(Record.created_at), func.max(Record.updated_at), func.max(Record.deleted_at)).where(*conditions(wanted))
    ).one()
    return max((each for each in row if each is not None), default=None)


def filled(session: Session, wanted: WantedRecords, name: str) -> tuple[int, list[tuple[str, str]]]:
    """How many records have a value of a property, and (id, label) of the first three."""
    where = (*conditions(wanted), func.coalesce(Record.data[name].as_string(), "") != "")
    number = session.scalar(select(func.count()).select_from(Record).where(*where)) or 0
    rows = session.execute(select(Record.id, Record.label).where(*where).order_by(Record.created_at).limit(3))
    return number, [(row[0], row[1]) for row in rows]


def counts(session: Session, scope: Scope, project_id: int) -> dict[str, tuple[int, Any, int]]:
    """Per list: live records, when the last was made, how many are in conflict."""
    rows = session.execute(
        select(Record.dataset, func.count(), func.max(Record.created_at), func.count(Record.conflict))
        .where(in_scope(scope, project_id), Record.deleted_at.is_(None)).group_by(Record.dataset)
    )
    return {name: (number, last, conflicts) for name, number, last, conflicts in rows}


def linked_forms(session: Session, dataset: Dataset, draft: bool = False) -> Sequence[tuple[str, str]]:
    """Ids and titles of forms whose published version (draft: whose draft) is served this list."""
    version = Form.draft_version_id if draft else Form.current_version_id
    rows = session.execute(
        select(Form.xml_form_id, FormVersion.title).join(FormVersion, FormVersion.id == version)
        .join(FormAttachment, FormAttachment.form_version_id == FormVersion.id)
        .where(Form.project_id == dataset.project_id, Form.deleted_at.is_(None), FormAttachment.dataset_name == dataset.name)
        .order_by(Form.xml_form_id)
    )
    return [(row[0], row[1]) for row in rows]


def source_forms(session: Session, project_id: int, draft: bool) -> Sequence[tuple[str, str, FormVersion]]:
    """Id, title and version of every form of the project whose published version (draft: whose draft) writes entities."""
    version = Form.draft_version_id if draft else Form.current_version_id
    rows = session.execute(
        select(Form.xml_form_id, FormVersion.title, FormVersion).join(FormVersion, FormVersion.id == version)
        .where(Form.project_id == project_id, Form.deleted_at.is_(None)).order_by(Form.xml_form_id)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def unapproved(session: Session, dataset: Dataset, form_ids: Collection[str]) -> list[int]:
    """The reports on these forms that nobody approved or rejected and that said nothing of the list yet, by their first fact."""
    said = select(Observation.fact_id).where(
        Observation.project_id == dataset.project_id, Observation.dataset == dataset.name
    )
    rows = session.scalars(
        select(SubmissionSummary.root_fact_id).where(
            SubmissionSummary.project_id == dataset.project_id, SubmissionSummary.xml_form_id.in_(form_ids),
            SubmissionSummary.is_draft.is_(False), SubmissionSummary.deleted_at.is_(None),
            func.coalesce(SubmissionSummary.review_state, "").not_in(("approved", "rejected")),
            SubmissionSummary.root_fact_id.not_in(said),
        ).order_by(SubmissionSummary.root_fact_id)
    )
    return list(rows)
