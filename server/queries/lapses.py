"""Queries over records of persons: whom nobody has spoken of for long, and what was already said about that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Event, Record
from sync.registers import CONSENT


def unconfirmed(
    session: Session, project_id: int, dataset: str, consent: str, before: dt.datetime, limit: int, start: int = 0
) -> Sequence[Record]:
    """Records whose consent counts and that no report observed since `before` (UTC), the longest unconfirmed first; deleted
    ones too. start: how many of them to pass over."""
    return session.scalars(
        select(Record).where(
            Record.project_id == project_id, Record.dataset == dataset, Record.last_observed_at < before,
            Record.data[consent].as_string() == CONSENT,
        ).order_by(Record.last_observed_at, Record.id).offset(start).limit(limit)
    ).all()


def told(session: Session, ids: Collection[str]) -> dict[tuple[int, str, str], dt.datetime]:
    """Since when nobody confirmed these records by the lapses that are stored already, folded or not: by (project id, list,
    record)."""
    found: dict[tuple[int, str, str], dt.datetime] = {}
    for event in session.scalars(select(Event).where(Event.type == "LAPSE", Event.subject.in_(ids))):
        said, since = event.payload, dt.datetime.fromisoformat(event.payload["since"])
        key = (int(said["project_id"]), str(said["dataset"]), str(said["entity"]))
        found[key] = max(since, found.get(key, since))
    return found
