"""Estimates the weights of a register's model from made-up countries and writes models/<register>.json.

Run as `python -m bench.linkage.train REGISTER [--countries N] [--write]`. Two models: a logistic regression over the levels of a
pair, and boosted trees over the pair among its neighbours. Judged on countries of other seeds, and on each family of sources by
weights that never saw the family. Needs scikit-learn (the extra `train`), which nothing else does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from bench.linkage.countries import FIRST_HELD_OUT, REGISTERS, make_country, only
from bench.linkage.measure import calibration_error, figures, mean, pairwise, reliability
from bench.linkage.noise import FAMILIES, Family
from sync.merge.batch import Batch, Local, Second
from sync.merge.candidates import Blocks, parts_of, worth
from sync.merge.columns import Columns
from sync.merge.features import compare
from sync.merge.link import face_of_row, grouped, known_offsets, prepared, worth_asking
from sync.merge.lists import Lists
from sync.merge.matching import Model
from sync.merge.neighbourhood import FEATURES, Neighbourhood, Pairs, Scored, home_numbers
from sync.merge.trees import Trees

MODELS = Path(__file__).resolve().parents[2] / "sync" / "merge" / "models"
RIDGE = 2.0
VERSION = 3
# The first model has few weights and needs no more countries than these; the trees learn from all.
FIRST_COUNTRIES = 80
# Of nearly equal cuts to the reference the strictest is taken: a wrong tie costs more than a question.
NEARLY = 0.015
CUTS = [step / 50 for step in range(15, 41)]
Made = TypeVar("Made")


@dataclass
class Compared:
    """The candidate pairs of a country as the first model learns them: the levels that hold, and whether they are one thing."""

    levels: list[tuple[str, ...]]
    same: list[bool]


@dataclass
class Paired:
    """A country with its pairs that are not hopeless, as the second model learns and scores them."""

    truth: Mapping[str, str]
    reports: int
    reference: frozenset[str]
    ids: list[str]
    home: Any
    pairs: Pairs

    def numbers(self) -> Any:
        """The neighbourhood of every pair."""
        return Neighbourhood(self.pairs, self.home).numbers(slice(0, len(self.pairs)))

    def same(self) -> list[bool]:
        """For every pair whether it is one thing."""
        things = [self.truth[row] for row in self.ids]
        return [things[a] == things[b] for a, b in zip(self.pairs.a.tolist(), self.pairs.b.tolist(), strict=True)]

    def scored(self, model: Model) -> list[Scored]:
        """The pairs scored among their neighbours."""
        scores = Second(self.pairs, self.home, model).run(range(len(self.pairs)))
        columns = zip(self.pairs.a.tolist(), self.pairs.b.tolist(), scores.tolist(), strict=True)
        return [Scored(self.ids[a], self.ids[b], score) for a, b, score in columns]


def compared(seed: int, register: str, leave_out: Sequence[Family] = ()) -> Compared:
    """Makes a country and compares its rows the way `link` does. The register's name is that of its word lists."""
    country = make_country(register, seed, leave_out, holes=holes_in(seed))
    faces = prepared(face_of_row(row, register) for row in (*country.reference, *country.reports))
    offsets = known_offsets(faces)
    things = [country.truth[face.id] for face in faces]
    made = Compared([], [])
    for one, other in worth(Columns(faces), Blocks(faces), parts_of(len(faces))):
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            comparison = compare(faces[a], faces[b], register, offsets)
            if not comparison.excluded:
                made.levels.append(tuple(map(sys.intern, sorted(comparison.levels))))
                made.same.append(things[a] == things[b])
    return made


def paired(seed: int, register: str, model: Model, leave_out: Sequence[Family] = ()) -> Paired:
    """Makes a country and scores its pairs by themselves the way `link` does."""
    country = make_country(register, seed, leave_out, holes=holes_in(seed))
    faces = prepared(face_of_row(row, register) for row in (*country.reference, *country.reports))
    lists = Lists(faces, {row["record_id"] for row in country.reference})
    ids = [face.id for face in faces]
    pairs = Local().first(Batch(faces, lists, register, model, known_offsets(faces)))
    return Paired(country.truth, len(country.reports), lists.reference, ids, home_numbers(ids, lists.home), pairs)


