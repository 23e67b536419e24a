"""The laws of merging on the tables: the order and size of batches change no row, a rebuild is the same, no sector sees more.

The same generated histories as in tests/sync, folded by the same code into SQLite and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from server.models import Entity, Event, Observation, Record, ReviewTask, Unit
from server.models import Fact as FactRow
from server.queries.merge_store import SqlMergeStore
from sync.merge.engine import Engine
from sync.merge.facts import EventFact, Fact, Judgement, Pin, Presence, Report, Retraction
from sync.merge.memory import MemoryStore
from sync.registers import load_registers
from tests.cast import Cast
from tests.sync.test_merge_laws import current, histories

REGISTERS = load_registers()
LAWS = settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip
TABLES = (Record, Entity, Observation, ReviewTask)
TYPES = {Judgement: "JUDGE", Retraction: "RETRACT", Pin: "PIN", Presence: "DELETE"}


def payload(event: EventFact) -> dict[str, Any]:
    """The event as the journal keeps it."""
    said: dict[str, Any] = {"authority": event.authority, "reason": event.reason}
    if isinstance(event, Judgement):
        return {**said, "a": event.a, "b": event.b, "verdict": event.verdict}
    if isinstance(event, Retraction):
        return {**said, "target": event.target}
    assert isinstance(event, Pin | Presence)
    about = {**said, "dataset": event.register, "entity": event.entity_id}
    return {**about, "property": event.property, "value": event.value} if isinstance(event, Pin) else about


def stored(session: Session, facts: Sequence[Fact]) -> list[Fact]:
    """The facts as the database holds them: reports by their current version with a number each, events in the journal."""
    found: list[Fact] = []
    for number, report in enumerate(sorted(current(facts), key=lambda r: r.key), 1):
        found.append(replace(report, fact_id=number, observations=tuple(replace(o, fact_id=number) for o in report.observations)))
    for event in facts:
        if isinstance(event, Report):
            continue
        row = FactRow(uuid=event.id, kind="event", actor_id=None, actor_name=event.actor, received_at=event.at, hlc=event.clock,
                      server_id="s1", payload_sha256="0" * 64)  # fmt: skip
        session.add(row)
        session.flush()
        session.add(Event(fact_id=row.id, type=TYPES[type(event)], subject=None, payload=payload(event)))
        found.append(event)
    session.flush()
    return found


def rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Every row that merging made, in the order of their keys."""
    session.flush()
    session.expire_all()
    return {
        model.__tablename__: [
            {column: getattr(row, column) for column, _ in inspect(model).columns.items()}
            for row in session.scalars(select(model).order_by(*inspect(model).primary_key))
        ]
        for model in TABLES
    }  # fmt: skip


def folded(session: Session, facts: Sequence[Fact], size: int, random: Any = None) -> dict[str, list[dict[str, Any]]]:
    """All rows after folding in batches of that size, each with a store of its own as the worker has; nothing is kept."""
    try:
        known = stored(session, facts)
        if random is not None:
            random.shuffle(known)
        for start in range(0, len(known), size):
            Engine(SqlMergeStore(session, REGISTERS), REGISTERS).fold(known[start : start + size])
        return rows(session)
    finally:
        session.rollback()


@LAWS
@given(facts=histories(), size=st.integers(1, 4), random=st.randoms(use_true_random=False))
def test_incremental_folding_in_any_order_gives_the_rows_of_a_rebuild(
    session: Session, facts: list[Fact], size: int, random: Any
) -> None:
    rebuilt = folded(session, facts, len(facts))

    assert folded(session, facts, size, random) == rebuilt


@LAWS
@given(facts=histories())
def test_the_tables_hold_what_merging_in_memory_makes(session: Session, facts: list[Fact]) -> None:
    memory = MemoryStore()
    Engine(memory, REGISTERS).fold(facts)

    made = folded(session, facts, 3)

    expected = {r.id: (dict(r.data), list(r.aliases), r.version, r.contested) for r in memory.records.values()}
    assert {row["id"]: (row["data"], row["aliases"], row["version"], row["contested"]) for row in made["records"]} == expected
    assert {row["id"] for row in made["review_tasks"]} == set(memory.tasks)


@LAWS
@given(facts=histories(), sectors=st.lists(st.sampled_from(("EAST-U", "WEST-U", "NOBODY")), min_size=6, max_size=6))
def test_merging_never_widens_who_may_see_a_value(session: Session, cast: Cast, facts: list[Fact], sectors: list[str]) -> None:
    """Each thing belongs to the sector of the unit that reported it first; what is merged of two is no sector's."""
    east, west = cast.sector_ids
    if session.get(Unit, "EAST-U") is None:
        session.add_all([Unit(code="EAST-U", name="E", sector_id=east), Unit(code="WEST-U", name="W", sector_id=west)])
        session.commit()
    reports = [f for f in facts if isinstance(f, Report)]
    things = sorted({o.entity_id for report in reports for o in report.observations})
    unit = {thing: sectors[number % 6] for number, thing in enumerate(things)}
    of_units = {"EAST-U": east, "WEST-U": west, "NOBODY": None}
    marked = [
        replace(f, observations=tuple(replace(o, unit=unit[o.entity_id]) for o in f.observations)) if isinstance(f, Report) else f
        for f in facts
    ]

    made = folded(session, marked, 5)

    home = {row["id"]: row["record_id"] for row in made["entities"]}
    seen_by = {row["id"]: row["sector_id"] for row in made["records"]}
    for thing, record in home.items():
        if seen_by[record] is not None:
            assert of_units[unit[thing]] == seen_by[record]
