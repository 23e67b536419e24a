"""Estimates the weights of a register's model from made-up countries and writes models/<register>.json.

Run as `python -m bench.linkage.train REGISTER [--worlds N] [--write]`. Weights are a logistic regression with a ridge penalty,
cut where F1 is best on countries that were left out. Needs numpy, which the server does not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.linkage.measure import PairScores, bcubed, best_cut, pairwise
from bench.linkage.noise import rows_of
from bench.linkage.organisations import rows_of as organisation_rows_of
from bench.linkage.worlds import make_world
from sync.merge.features import compare
from sync.merge.link import candidate_pairs, face_of_row, without_shared_positions
from sync.merge.matching import weighed
from sync.merge.neighbourhood import neighbour_levels
from sync.registers import load_registers

MODELS = Path(__file__).resolve().parents[2] / "sync" / "merge" / "models"
RIDGE = 2.0


@dataclass
class Country:
    """The compared pairs of one made-up country: levels of each pair, and whether it is one thing."""

    pairs: list[tuple[str, str]]
    levels: list[frozenset[str]]
    same: list[bool]
    truth: dict[str, str]


def country(seed: int, register: str, size: int) -> Country:
    """Makes a country and compares its rows the way `link` does."""
    words = register
    if register == "organisations":
        rows, truth = organisation_rows_of(seed, size)
    else:
        rows, truth = rows_of(make_world(seed, register, size), seed)
    faces = without_shared_positions([face_of_row(row, words) for row in rows])
    by_id = {face.id: face for face in faces}
    made = Country([], [], [], truth)
    for a, b in sorted(candidate_pairs(faces)):
        comparison = compare(by_id[a], by_id[b], words)
        if not comparison.excluded:
            made.pairs.append((a, b))
            made.levels.append(comparison.levels)
            made.same.append(truth[a] == truth[b])
    return made


def fit(levels: Sequence[Iterable[str]], same: Sequence[bool], ridge: float = RIDGE) -> tuple[float, dict[str, float]]:
    """Bias and weights of a logistic regression, by Newton's method; rare levels are pulled towards nothing."""
    names = sorted({level for found in levels for level in found})
    column = {name: index + 1 for index, name in enumerate(names)}
    matrix = np.zeros((len(levels), len(names) + 1))
    matrix[:, 0] = 1.0
    for row, found in enumerate(levels):
        for level in found:
            matrix[row, column[level]] = 1.0
    target = np.asarray(same, dtype=float)
    penalty = np.full(len(names) + 1, ridge)
    penalty[0] = 0.0
    beta = np.zeros(len(names) + 1)
    for _ in range(30):
        probability = 1 / (1 + np.exp(-np.clip(matrix @ beta, -30, 30)))
        gradient = matrix.T @ (target - probability) - penalty * beta
        weight = probability * (1 - probability)
        hessian = (matrix * weight[:, None]).T @ matrix + np.diag(penalty + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-6:
            break
    return float(beta[0]), {name: round(float(beta[column[name]]), 4) for name in names}


def scored(made: Country, bias: float, weights: dict[str, float]) -> PairScores:
    """The pairs of a country with their probabilities."""
    values = [weighed(bias, weights, found) for found in made.levels]
    return {pair: value for pair, value in zip(made.pairs, values, strict=True) if value >= 0.02}


def fit_second(made: Sequence[Country], bias: float, weights: dict[str, float]) -> tuple[float, dict[str, float]]:
    """The weights of the neighbourhood, on top of the first model's scores."""
    levels: list[frozenset[str]] = []
    same: list[bool] = []
    for each in made:
        truth = dict(zip(each.pairs, each.same, strict=True))
        for pair, found in neighbour_levels(scored(each, bias, weights)).items():
            levels.append(found)
            same.append(truth[pair])
    return fit(levels, same)


def among_neighbours(scores: PairScores, second: tuple[float, dict[str, float]]) -> PairScores:
    """The scores once the neighbourhood is weighed."""
    return {pair: weighed(*second, found) for pair, found in neighbour_levels(scores).items()}


def main() -> None:
    """Trains, prints the held-out figures, and writes the file when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("register", choices=("facilities", "settlements", "organisations"))
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--size", type=int, default=220)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.register not in load_registers():
        parser.error("no such register")
    made = [country(seed, arguments.register, arguments.size) for seed in range(arguments.worlds)]
    held = [country(10_000 + seed, arguments.register, arguments.size) for seed in range(max(8, arguments.worlds // 4))]
    bias, weights = fit([found for each in made for found in each.levels], [s for each in made for s in each.same])
    second = fit_second(made, bias, weights)
    scores = [among_neighbours(scored(each, bias, weights), second) for each in held]
    cut = best_cut([(s, each.truth) for s, each in zip(scores, held, strict=True)])
    figures = [(pairwise(each.truth, s, cut), bcubed(each.truth, s, cut)) for s, each in zip(scores, held, strict=True)]
    f1, b3 = (sum(values) / len(figures) for values in zip(*figures, strict=True))
    print(f"{arguments.register}: held-out countries {len(held)}, cut {cut:.2f}, pairwise F1 {f1:.3f}, B-cubed F1 {b3:.3f}")
    if arguments.write:
        table = {
            "version": f"{arguments.register}-1", "trained_on": f"{arguments.worlds} made-up countries, ridge {RIDGE}",
            "held_out": {"pairwise_f1": round(f1, 4), "bcubed_f1": round(b3, 4)}, "link_from": round(cut, 2),
            "review_from": 0.05, "bias": round(bias, 4), "weights": weights,
            "second": {"bias": round(second[0], 4), "weights": second[1]},
        }  # fmt: skip
        (MODELS / f"{arguments.register}.json").write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
