"""Queries behind the history of a record: envelopes, events, senders and reports of what was applied to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Actor, Audit, Entity, Event, Fact, Record, Submission

CHUNK = 500
Key = TypeVar("Key", int, str)


def _parts(keys: Collection[Key]) -> Iterator[list[Key]]:
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def facts(session: Session, fact_ids: Collection[int]) -> dict[int, Fact]:
    """Envelopes by id."""
    found: dict[int, Fact] = {}
    for part in _parts(fact_ids):
        found |= {fact.id: fact for fact in session.scalars(select(Fact).where(Fact.id.in_(part)))}
    return found


def facts_by_uuid(session: Session, uuids: Collection[str]) -> dict[str, Fact]:
    """Envelopes by uuid."""
    found: dict[str, Fact] = {}
    for part in _parts(uuids):
        found |= {fact.uuid: fact for fact in session.scalars(select(Fact).where(Fact.uuid.in_(part)))}
    return found


def events(session: Session, fact_ids: Collection[int]) -> dict[int, Event]:
    """The events among these facts."""
    found: dict[int, Event] = {}
    for part in _parts(fact_ids):
        found |= {event.fact_id: event for event in session.scalars(select(Event).where(Event.fact_id.in_(part)))}
    return found


def reports(session: Session, project_id: int, fact_ids: Collection[int]) -> dict[int, str]:
    """The form id of each report among these facts."""
    found: dict[int, str] = {}
    for part in _parts(fact_ids):
        rows = session.execute(
            select(Submission.fact_id, Submission.xml_form_id)
            .where(Submission.project_id == project_id, Submission.fact_id.in_(part))
        )
        found |= {fact_id: form_id for fact_id, form_id in rows}
    return found


def actors(session: Session, actor_ids: Collection[int]) -> dict[int, Actor]:
    """Actors by id."""
    found: dict[int, Actor] = {}
    for part in _parts(actor_ids):
        found |= {actor.id: actor for actor in session.scalars(select(Actor).where(Actor.id.in_(part)))}
    return found


def ids(session: Session, record: Record) -> list[str]:
    """The ids of the entities that the record holds, its own among them."""
    found = session.scalars(
        select(Entity.id).where(
            Entity.project_id == record.project_id, Entity.dataset == record.dataset, Entity.record_id == record.id
        )
    )
    return sorted({record.id, *found})


def audits(session: Session, actees: Collection[str]) -> Sequence[tuple[Audit, Actor | None]]:
    """What the log holds about these things."""
    rows = session.execute(
        select(Audit, Actor).outerjoin(Actor, Actor.id == Audit.actor_id).where(Audit.actee.in_(list(actees)))
        .order_by(Audit.id.desc())
    )
    return [(row[0], row[1]) for row in rows]
