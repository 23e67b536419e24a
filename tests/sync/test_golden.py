"""Survivorship: which value stands, why, and where it came from."""

from __future__ import annotations

import datetime as dt

from sync.merge.engine import Engine
from sync.merge.facts import Choice, Observation, Pin, Presence
from sync.merge.golden import survive
from sync.merge.memory import MemoryStore
from sync.merge.records import Record
from sync.registers import load_registers
from tests.sync.reports import START, clinic, clock, entity_id, observation, report

REGISTERS = load_registers()
FACILITIES = REGISTERS["facilities"]
DAY = 24


def works(state: str, *, day: float, seen: bool | None = True, **more: object) -> Observation:
    """A report on what works, observed on a day."""
    hours = 1000 + day
    return observation("c", hours=hours, observed=day * DAY, seen=seen, said={"functionality": state}, **more)  # type: ignore[arg-type]


def state(*reports: Observation) -> tuple[str, str]:
    found = survive(reports, FACILITIES).values["functionality"]
    return found.value, found.rule


def folded(*facts: object) -> Record:
    store = MemoryStore()
    Engine(store, REGISTERS).fold(facts)  # type: ignore[arg-type]
    return next(iter(store.records.values()))


def test_newest_observation_wins_not_newest_arrival() -> None:
    late_older = observation("c", hours=2000, observed=5, said={"ownership": "ngo"})
    newer = observation("c", hours=1000, observed=10, said={"ownership": "public"})

    assert survive([late_older, newer], FACILITIES).values["ownership"].value == "public"


def test_seen_beats_told_within_thirty_days() -> None:
    seen = observation("c", hours=1000, observed=0, seen=True, said={"ownership": "public"})
    told = observation("c", hours=1000, observed=20 * DAY, seen=False, said={"ownership": "ngo"})

    assert survive([seen, told], FACILITIES).values["ownership"].rule == "seen_over_told"


def test_what_was_told_later_than_that_stands() -> None:
    seen = observation("c", hours=1000, observed=0, seen=True, said={"ownership": "public"})
    told = observation("c", hours=1000, observed=31 * DAY, seen=False, said={"ownership": "ngo"})

    assert survive([seen, told], FACILITIES).values["ownership"].value == "ngo"


def test_of_one_moment_the_more_trusted_source_stands() -> None:
    patrol = observation("c", hours=1000, observed=0, said={"ownership": "public"}, role="patrol")
    observer = observation("c", hours=1001, observed=0, said={"ownership": "ngo"}, role="unmo")

    assert survive([patrol, observer], FACILITIES).values["ownership"].value == "ngo"


def test_a_fall_is_taken_at_once_even_when_only_told() -> None:
    assert state(works("full", day=0), works("none", day=1, seen=False)) == ("none", "latest")


def test_a_rise_that_was_only_told_waits_for_somebody_to_see_it() -> None:
    found = survive([works("none", day=0), works("full", day=1, seen=False)], FACILITIES)

    assert (found.values["functionality"].value, found.unconfirmed["functionality"].statement.value) == ("none", "full")


def test_a_rise_that_was_seen_stands() -> None:
    assert state(works("none", day=0), works("full", day=1)) == ("full", "latest")


def test_closed_and_reopened_is_open_again() -> None:
    assert state(works("full", day=0), works("abandoned", day=5), works("partial", day=9))[0] == "partial"


def test_unknown_states_nothing() -> None:
    assert state(works("partial", day=0), works("unknown", day=5))[0] == "partial"


def test_a_pin_stands_above_every_report_and_says_who_and_why() -> None:
    made = clinic("c", "CS Gbade", "6.49 17.45", hours=1)
    pin = Pin("p1", clock(2), START, 1, "Capt. Ali", "sign read", "facilities", entity_id("c"), "fac_name", "Gbadé")

    record = folded(report(made), pin)

    assert (record.label, record.data["fac_name"]) == ("Gbadé", "Gbadé")
    assert (
        record.provenance["fac_name"] | {"actor": "Capt. Ali", "reason": "sign read", "rule": "pinned"}
        == record.provenance["fac_name"]
    )


def test_a_pin_with_an_end_gives_way_to_a_report_observed_after_it() -> None:
    made = clinic("c", "CS Gbade", "6.49 17.45", hours=1)
    until = START + dt.timedelta(hours=10)
    pin = Pin("p1", clock(2), START, 1, register="facilities", entity_id=entity_id("c"), property="functionality",
              value="none", until=until)  # fmt: skip
    later = clinic("c", "CS Gbade", "6.49 17.45", hours=20, functionality="partial", action="update", base_version=1)

    assert folded(report(made), pin).data["functionality"] == "none"
    assert folded(report(made), pin, report(later)).data["functionality"] == "partial"


