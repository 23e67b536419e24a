"""Pairs among their neighbours: a better rival, lists, offsets, vague positions; trees that score alike in any company."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.merge.batch import Batch, Local
from sync.merge.blocking import worth_comparing
from sync.merge.faces import Face
from sync.merge.facts import Position
from sync.merge.features import compare
from sync.merge.link import face_of_row, known_offsets, prepared
from sync.merge.lists import Lists
from sync.merge.matching import load_model, match_of, reason
from sync.merge.neighbourhood import FEATURES, Neighbourhood, home_numbers
from sync.merge.trees import Trees

MODEL = load_model("facilities")
STUMPS = {"features": ["x"], "bias": 0.5, "trees": [[[0, 1.0, 1, 2], [-1.0], [2.0]], [[0.25]]]}


def place(key: str, name: str, lat: float | str = "", lon: float | str = "", **other: str) -> dict[str, str]:
    return {"record_id": key, "name": name, "type": "health_post", "lat": str(lat), "lon": str(lon), **other}


def values(name: str, *rows: dict[str, str], reference: str = "R") -> dict[tuple[str, str], float]:
    """The value of a feature for every pair that is not hopeless."""
    faces = prepared(face_of_row(row, "facilities") for row in rows)
    lists = Lists(faces, [face.id for face in faces if face.id.startswith(reference)])
    pairs = Local().first(Batch(faces, lists, "facilities", MODEL, None))
    around = Neighbourhood(pairs, home_numbers([face.id for face in faces], lists.home))
    at = FEATURES.index(name)
    numbers = around.numbers(slice(0, len(pairs)))[:, at].tolist()
    return {(faces[a].id, faces[b].id): value for a, b, value in zip(pairs.a, pairs.b, numbers, strict=True)}


def test_a_pair_knows_that_one_side_has_a_better_partner() -> None:
    rows = (place("R1", "Gbadara", 6.4, 17.4), place("S1", "Gbadara", 6.4001, 17.4), place("S2", "Gbadala", 6.405, 17.4))

    found = values("margin", *rows)

    assert found[("R1", "S1")] > 0 > found[("R1", "S2")]


def test_two_rows_of_the_reference_are_known_for_what_they_are() -> None:
    rows = (place("R1", "Gbadara", 6.4, 17.4), place("R2", "Gbadara", 6.4001, 17.4), place("S1", "Gbadara", 6.4001, 17.4))

    found = values("lists", *rows)

    assert (found[("R1", "R2")], found[("R1", "S1")]) == (3.0, 0.0)


def test_a_row_far_from_its_district_is_astray() -> None:
    rows = [place(f"R{i}", f"Mbo{i}ranga", 6 + i * 0.01, 17.0, adm2="Bossa") for i in range(8)]
    faces = [face_of_row(row, "facilities") for row in [*rows, place("S1", "Koundo", 9.0, 20.0, adm2="Bossa")]]

    lists = Lists(faces, [])

    assert [lists.astray(face) for face in faces] == [False] * 8 + [True]


def test_a_position_that_many_names_share_is_vague_and_not_lost() -> None:
    rows = [place(f"R{i}", name, 6.0, 17.0) for i, name in enumerate(("Gbadara", "Koundji", "Wandago"))]

    faces = prepared(face_of_row(row, "facilities") for row in rows)

    assert {face.position for face in faces} == {Position(6.0, 17.0, 20_000.0)}
    assert "vague1200" in compare(faces[0], faces[1], "facilities").levels


def test_an_offset_shown_by_few_pairs_is_chance() -> None:
    names = ["Gbadara", "Koundji", "Wandago"]
    rows = [place(f"R{i}", name, 6 + i, 17.0) for i, name in enumerate(names)]
    rows += [place(f"S{i}", name, 6.05 + i, 17.0) for i, name in enumerate(names)]

    assert known_offsets(face_of_row(row, "facilities") for row in rows) is None


def test_minutes_typed_as_decimals_are_seen_for_what_they_are() -> None:
    right = face_of_row(place("a", "Gbadara", 4.5083, 31.6250), "facilities")
    typed = face_of_row(place("b", "Gbadara", 4.305, 31.375), "facilities")

    found = compare(right, typed, "facilities")

    assert "minutes" in found.levels
    assert found.distance_m is not None
    assert found.distance_m < 100


def test_a_school_and_any_school_are_near_and_two_levels_are_not() -> None:
    kinds = ("school_primary", "school_secondary", "school_other")
    a, b, c = (face_of_row({**place(kind, "Gbadara", 6.4, 17.4), "type": kind}, "facilities") for kind in kinds)

    assert [compare(a, other, "facilities").type for other in (b, c)] == ["type_differs", "type_near"]


def test_the_sentence_names_a_rival_that_fits_as_well() -> None:
    a, b = (face_of_row(place(key, "Gbadara", 6.4, 17.4), "facilities") for key in "ab")
    shown = match_of(a, b, compare(a, b, "facilities"), 0.4, 0.93)

    assert "one of them fits another as well (0.93)" in reason(shown.features, "en")
    assert "l'un des deux va aussi bien avec un autre (0.93)" in reason(shown.features, "fr")


def test_a_proposal_carries_the_weight_of_every_level() -> None:
    a, b = (face_of_row(place(key, "Gbadara", 6.4, 17.4), "facilities") for key in "ab")
    comparison = compare(a, b, "facilities")

    weights = MODEL.weighed_levels(comparison)

    assert set(weights) == comparison.levels & set(MODEL.weights)


@pytest.mark.parametrize(("x", "total"), [(0.0, -0.25), (1.0, -0.25), (1.5, 2.75)])
def test_trees_add_the_leaves_that_a_row_comes_to(x: float, total: float) -> None:
    assert Trees.from_json(STUMPS).logits(np.array([[x]])).tolist() == [total]


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_a_row_scores_the_same_in_any_company(values: list[float]) -> None:
    trees = Trees.from_json(STUMPS)

    together = trees.logits(np.array([[x] for x in values])).tolist()

    assert together == [trees.logits(np.array([[x]]))[0] for x in values]


@pytest.mark.parametrize(("far", "worth"), [(0.0005, True), (3.0, False)])
def test_unlike_names_are_compared_only_where_they_are_neighbours(far: float, worth: bool) -> None:
    a, b = (face_of_row(row, "facilities") for row in (place("a", "Maranda", 6.4, 17.4), place("b", "Bonara", 6.4 + far, 17.4)))

    assert worth_comparing(a, b) is worth


def test_what_is_compared_does_not_depend_on_the_side() -> None:
    rows = [place("a", "Gbadara (Mission)", 6.4, 17.4), place("b", "Mission", 6.9, 17.4), place("c", "Badala")]
    rows.append(place("d", "PS Koundo 2", 6.4, 17.4))
    faces = [face_of_row(row, "facilities") for row in rows]

    assert all(worth_comparing(a, b) == worth_comparing(b, a) for a in faces for b in faces)


def test_a_face_keeps_its_own_position_when_few_share_it() -> None:
    face: Face = prepared([face_of_row(place("a", "Gbadara", 6.4, 17.4), "facilities")])[0]

    assert face.position == Position(6.4, 17.4)
