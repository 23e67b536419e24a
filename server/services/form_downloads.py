"""Notes which device fetched which version of a form: once per device and version, so that it costs downloads nothing.

A process remembers what it has seen noted; only what it does not know goes to the database.
"""

from __future__ import annotations

import datetime as dt
import threading

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server import logs
from server.queries import form_downloads as queries
from server.queries.devices import impatient
from server.services.journal import now

# About 4 MB at the most. Whoever is forgotten here goes the longer way once more, and finds it noted.
MOST_KEPT = 30_000
_noted: set[int] = set()
_waiting: dict[tuple[int, int], dt.datetime] = {}
_lock = threading.Lock()


def is_noted(token_sha256: str, version_id: int) -> bool:
    """Whether this process knows that the device of this key is noted for the version."""
    return hash((token_sha256, version_id)) in _noted


def note(session: Session, actor_id: int, token_sha256: str, version_id: int) -> None:
    """Writes that the device has the version, if this process did not see it written, and commits.

    A busy or full database never refuses the device and never lets it wait: the next download writes it along.
    """
    if is_noted(token_sha256, version_id):
        return
    with _lock:
        _waiting.setdefault((actor_id, version_id), now())
        rows = [(*key, at) for key, at in _waiting.items()]
    try:
        with impatient(session):
            queries.put(session, rows)
        session.commit()
    except OperationalError as error:
        session.rollback()
        logs.warning("download of a form not noted", actor_id=actor_id, reason=str(error.orig))
        return
    with _lock:
        for actor, version, _at in rows:
            _waiting.pop((actor, version), None)
        if len(_noted) >= MOST_KEPT:
            _noted.clear()
        _noted.add(hash((token_sha256, version_id)))
