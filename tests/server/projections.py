"""All that folding makes, as rows, for tests that compare one making with another."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models.columns import table_of
from server.queries.merge_facts import PROJECTIONS


def everything(session: Session) -> dict[str, list[dict[str, Any]]]:
    """All projections, row by row, in the order of their keys."""
    session.expire_all()
    out = {}
    for table in map(table_of, PROJECTIONS):
        rows = session.execute(select(table).order_by(*table.primary_key.columns))
        out[table.name] = [dict(row._mapping) for row in rows]
    return out