def holes_in(seed: int) -> bool:
    """Whether a country to train on lacks columns; a third do. What is held out for judging says so itself."""
    return seed < FIRST_HELD_OUT and seed % 3 == 2


def fit_levels(levels: Sequence[Iterable[str]], same: Sequence[bool]) -> tuple[float, dict[str, float]]:
    """Bias and weights of a logistic regression over levels; rare levels are pulled towards nothing."""
    names = sorted({level for found in levels for level in found})
    column = {name: index for index, name in enumerate(names)}
    indices = [column[level] for found in levels for level in sorted(found)]
    starts = np.cumsum([0, *(len(set(found)) for found in levels)])
    matrix = csr_matrix((np.ones(len(indices)), indices, starts), shape=(len(levels), len(names)))
    fitted = LogisticRegression(C=1 / RIDGE, max_iter=500).fit(matrix, np.asarray(same))
    weights = {name: round(float(weight), 4) for name, weight in zip(names, fitted.coef_[0], strict=True)}
    return round(float(fitted.intercept_[0]), 4), weights


def fit_trees(numbers: Any, same: Sequence[bool]) -> dict[str, Any]:
    """Boosted trees over the neighbourhood, as the JSON that `sync.merge.trees` reads."""
    boosted = HistGradientBoostingClassifier(
        max_leaf_nodes=24, max_iter=160, learning_rate=0.08, min_samples_leaf=150, l2_regularization=5.0, max_bins=64,
        early_stopping=False, random_state=1,
    ).fit(numbers, np.asarray(same))  # fmt: skip
    trees = [
        [
            [round(float(node["value"]), 4)] if node["is_leaf"]
            else [int(node["feature_idx"]), round(float(node["num_threshold"]), 4), int(node["left"]), int(node["right"])]
            for node in predictor.nodes
        ]
        for (predictor,) in boosted._predictors
    ]  # fmt: skip
    return {"features": list(FEATURES), "bias": round(float(np.ravel(boosted._baseline_prediction)[0]), 4), "trees": trees}


def fit(register: str, seeds: Sequence[int], leave_out: Sequence[Family] = ()) -> tuple[Model, dict[str, Any]]:
    """Both models, as they score and as they are written. The cuts are still open."""
    made = in_parallel(partial(compared, register=register, leave_out=leave_out), seeds[:FIRST_COUNTRIES])
    levels, same = [found for each in made for found in each.levels], [one for each in made for one in each.same]
    bias, weights = fit_levels(levels, same)
    del made, levels
    first = Model("training", bias, weights, 0.5, 0.05)
    pairs = countries(register, seeds, first, leave_out)
    second = fit_trees(np.concatenate([each.numbers() for each in pairs]), [one for each in pairs for one in each.same()])
    return replace(first, second=Trees.from_json(second)), {"bias": bias, "weights": weights, "second": second}


def best_cuts(held: Sequence[tuple[Paired, list[Scored]]]) -> tuple[float, float]:
    """The cut among reports whose mean pairwise F1 is best, and the strictest to the reference that is nearly as good."""

    def mean_f1(link_from: float, tie_from: float) -> float:
        each = (
            pairwise(made.truth, grouped(made.ids, pairs, made.reference, link_from, tie_from))[2] for made, pairs in held
        )  # fmt: skip
        return sum(each) / len(held)

    link_from = max(CUTS, key=lambda cut: mean_f1(cut, cut))
    ties = {cut: mean_f1(link_from, cut) for cut in CUTS if cut >= link_from}
    return link_from, max(cut for cut in ties if ties[cut] >= max(ties.values()) - NEARLY)


