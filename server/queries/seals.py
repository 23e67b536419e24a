"""Queries of the sealer: facts without a counter, the end of the chain, and the chain read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import Block, Event, Fact, Seal, Submission

# Transactions may commit out of the order of their ids, though never by more than this many.
LATE_IDS = 10_000


def last_block(session: Session) -> Block | None:
    """The end of the chain."""
    return session.scalar(select(Block).order_by(Block.number.desc()).limit(1))


def unsealed(session: Session, limit: int, everywhere: bool = False) -> Sequence[Fact]:
    """Committed facts without a counter, by id. everywhere: the whole table is looked through, not only its end."""
    query = select(Fact).outerjoin(Seal, Seal.fact_id == Fact.id).where(Seal.fact_id.is_(None))
    if not everywhere:
        highest = select(func.coalesce(func.max(Seal.fact_id), 0)).scalar_subquery()
        query = query.where(Fact.id > highest - LATE_IDS)
    return session.scalars(query.order_by(Fact.id).limit(limit)).all()


def blocks(session: Session) -> Iterator[tuple[Block, list[tuple[int, Fact]]]]:
    """Every block in order with its facts as (counter, fact)."""
    for block in session.scalars(select(Block).order_by(Block.number)):
        rows = session.execute(
            select(Seal.counter, Fact).join(Fact, Fact.id == Seal.fact_id)
            .where(Seal.block_number == block.number).order_by(Seal.counter)
        )
        yield block, [(row[0], row[1]) for row in rows]


def events(session: Session, fact_ids: Sequence[int]) -> dict[int, Event]:
    """Payloads of events."""
    return {row.fact_id: row for row in session.scalars(select(Event).where(Event.fact_id.in_(fact_ids)))}


def submissions(session: Session, fact_ids: Sequence[int]) -> dict[int, Submission]:
    """Payloads of submissions."""
    return {row.fact_id: row for row in session.scalars(select(Submission).where(Submission.fact_id.in_(fact_ids)))}
