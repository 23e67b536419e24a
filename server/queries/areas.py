"""Queries over areas and what their codes meant in each boundary set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from server.models import Area, AreaVersion


def in_force(day: dt.date) -> ColumnElement[bool]:
    """The condition that an area's code is offered on this day."""
    return or_(Area.valid_to.is_(None), Area.valid_to > day)


def versions(session: Session) -> dict[tuple[str, str], AreaVersion]:
    """Every code of every boundary set by (code, version), without the boundaries themselves."""
    return {(row.code, row.cod_version): row for row in session.scalars(select(AreaVersion))}


def version_counts(session: Session) -> Sequence[tuple[str, int, int]]:
    """(version, how many areas, how many of them with a boundary) of each boundary set, by version."""
    rows = session.execute(
        select(AreaVersion.cod_version, func.count(), func.count(AreaVersion.boundary_sha256))
        .group_by(AreaVersion.cod_version).order_by(AreaVersion.cod_version)
    )
    return [(str(version), int(count), int(drawn)) for version, count, drawn in rows]


def ended_count(session: Session, day: dt.date) -> int:
    """How many codes are kept for old records only."""
    return session.scalar(select(func.count()).select_from(Area).where(Area.valid_to <= day)) or 0


def boundaries_of(session: Session, code: str) -> Sequence[str]:
    """The boundaries that this code has had."""
    found = session.scalars(select(AreaVersion.boundary).where(AreaVersion.code == code, AreaVersion.boundary.is_not(None)))
    return [text for text in found if text]
