"""Entity chains: versions, conflicts, offline branches and faulty operations, as ODK Central judges them."""

from __future__ import annotations

import itertools

import pytest

from sync.merge.chains import build_chain
from sync.merge.facts import Observation
from tests.sync.reports import observation

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


def test_an_update_without_its_entity_is_held() -> None:
    lone = update(2, 1, {"a": "2"})

    assert build_chain([lone], lenient=False).held == (lone.id,)


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
