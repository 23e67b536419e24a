"""Acceptance scenarios 1, 2 and 3 on the engine: two patrols and one clinic, late older news, a blank that wipes nothing."""

from __future__ import annotations

import pytest

from sync.merge.engine import Engine
from sync.merge.matching import reason
from sync.merge.memory import MemoryStore
from sync.registers import load_registers
from tests.sync.reports import clinic, entity_id, judge, observation, report, retract

FIRST = clinic("gbade", "Centre de Santé de Gbadé", "6.4901 17.4520", hours=48, unit="BANBATT-3")
SECOND = clinic(
    "cs-gbade", "CS Gbade", "6.4905 17.4527", hours=72, functionality="partial", unit="TS-BOSSANGOA"
)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def engine(store: MemoryStore) -> Engine:
    return Engine(store, load_registers())


def test_two_patrols_at_one_clinic_are_one_question_and_not_merged(
    engine: Engine, store: MemoryStore
) -> None:
    engine.fold([report(FIRST), report(SECOND)])

    assert [task.kind for task in store.tasks.values()] == ["pair"]
    assert len(store.records) == 2


def test_the_question_says_why_in_one_sentence(engine: Engine, store: MemoryStore) -> None:
    engine.fold([report(FIRST), report(SECOND)])

    (task,) = store.tasks.values()

    assert reason(task.features, "en") == "same type, 89 m apart, names 1.00 alike, other unit, 1 day"
    assert reason(task.features, "fr") == "même type, à 89 m, noms semblables à 1.00, autre unité, 1 jour"


def test_accepted_pair_is_one_clinic_with_the_newer_state_and_both_names(
    engine: Engine, store: MemoryStore
) -> None:
    engine.fold([report(FIRST), report(SECOND)])

    engine.fold([judge(FIRST, SECOND, "same", hours=80)])

    (record,) = store.records.values()
    assert record.id == entity_id("gbade")
    assert record.data["functionality"] == "partial"
    assert record.data["fac_name"] == "CS Gbade"
    assert record.aliases == ("Centre de Santé de Gbadé",)
    assert record.data["geometry"] == "6.4901 17.4520"
    assert record.provenance["functionality"]["unit"] == "TS-BOSSANGOA"
    assert record.observation_count == 2
    assert store.tasks == {}


def test_undone_judgement_gives_the_two_clinics_back(engine: Engine, store: MemoryStore) -> None:
    engine.fold([report(FIRST), report(SECOND)])
    before = dict(store.tasks), {key: record.data for key, record in store.records.items()}
    same = judge(FIRST, SECOND, "same", hours=80)
    engine.fold([same])

    engine.fold([retract(same.id, hours=81)])

    assert (dict(store.tasks), {key: record.data for key, record in store.records.items()}) == before


def test_not_the_same_is_remembered(engine: Engine, store: MemoryStore) -> None:
    engine.fold([report(FIRST), report(SECOND), judge(FIRST, SECOND, "different", hours=80)])

    engine.fold(
        [report(clinic("gbade", "CS Gbade", "6.4905 17.4527", hours=90, action="update", base_version=1))]
    )

    assert store.tasks == {}
    assert len(store.records) == 2


def test_late_older_news_does_not_reopen_the_route(engine: Engine, store: MemoryStore) -> None:
    made = observation("road", register="routes", hours=0, said={"route_name": "Bossangoa - Nana-Bakassa"})
    closed = observation(
        "road", register="routes", hours=192, action="update", base_version=1, said={"passability": "closed"}
    )
    opened = observation(
        "road",
        register="routes",
        hours=264,
        observed=120,
        action="update",
        base_version=2,
        said={"passability": "open", "max_vehicle": "3"},
    )
    engine.fold([report(made), report(closed)])

    engine.fold([report(opened)])

    (record,) = store.records.values()
    assert record.data["passability"] == "closed"
    assert record.provenance["passability"]["source"] == closed.source
    assert record.observation_count == 3


def test_blank_population_wipes_nothing(engine: Engine, store: MemoryStore) -> None:
    known = observation(
        "gbade", register="settlements", hours=0, said={"settlement_name": "Gbadé", "pop_total": "2400"}
    )
    visit = observation(
        "gbade",
        register="settlements",
        hours=24,
        action="update",
        base_version=1,
        said={"max_vehicle": "3", "pop_total": ""},
    )
    engine.fold([report(known)])

    engine.fold([report(visit)])

    (record,) = store.records.values()
    assert record.data["pop_total"] == "2400"
    assert record.provenance["pop_total"]["source"] == known.source
