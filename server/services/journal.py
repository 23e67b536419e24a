"""Appends facts. The only place that writes to `facts` and `pending_facts`; the caller commits."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from server.models import Event, Fact, PendingFact
from server.models.columns import table_of

# The tables and not the classes: an insert by class goes through the slower ORM. Built once, for the busiest path.
_INSERT_FACT = insert(table_of(Fact))
_INSERT_PENDING = insert(table_of(PendingFact))
_clock_lock = threading.Lock()
_last_tick = (0, 0)


def _present() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


_clock: Callable[[], dt.datetime] = _present


def set_clock(clock: Callable[[], dt.datetime]) -> None:
    """Lets this process live by another clock (UTC): the demo mission tells of three months in a minute."""
    global _clock
    _clock = clock


def now() -> dt.datetime:
    """The present instant, UTC, to the millisecond (what the API shows is what is stored)."""
    instant = _clock()
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def tick(server_id: str) -> str:
    """The next hybrid logical clock of this process: "<13-digit ms>-<5-digit counter>-<server id>", always growing."""
    global _last_tick
    with _clock_lock:
        milliseconds = time.time_ns() // 1_000_000
        last, counter = _last_tick
        _last_tick = (milliseconds, 0) if milliseconds > last else (last, counter + 1)
        return f"{_last_tick[0]:013d}-{_last_tick[1]:05d}-{server_id}"


def append(
    session: Session, *, kind: str, payload_sha256: str, server_id: str, actor_id: int | None, actor_name: str | None,
    observed_at: dt.datetime | None = None, received_at: dt.datetime | None = None, pending: bool = True,
    fact_uuid: str | None = None,
) -> Fact:
    """Adds a fact's envelope and flushes, so that `fact.id` can key its payload row. Nothing is committed here."""
    fact = Fact(
        uuid=fact_uuid or str(uuid.uuid4()), kind=kind, actor_id=actor_id, actor_name=actor_name, observed_at=observed_at,
        received_at=received_at or now(), hlc=tick(server_id), server_id=server_id, payload_sha256=payload_sha256,
    )
    session.add(fact)
    session.flush()
    if pending:
        session.add(PendingFact(fact_id=fact.id, attempts=0))
    return fact


def append_quickly(
    session: Session, *, kind: str, payload_sha256: str, server_id: str, actor_id: int | None, actor_name: str | None,
) -> int:
    """As `append` for the busy path of intake: writes the envelope and its place in the queue without the unit of work.

    Returns the fact's id. Nothing is committed here.
    """
    connection = session.connection()
    result = connection.execute(_INSERT_FACT, {
        "uuid": str(uuid.uuid4()), "kind": kind, "actor_id": actor_id, "actor_name": actor_name, "observed_at": None,
        "received_at": now(), "hlc": tick(server_id), "server_id": server_id, "payload_sha256": payload_sha256,
    })
    [fact_id] = result.inserted_primary_key or []
    connection.execute(_INSERT_PENDING, {"fact_id": fact_id, "attempts": 0})
    return int(fact_id)


def payload_hash(payload: Any) -> str:
    """SHA-256 of the payload's canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def record_event(
    session: Session, *, type: str, subject: str | None, payload: dict[str, Any], server_id: str,
    actor_id: int | None, actor_name: str | None, observed_at: dt.datetime | None = None,
) -> Fact:
    """Adds a fact of kind `event` with its payload row. The caller commits; the worker folds it in."""
    fact = append(
        session, kind="event", payload_sha256=payload_hash({"type": type, "subject": subject, "payload": payload}),
        server_id=server_id, actor_id=actor_id, actor_name=actor_name, observed_at=observed_at,
    )
    session.add(Event(fact_id=fact.id, type=type, subject=subject, payload=payload))
    session.flush()
    return fact
