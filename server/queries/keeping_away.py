"""Queries over released warnings."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Event, Release


def warned(session: Session, dataset: str, property: str) -> Sequence[Release]:
    """The releases of this list, out or proposed, that tell somebody to keep away."""
    told = Release.data[property].as_string().is_not(None)
    out = Release.state.in_(("released", "proposed"))
    return session.scalars(select(Release).where(Release.dataset == dataset, out, told).order_by(Release.number)).all()


def is_told(session: Session, subject: str, number: str) -> bool:
    """Whether the withdrawal of this release is stored already, folded or not."""
    events = session.scalars(select(Event).where(Event.type == "WITHDRAW", Event.subject == subject))
    return any(event.payload.get("number") == number for event in events)
