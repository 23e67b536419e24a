"""Queries over partners' lists: batches in somebody's scope, their rows in order, the facts of a merged list, what they meet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, delete, false, func, insert, select, true, update
from sqlalchemy.orm import Session, defer

from server.models import Area, CodeItem, Entity, Event, Fact, ImportBatch, ImportRow, Observation, Record
from server.queries.areas import in_force
from server.queries.mission import offered
from server.queries.scope import Scope

WORKING = ("reading", "checking", "merging")


def _visible(scope: Scope) -> ColumnElement[bool]:
    """An officer's lists are those of his sector; the whole mission's are headquarters'."""
    if scope.released_only or scope.own_actor_id is not None:
        return false()
    return true() if scope.sector_id is None else ImportBatch.sector_id == scope.sector_id


def listed(session: Session, scope: Scope, limit: int) -> Sequence[ImportBatch]:
    """The newest lists first."""
    query = select(ImportBatch).where(_visible(scope)).order_by(ImportBatch.created_at.desc(), ImportBatch.id).limit(limit)
    return session.scalars(query).all()


def batch(session: Session, scope: Scope, batch_id: str) -> ImportBatch | None:
    """One list, if this scope may see it."""
    return session.scalar(select(ImportBatch).where(ImportBatch.id == batch_id, _visible(scope)))


def next_to_work(session: Session) -> ImportBatch | None:
    """The list that has waited longest for the worker."""
    query = select(ImportBatch).where(ImportBatch.state.in_(WORKING)).order_by(ImportBatch.updated_at, ImportBatch.id)
    # Two workers (the server's and the console's) never take one step of a list at once.
    locked = query.limit(1).with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return session.scalar(locked)


def rows(session: Session, batch_id: str, outcome: str, after: int, limit: int) -> Sequence[ImportRow]:
    """The rows of one outcome beginning after a number, in the order of the file."""
    query = select(ImportRow).where(ImportRow.batch_id == batch_id, ImportRow.outcome == outcome, ImportRow.number > after)
    return session.scalars(query.order_by(ImportRow.number).limit(limit)).all()


def taken(session: Session, batch_id: str, after: int, limit: int) -> Sequence[ImportRow]:
    """The rows that a merge takes, beginning after a number."""
    query = select(ImportRow).options(defer(ImportRow.cells)).where(
        ImportRow.batch_id == batch_id, ImportRow.outcome.in_(("new", "join", "ask")), ImportRow.number > after
    )
    return session.scalars(query.order_by(ImportRow.number).limit(limit)).all()


def faulty(session: Session, batch_id: str, after: int, limit: int) -> list[ImportRow]:
    """Rows with a cell that was not understood, left out or not, beginning after a number."""
    query = select(ImportRow).where(ImportRow.batch_id == batch_id, ImportRow.number > after).order_by(ImportRow.number)
    found: list[ImportRow] = []
    for row in session.scalars(query.execution_options(yield_per=500)):
        if row.faults:
            found.append(row)
        if len(found) >= limit:
            break
    return found


def add_rows(session: Session, batch_id: str, numbered: Iterable[tuple[int, list[str]]]) -> None:
    """Keeps rows as they were read."""
    new = [{"batch_id": batch_id, "number": number, "cells": cells, "outcome": "read"} for number, cells in numbered]
    if new:
        session.execute(insert(ImportRow), new)


def delete_rows(session: Session, batch_id: str) -> None:
    """Lets all rows of a list go."""
    session.execute(delete(ImportRow).where(ImportRow.batch_id == batch_id))


def untouched(session: Session, states: Collection[str], since: dt.datetime) -> Sequence[ImportBatch]:
    """Lists in these states that nothing has happened to since."""
    return session.scalars(
        select(ImportBatch).where(ImportBatch.state.in_(states), ImportBatch.updated_at < since).order_by(ImportBatch.id)
    ).all()


