"""The versions of a merged record as devices see them, and conflicts judged against all that came to the record."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from sync.merge.engine import Engine
from sync.merge.facts import Fact, Observation, Pin, Resolution
from sync.merge.memory import MemoryStore
from sync.merge.records import Record
from sync.merge.timeline import Step
from sync.registers import load_registers
from tests.sync.reports import START, clinic, clock, entity_id, judge, report
from tests.sync.test_merge_laws import LAWS, histories

REGISTERS = load_registers()
FIRST = clinic("a", "Clinic of Bria", "6.5400 21.9900", hours=1)
# Too far and too unlike to be joined without an officer.
SECOND = clinic("b", "Health post north", "6.6000 21.9000", hours=2)


def folded(*facts: Fact) -> tuple[Record, list[Step]]:
    """The record that holds "a", and its history."""
    engine = Engine(MemoryStore(), REGISTERS)
    engine.fold(facts)
    store = engine.store
    assert isinstance(store, MemoryStore)
    (record,) = [each for each in store.records.values() if entity_id("a") in each.entities]
    return record, engine.history("facilities", entity_id("a"))


def update(thing: str, hours: float, base: int, **more: object) -> Observation:
    """A patrol's update of "functionality", made on that version."""
    said = {"name": "Clinic of Bria", "place": "6.5400 21.9900", "functionality": "partial"} | more
    return clinic(thing, str(said.pop("name")), str(said.pop("place")), hours=hours, action="update", base_version=base, **said)  # type: ignore[arg-type]


def test_a_pin_counts_so_that_two_updates_on_one_version_are_seen_to_clash() -> None:
    pin = Pin("pin", clock(3), START, 1, register="facilities", entity_id=entity_id("a"), property="damage", value="1")
    one, other = update("a", 4, 2, functionality="none"), update("a", 5, 2, functionality="full")

    record, _steps = folded(report(FIRST), pin, report(one), report(other))

    assert (record.version, record.conflict) == (4, "hard")


def test_an_update_made_before_a_merge_and_received_after_it_is_a_conflict() -> None:
    merged = judge(FIRST, SECOND, "same", hours=3)

    record, _steps = folded(report(FIRST), report(SECOND), merged, report(update("a", 4, 1)))

    assert record.conflict is not None


def test_an_update_made_on_the_merged_record_is_none() -> None:
    merged = judge(FIRST, SECOND, "same", hours=3)

    record, _steps = folded(report(FIRST), report(SECOND), merged, report(update("b", 4, 3)))

    assert (record.version, record.conflict) == (4, None)


def test_updates_on_both_ids_of_a_merged_record_clash_when_made_on_one_version() -> None:
    merged = judge(FIRST, SECOND, "same", hours=3)
    one, other = update("a", 4, 3, functionality="none"), update("b", 5, 3, functionality="full")

    record, steps = folded(report(FIRST), report(SECOND), merged, report(one), report(other))

    assert record.conflict == "hard"
    assert (steps[-1].base, steps[-1].conflicting) == (3, ("functionality",))


def test_a_few_metres_between_two_readings_are_no_disagreement() -> None:
    one = update("a", 4, 1, place="6.54001 21.99001")
    other = update("a", 5, 1, place="6.54002 21.99002")

    record, _steps = folded(report(FIRST), report(one), report(other))

    assert record.conflict == "soft"


def test_what_a_phone_added_to_its_own_offline_thing_is_no_conflict_when_the_thing_was_known() -> None:
    twin = clinic("b", "Clinic of Bria", "6.5400 21.9900", hours=2)
    more = update("b", 3, 1, branch_id="00000000-0000-4000-8000-000000000001")

    record, _steps = folded(report(FIRST), report(twin), report(more))

    assert (len(record.entities), record.version, record.conflict) == (2, 3, None)


def test_settled_conflicts_are_marked_and_no_longer_the_records() -> None:
    one, other = update("a", 4, 1, functionality="none"), update("a", 5, 1, functionality="full")
    settled = Resolution("r", clock(6), START, 1, register="facilities", entity_id=entity_id("a"))

    record, steps = folded(report(FIRST), report(one), report(other), settled)

    assert record.conflict is None
    assert [(step.conflict, step.resolved) for step in steps] == [(None, False), (None, False), ("hard", True)]


def test_the_record_tells_who_made_its_newest_version_on_which() -> None:
    merged = judge(FIRST, SECOND, "same", hours=3)

    record, _steps = folded(report(FIRST), report(SECOND), merged, report(update("b", 4, 3, actor_id=7)))

    assert (record.current["creator_id"], record.current["base_version"]) == (7, 3)


@LAWS
@given(histories())
def test_the_history_of_a_record_has_as_many_steps_as_its_version(facts: Sequence[Fact]) -> None:
    engine = Engine(MemoryStore(), REGISTERS)
    engine.fold(facts)
    store = engine.store
    assert isinstance(store, MemoryStore)

    for record in store.records.values():
        steps = engine.history(record.register, record.id)
        assert [step.number for step in steps] == list(range(1, record.version + 1))


@LAWS
@given(histories(), st.randoms(use_true_random=False))
def test_histories_do_not_depend_on_the_order_of_arrival(facts: Sequence[Fact], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(facts)
    random.shuffle(shuffled)
    told = []
    for order in (facts, shuffled):
        engine = Engine(MemoryStore(), REGISTERS)
        engine.fold(order)
        told.append({key: engine.history(*key) for key in sorted(engine.store.records)})  # type: ignore[attr-defined]

    assert told[0] == told[1]