def test_a_patrol_never_moves_a_known_place_but_proposes_it() -> None:
    store = MemoryStore()
    made = clinic("c", "CS Gbade", "6.4900 17.4500", hours=1)
    moved = clinic("c", "CS Gbade", "6.4950 17.4500", hours=2, action="update", base_version=1)

    Engine(store, REGISTERS).fold([report(made), report(moved)])

    (record,) = store.records.values()
    (task,) = store.tasks.values()
    assert record.data["geometry"] == "6.4900 17.4500"
    assert (task.kind, task.a_observation, task.features["distance_m"]) == ("proposal", moved.id, 556)


def test_a_reading_within_two_hundred_metres_asks_nothing() -> None:
    store = MemoryStore()
    made = clinic("c", "CS Gbade", "6.4900 17.4500", hours=1)
    near = clinic("c", "CS Gbade", "6.4910 17.4500", hours=2, action="update", base_version=1)

    Engine(store, REGISTERS).fold([report(made), report(near)])

    assert store.tasks == {}


def test_an_accepted_proposal_moves_the_place_and_closes_the_question() -> None:
    store = MemoryStore()
    made = clinic("c", "CS Gbade", "6.4900 17.4500", hours=1)
    moved = clinic("c", "CS Gbade", "6.4950 17.4500", hours=2, action="update", base_version=1)
    choice = Choice("x", clock(3), START, 1, register="facilities", entity_id=entity_id("c"), property="geometry",
                    observation=moved.id, accept=True)  # fmt: skip

    Engine(store, REGISTERS).fold([report(made), report(moved), choice])

    (record,) = store.records.values()
    assert (record.data["geometry"], record.provenance["geometry"]["rule"], store.tasks) == ("6.4950 17.4500", "chosen", {})


def test_a_refused_proposal_is_not_asked_again() -> None:
    store = MemoryStore()
    made = clinic("c", "CS Gbade", "6.4900 17.4500", hours=1)
    moved = clinic("c", "CS Gbade", "6.4950 17.4500", hours=2, action="update", base_version=1)
    choice = Choice("x", clock(3), START, 1, register="facilities", entity_id=entity_id("c"), property="geometry",
                    observation=moved.id, accept=False)  # fmt: skip

    Engine(store, REGISTERS).fold([report(made), report(moved), choice])

    assert (next(iter(store.records.values())).data["geometry"], store.tasks) == ("6.4900 17.4500", {})


def test_other_names_are_all_kept() -> None:
    first = observation("c", hours=1, said={"fac_name": "CS Gbade", "fac_altname": "Vieux dispensaire"})
    second = observation("c", hours=2, action="update", base_version=1, said={"fac_name": "CS Gbadé", "fac_altname": "Mission"})

    record = folded(report(first), report(second))

    assert record.data["fac_altname"] == "Vieux dispensaire; Mission"
    assert record.aliases == ("CS Gbade", "Mission", "Vieux dispensaire")


def test_sensitivity_of_a_record_is_the_highest_that_a_report_gave() -> None:
    first = clinic("c", "CS Gbade", "6.49 17.45", hours=1, sensitivity="low")
    second = clinic("c", "CS Gbade", "6.49 17.45", hours=2, action="update", base_version=1, sensitivity="high")

    assert folded(report(first), report(second)).sensitivity == "high"


def test_a_thing_reported_anew_after_its_deletion_lives_again() -> None:
    first = clinic("c", "CS Gbade", "6.49000 17.45000", hours=1)
    gone = Presence("d", clock(2), START, 1, register="facilities", entity_id=entity_id("c"), deleted=True)
    anew = clinic("n", "CS Gbade", "6.49001 17.45001", hours=3)

    assert folded(report(first), gone).deleted_at is not None
    assert folded(report(first), gone, report(anew)).deleted_at is None


def test_a_plain_list_keeps_the_last_update_as_central_does() -> None:
    made = observation("e", register="trees", hours=1, said={"height": "3", "kind": "oak"}, label="Tree")
    wiped = observation("e", register="trees", hours=2, action="update", base_version=1, said={"height": ""}, label="Tree")

    record = folded(report(made), report(wiped))

    assert record.data == {"height": "", "kind": "oak"}
