"""Queries over the properties of app users and collectors."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Actor, ActorProperty, ActorValue


def properties(session: Session, project_id: int) -> Sequence[ActorProperty]:
    """The actor properties of a project by name."""
    return session.scalars(
        select(ActorProperty).where(ActorProperty.project_id == project_id).order_by(ActorProperty.name)
    ).all()


def values(session: Session, project_id: int, actor_ids: Collection[int] | None = None) -> dict[int, dict[str, str]]:
    """By actor, the values of the project's properties; of everybody when nobody is named."""
    query = (
        select(ActorValue.actor_id, ActorProperty.name, ActorValue.value)
        .join(ActorProperty, ActorProperty.id == ActorValue.property_id)
        .where(ActorProperty.project_id == project_id)
    )
    if actor_ids is not None:
        query = query.where(ActorValue.actor_id.in_(actor_ids))
    found: dict[int, dict[str, str]] = {}
    for actor_id, name, value in session.execute(query):
        found.setdefault(actor_id, {})[name] = value
    return found


def actor_exists(session: Session, actor_id: int) -> bool:
    """Whether there is such an actor that was not deleted."""
    return session.scalar(select(Actor.id).where(Actor.id == actor_id, Actor.deleted_at.is_(None))) is not None
