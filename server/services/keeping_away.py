"""Warnings to keep away from something (mines): what lies inside the circle, and the end of released warnings (rule C.2)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.models import Fact, Record
from server.queries import keeping_away as queries
from server.queries import mission, records
from server.services.identity import Identity
from server.services.journal import record_event
from server.services.registers import definitions
from server.services.releases import subject

# A reason that partners read on the tombstone beside their copy.
OVER = "The warning is over."
MOST = 12


@dataclass(frozen=True)
class Near:
    """Something inside the circle around a warning, or a warning whose circle a thing lies in; metres between the two."""

    record: Record
    metres: float
    warns: bool


def near(session: Session, identity: Identity, record: Record) -> list[Near]:
    """What the reader should know around a record: things inside its circle, or warnings in whose circle it lies."""
    if record.lat is None or record.lon is None or record.deleted_at is not None:
        return []
    place, found = (record.lat, record.lon), []
    for rules in definitions().values():
        away = rules.warning
        if away is None or away.near is None:
            continue
        if record.dataset == rules.name and away.stands(record.data):
            inside = records.around(session, identity.scope, away.near, place, away.metres, record.project_id)
            found += [Near(row, metres, warns=False) for row, metres in inside]
        elif record.dataset == away.near:
            warnings = records.around(session, identity.scope, rules.name, place, away.metres, record.project_id)
            found += [Near(row, metres, warns=True) for row, metres in warnings if away.stands(row.data)]
    return found[:MOST]


def end(session: Session) -> list[Fact]:
    """Withdraws released and proposed warnings whose record warns no more, in the server's own name: partners get a tombstone.

    The caller commits; folding does the rest.
    """
    made: list[Fact] = []
    for rules in definitions().values():
        if rules.warning is None:
            continue
        for row in queries.warned(session, rules.name, rules.warning.property):
            record_id = records.survivor_id(session, row.dataset, row.record_id, row.project_id) or row.record_id
            record = session.get(Record, (record_id, row.project_id, row.dataset))
            named = subject(row.project_id, row.dataset, row.record_id)
            if record is None or rules.warning.stands(record.data) or queries.is_told(session, named, row.number):
                continue
            made.append(record_event(
                session, type="WITHDRAW", subject=named, server_id=mission.server_id(session), actor_id=None, actor_name=None,
                payload={
                    "number": row.number, "project_id": row.project_id, "dataset": row.dataset, "record": row.record_id,
                    "note": OVER,
                },
            ))
    return made
