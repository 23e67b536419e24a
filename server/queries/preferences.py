"""Queries over what people's clients want remembered."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models.accounts import Preference


def preferences(session: Session, actor_id: int) -> Sequence[Preference]:
    """Everything that is remembered for somebody, by project and name."""
    return session.scalars(
        select(Preference).where(Preference.actor_id == actor_id).order_by(Preference.project_id, Preference.name)
    ).all()


def preference(session: Session, actor_id: int, project_id: int, name: str) -> Preference | None:
    """One of them; project_id 0: of the whole site."""
    return session.get(Preference, (actor_id, project_id, name))


def count(session: Session, actor_id: int) -> int:
    """How many things are remembered for somebody."""
    return session.scalar(select(func.count()).select_from(Preference).where(Preference.actor_id == actor_id)) or 0
