"""Queries of the review queue and of decisions: open tasks in the order of their worth, who decided what about a record.

A task is shown only to somebody who may see both of its records.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from server.models import Attachment, CandidatePair, Entity, Event, EventTarget, Fact, Observation, Record, ReviewTask
from server.queries.scope import Scope

CHUNK = 400
_A, _B = aliased(Record), aliased(Record)


def _visible(statement: Any, scope: Scope, project_id: int) -> Any:
    if scope.released_only or scope.own_actor_id is not None:
        return statement.where(false())
    statement = statement.where(ReviewTask.project_id == project_id)
    if scope.sector_id is None:
        return statement
    statement = statement.outerjoin(_A, _same_record(_A, ReviewTask.a_record))
    statement = statement.outerjoin(_B, _same_record(_B, ReviewTask.b_record))
    # A held chain has no record yet; its task carries the sector itself.
    first = or_(_A.sector_id == scope.sector_id, and_(_A.id.is_(None), ReviewTask.sector_id == scope.sector_id))
    return statement.where(first, or_(ReviewTask.b_record.is_(None), _B.sector_id == scope.sector_id))


def _same_record(record: type[Record], named: Any) -> ColumnElement[bool]:
    return and_(record.id == named, record.project_id == ReviewTask.project_id, record.dataset == ReviewTask.dataset)


def _order(statement: Any, forward: bool = True) -> Any:
    if forward:
        return statement.order_by(ReviewTask.worth.desc(), ReviewTask.id)
    return statement.order_by(ReviewTask.worth, ReviewTask.id.desc())


def first_task(session: Session, scope: Scope, kind: str | None = None, project_id: int = 1) -> ReviewTask | None:
    """The open task that is worth most, of one kind when asked."""
    statement = _order(_visible(select(ReviewTask), scope, project_id))
    found: ReviewTask | None = session.scalar((statement.where(ReviewTask.kind == kind) if kind else statement).limit(1))
    return found


def task(session: Session, scope: Scope, task_id: str, project_id: int = 1) -> ReviewTask | None:
    """One open task, if this scope may see it."""
    found: ReviewTask | None = session.scalar(_visible(select(ReviewTask), scope, project_id).where(ReviewTask.id == task_id))
    return found


def neighbour(
    session: Session, scope: Scope, worth: float, task_id: str, *, forward: bool, kind: str | None = None, project_id: int = 1,
) -> ReviewTask | None:
    """The task next to a place in the queue, after it or before it; the task of that place may be gone already."""
    if forward:
        beyond = or_(ReviewTask.worth < worth, and_(ReviewTask.worth == worth, ReviewTask.id > task_id))
    else:
        beyond = or_(ReviewTask.worth > worth, and_(ReviewTask.worth == worth, ReviewTask.id < task_id))
    statement = _order(_visible(select(ReviewTask), scope, project_id).where(beyond), forward)
    found: ReviewTask | None = session.scalar((statement.where(ReviewTask.kind == kind) if kind else statement).limit(1))
    return found


def likeliest_pairs(session: Session, scope: Scope, limit: int, project_id: int = 1) -> Sequence[ReviewTask]:
    """The open questions about two records that are most probably one, the likeliest first."""
    statement = _visible(select(ReviewTask), scope, project_id).where(ReviewTask.kind == "pair")
    return session.scalars(statement.order_by(ReviewTask.score.desc(), ReviewTask.id).limit(limit)).all()


def tasks_named(session: Session, scope: Scope, task_ids: Collection[str], project_id: int = 1) -> Sequence[ReviewTask]:
    """Those of these questions that are still open, as far as this scope may see them."""
    statement = _visible(select(ReviewTask), scope, project_id).where(ReviewTask.id.in_(task_ids))
    return session.scalars(statement.order_by(ReviewTask.id)).all()


def task_asking(session: Session, scope: Scope, observation_ids: Collection[str], project_id: int = 1) -> ReviewTask | None:
    """The open task that asks about exactly these observations (one, or a pair)."""
    asked = ReviewTask.b_observation.in_(observation_ids) if len(observation_ids) > 1 else ReviewTask.b_observation.is_(None)
    statement = _visible(select(ReviewTask), scope, project_id).where(ReviewTask.a_observation.in_(observation_ids), asked)
    found: ReviewTask | None = session.scalar(_order(statement).limit(1))
    return found


def versions(session: Session, asked: ReviewTask) -> list[tuple[str, int]]:
    """The records of a question with their versions."""
    rows = session.execute(
        select(Record.id, Record.version).where(
            Record.project_id == asked.project_id, Record.dataset == asked.dataset,
            Record.id.in_([one for one in (asked.a_record, asked.b_record) if one is not None]),
        ).order_by(Record.id)
    )
    return [(record, version) for record, version in rows]


def counts(session: Session, scope: Scope, project_id: int = 1) -> dict[str, int]:
    """How many tasks are open, by kind."""
    statement = _visible(select(ReviewTask.kind, func.count()), scope, project_id).group_by(ReviewTask.kind)
    return {kind: int(number) for kind, number in session.execute(statement)}


def tasks_about(session: Session, scope: Scope, dataset: str, record_id: str, project_id: int = 1) -> Sequence[ReviewTask]:
    """The open tasks that a record takes part in."""
    statement = _visible(select(ReviewTask), scope, project_id).where(
        ReviewTask.dataset == dataset, or_(ReviewTask.a_record == record_id, ReviewTask.b_record == record_id)
    )
    return session.scalars(_order(statement)).all()


def events_naming(session: Session, targets: Collection[str], types: Collection[str]) -> list[tuple[Fact, Event]]:
    """Events of these types that name one of the targets (observations, or "list/entity"), oldest first."""
    found: dict[int, tuple[Fact, Event]] = {}
    ordered = sorted(set(targets))
    for start in range(0, len(ordered), CHUNK):
        rows = session.execute(
            select(Fact, Event).join(Event, Event.fact_id == Fact.id).join(EventTarget, EventTarget.fact_id == Fact.id)
            .where(EventTarget.target.in_(ordered[start : start + CHUNK]), Event.type.in_(types))
        )
        found |= {fact.id: (fact, event) for fact, event in rows}
    return sorted(found.values(), key=lambda pair: pair[0].hlc)


def pins_with_an_end(session: Session) -> list[tuple[Fact, Event]]:
    """The pins that name a last day, oldest first, whether or not it has passed."""
    until = Event.payload["until"].as_string()
    rows = session.execute(
        select(Fact, Event).join(Event, Event.fact_id == Fact.id).where(Event.type == "PIN", until.is_not(None)).order_by(Fact.id)
    )
    return [(fact, event) for fact, event in rows]


def decisions_of(session: Session, actor_id: int, limit: int) -> list[tuple[Fact, Event]]:
    """What this actor judged, chose, pinned and took back, newest first."""
    rows = session.execute(
        select(Fact, Event).join(Event, Event.fact_id == Fact.id)
        .where(Fact.actor_id == actor_id, Event.type.in_(("JUDGE", "CHOOSE", "PIN", "RETRACT")))
        .order_by(Fact.id.desc()).limit(limit)
    )
    return [(fact, event) for fact, event in rows]


def batch_of(session: Session, actor_id: int, batch: str) -> list[tuple[Fact, Event]]:
    """What this actor judged in one go."""
    rows = session.execute(
        select(Fact, Event).join(Event, Event.fact_id == Fact.id)
        .where(Fact.actor_id == actor_id, Event.type == "JUDGE", Event.payload["batch"].as_string() == batch)
        .order_by(Fact.id)
    )
    return [(fact, event) for fact, event in rows]


def events_by_uuid(session: Session, uuids: Collection[str]) -> list[tuple[Fact, Event]]:
    """Several events by the uuids of their facts."""
    rows = session.execute(select(Fact, Event).join(Event, Event.fact_id == Fact.id).where(Fact.uuid.in_(uuids)))
    return [(fact, event) for fact, event in rows]


def records_named(session: Session, event: Event) -> list[str]:
    """The records that an event speaks of now: those of the observations judged, or of the entity named."""
    payload = event.payload
    if event.type == "JUDGE":
        entity = select(Observation.project_id, Observation.dataset, Observation.entity_id).where(
            Observation.id.in_([payload["a"], payload["b"]])
        ).subquery()
        joined = and_(
            Entity.project_id == entity.c.project_id, Entity.dataset == entity.c.dataset, Entity.id == entity.c.entity_id
        )
        found = session.scalars(select(Entity.record_id).join(entity, joined))
    else:
        found = session.scalars(
            select(Entity.record_id).where(
                Entity.project_id == int(payload.get("project_id", 1)), Entity.dataset == payload.get("dataset"),
                Entity.id == payload.get("entity"),
            )
        )
    return sorted({record_id for record_id in found if record_id})


def pairs_among(session: Session, dataset: str, entity_ids: Collection[str], project_id: int = 1) -> Sequence[CandidatePair]:
    """The compared pairs whose two entities are both in this collection."""
    return session.scalars(
        select(CandidatePair).where(
            CandidatePair.project_id == project_id, CandidatePair.dataset == dataset,
            CandidatePair.a_id.in_(entity_ids), CandidatePair.b_id.in_(entity_ids),
        ).order_by(CandidatePair.a_id, CandidatePair.b_id)
    ).all()


def photos(session: Session, submission_fact_ids: Collection[int], limit: int = 12) -> list[Attachment]:
    """Pictures that came with these versions of reports, the latest per name, newest report first."""
    newest = (
        select(func.max(Attachment.fact_id)).where(
            Attachment.submission_fact_id.in_(submission_fact_ids), Attachment.content_type.startswith("image/"),
        ).group_by(Attachment.submission_fact_id, Attachment.name)
    )
    statement = select(Attachment).where(Attachment.fact_id.in_(newest))
    return list(session.scalars(statement.order_by(Attachment.submission_fact_id.desc(), Attachment.name).limit(limit)))
