"""Clustering and judgements: average linkage, must-link and cannot-link, suspended judgements, in any order the same."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.merge.clustering import cluster, components
from sync.merge.facts import Judgement, Verdict
from sync.merge.judgements import Dispute, Pair, disputes, in_force, links, pair_of, standing
from tests.sync.reports import clinic, judge, retract

IDS = list("abcdefg")
A, B, C = (clinic(name, "CS", "1 1", hours=i) for i, name in enumerate("abc"))
ENTITY_OF = {o.id: o.entity_id for o in (A, B, C)}


@st.composite
def scored_pairs(draw: st.DrawFn) -> dict[Pair, float]:
    pairs = draw(st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda p: p[0] != p[1]), max_size=14))
    return {pair_of(*pair): draw(st.sampled_from([0.1, 0.4, 0.5, 0.7, 0.9, 1.0])) for pair in pairs}


def test_a_chain_of_near_likenesses_is_not_one_cluster() -> None:
    scores = {("a", "b"): 0.9, ("b", "c"): 0.8, ("c", "d"): 0.9}

    assert cluster("abcd", scores, 0.5) == [("a", "b"), ("c", "d")]


def test_a_cannot_link_keeps_the_likest_pair_apart() -> None:
    assert cluster("ab", {("a", "b"): 1.0}, 0.5, cannot=[("a", "b")]) == [("a",), ("b",)]


def test_a_must_link_joins_what_was_never_compared() -> None:
    assert cluster("abc", {}, 0.5, must=[("a", "c")]) == [("a", "c"), ("b",)]


def test_a_cluster_holds_one_row_of_a_clean_list_unless_two_are_surely_one() -> None:
    scores = {("r", "s"): 0.8, ("q", "s"): 0.7, ("q", "r"): 0.7}

    assert cluster("qrs", scores, 0.5, sole="qr") == [("q",), ("r", "s")]
    assert cluster("qrs", dict.fromkeys(scores, 0.95), 0.5, sole="qr") == [("q", "r", "s")]


def test_a_must_link_joins_two_rows_of_a_clean_list() -> None:
    assert cluster("qr", {("q", "r"): 0.1}, 0.5, must=[("q", "r")], sole="qr") == [("q", "r")]


@given(scored_pairs(), st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order_of_ids_or_pairs(scores: dict[Pair, float], random) -> None:  # type: ignore[no-untyped-def]
    ids, items = list(IDS), list(scores.items())
    random.shuffle(ids)
    random.shuffle(items)

    assert cluster(ids, dict(items), 0.5) == cluster(IDS, scores, 0.5)


@given(scored_pairs(), st.sets(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda p: p[0] < p[1]), max_size=5))
def test_every_id_is_in_one_cluster_and_no_cannot_link_is_broken(scores: dict[Pair, float], cannot: set[Pair]) -> None:
    found = cluster(IDS, scores, 0.5, cannot=cannot)

    assert sorted(member for members in found for member in members) == IDS
    assert all(not set(pair) <= set(members) for pair in cannot for members in found)


@given(scored_pairs())
def test_clustering_by_components_is_clustering_the_whole(scores: dict[Pair, float]) -> None:
    parts = [c for part in components(IDS, scores) for c in cluster(part, {p: s for p, s in scores.items() if p[0] in part}, 0.5)]

    assert sorted(parts) == cluster(IDS, scores, 0.5)


def test_the_higher_authority_stands_against_a_later_word() -> None:
    high = judge(A, B, "different", hours=1, authority=2)
    low = judge(A, B, "same", hours=5, authority=1)

    assert list(in_force([low, high], ENTITY_OF).values()) == [high]


def test_the_later_word_of_one_person_stands() -> None:
    first, second = judge(A, B, "same", hours=1), judge(A, B, "different", hours=2)

    assert list(in_force([second, first], ENTITY_OF).values()) == [second]


def said(verdict: Verdict, actor: str, hours: float, authority: int = 1) -> Judgement:
    return judge(A, B, verdict, hours=hours, actor=actor, authority=authority)


def test_two_persons_who_disagree_leave_the_pair_apart_and_in_dispute() -> None:
    different, same = said("different", "Ada", 1), said("same", "Ben", 2)

    assert list(in_force([same, different], ENTITY_OF).values()) == [different]
    assert list(disputes([same, different], ENTITY_OF).values()) == [Dispute(same, different)]


@pytest.mark.parametrize("verdict", ["same", "different"])
def test_a_second_person_settles_a_dispute(verdict: Verdict) -> None:
    voices = [said("different", "Ada", 1), said("same", "Ben", 2), said(verdict, "Cleo", 3)]

    assert list(in_force(voices, ENTITY_OF).values()) == [voices[2]]
    assert disputes(voices, ENTITY_OF) == {}


def test_whoever_comes_round_ends_a_dispute() -> None:
    voices = [said("different", "Ada", 1), said("same", "Ben", 2), said("same", "Ada", 3)]

    assert list(in_force(voices, ENTITY_OF).values()) == [voices[2]]
    assert disputes(voices, ENTITY_OF) == {}


def test_saying_it_twice_settles_nothing() -> None:
    voices = [said("different", "Ada", 1), said("same", "Ben", 2), said("same", "Ben", 3)]

    assert len(disputes(voices, ENTITY_OF)) == 1


def test_who_cannot_tell_neither_disputes_nor_settles() -> None:
    same, unsure = said("same", "Ben", 1), said("unsure", "Ada", 2)

    assert list(in_force([unsure, same], ENTITY_OF).values()) == [same]
    assert len(disputes([same, unsure, said("different", "Cleo", 3)], ENTITY_OF)) == 1


def test_a_higher_authority_settles_alone() -> None:
    voices = [said("different", "Ada", 1), said("same", "Ben", 2), said("same", "Chief", 3, authority=2)]

    assert list(in_force(voices, ENTITY_OF).values()) == [voices[2]]
    assert disputes(voices, ENTITY_OF) == {}


VOICES = st.tuples(st.sampled_from(["same", "different", "unsure"]), st.sampled_from("abcd"), st.integers(1, 2))


@given(st.lists(VOICES, max_size=8), st.randoms())
def test_who_is_heard_first_makes_no_difference(made: list[tuple[Verdict, str, int]], random: Random) -> None:
    voices = [said(verdict, actor, hours, authority) for hours, (verdict, actor, authority) in enumerate(made)]
    mixed = random.sample(voices, len(voices))

    assert in_force(mixed, ENTITY_OF) == in_force(voices, ENTITY_OF)
    assert disputes(mixed, ENTITY_OF) == disputes(voices, ENTITY_OF)


def test_a_same_that_breaks_a_different_is_suspended() -> None:
    strong, weak = judge(A, B, "same", hours=1, authority=2), judge(B, C, "same", hours=2)
    apart = judge(A, C, "different", hours=0)

    found = links(in_force([weak, apart, strong], ENTITY_OF))

    assert (list(found.must.values()), found.suspended) == ([strong], (weak,))


def test_a_retracted_retraction_lets_the_judgement_stand_again() -> None:
    same = judge(A, B, "same", hours=1)
    undo = retract(same.id, hours=2)

    assert standing([same], [undo]) == []
    assert standing([same], [undo, retract(undo.id, hours=3)]) == [same]


def test_a_lower_authority_cannot_take_back_a_higher_word() -> None:
    same = judge(A, B, "same", hours=1, authority=3)

    assert standing([same], [retract(same.id, hours=2, authority=1)]) == [same]
