"""Notes when a device called last, seldom enough that it costs the device's requests nothing."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server import logs
from server.models import AppUser
from server.queries import devices as queries
from server.services.journal import now

EVERY = dt.timedelta(minutes=5)


def note(session: Session, app_user: AppUser) -> None:
    """Writes last_seen_at at most every five minutes, and commits. A busy or full database never refuses the device
    and never lets it wait: the next call writes it."""
    instant = now()
    if app_user.last_seen_at is not None and instant - app_user.last_seen_at < EVERY:
        return
    actor_id = app_user.actor_id
    try:
        queries.note_seen(session, actor_id, instant)
        session.commit()
    except OperationalError as error:
        session.rollback()
        logs.warning("last_seen not written", actor_id=actor_id, reason=str(error.orig))
