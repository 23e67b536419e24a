"""Queries over what was released: rows in force for an audience, tombstones of withdrawn ones, pages for streaming.

Never touches `records`: what partners get is the separate release, not its source.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from server.models import Release
from server.queries.scope import Scope

PAGE = 1_000


@dataclass(frozen=True)
class ReleasedList:
    """A register with how many rows are in force, how many were withdrawn, and the last decision."""

    dataset: str
    rows: int
    withdrawn: int
    last_decision: dt.datetime | None


def _visible(scope: Scope, release: Any = Release) -> ColumnElement[bool]:
    conditions = [release.project_id == 1]
    if scope.released_only:
        conditions.append(release.audience.in_(scope.audiences))
    if scope.sector_id is not None:
        conditions.append(release.sector_id == scope.sector_id)
    if scope.own_actor_id is not None:  # devices and collectors have no business here
        conditions.append(release.number.is_(None))
    return and_(*conditions)


def _in_force(instant: dt.datetime, release: Any = Release) -> ColumnElement[bool]:
    return and_(release.state == "released", or_(release.valid_until.is_(None), release.valid_until > instant))


def _current(scope: Scope, instant: dt.datetime) -> ColumnElement[bool]:
    # Where one thing was released twice (anew, or to two audiences this reader has), the later decision stands.
    later = aliased(Release)
    beaten = exists().where(
        later.dataset == Release.dataset, later.record_id == Release.record_id, _visible(scope, later), _in_force(instant, later),
        or_(later.decided_at > Release.decided_at, and_(later.decided_at == Release.decided_at, later.number > Release.number)),
    )
    return and_(_visible(scope), _in_force(instant), ~beaten)


def released_lists(session: Session, scope: Scope, instant: dt.datetime) -> Sequence[ReleasedList]:
    """The registers of which something is in force or was withdrawn, by name."""
    rows = session.execute(
        select(Release.dataset, func.count(), func.max(Release.decided_at)).where(_current(scope, instant))
        .group_by(Release.dataset)
    )
    current = {row[0]: (int(row[1]), row[2]) for row in rows}
    nothing = (0, None)
    gone = session.execute(
        select(Release.dataset, func.count()).where(_visible(scope), Release.state == "withdrawn").group_by(Release.dataset)
    )
    withdrawn = {row[0]: int(row[1]) for row in gone}
    return [
        ReleasedList(name, current.get(name, nothing)[0], withdrawn.get(name, 0), current.get(name, nothing)[1])
        for name in sorted({*current, *withdrawn})
    ]


def count(session: Session, scope: Scope, dataset: str, instant: dt.datetime) -> int:
    """How many rows of the register are in force for this reader."""
    return session.scalar(
        select(func.count()).select_from(Release).where(_current(scope, instant), Release.dataset == dataset)
    ) or 0


def page(
    session: Session, scope: Scope, dataset: str, instant: dt.datetime, after: str = "", limit: int = PAGE
) -> Sequence[Release]:
    """Rows in force by number, beginning after the number `after`."""
    return session.scalars(
        select(Release).where(_current(scope, instant), Release.dataset == dataset, Release.number > after)
        .order_by(Release.number).limit(limit)
    ).all()


def stream(session: Session, scope: Scope, dataset: str, instant: dt.datetime) -> Iterator[Release]:
    """All rows in force by number, a page at a time, so that memory does not grow with the register."""
    after = ""
    while rows := page(session, scope, dataset, instant, after):
        after = rows[-1].number
        for row in rows:
            session.expunge(row)
            yield row


def withdrawn(session: Session, scope: Scope, dataset: str, since: dt.datetime | None = None) -> Sequence[Release]:
    """Withdrawn releases of the register, latest first: a partner corrects its own copy by them."""
    statement = select(Release).where(_visible(scope), Release.dataset == dataset, Release.state == "withdrawn")
    if since is not None:
        statement = statement.where(Release.withdrawn_at >= since)
    return session.scalars(statement.order_by(Release.withdrawn_at.desc(), Release.number)).all()
