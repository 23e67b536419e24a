"""Queries over rules events (learnt weights) and over what weights are learnt from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import Entity, Event, Fact, Observation, PendingFact

RULES = "RULES"


def rules_events(session: Session, register: str | None = None) -> list[tuple[Event, Fact]]:
    """Every stored rules event, of one register or of all, oldest first by its clock."""
    query = select(Event, Fact).join(Fact, Fact.id == Event.fact_id).where(Event.type == RULES)
    if register is not None:
        query = query.where(Event.subject == register)
    return [(event, fact) for event, fact in session.execute(query.order_by(Fact.hlc, Fact.uuid))]


def events_of_types(session: Session, types: Collection[str]) -> list[tuple[Event, Fact]]:
    """The events of these types, oldest first by their clock."""
    query = select(Event, Fact).join(Fact, Fact.id == Event.fact_id).where(Event.type.in_(types))
    return [(event, fact) for event, fact in session.execute(query.order_by(Fact.hlc, Fact.uuid))]


def faces(session: Session, project_id: int, dataset: str) -> dict[str, dict[str, object]]:
    """The face of each living entity of a list that has one."""
    query = select(Entity.id, Entity.face).where(
        Entity.project_id == project_id, Entity.dataset == dataset, Entity.deleted_at.is_(None)
    )
    return {entity: face for entity, face in session.execute(query) if face}


def entity_ids(session: Session, project_id: int, dataset: str) -> Sequence[str]:
    """Everything that some observation of a list speaks of."""
    query = select(Observation.entity_id).where(Observation.project_id == project_id, Observation.dataset == dataset)
    return session.scalars(query.distinct().order_by(Observation.entity_id)).all()


def observation_count(session: Session, project_id: int, dataset: str) -> int:
    """How many observations a list has."""
    query = select(func.count()).select_from(Observation)
    return session.scalar(query.where(Observation.project_id == project_id, Observation.dataset == dataset)) or 0


def fact_ids(session: Session, project_id: int, dataset: str) -> list[int]:
    """The facts that the observations of a list come from, without those that wait to be folded."""
    waiting = select(PendingFact.fact_id)
    query = select(Observation.fact_id).where(
        Observation.project_id == project_id, Observation.dataset == dataset, Observation.fact_id.not_in(waiting)
    )
    return list(session.scalars(query.distinct().order_by(Observation.fact_id)))
