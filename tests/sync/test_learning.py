"""Weights learnt from judgements stay near the shipped ones, whatever the order, and say nothing of what nobody judged."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.linkage.countries import FIRST_HELD_OUT, make_country, only
from bench.linkage.noise import Family
from sync.merge.batch import Batch, Local
from sync.merge.features import compare
from sync.merge.learning import LEAST, Label, enough, figures, fitted, learn
from sync.merge.link import face_of_row, prepared
from sync.merge.lists import Lists
from sync.merge.matching import Model, load_model

SHIPPED = Model("shipped-1", -1.0, {"near": 2.0, "far": -2.0, "equal": 1.5, "rare": 0.7}, 0.5, 0.05)
LEVELS = st.frozensets(st.sampled_from(["near", "far", "equal", "unlike"]), min_size=1)


def made(pairs: list[tuple[frozenset[str], bool]]) -> list[Label]:
    return [Label(f"a{number:04d}", f"b{number:04d}", levels, same) for number, (levels, same) in enumerate(pairs)]


def judged(register: str, seed: int, family: Family) -> list[Label]:
    """400 pairs of a made-up country that an officer would be asked about, judged by the truth."""
    country = make_country(register, FIRST_HELD_OUT + seed, only(family))
    faces = prepared(face_of_row(row, register) for row in (*country.reference, *country.reports))
    pairs = Local().first(Batch(faces, Lists(faces, ()), register, load_model(register), None))
    asked = [(faces[a], faces[b]) for a, b, row in zip(pairs.a, pairs.b, pairs.values, strict=True) if row[0] > 0.05]
    random.Random(1).shuffle(asked)
    return [
        Label(a.id, b.id, compare(a, b, register).levels, country.truth[a.id] == country.truth[b.id]) for a, b in asked[:400]
    ]  # fmt: skip


@given(st.lists(st.tuples(LEVELS, st.booleans()), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_levels_that_nobody_judged_keep_their_weight(pairs: list[tuple[frozenset[str], bool]]) -> None:
    _, weights = fitted(made(pairs), SHIPPED)

    judged = {level for levels, _ in pairs for level in levels}
    assert weights["rare"] == 0.7
    assert all(weights[level] == weight for level, weight in SHIPPED.weights.items() if level not in judged)


@given(st.lists(st.tuples(LEVELS, st.booleans()), min_size=1, max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_judgements_changes_nothing(pairs: list[tuple[frozenset[str], bool]], chance: random.Random) -> None:
    labels = made(pairs)
    other = chance.sample(labels, len(labels))

    first, second = fitted(labels, SHIPPED), fitted(other, SHIPPED)

    assert math.isclose(first[0], second[0], abs_tol=2e-4)
    assert all(math.isclose(first[1][level], second[1][level], abs_tol=2e-4) for level in first[1])


@given(st.lists(st.tuples(LEVELS, st.booleans()), min_size=1, max_size=60))
@settings(max_examples=40, deadline=None)
def test_a_strong_pull_leaves_the_shipped_weights(pairs: list[tuple[frozenset[str], bool]]) -> None:
    bias, weights = fitted(made(pairs), SHIPPED, ridge=1e7)

    assert math.isclose(bias, SHIPPED.bias, abs_tol=1e-3)
    assert all(math.isclose(weights[level], SHIPPED.weights.get(level, 0.0), abs_tol=1e-3) for level in weights)


def test_judgements_against_the_weights_move_them() -> None:
    pairs = [(frozenset({"near"}), False)] * 150 + [(frozenset({"far"}), True)] * 150

    _, weights = fitted(made(pairs), SHIPPED)

    assert weights["near"] < SHIPPED.weights["near"] - 0.5
    assert weights["far"] > SHIPPED.weights["far"] + 0.5


def test_few_judgements_or_judgements_of_one_kind_are_not_enough() -> None:
    both = [(frozenset({"near"}), number % 2 == 0) for number in range(LEAST)]

    assert enough(made(both))
    assert not enough(made(both[:-1]))
    assert not enough(made([(levels, True) for levels, _ in both]))
    with pytest.raises(ValueError, match="too few"):
        learn(made(both[:-1]), SHIPPED)


def test_probabilities_that_are_always_right_have_no_error() -> None:
    labels = made([(frozenset({"near"}), True), (frozenset({"far"}), False)])

    found = figures([1.0, 0.0], labels)

    assert (found.right, found.calibration_error) == (1.0, 0.0)
    assert found.log_loss < 1e-5


@pytest.mark.parametrize(("register", "family"), [("settlements", "international"), ("facilities", "sloppy")])
def test_where_sources_err_in_one_way_judgements_of_others_are_told_better(register: str, family: Family) -> None:
    found = [learn(labels, load_model(register)) for seed in (70, 71, 72) if enough(labels := judged(register, seed, family))]

    assert len(found) >= 2
    assert sum(each.after.log_loss - each.before.log_loss for each in found) / len(found) < -0.02
