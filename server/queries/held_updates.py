"""Queries over what reports ask of entity lists and could not be done: parts of offline chains that wait, and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true
from sqlalchemy.orm import Session

from server.models import Entity, Observation, Post, Record, Submission
from server.queries.scope import Scope


@dataclass(frozen=True)
class Waiting:
    """An operation that was not applied: its record when the entity exists, its post, and its report's form and receipt."""

    observation: Observation
    record: Record | None
    post: Post | None
    receipt: str | None
    form_id: str | None


def _visible(scope: Scope) -> ColumnElement[bool]:
    """In an officer's sector: sent by one of its posts, or about one of its records."""
    if scope.released_only or scope.own_actor_id is not None:
        return false()
    if scope.sector_id is None:
        return true()
    return or_(Post.sector_id == scope.sector_id, Record.sector_id == scope.sector_id)


def _joined() -> Select[Observation, Record, Post, str, str]:
    entity = and_(
        Entity.id == Observation.entity_id, Entity.project_id == Observation.project_id, Entity.dataset == Observation.dataset
    )
    record = and_(
        Record.id == Entity.record_id, Record.project_id == Observation.project_id, Record.dataset == Observation.dataset
    )
    return (
        select(Observation, Record, Post, Submission.receipt, Submission.xml_form_id)
        .outerjoin(Entity, entity).outerjoin(Record, record).outerjoin(Post, Post.id == Observation.post_id)
        .outerjoin(Submission, Submission.fact_id == Observation.fact_id)
    )


def listed(session: Session, scope: Scope, state: str, limit: int) -> Sequence[Waiting]:
    """The operations in that state (held, failed), the longest waiting first for held ones, the newest first for failed ones."""
    order = Observation.hlc if state == "held" else Observation.hlc.desc()
    statement = _joined().where(Observation.state == state, _visible(scope)).order_by(order, Observation.id).limit(limit)
    return [Waiting(row[0], row[1], row[2], row[3], row[4]) for row in session.execute(statement)]


def count(session: Session, scope: Scope, state: str) -> int:
    """How many there are."""
    found = _joined().where(Observation.state == state, _visible(scope)).with_only_columns(func.count())
    return session.scalar(found.order_by(None)) or 0


def one(session: Session, scope: Scope, observation_id: str) -> Waiting | None:
    """One operation that was not applied, if this scope may see it."""
    row = session.execute(
        _joined().where(Observation.id == observation_id, Observation.state.in_(("held", "failed")), _visible(scope))
    ).first()
    return Waiting(row[0], row[1], row[2], row[3], row[4]) if row is not None else None


def of_report(session: Session, fact_id: int) -> Sequence[tuple[Observation, str | None]]:
    """Everything that a report asked of entity lists, each with the record that its entity belongs to now."""
    entity = and_(
        Entity.id == Observation.entity_id, Entity.project_id == Observation.project_id, Entity.dataset == Observation.dataset
    )
    rows = session.execute(
        select(Observation, Entity.record_id).outerjoin(Entity, entity).where(Observation.fact_id == fact_id)
        .order_by(Observation.dataset, Observation.id)
    )
    return [(row[0], row[1]) for row in rows]
