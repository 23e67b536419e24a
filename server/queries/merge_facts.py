"""Queries of folding: the queue of facts, the events among them, and emptying projections for a rebuild."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, func, insert, literal, or_, select, text, tuple_, update
from sqlalchemy.orm import Session

from server.models import (
    BlockingKey,
    CandidatePair,
    Dataset,
    Entity,
    Event,
    EventTarget,
    ExportPart,
    Fact,
    ListStamp,
    Observation,
    PendingFact,
    Post,
    Record,
    Release,
    ReportFace,
    ReportPair,
    ReviewTask,
    Submission,
    SubmissionSummary,
    Unit,
)

# Made from projections to save time; nothing is lost with them.
SHORT_CUTS = (ExportPart, ListStamp)
FOLDED_KINDS = ("submission", "attachment", "event")
PROJECTIONS = (
    BlockingKey, CandidatePair, Entity, EventTarget, Observation, Record, Release, ReportFace, ReportPair,
    ReviewTask, SubmissionSummary,
)  # fmt: skip
# Any number will do, as long as nothing else in the database takes the same advisory lock.
_FOLDING_LOCK = 0x46504D52
# Built once: every read over the API asks it.
_UNTRIED = (
    select(PendingFact.fact_id).where(PendingFact.attempts == 0).order_by(PendingFact.fact_id).limit(bindparam("most"))
)


def hold_queue(session: Session) -> None:
    """Waits until nobody else folds, until this transaction ends: two folds at once could miss each other's things."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FOLDING_LOCK})
    else:
        # A write takes SQLite's one write lock before anything is read, so that what is read cannot be out of date.
        session.execute(delete(PendingFact).where(PendingFact.fact_id == -1))


def claim(session: Session, limit: int, now: dt.datetime, exclude: Collection[int] = ()) -> list[int]:
    """The oldest waiting facts that may be tried now, oldest first."""
    due = or_(PendingFact.not_before.is_(None), PendingFact.not_before <= now)
    query = select(PendingFact.fact_id).where(due)
    if exclude:
        query = query.where(PendingFact.fact_id.not_in(exclude))
    return list(session.scalars(query.order_by(PendingFact.fact_id).limit(limit).with_for_update(skip_locked=True)))


def untried(session: Session, limit: int) -> list[int]:
    """The oldest waiting facts that nobody has tried to fold yet; one small look-up when there is none."""
    return list(session.connection().execute(_UNTRIED, {"most": limit}).scalars())


def put_back(session: Session, fact_ids: Collection[int]) -> None:
    """Puts facts on the queue that are not on it; those that a rebuild has put aside are the worker's again."""
    ordered = sorted(set(fact_ids))
    for start in range(0, len(ordered), 400):
        part = ordered[start : start + 400]
        aside = PendingFact.fact_id.in_(part), PendingFact.attempts == 0
        waiting = set(session.scalars(select(PendingFact.fact_id).where(PendingFact.fact_id.in_(part))))
        session.execute(update(PendingFact).where(*aside).values(not_before=None))
        session.add_all([PendingFact(fact_id=fact_id, attempts=0) for fact_id in part if fact_id not in waiting])
    session.flush()


def still_waiting(session: Session, fact_ids: Collection[int]) -> list[int]:
    """Those of the facts that are not folded yet."""
    query = select(PendingFact.fact_id).where(PendingFact.fact_id.in_(fact_ids)).order_by(PendingFact.fact_id)
    return list(session.scalars(query))


def facts(session: Session, fact_ids: Collection[int], kind: str | None = None) -> Sequence[Fact]:
    """The envelopes of these facts, in the order they were stored; with `kind` only those of that kind."""
    query = select(Fact).where(Fact.id.in_(fact_ids)).order_by(Fact.id)
    return session.scalars(query if kind is None else query.where(Fact.kind == kind)).all()


def events(session: Session, fact_ids: Collection[int]) -> list[tuple[Event, Fact]]:
    """The events among these facts, with their envelopes."""
    query = select(Event, Fact).join(Fact, Fact.id == Event.fact_id).where(Event.fact_id.in_(fact_ids))
    return [(event, fact) for event, fact in session.execute(query.order_by(Fact.hlc, Fact.uuid))]


def event_types(session: Session, fact_ids: Collection[int]) -> set[str]:
    """The types of the events among these facts."""
    return set(session.scalars(select(Event.type).where(Event.fact_id.in_(fact_ids)).distinct()))


def done(session: Session, fact_ids: Collection[int]) -> None:
    """Takes facts off the queue."""
    session.execute(delete(PendingFact).where(PendingFact.fact_id.in_(fact_ids)))


def failed(session: Session, fact_id: int, error: str) -> int:
    """Notes that a fact could not be folded; returns how often it was tried."""
    attempts = PendingFact.attempts + 1
    session.execute(update(PendingFact).where(PendingFact.fact_id == fact_id).values(attempts=attempts, last_error=error))
    return session.scalar(select(PendingFact.attempts).where(PendingFact.fact_id == fact_id)) or 1