def look_again(session: Session, batch_id: str) -> None:
    """Marks all rows as not checked."""
    session.execute(update(ImportRow).where(ImportRow.batch_id == batch_id).values(outcome="read"))


def count(session: Session, batch_id: str) -> int:
    """How many rows there are."""
    return session.scalar(select(func.count()).select_from(ImportRow).where(ImportRow.batch_id == batch_id)) or 0


def counts(session: Session, batch_id: str) -> dict[str, int]:
    """Rows by outcome."""
    query = select(ImportRow.outcome, func.count()).where(ImportRow.batch_id == batch_id).group_by(ImportRow.outcome)
    return {str(outcome): number for outcome, number in session.execute(query)}


def repeated_names(session: Session, batch_id: str) -> int:
    """How many rows share their name and area with another row of the list."""
    groups = (
        select(func.count().label("n")).where(ImportRow.batch_id == batch_id, ImportRow.name_key.is_not(None))
        .group_by(ImportRow.name_key, ImportRow.area).having(func.count() > 1).subquery()
    )
    return session.scalar(select(func.coalesce(func.sum(groups.c.n), 0))) or 0


def repeated_keys(session: Session, batch_id: str) -> list[tuple[ImportRow, int]]:
    """The rows whose own code an earlier sound row has already, with the number of that row."""
    first = (
        select(ImportRow.key, func.min(ImportRow.number).label("first"))
        .where(ImportRow.batch_id == batch_id, ImportRow.key.is_not(None), ImportRow.outcome == "said")
        .group_by(ImportRow.key).having(func.count() > 1).subquery()
    )
    query = select(ImportRow, first.c.first).join(first, first.c.key == ImportRow.key).where(
        ImportRow.batch_id == batch_id, ImportRow.outcome == "said", ImportRow.number > first.c.first
    )
    return [(row, number) for row, number in session.execute(query.order_by(ImportRow.number))]


def placed_names(session: Session, batch_id: str) -> list[tuple[int, str, str | None, float, float]]:
    """(number, folded name, area, lat, lon) of the rows with both."""
    query = select(ImportRow.number, ImportRow.name_key, ImportRow.area, ImportRow.lat, ImportRow.lon).where(
        ImportRow.batch_id == batch_id, ImportRow.lat.is_not(None), ImportRow.name_key.is_not(None)
    )
    found = session.execute(query.order_by(ImportRow.number))
    return [(row[0], str(row[1]), row[2], float(row[3] or 0), float(row[4] or 0)) for row in found]


def placed_records(session: Session, project_id: int, dataset: str) -> list[tuple[str, str | None, float, float]]:
    """(label, area, lat, lon) of the register's live records that have a position."""
    query = select(Record.label, Record.area_code, Record.lat, Record.lon).where(
        Record.project_id == project_id, Record.dataset == dataset, Record.lat.is_not(None), Record.deleted_at.is_(None)
    )
    return [(row[0], row[1], float(row[2] or 0), float(row[3] or 0)) for row in session.execute(query)]


def records_of(session: Session, project_id: int, dataset: str, entities: Collection[str]) -> dict[str, Record]:
    """The record that each of these entities belongs to now."""
    query = (
        select(Entity.id, Record).join(Record, (Record.id == Entity.record_id) & (Record.project_id == Entity.project_id)
                                       & (Record.dataset == Entity.dataset))
        .where(Entity.project_id == project_id, Entity.dataset == dataset, Entity.id.in_(entities))
    )  # fmt: skip
    return {entity: record for entity, record in session.execute(query)}


def anchors(session: Session, project_id: int, dataset: str, entities: Collection[str]) -> dict[str, str]:
    """The observation that created each of these entities."""
    query = select(Observation.entity_id, Observation.id).where(
        Observation.project_id == project_id, Observation.dataset == dataset, Observation.entity_id.in_(entities),
        Observation.state == "applied", Observation.version == 1,
    )
    return {entity: observation for entity, observation in session.execute(query)}


