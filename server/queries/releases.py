"""Queries of releases: rows by record and state, the events they are made of, what stands behind a record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, cast, delete, false, func, select
from sqlalchemy.orm import Session

from server.models import Entity, Event, Fact, Observation, Release, SubmissionSummary
from server.queries.scope import Scope

TYPES = ("PROPOSE", "RELEASE", "WITHHOLD", "WITHDRAW")
CHUNK = 400


def _visible(scope: Scope, project_id: int) -> ColumnElement[bool]:
    if scope.released_only or scope.own_actor_id is not None:
        return false()
    own = Release.project_id == project_id
    return own if scope.sector_id is None else and_(own, Release.sector_id == scope.sector_id)


def in_state(state: str, instant: dt.datetime) -> ColumnElement[bool]:
    """The condition for a state as officers see it: "released" and "expired" differ by valid_until only."""
    past = and_(Release.valid_until.is_not(None), Release.valid_until <= instant)
    if state == "expired":
        return and_(Release.state == "released", past)
    return and_(Release.state == "released", ~past) if state == "released" else Release.state == state


def page(
    session: Session, scope: Scope, state: str, instant: dt.datetime, after: str | None, limit: int, project_id: int = 1,
) -> Sequence[Release]:
    """Releases in that state, the latest number first, beginning below `after`."""
    statement = select(Release).where(_visible(scope, project_id), in_state(state, instant))
    if after:
        statement = statement.where(Release.number < after)
    return session.scalars(statement.order_by(Release.number.desc()).limit(limit)).all()


def counts(session: Session, scope: Scope, instant: dt.datetime, project_id: int = 1) -> dict[str, int]:
    """How many releases are in each state, "expired" apart from "released"."""
    past = and_(Release.state == "released", Release.valid_until.is_not(None), Release.valid_until <= instant)
    state = case((past, "expired"), else_=Release.state)
    rows = session.execute(select(state, func.count()).where(_visible(scope, project_id)).group_by(state))
    return {str(name): int(number) for name, number in rows}


def release(session: Session, scope: Scope, number: str, project_id: int = 1) -> Release | None:
    """One release by number, if the scope may see it."""
    return session.scalar(select(Release).where(_visible(scope, project_id), Release.number == number))


def of_records(session: Session, scope: Scope, dataset: str, ids: Collection[str], project_id: int = 1) -> Sequence[Release]:
    """All releases made of these records (or of entities that are parts of them now), latest first."""
    return session.scalars(
        select(Release).where(_visible(scope, project_id), Release.dataset == dataset, Release.record_id.in_(ids))
        .order_by(Release.number.desc())
    ).all()


def last_number(session: Session, year: int) -> int:
    """The highest number given in that year so far; 0 when there is none."""
    number = Event.payload["number"].as_string()
    highest = session.scalar(
        select(func.max(cast(func.substr(number, 10), Integer)))
        .where(Event.type.in_(("PROPOSE", "RELEASE")), number.like(f"REL-{year}-%"))
    )
    return int(highest or 0)


def subjects_of(session: Session, fact_ids: Collection[int]) -> set[str]:
    """What the release events among these facts speak of."""
    found: set[str] = set()
    ordered = sorted(fact_ids)
    for start in range(0, len(ordered), CHUNK):
        part = ordered[start : start + CHUNK]
        rows = session.scalars(select(Event.subject).where(Event.fact_id.in_(part), Event.type.in_(TYPES)))
        found |= {subject for subject in rows if subject}
    return found


def events_of(session: Session, subjects: Collection[str]) -> list[tuple[Fact, Event]]:
    """All release events about these subjects, in the order of the hybrid clock."""
    found: list[tuple[Fact, Event]] = []
    ordered = sorted(subjects)
    for start in range(0, len(ordered), CHUNK):
        rows = session.execute(
            select(Fact, Event).join(Event, Event.fact_id == Fact.id)
            .where(Event.type.in_(TYPES), Event.subject.in_(ordered[start : start + CHUNK]))
        )
        found += [(fact, event) for fact, event in rows]
    return sorted(found, key=lambda pair: (pair[0].hlc, pair[0].uuid))


def replace(session: Session, keys: Collection[tuple[int, str, str]], rows: Sequence[dict[str, Any]]) -> None:
    """Puts these rows in place of all releases of the records (project, dataset, record id)."""
    for project_id, dataset, record_id in sorted(keys):
        session.execute(
            delete(Release).where(
                Release.project_id == project_id, Release.dataset == dataset, Release.record_id == record_id
            )
        )
    session.add_all(Release(**row) for row in rows)
    session.flush()


def origins(
    session: Session, dataset: str, record_ids: Collection[str], project_id: int = 1,
) -> dict[str, tuple[set[str | None], set[int]]]:
    """For each record: the UN markings of the reports behind it, and the actors who sent them."""
    found: dict[str, tuple[set[str | None], set[int]]] = {record_id: (set(), set()) for record_id in record_ids}
    ordered = sorted(record_ids)
    for start in range(0, len(ordered), CHUNK):
        rows = session.execute(
            select(Entity.record_id, SubmissionSummary.un_class, Observation.actor_id)
            .join(Observation, and_(Observation.project_id == Entity.project_id, Observation.dataset == Entity.dataset,
                                    Observation.entity_id == Entity.id))
            .outerjoin(SubmissionSummary, SubmissionSummary.root_fact_id == Observation.fact_id)
            .where(Entity.project_id == project_id, Entity.dataset == dataset,
                   Entity.record_id.in_(ordered[start : start + CHUNK]))
            .distinct()
        )  # fmt: skip
        for record_id, marking, actor_id in rows:
            markings, actors = found[str(record_id)]
            markings.add(marking)
            if actor_id is not None:
                actors.add(actor_id)
    return found

