"""Queries of states: which record names another one, and which records are in a state."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Record


def naming(session: Session, project_id: int, dataset: str, property: str, ids: Collection[str]) -> str | None:
    """The id of a live record of the list whose property names one of these, the first made; None without one."""
    statement = select(Record.id).where(
        Record.project_id == project_id, Record.dataset == dataset, Record.deleted_at.is_(None),
        Record.data[property].as_string().in_(sorted(ids)),
    ).order_by(Record.created_at, Record.id).limit(1)
    return session.scalar(statement)


def in_states(session: Session, dataset: str, property: str, states: Collection[str], project_id: int = 1) -> Sequence[Record]:
    """The live records of the list that are in one of these states."""
    return session.scalars(
        select(Record).where(
            Record.project_id == project_id, Record.dataset == dataset, Record.deleted_at.is_(None),
            Record.data[property].as_string().in_(sorted(states)),
        ).order_by(Record.id)
    ).all()