def area_names(session: Session, *, ended: bool = True) -> list[tuple[str, str, int, int | None]]:
    """(code, name, level, sector) of every area. ended: those too that a newer boundary set has no more."""
    narrowed = true() if ended else in_force(dt.datetime.now(dt.UTC).date())
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(
        select(Area.code, Area.name, Area.level, Area.sector_id).where(narrowed).order_by(Area.level, Area.code)
    )]


def area_sectors(session: Session) -> dict[str, int | None]:
    """The sector of each area: its own, or that of the nearest area around it."""
    rows = {code: (parent, sector) for code, parent, sector in session.execute(
        select(Area.code, Area.parent_code, Area.sector_id)
    )}
    found: dict[str, int | None] = {}
    for code in rows:
        at: str | None = code
        for _ in range(6):
            if at is None or at not in rows or rows[at][1] is not None:
                break
            at = rows[at][0]
        found[code] = rows[at][1] if at is not None and at in rows else None
    return found


def codes(session: Session, lists: Collection[str]) -> Sequence[CodeItem]:
    """The codes of these lists that are in use today."""
    query = select(CodeItem).where(CodeItem.list_name.in_(lists), offered(dt.datetime.now(dt.UTC).date()))
    return session.scalars(query.order_by(CodeItem.list_name, CodeItem.sort)).all()


# Facts of merged lists


def events_of(session: Session, fact_ids: Collection[int], types: Collection[str]) -> list[tuple[Event, Fact]]:
    """The events of these types among these facts."""
    query = select(Event, Fact).join(Fact, Fact.id == Event.fact_id).where(Event.fact_id.in_(fact_ids), Event.type.in_(types))
    return [(event, fact) for event, fact in session.execute(query.order_by(Fact.hlc, Fact.uuid))]


def headers(session: Session, list_ids: Collection[str]) -> dict[str, tuple[Event, Fact]]:
    """The IMPORT event of each list."""
    query = select(Event, Fact).join(Fact, Fact.id == Event.fact_id).where(Event.type == "IMPORT", Event.subject.in_(list_ids))
    return {str(event.subject): (event, fact) for event, fact in session.execute(query.order_by(Fact.hlc))}


def retractions(session: Session, targets: Collection[str]) -> list[tuple[Event, Fact]]:
    """Every retraction of these events, and of those retractions, and so on."""
    found: dict[str, tuple[Event, Fact]] = {}
    wanted = set(targets)
    while wanted:
        query = select(Event, Fact).join(Fact, Fact.id == Event.fact_id).where(
            Event.type == "RETRACT", Event.subject.in_(wanted)
        )
        new = {fact.uuid: (event, fact) for event, fact in session.execute(query) if fact.uuid not in found}
        found |= new
        wanted = set(new)
    return list(found.values())


def list_of(session: Session, event_uuid: str) -> str | None:
    """The list whose IMPORT event a retraction comes to in the end; None when it is of something else."""
    wanted: str | None = event_uuid
    for _ in range(50):
        row = session.execute(
            select(Event.type, Event.subject).join(Fact, Fact.id == Event.fact_id).where(Fact.uuid == wanted)
        ).first()
        if row is None or row[0] not in ("IMPORT", "RETRACT"):
            return None
        if row[0] == "IMPORT":
            return str(row[1])
        wanted = row[1]
    return None


def row_facts(session: Session, list_id: str) -> set[int]:
    """The facts that hold a list's rows."""
    query = select(Event.fact_id).where(Event.type == "IMPORT_ROWS", Event.subject == list_id)
    return set(session.scalars(query))


def speaking(session: Session, list_id: str) -> set[int]:
    """Those of them that say something now."""
    query = (
        select(Observation.fact_id).distinct().join(Event, Event.fact_id == Observation.fact_id)
        .where(Event.type == "IMPORT_ROWS", Event.subject == list_id)
    )
    return set(session.scalars(query))