def wait_until(session: Session, fact_id: int, not_before: dt.datetime) -> None:
    """Keeps a fact on the queue, not to be tried before this instant."""
    session.execute(update(PendingFact).where(PendingFact.fact_id == fact_id).values(not_before=not_before))


def any_waiting(session: Session, now: dt.datetime) -> bool:
    """Whether a fact may be folded now; cheap, for the worker's idle loop."""
    due = or_(PendingFact.not_before.is_(None), PendingFact.not_before <= now)
    return session.scalar(select(literal(1)).select_from(PendingFact).where(due).limit(1)) is not None


def newest(session: Session) -> int:
    """The number of the newest stored fact, 0 when there is none."""
    return session.scalar(select(func.max(Fact.id))) or 0


def failing(session: Session) -> Sequence[PendingFact]:
    """Facts that could not be folded so far, with attempts and the last error."""
    return session.scalars(select(PendingFact).where(PendingFact.attempts > 0).order_by(PendingFact.fact_id)).all()


def waiting_count(session: Session) -> int:
    """How many facts are stored and not folded yet."""
    return session.scalar(select(func.count()).select_from(PendingFact)) or 0


def empty_projections(session: Session) -> None:
    """Drops everything that folding made and puts every fact back on the queue."""
    for model in (*PROJECTIONS, *SHORT_CUTS):
        session.execute(delete(model))
    session.execute(delete(PendingFact))
    waiting = select(Fact.id, literal(0)).where(Fact.kind.in_(FOLDED_KINDS))
    session.execute(insert(PendingFact).from_select(["fact_id", "attempts"], waiting))


_ASIDE = PendingFact.attempts == 0, PendingFact.not_before.is_not(None)


def set_aside(session: Session, until: dt.datetime) -> None:
    """Keeps the worker from every fact on the queue until then (UTC)."""
    session.execute(update(PendingFact).where(PendingFact.attempts == 0).values(not_before=until))


def keep_aside(session: Session, until: dt.datetime | None) -> None:
    """The same for longer, of what is put aside still; with None the worker may fold it now."""
    session.execute(update(PendingFact).where(*_ASIDE).values(not_before=until))


def aside(session: Session, after: int, limit: int) -> list[int]:
    """The next facts that are put aside, by number."""
    query = select(PendingFact.fact_id).where(*_ASIDE, PendingFact.fact_id > after)
    return list(session.scalars(query.order_by(PendingFact.fact_id).limit(limit)))


def done_aside(session: Session, fact_ids: Collection[int]) -> int:
    """Takes facts off the queue that are put aside still; returns how many."""
    found = set(session.scalars(select(PendingFact.fact_id).where(*_ASIDE, PendingFact.fact_id.in_(fact_ids))))
    done(session, found)
    return len(found)


def entities_after(session: Session, after: tuple[int, str, str], limit: int) -> list[tuple[int, str, str]]:
    """The next things that something was said of: (project id, dataset, entity id), in that order."""
    key = (Observation.project_id, Observation.dataset, Observation.entity_id)
    query = select(*key).where(tuple_(*key) > after).distinct().order_by(*key).limit(limit)
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def datasets_with_registers(session: Session) -> list[tuple[int, str, str]]:
    """(project id, dataset, register file) of every list that names a register file."""
    query = select(Dataset.project_id, Dataset.name, Dataset.register).where(Dataset.register.is_not(None))
    return [(project_id, name, str(register)) for project_id, name, register in session.execute(query)]


def approval_lists(session: Session) -> set[tuple[int, str]]:
    """(project id, dataset) of the lists whose entities are made only once the report is approved."""
    query = select(Dataset.project_id, Dataset.name).where(Dataset.approval_required.is_(True))
    return {(project_id, name) for project_id, name in session.execute(query)}


def reported(session: Session, fact_ids: Collection[int]) -> set[int]:
    """Those of the facts that are stored reports."""
    query = select(Submission.fact_id).where(Submission.fact_id.in_(fact_ids), Submission.disposition == "stored")
    return set(session.scalars(query))


def facts_of_unit(session: Session, unit_code: str) -> set[int]:
    """The reports that this unit made of things of registers."""
    return set(session.scalars(select(Observation.fact_id).where(Observation.unit == unit_code, Observation.fact_id > 0)))


def camps(session: Session) -> dict[str, str]:
    """Where units live, as it was typed, by unit code."""
    return {code: str(camp) for code, camp in session.execute(select(Unit.code, Unit.camp).where(Unit.camp.is_not(None)))}


def post_units(session: Session, post_ids: Collection[int]) -> dict[int, str]:
    """The unit that holds each of these posts."""
    query = select(Post.id, Post.unit_code).where(Post.id.in_(post_ids), Post.unit_code.is_not(None))
    return {post: str(unit) for post, unit in session.execute(query)}
