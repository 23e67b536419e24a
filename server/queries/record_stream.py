"""All records of a register within a scope, a page at a time, for downloads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import Record
from server.queries.records import in_scope
from server.queries.scope import Scope

PAGE = 1_000


def count(session: Session, scope: Scope, project_id: int, dataset: str) -> int:
    """How many live records there are in scope."""
    return session.scalar(
        select(func.count()).select_from(Record)
        .where(in_scope(scope, project_id), Record.dataset == dataset, Record.deleted_at.is_(None))
    ) or 0


def pages(session: Session, scope: Scope, project_id: int, dataset: str) -> Iterator[Sequence[Record]]:
    """Live records in scope by id, so many at a time; memory does not grow with the register."""
    after = ""
    while True:
        rows = session.scalars(
            select(Record).where(
                in_scope(scope, project_id), Record.dataset == dataset, Record.deleted_at.is_(None), Record.id > after
            ).order_by(Record.id).limit(PAGE)
        ).all()
        if not rows:
            return
        after = rows[-1].id
        for row in rows:
            session.expunge(row)
        yield rows
