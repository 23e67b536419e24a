"""Entity chains: versions, conflicts, offline branches and faulty operations, as ODK Central judges them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.merge.chains import build_chain
from sync.merge.facts import Force, Observation, Presence, Resolution
from tests.sync.reports import START, clock, entity_id, observation

CREATE = observation("e", hours=1, said={"a": "1", "b": "1"}, label="E")
BRANCH = "00000000-0000-4000-8000-000000000001"


def update(hours: float, base: int | None, said: dict[str, str], **more: object) -> Observation:
    return observation("e", hours=hours, action="update", base_version=base, said=said, label="E", **more)  # type: ignore[arg-type]


def test_versions_rise_by_one_per_applied_update() -> None:
    chain = build_chain([CREATE, update(2, 1, {"a": "2"}), update(3, 2, {"a": "3"})], lenient=False)

    assert [version.number for version in chain.versions] == [1, 2, 3]
    assert chain.versions[-1].data == {"a": "3", "b": "1"}


def test_parallel_updates_of_different_properties_are_a_soft_conflict() -> None:
    chain = build_chain([CREATE, update(2, 1, {"a": "2"}), update(3, 1, {"b": "2"})], lenient=False)

    assert (chain.conflict, chain.versions[-1].conflicting) == ("soft", ())


def test_parallel_updates_of_one_property_are_a_hard_conflict() -> None:
    chain = build_chain([CREATE, update(2, 1, {"a": "2"}), update(3, 1, {"a": "3"})], lenient=False)

    assert (chain.conflict, chain.versions[-1].conflicting) == ("hard", ("a",))


def test_an_empty_text_overwrites_in_the_chain() -> None:
    chain = build_chain([CREATE, update(2, 1, {"a": ""})], lenient=False)

    assert chain.versions[-1].data["a"] == ""


def test_an_unknown_base_version_is_a_fault_in_a_plain_list() -> None:
    late = update(2, 7, {"a": "2"})

    chain = build_chain([CREATE, late], lenient=False)

    assert chain.problems == {late.id: "no_version"}


def test_a_base_version_of_the_record_counts_as_the_newest_in_a_register() -> None:
    chain = build_chain([CREATE, update(2, 7, {"a": "2"})], lenient=True)

    assert (len(chain.versions), chain.conflict) == (2, None)


def test_a_second_create_is_refused_and_named() -> None:
    again = observation("e", hours=5, said={"a": "9"}, label="E")

    chain = build_chain([again, CREATE], lenient=False)

    assert chain.problems == {again.id: "already_exists"}


@pytest.mark.parametrize("lenient", [True, False])
def test_an_update_without_its_entity_fails_and_is_named(lenient: bool) -> None:
    lone = update(2, 1, {"a": "2"})

    chain = build_chain([lone], lenient=lenient)

    assert (chain.held, chain.problems) == ((), {lone.id: "no_entity"})


def test_an_offline_update_without_its_entity_is_held() -> None:
    lone = update(2, 1, {"a": "2"}, branch_id=BRANCH)

    assert build_chain([lone], lenient=False).held == (lone.id,)


def test_a_late_create_takes_in_what_failed_before_it_in_a_register() -> None:
    early = update(0, 1, {"a": "2"})

    chain = build_chain([early, CREATE], lenient=True)

    assert (len(chain.versions), chain.problems, chain.conflict) == (2, {}, None)


def test_a_late_create_leaves_what_failed_before_it_in_a_plain_list() -> None:
    early = update(0, 1, {"a": "2"})

    chain = build_chain([early, CREATE], lenient=False)

    assert (len(chain.versions), chain.problems) == (1, {early.id: "no_entity"})


def test_a_create_without_label_makes_no_entity() -> None:
    nameless = observation("e", hours=1, said={"a": "1"})
    nameless = type(nameless)(**{**{f: getattr(nameless, f) for f in nameless.__dataclass_fields__}, "label": None})

    assert build_chain([nameless], lenient=False).problems == {nameless.id: "no_label"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_offline_branch_is_applied_in_its_own_order_whatever_arrives_first(order: tuple[int, ...]) -> None:
    hours = [2 + place for place in order]
    parts = [
        update(hours[0], 1, {"a": "first"}, trunk_version=1, branch_id=BRANCH),
        update(hours[1], 2, {"a": "second"}, trunk_version=1, branch_id=BRANCH),
        update(hours[2], 3, {"a": "third"}, trunk_version=1, branch_id=BRANCH),
    ]

    chain = build_chain([CREATE, *parts], lenient=False)

    assert [version.data["a"] for version in chain.versions] == ["1", "first", "second", "third"]
    assert (chain.held, chain.conflict) == ((), None)


def test_a_branch_that_lacks_a_part_is_held() -> None:
    last = update(3, 2, {"a": "second"}, trunk_version=1, branch_id=BRANCH)

    chain = build_chain([CREATE, last], lenient=False)

    assert (len(chain.versions), chain.held) == (1, (last.id,))


OTHER = "00000000-0000-4000-8000-000000000002"


def force(held: Observation, hours: float) -> Force:
    """An officer applies it anyway."""
    return Force("force", clock(hours), START, 1, register="facilities", entity_id=entity_id("e"), observation=held.id)


def test_an_update_amid_an_offline_branch_makes_its_rest_a_soft_conflict() -> None:
    parts = [
        update(2, 1, {"a": "first"}, trunk_version=1, branch_id=BRANCH),
        update(3, 1, {"b": "other"}),
        update(4, 2, {"a": "second"}, trunk_version=1, branch_id=BRANCH),
    ]

    chain = build_chain([CREATE, *parts], lenient=False)

    assert [version.conflict for version in chain.versions] == [None, None, "soft", "soft"]


def test_a_branch_whose_base_is_the_newest_is_still_interrupted() -> None:
    parts = [
        update(2, 1, {"b": "other"}),
        update(3, 1, {"a": "first"}, trunk_version=1, branch_id=BRANCH),
        update(4, 2, {"a": "second"}, trunk_version=1, branch_id=BRANCH),
    ]

    chain = build_chain([CREATE, *parts], lenient=False)

    assert (chain.versions[3].base, chain.versions[3].conflict, chain.versions[3].conflicting) == (3, "soft", ())


def test_labels_that_differ_are_a_hard_conflict_over_the_label() -> None:
    named = [observation("e", hours=h, action="update", base_version=1, label=text) for h, text in ((2, "X"), (3, "Y"))]

    assert build_chain([CREATE, *named], lenient=False).versions[-1].conflicting == ("label",)


def test_both_actions_on_an_entity_that_is_there_update_it_and_note_the_failed_create() -> None:
    asked = observation("e", hours=2, action="both", base_version=1, said={"a": "2"}, label="E")

    chain = build_chain([CREATE, asked], lenient=False)

    assert (len(chain.versions), chain.notes) == (2, {asked.id: "create_exists"})


def test_both_actions_on_an_unknown_entity_make_it_and_note_the_failed_update() -> None:
    asked = observation("e", hours=2, action="both", base_version=1, said={"a": "2"}, label="E")

    chain = build_chain([asked], lenient=False)

    assert (len(chain.versions), chain.notes) == (1, {asked.id: "update_no_entity"})


@pytest.mark.parametrize("base", [None, 0])
def test_a_base_version_of_nothing_is_a_fault_in_a_plain_list(base: int | None) -> None:
    blind = update(2, base, {"a": "2"})

    assert build_chain([CREATE, blind], lenient=False).problems == {blind.id: "no_version"}


def test_a_held_part_is_applied_when_an_officer_says_so_and_marked() -> None:
    last = update(3, 2, {"a": "second"}, trunk_version=1, branch_id=BRANCH)

    forced = build_chain([CREATE, last], lenient=False, events=[force(last, 5)])

    assert (forced.held, forced.versions[-1].data["a"], forced.versions[-1].forced) == ((), "second", True)


def test_parts_after_a_forced_one_follow_it() -> None:
    second = update(3, 2, {"a": "second"}, trunk_version=1, branch_id=BRANCH)
    third = update(4, 3, {"a": "third"}, trunk_version=1, branch_id=BRANCH)

    chain = build_chain([CREATE, second, third], lenient=False, events=[force(second, 5)])

    assert [version.data["a"] for version in chain.versions] == ["1", "second", "third"]


def test_the_part_that_was_missing_is_a_conflict_after_its_follower_was_forced() -> None:
    second = update(3, 2, {"a": "second"}, trunk_version=1, branch_id=BRANCH)
    first = update(9, 1, {"a": "first"}, trunk_version=1, branch_id=BRANCH)

    chain = build_chain([CREATE, second, first], lenient=False, events=[force(second, 5)])

    assert (chain.versions[-1].data["a"], chain.conflict) == ("first", "hard")


def test_forcing_an_update_of_nothing_makes_the_entity_and_a_late_create_is_a_conflict() -> None:
    lone = update(0, 1, {"a": "2"}, branch_id=BRANCH)

    chain = build_chain([lone, CREATE], lenient=False, events=[force(lone, 0.5)])

    assert [(v.number, v.forced, v.late, v.conflict) for v in chain.versions] == [
        (1, True, False, None), (2, False, True, "hard"),
    ]  # fmt: skip


def test_a_settled_conflict_is_no_conflict_until_the_next() -> None:
    settle = Resolution("r", clock(4), START, 1, register="facilities", entity_id=entity_id("e"))
    parts = [update(2, 1, {"a": "2"}), update(3, 1, {"a": "3"})]

    settled = build_chain([CREATE, *parts], lenient=False, events=[settle])
    again = build_chain([CREATE, *parts, update(5, 1, {"b": "9"})], lenient=False, events=[settle])

    assert (settled.conflict, again.conflict) == (None, "soft")


def test_an_update_of_a_deleted_entity_fails_in_a_plain_list() -> None:
    gone = Presence("d", clock(2), START, 1, register="facilities", entity_id=entity_id("e"), deleted=True)
    back = Presence("r", clock(4), START, 1, register="facilities", entity_id=entity_id("e"), deleted=False)
    parts = [update(3, 1, {"a": "2"}), update(5, 1, {"a": "3"})]

    chain = build_chain([CREATE, *parts], lenient=False, events=[gone, back])

    assert (chain.problems, chain.versions[-1].data["a"]) == ({parts[0].id: "deleted"}, "3")


@st.composite
def phones(draw: st.DrawFn) -> list[list[Observation]]:
    """What up to three phones did offline with one entity, each in the order of doing: branches from version 1 on."""
    found = []
    for phone in range(draw(st.integers(1, 3))):
        branch = f"00000000-0000-4000-8000-00000000001{phone}"
        made = []
        for number in range(draw(st.integers(1, 5))):
            said = {draw(st.sampled_from("ab")): draw(st.sampled_from("123"))}
            made.append(update(0, number + 1, said, trunk_version=1, branch_id=branch, source=f"{phone}-{number}"))
        found.append(made)
    return found


def received(order: list[Observation]) -> list[Observation]:
    """The same reports, received in that order."""
    fields = CREATE.__dataclass_fields__
    return [
        Observation(**{**{name: getattr(op, name) for name in fields}, "clock": clock(10 + number)})
        for number, op in enumerate(order)
    ]


@given(phones(), st.randoms(use_true_random=False), st.booleans())
def test_any_order_of_facts_gives_the_same_chain(parts: list[list[Observation]], random, lenient: bool) -> None:  # type: ignore[no-untyped-def]
    facts = [CREATE, *received([op for phone in parts for op in phone])]
    shuffled = list(facts)
    random.shuffle(shuffled)

    assert build_chain(shuffled, lenient=lenient) == build_chain(facts, lenient=lenient)


@given(phones(), st.randoms(use_true_random=False), st.booleans())
def test_any_order_of_arrival_keeps_a_branch_in_its_own_order(parts: list[list[Observation]], random, lenient: bool) -> None:  # type: ignore[no-untyped-def]
    order = [op for phone in parts for op in phone]
    random.shuffle(order)

    chain = build_chain([CREATE, *received(order)], lenient=lenient)

    applied = [version.observation.id for version in chain.versions[1:]]
    assert (chain.held, len(applied)) == ((), len(order))
    for phone in parts:
        assert [key for key in applied if key in {op.id for op in phone}] == [op.id for op in phone]


@given(phones(), st.randoms(use_true_random=False), st.booleans())
def test_one_phone_ends_in_the_same_data_whatever_arrives_first(parts: list[list[Observation]], random, lenient: bool) -> None:  # type: ignore[no-untyped-def]
    order = list(parts[0])
    random.shuffle(order)
    made = observation("e", hours=random.choice((1, 12, 30)), said={"a": "1", "b": "1"}, label="E")

    chain = build_chain([made, *received(order)], lenient=lenient)

    expected = build_chain([CREATE, *received(parts[0])], lenient=lenient)
    assert [(v.number, v.data, v.base, v.conflict) for v in chain.versions] == [
        (v.number, v.data, v.base, v.conflict) for v in expected.versions
    ]
