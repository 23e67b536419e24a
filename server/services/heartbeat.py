"""The worker's sign of life, kept in the database so that web processes on other machines see it too."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from server.queries.mission import put_setting, setting
from server.services.journal import now

KEY = "worker_heartbeat"
EVERY = dt.timedelta(seconds=10)
LATE_AFTER = dt.timedelta(seconds=45)


def beat(session: Session) -> None:
    """Notes that a worker is alive and commits; the worker calls it every 10 s and when it starts."""
    put_setting(session, KEY, now().isoformat())
    session.commit()


def age(session: Session) -> dt.timedelta | None:
    """Time since the last sign of life; None when there never was one."""
    last = setting(session, KEY)
    return None if last is None else now() - dt.datetime.fromisoformat(str(last))


def is_alive(session: Session) -> bool:
    """Whether a worker showed itself within 45 s."""
    found = age(session)
    return found is not None and found < LATE_AFTER
