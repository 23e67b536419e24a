"""Queries over the audit log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Actor, Audit

# Central's groups of actions; "nonverbose" is its name for everything but the many submission and entity rows.
VERBOSE = ("submission.create", "submission.update", "entity.create", "entity.update", "register.read")


def audits(
    session: Session, *, action: str | None = None, actor_id: int | None = None, start: dt.datetime | None = None,
    end: dt.datetime | None = None, limit: int | None = None, offset: int = 0,
) -> Sequence[tuple[Audit, Actor | None]]:
    """Rows newest first with their actor. action: an exact name, a group ("user": user.*), or "nonverbose"."""
    statement = select(Audit, Actor).outerjoin(Actor, Actor.id == Audit.actor_id)
    if action == "nonverbose":
        statement = statement.where(Audit.action.not_in(VERBOSE))
    elif action:
        statement = statement.where((Audit.action == action) | Audit.action.startswith(f"{action}.", autoescape=True))
    if actor_id is not None:
        statement = statement.where(Audit.actor_id == actor_id)
    if start is not None:
        statement = statement.where(Audit.logged_at >= start)
    if end is not None:
        statement = statement.where(Audit.logged_at <= end)
    statement = statement.order_by(Audit.logged_at.desc(), Audit.id.desc()).offset(offset).limit(limit)
    return [(row[0], row[1]) for row in session.execute(statement)]
