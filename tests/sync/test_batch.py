"""Batches: whole columns say of pairs what the comparison of two faces says, and leave out only what is hopeless."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bench.linkage.countries import FIRST_HELD_OUT, make_country
from sync.merge.batch import Batch, First, Local
from sync.merge.blocking import search_keys, worth_comparing
from sync.merge.candidates import Blocks, batch_keys, most_rows, parts_of
from sync.merge.columns import Ceiling, Columns
from sync.merge.faces import Face
from sync.merge.features import compare
from sync.merge.link import face_of_row, known_offsets, prepared
from sync.merge.lists import Lists
from sync.merge.matching import load_model
from sync.merge.neighbourhood import KEEP_FROM, logit
from sync.registers import load_registers

REGISTERS = ("facilities", "settlements", "organisations")


def batch_of(register: str, seed: int = 40) -> Batch:
    country = make_country(register, FIRST_HELD_OUT + seed)
    faces = prepared(face_of_row(row, register) for row in (*country.reference, *country.reports))
    matching = load_registers()[register].matching
    assert matching is not None
    lists = Lists(faces, {row["record_id"] for row in country.reference})
    return Batch(faces, lists, register, load_model(matching.model), known_offsets(faces))


def some_pairs(faces: list[Face]) -> tuple[np.ndarray, np.ndarray]:
    """A few thousand pairs, near and far ones."""
    all_pairs = list(combinations(range(0, len(faces), 9), 2)) + [(i, i + 1) for i in range(len(faces) - 1)]
    return np.array([a for a, _ in all_pairs]), np.array([b for _, b in all_pairs])


@pytest.mark.parametrize("register", REGISTERS)
def test_the_rough_look_is_the_same_for_columns_as_for_two_faces(register: str) -> None:
    faces = batch_of(register).faces
    a, b = some_pairs(list(faces))

    found = Columns(faces).worth_comparing(a, b).tolist()

    assert found == [worth_comparing(faces[x], faces[y]) for x, y in zip(a.tolist(), b.tolist(), strict=True)]


@pytest.mark.parametrize("register", REGISTERS)
def test_no_pair_scores_above_its_ceiling(register: str) -> None:
    batch = batch_of(register)
    a, b = some_pairs(list(batch.faces))
    for hopeless in (-np.inf, logit(KEEP_FROM) - 0.01):
        ceiling = Ceiling(Columns(batch.faces), batch.model, batch.words, batch.offsets, hopeless)

        most = ceiling.at_most(a, b)

        for x, y, bound in zip(a.tolist(), b.tolist(), most.tolist(), strict=True):
            comparison = compare(batch.faces[x], batch.faces[y], batch.words, batch.offsets)
            held = sum(batch.model.weights.get(level, 0.0) for level in comparison.levels)
            assert comparison.excluded or batch.model.bias + held <= bound + 1e-9


def test_pairs_left_out_by_their_ceiling_are_hopeless_and_no_others() -> None:
    batch = batch_of("facilities")
    a, b = some_pairs(list(batch.faces))

    pairs = First(batch).pairs(a, b)

    every = [
        (x, y, score)
        for x, y in zip(a.tolist(), b.tolist(), strict=True)
        if (score := batch.model.probability(compare(batch.faces[x], batch.faces[y], batch.words, batch.offsets))) >= KEEP_FROM
    ]
    assert len(every) > 20
    assert list(zip(pairs.a.tolist(), pairs.b.tolist(), pairs.values[:, 0].tolist(), strict=True)) == every


def test_two_rows_meet_when_they_share_a_key_or_a_place_and_else_not() -> None:
    faces = list(batch_of("facilities").faces)[::3]
    blocks = Blocks(faces)
    columns = [blocks.pairs(part) for part in parts_of(len(faces), 50)]
    found = {pair for a, b in columns for pair in zip(a.tolist(), b.tolist(), strict=True)}

    keys = [batch_keys(face) for face in faces]
    shared = {key for key in set().union(*keys) if sum(key in own for own in keys) <= most_rows(key)}
    cells = [{key for key in search_keys(face) if key.startswith("g:")} for face in faces]
    own_cell = [{key for key in face_keys if key.startswith("g:")} for face_keys in (own_cells(face) for face in faces)]
    meant = {
        (a, b) for a, b in combinations(range(len(faces)), 2) if keys[a] & keys[b] & shared or cells[a] & own_cell[b]
    }  # fmt: skip
    assert found == meant


def own_cells(face: Face) -> frozenset[str]:
    from sync.merge.blocking import own_keys

    return own_keys(face)


def test_any_number_of_parts_gives_the_same_pairs() -> None:
    batch = batch_of("settlements")
    first, blocks = First(batch), Blocks(batch.faces)

    whole = Local().first(batch)

    pieces = [first.pairs(a[kept], b[kept]) for part in parts_of(len(batch.faces), 37)
              for a, b in [blocks.pairs(part)] for kept in [first.columns.worth_comparing(a, b)]]  # fmt: skip
    assert np.array_equal(np.concatenate([piece.values for piece in pieces]), whole.values, equal_nan=True)
