"""The sealer: gives committed facts their counter and chains them in blocks by hash, so that tampering shows.

Intake never waits for it. One sealer per database; a second one loses the race for a counter and does nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.models import Block, Fact, Seal
from server.queries import seals as queries
from server.services.documents import unpack
from server.services.journal import now, payload_hash
from server.services.turns import turn

BLOCK_FACTS = 1_000
FIRST_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Broken:
    """One place where facts and chain disagree: the block, the fact's uuid where it is one fact, and what is wrong."""

    block: int
    fact_uuid: str | None
    what: str


def seal(session: Session, everywhere: bool = False) -> int:
    """Seals what was committed since, in blocks of at most 1,000 facts, and commits each; returns how many facts.

    everywhere: looks for facts without a counter in the whole journal (after a restore), not only at its end.
    """
    sealed = 0
    while facts := queries.unsealed(session, BLOCK_FACTS, everywhere):
        try:
            with turn(session.get_bind()):
                _write(session, facts)
                session.commit()
        except IntegrityError:
            session.rollback()
            return sealed
        sealed += len(facts)
        if len(facts) < BLOCK_FACTS:
            break
    return sealed


def verify(session: Session) -> Iterator[Broken]:
    """Reads the whole chain and yields every place that does not hold: hashes, counters, payloads that were changed.

    A purged payload is no fault: its envelope and hash are what the chain holds.
    """
    previous, counter = FIRST_HASH, 0
    for block, numbered in queries.blocks(session):
        if block.previous_hash != previous:
            yield Broken(block.number, None, "the block does not follow the one before it")
        if [each for each, _fact in numbered] != list(range(counter + 1, counter + 1 + len(numbered))):
            yield Broken(block.number, None, "a counter is missing or doubled")
        if (block.first_counter, block.last_counter) != (counter + 1, counter + len(numbered)):
            yield Broken(block.number, None, "the block names other counters than it holds")
        if _hash(block.previous_hash, numbered) != block.hash:
            yield Broken(block.number, None, "an envelope was changed, added or taken away")
        yield from _changed_payloads(session, block.number, [fact for _counter, fact in numbered])
        previous, counter = block.hash, block.last_counter


def _write(session: Session, facts: Iterable[Fact]) -> None:
    last = queries.last_block(session)
    first = last.last_counter + 1 if last else 1
    number = last.number + 1 if last else 1
    previous = last.hash if last else FIRST_HASH
    numbered = list(enumerate(facts, first))
    session.add_all(Seal(fact_id=fact.id, counter=counter, block_number=number) for counter, fact in numbered)
    session.add(Block(
        number=number, first_counter=first, last_counter=numbered[-1][0], previous_hash=previous,
        hash=_hash(previous, numbered), sealed_at=now(),
    ))


def _hash(previous: str, numbered: Iterable[tuple[int, Fact]]) -> str:
    """SHA-256 over the previous block's hash and one line per fact: counter and everything the envelope says."""
    digest = hashlib.sha256(previous.encode())
    for counter, fact in numbered:
        observed = fact.observed_at.isoformat() if fact.observed_at else ""
        line = (
            counter, fact.uuid, fact.kind, fact.actor_id, fact.actor_name, observed, fact.received_at.isoformat(), fact.hlc,
            fact.server_id, fact.payload_sha256,
        )
        digest.update(payload_hash(line).encode())
    return digest.hexdigest()


def _changed_payloads(session: Session, block: int, facts: list[Fact]) -> Iterator[Broken]:
    events = queries.events(session, [fact.id for fact in facts if fact.kind == "event"])
    submissions = queries.submissions(session, [fact.id for fact in facts if fact.kind == "submission"])
    for fact in facts:
        event, submission = events.get(fact.id), submissions.get(fact.id)
        found = fact.payload_sha256
        if event is not None:
            found = payload_hash({"type": event.type, "subject": event.subject, "payload": event.payload})
        elif submission is not None and submission.xml:
            found = hashlib.sha256(unpack(submission.xml, session)).hexdigest()
        if found != fact.payload_sha256:
            yield Broken(block, fact.uuid, "the payload was changed")