def judged(held: Sequence[tuple[Paired, list[Scored]]], cuts: tuple[float, float]) -> dict[str, float]:
    """The mean figures over countries, with the calibration error of the final probabilities."""
    found = []
    bands: list[tuple[float, bool]] = []
    for made, pairs in held:
        clusters = grouped(made.ids, pairs, made.reference, *cuts)
        asked = worth_asking(pairs, clusters, made.reports, made.reference)
        found.append(figures(made.truth, clusters, made.reference, [(pair.a, pair.b) for pair in asked]))
        bands += zip((pair.score for pair in pairs), made.same(), strict=True)
    return {**mean(found), "calibration_error": round(calibration_error(reliability(bands)), 4)}


def in_parallel(job: Callable[[int], Made], seeds: Iterable[int]) -> list[Made]:
    """A job for every seed, on all cores."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(job, seeds, chunksize=4))


def countries(register: str, seeds: Iterable[int], model: Model, leave_out: Sequence[Family] = ()) -> list[Paired]:
    """The countries of these seeds with their pairs."""
    return in_parallel(partial(paired, register=register, model=replace(model, second=None), leave_out=leave_out), seeds)


def held_out(
    register: str, seeds: Iterable[int], model: Model, leave_out: Sequence[Family] = ()
) -> list[tuple[Paired, list[Scored]]]:
    """Countries that nothing was trained on, scored."""
    return [(made, made.scored(model)) for made in countries(register, seeds, model, leave_out)]


def without_family(register: str, family: Family, count: int) -> dict[str, float]:
    """The figures of a family of sources by weights that never saw it."""
    model, _ = fit(register, range(count), (family,))
    cuts = best_cuts(held_out(register, range(FIRST_HELD_OUT + 50, FIRST_HELD_OUT + 58), model, (family,)))
    return judged(held_out(register, range(FIRST_HELD_OUT, FIRST_HELD_OUT + 10), model, only(family)), cuts)


def main() -> None:
    """Trains, prints the held-out figures, and writes the file when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("register", choices=REGISTERS)
    parser.add_argument("--countries", type=int, default=160)
    parser.add_argument("--without-families", action="store_true", help="also train without each family and judge on it")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    register, count = arguments.register, arguments.countries
    model, written = fit(register, range(count))
    # The cuts are chosen on some countries and judged on others.
    cuts = best_cuts(held_out(register, range(FIRST_HELD_OUT + 50, FIRST_HELD_OUT + 70), model))
    report: dict[str, Any] = {
        "unseen countries": judged(held_out(register, range(FIRST_HELD_OUT, FIRST_HELD_OUT + 20), model), cuts)
    }
    if arguments.without_families and register != "organisations":
        few = max(10, count // 6)
        report |= {f"unseen family: {family} ({few} countries)": without_family(register, family, few) for family in FAMILIES}
    for name, found in report.items():
        print(json.dumps({"register": register, "held_out": name, "cuts": cuts, **found}), flush=True)
    if arguments.write:
        table = {
            "version": f"{register}-{VERSION}", "trained_on": f"{count} made-up countries, ridge {RIDGE}", "held_out": report,
            "link_from": round(cuts[0], 2), "tie_from": round(cuts[1], 2), "review_from": 0.02, **written,
        }  # fmt: skip
        # One tree or weight on a line: a change of the weights can be read in a diff.
        (MODELS / f"{register}.json").write_text(lines_of(table), encoding="utf-8")


def lines_of(table: dict[str, Any]) -> str:
    """The table as JSON with one weight or tree a line."""
    second = table.pop("second")
    head = json.dumps(table, indent=1, sort_keys=True)
    trees = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in second["trees"])
    tail = f'{{"bias": {second["bias"]}, "features": {json.dumps(second["features"])}, "trees": [\n{trees}\n]}}'
    return f'{head[:-2]},\n "second": {tail}\n}}\n'


if __name__ == "__main__":
    main()
