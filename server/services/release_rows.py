"""Folds release events into the rows that officers and partners read, from the events alone, in any order they arrive.

A later release to an audience replaces the earlier one; what cannot follow (a release after a withdrawal) changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy.orm import Session

from server.models import Event, Fact
from server.queries import releases as queries

_POSSIBLE = {
    "PROPOSE": frozenset({"proposed"}), "RELEASE": frozenset({"proposed"}), "WITHHOLD": frozenset({"proposed"}),
    "WITHDRAW": frozenset({"proposed", "released"}),
}
_STATE = {"RELEASE": "released", "WITHHOLD": "withheld", "WITHDRAW": "withdrawn"}


def fold(session: Session, facts: Collection[Fact]) -> None:
    """Makes the rows of every record that these facts' release events speak of anew, from all its events."""
    subjects = queries.subjects_of(session, [fact.id for fact in facts if fact.kind == "event"])
    if not subjects:
        return
    by_subject: dict[str, list[tuple[Fact, Event]]] = {}
    for fact, event in queries.events_of(session, subjects):
        by_subject.setdefault(str(event.subject), []).append((fact, event))
    keys = {_key(events[0][1]) for events in by_subject.values()}
    queries.replace(session, keys, [row for _subject, events in sorted(by_subject.items()) for row in rows_of(events)])


def _key(event: Event) -> tuple[int, str, str]:
    payload = event.payload
    return int(payload["project_id"]), str(payload["dataset"]), str(payload["record"])


def rows_of(events: Sequence[tuple[Fact, Event]]) -> list[dict[str, Any]]:
    """The release rows of one record from its events in clock order: a later release to an audience replaces the earlier."""
    made: dict[str, dict[str, Any]] = {}
    for fact, event in sorted(events, key=lambda pair: (pair[0].hlc, pair[0].uuid)):
        number, row = str(event.payload["number"]), made.get(str(event.payload["number"]))
        if row is None and "audience" in event.payload:
            row = made[number] = _new_row(fact, event)
        if row is not None:
            _apply(row, fact, event, made)
    return list(made.values())


def _new_row(fact: Fact, event: Event) -> dict[str, Any]:
    payload = event.payload
    return {
        "number": payload["number"], "event_uuid": fact.uuid, "project_id": payload["project_id"], "dataset": payload["dataset"],
        "record_id": payload["record"], "audience": payload["audience"], "precision": payload["precision"],
        "label": payload["label"], "data": payload["data"], "lat": payload["lat"], "lon": payload["lon"],
        "area_code": payload["area"], "sector_id": payload["sector_id"], "state": "proposed",
        "proposed_by": fact.actor_name, "proposed_by_id": fact.actor_id, "reasons": payload["reasons"], "note": payload["note"],
        "valid_until": dt.datetime.fromisoformat(payload["valid_until"]), "withdrawn_at": None,
        "decided_by": "", "decided_at": fact.received_at,
    }  # fmt: skip


def _apply(row: dict[str, Any], fact: Fact, event: Event, made: dict[str, dict[str, Any]]) -> None:
    if event.type == "PROPOSE" or row["state"] not in _POSSIBLE[event.type]:
        return
    if event.type == "RELEASE":
        for other in made.values():
            if other["state"] == "released" and other["audience"] == row["audience"]:
                other["state"] = "superseded"
    row.update(state=_STATE[event.type], decided_by=fact.actor_name or "", decided_at=fact.received_at)
    row["note"] = event.payload.get("note") or row["note"]
    if row["state"] == "withdrawn":
        row["withdrawn_at"] = fact.received_at
