"""The queue of stored facts and what folds them into projections, in order. Nothing stored is ever lost on the way.

A batch is one transaction; when it fails, its facts are tried one by one, and one that fails alone stays on the queue
with its error, to be tried again later. Must not know what a fact means; each folder does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server import logs
from server.models import Fact
from server.queries import merge_facts as queries
from server.queries.releases import TYPES
from server.queries.report_duplicates import JUDGED
from server.queries.summaries import EVENT_TYPES
from server.services import import_facts, merging, rebuilding, release_rows, report_duplicates, summaries
from server.services.journal import now
from server.services.turns import turn

Folder = Callable[[Session, Collection[Fact]], None]
# In this order: summaries name places by the records that merging made; doubles are found by summaries; releases read both.
FOLDERS: list[Folder] = [merging.fold, import_facts.fold, summaries.fold, report_duplicates.fold, release_rows.fold]
# The types of events that a folder makes something of, where that is not all: an officer who waits for the answer to one
# judgement need not wait for folders that have nothing to do with it.
EVENTS_READ: dict[Folder, frozenset[str]] = {
    import_facts.fold: frozenset({import_facts.HEADER, import_facts.ROWS, "RETRACT"}),
    summaries.fold: frozenset(EVENT_TYPES),
    report_duplicates.fold: frozenset({*EVENT_TYPES, JUDGED, "RETRACT"}),
    release_rows.fold: frozenset(TYPES),
}

# SQLite has one writer, which a batch holds while it works: small batches, so that intake never waits long.
BATCHES = {"sqlite": 50, "postgresql": 100}
# A reader who must see what was just stored folds at most so many facts itself; a longer queue is the worker's.
CATCH_UP = 200
_FIRST_RETRY, _LAST_RETRY = dt.timedelta(seconds=5), dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Drained:
    """What `drain` did: how many facts were folded, and those that could not be, as (fact id, attempts, error)."""

    folded: int
    failing: tuple[tuple[int, int, str], ...]


def fold_now(session: Session, facts: Collection[Fact]) -> None:
    """Folds facts that the caller has just added, in the caller's transaction, so that its answer shows them.

    The caller commits. An error here undoes the whole transaction, and so the facts as well.
    """
    session.flush()
    queries.hold_queue(session)
    _run(session, facts)
    queries.done(session, [fact.id for fact in facts])


def fold_again(session: Session, fact_ids: Collection[int]) -> None:
    """Puts stored facts back on the queue, because what decides about them has changed. The caller commits."""
    queries.put_back(session, fact_ids)


def fold_facts(session: Session, fact_ids: Collection[int]) -> None:
    """Folds these stored facts now, unless a worker has done so already, and commits.

    An error leaves them on the queue, noted as any failure is, and is raised again.
    """
    queries.hold_queue(session)
    waiting = queries.still_waiting(session, fact_ids)
    try:
        _run(session, queries.facts(session, waiting))
        queries.done(session, waiting)
        session.commit()
    except Exception as error:
        session.rollback()
        for fact_id in waiting:
            _note_failure(session, fact_id, error)
        raise


def prepare(session: Session) -> None:
    """Reads what the next batch will fold; writes nothing, takes no turn, and ends the transaction.

    Reading is most of the work, and SQLite's only writer need not be held for it.
    """
    try:
        summaries.prepare(session, queries.claim(session, BATCHES[session.get_bind().dialect.name], now()))
    except Exception as error:  # folding meets the same fault, and notes it with the fact that has it
        logs.warning("a batch could not be read ahead", reason=repr(error))
    session.rollback()


def fold_batch(session: Session, exclude: Collection[int] = ()) -> tuple[int, list[int]]:
    """Folds the oldest waiting facts and commits. Returns how many were folded and the ids of those that failed."""
    with turn(session.get_bind()):
        queries.hold_queue(session)
        ids = queries.claim(session, BATCHES[session.get_bind().dialect.name], now(), exclude)
        if not ids:
            session.commit()
            return 0, []
        failed = _fold_together(session, ids)
    return len(ids) - len(failed), failed


def catch_up(session: Session) -> None:
    """Folds what was stored and never tried, so that who asks sees what was just answered with 201; commits.

    A client that sends a report and reads the list at once expects it there, as with ODK Central. A queue of more than
    CATCH_UP facts is left to the worker: a reader must not wait for a whole mission's backlog.
    """
    fresh = queries.untried(session, CATCH_UP + 1)
    if len(fresh) > CATCH_UP:
        return
    size = BATCHES[session.get_bind().dialect.name]
    for start in range(0, len(fresh), size):
        with turn(session.get_bind()):
            queries.hold_queue(session)
            ids = queries.still_waiting(session, fresh[start : start + size])
            if ids:
                _fold_together(session, ids)
            session.commit()


def _fold_together(session: Session, ids: list[int]) -> list[int]:
    """Folds facts in one transaction, or one by one when that fails; returns the ids of those that failed alone. Commits."""
    try:
        _run(session, queries.facts(session, ids))
        queries.done(session, ids)
        session.commit()
        return []
    except Exception:  # one fault must not stop the queue; it is found, recorded and shown fact by fact
        session.rollback()
    return [fact_id for fact_id in ids if not _fold_alone(session, fact_id)]


def _run(session: Session, facts: Collection[Fact]) -> None:
    only_events = all(fact.kind == "event" for fact in facts)
    types = queries.event_types(session, [fact.id for fact in facts]) if only_events else set()
    for folder in FOLDERS:
        if only_events and folder in EVENTS_READ and not types & EVENTS_READ[folder]:
            continue
        folder(session, facts)
        session.flush()


def _fold_alone(session: Session, fact_id: int) -> bool:
    """Folds one fact in its own transaction; a failure is noted on the queue."""
    try:
        queries.hold_queue(session)
        _run(session, queries.facts(session, [fact_id]))
        queries.done(session, [fact_id])
        session.commit()
        return True
    except Exception as error:  # see fold_batch
        session.rollback()
        _note_failure(session, fact_id, error)
        return False


def _note_failure(session: Session, fact_id: int, error: Exception) -> None:
    """Keeps the fact on the queue with its error, to be tried again after a growing pause. Commits."""
    logs.error("folding failed", fact_id=fact_id, exc_info=error)
    attempts = queries.failed(session, fact_id, f"{type(error).__name__}: {error}"[:2000])
    wait = min(_LAST_RETRY, _FIRST_RETRY * 2 ** min(attempts - 1, 10))
    queries.wait_until(session, fact_id, now() + wait)
    session.commit()


def drain(session: Session, progress: Callable[[int], None] | None = None) -> Drained:
    """Folds until every stored fact has been tried; a fact that fails is tried once. Commits batch by batch.

    `progress` is called with the number of facts folded so far.
    """
    folded = 0
    given_up: set[int] = set()
    while True:
        done, failed = fold_batch(session, exclude=given_up)
        folded += done
        given_up |= set(failed)
        if progress is not None:
            progress(folded)
        if not done and not failed:
            break
    failing = tuple((row.fact_id, row.attempts, row.last_error or "") for row in queries.failing(session))
    session.commit()
    return Drained(folded, failing)


def rebuild(session: Session, progress: Callable[[int], None] | None = None) -> Drained:
    """Drops every projection and makes it again from the facts, in batches, beside a running server.

    While it runs, pages and lists show what has been made again so far; intake is not held up. What cannot be folded
    together is folded one by one at the end, as ever.
    """
    folded = rebuilding.rebuild(session, progress)
    rest = drain(session, (lambda more: progress(folded + more)) if progress is not None else None)
    return Drained(folded + rest.folded, rest.failing)
