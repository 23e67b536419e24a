"""Folds merged lists: each row is an observation of the list, until the list is taken back as a whole.

The facts: IMPORT tells of the list (subject: its id), IMPORT_ROWS hold its rows, a few each, so that a batch of folding stays
small however long the list is. RETRACT of the IMPORT event takes all rows back; retracting that brings them again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from server.models import Event, Fact
from server.queries import importing as queries
from server.queries import merge_facts
from server.queries.merge_rows import list_key
from server.queries.merge_store import SqlMergeStore
from server.services import merging
from server.services.summaries import zone_of
from sync.importing import rows
from sync.merge.engine import Engine
from sync.merge.facts import Observation, Report, Retraction
from sync.merge.judgements import standing

HEADER, ROWS = "IMPORT", "IMPORT_ROWS"


def fold(session: Session, facts: Collection[Fact]) -> None:
    """Brings entities and records up to date with these facts of lists. The caller commits."""
    ids = [fact.id for fact in facts if fact.kind == "event"]
    if not ids:
        return
    events = queries.events_of(session, ids, (HEADER, ROWS, "RETRACT"))
    if not events:
        return
    fold_again(session, events)
    made = [(event, fact) for event, fact in events if event.type == ROWS]
    if made:
        rules = merging.registers(session)
        Engine(SqlMergeStore(session, rules), rules).fold(_reports(session, made))


def take_in(session: Session, facts: Collection[Fact]) -> None:
    """Keeps what rows of lists say and makes no records yet (see services.rebuilding)."""
    made = queries.events_of(session, [fact.id for fact in facts if fact.kind == "event"], (ROWS,))
    if made:
        rules = merging.registers(session)
        Engine(SqlMergeStore(session, rules), rules).take_in(_reports(session, made))


def fold_again(session: Session, events: Sequence[tuple[Event, Fact]]) -> None:
    """Puts rows back on the queue whose list was taken back, or whose list has only now become known."""
    lists = {str(event.subject) for event, _fact in events if event.type == HEADER}
    for event, _fact in events:
        if event.type == "RETRACT":
            found = queries.list_of(session, str(event.payload.get("target")))
            lists |= {found} if found else set()
    for list_id in sorted(lists):
        speaking = queries.speaking(session, list_id)
        stands = list_id in standing_lists(session, [list_id])
        wanted = queries.row_facts(session, list_id) - speaking if stands else speaking
        merge_facts.put_back(session, sorted(wanted))


def standing_lists(session: Session, list_ids: Collection[str]) -> dict[str, tuple[Event, Fact]]:
    """The IMPORT events of these lists that nobody with the authority for it has taken back."""
    headers = queries.headers(session, list_ids)
    against = queries.retractions(session, [fact.uuid for _event, fact in headers.values()])
    # Only id, clock and authority count here, and those a retraction has as well.
    as_events = [_as_event(event, fact) for event, fact in headers.values()]
    stand = {event.id for event in standing(as_events, [_as_event(event, fact) for event, fact in against])}
    return {list_id: found for list_id, found in headers.items() if found[1].uuid in stand}


def _as_event(event: Event, fact: Fact) -> Retraction:
    return Retraction(
        id=fact.uuid, clock=fact.hlc, at=fact.received_at, authority=int(event.payload.get("authority", 0)),
        target=str(event.payload.get("target", "")),
    )  # fmt: skip


def _reports(session: Session, made: Sequence[tuple[Event, Fact]]) -> list[Report]:
    """What each fact of rows says; nothing when its list does not stand, or is not known yet."""
    stand = standing_lists(session, {str(event.subject) for event, _fact in made})
    zone = zone_of(session)
    found = []
    for event, fact in made:
        header = stand.get(str(event.subject))
        said: tuple[Observation, ...] = ()
        if header is not None:
            source = source_of(header[0].payload, str(event.subject), zone, header[1].actor_id)
            said = tuple(_observation(source, row, fact) for row in event.payload["rows"])
        found.append(Report(f"list:{fact.uuid}", (fact.hlc, fact.uuid), said, fact.id))
    return found


def source_of(payload: Mapping[str, Any], list_id: str, zone: dt.tzinfo, actor_id: int | None) -> rows.Source:
    """The list as its rows' observations name it; a list is of noon of its day, in the mission's zone."""
    day = dt.date.fromisoformat(payload["listed_on"])
    return rows.Source(
        id=list_id, name=payload["name"], register=list_key(int(payload["project_id"]), payload["dataset"]),
        observed_at=dt.datetime.combine(day, dt.time(12), zone).astimezone(dt.UTC), sensitivity=payload["sensitivity"],
        zone=zone, actor_id=actor_id, post_id=payload.get("post_id"),
    )  # fmt: skip


def _observation(source: rows.Source, row: Mapping[str, Any], fact: Fact) -> Observation:
    observed = dt.date.fromisoformat(row["observed"]) if row.get("observed") else None
    return rows.observation(
        source, int(row["row"]), row.get("key"), row["label"], row["values"], observed, fact.hlc, fact.received_at, fact.id
    )
