"""Estimates the weights of a register's model from made-up countries and writes models/<register>.json.

Run as `python -m bench.linkage.train REGISTER [--countries N] [--write]`. Two models: a logistic regression over the levels of a
pair, and boosted trees over the pair among its neighbours. Judged on countries of other seeds, and on each family of sources by
weights that never saw the family. Needs scikit-learn (the extra `train`), which nothing else does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from bench.linkage.countries import FIRST_HELD_OUT, REGISTERS, Country, make_country, only
from bench.linkage.measure import calibration_error, figures, mean, pairwise, reliability
from bench.linkage.noise import FAMILIES, Family
from sync.merge.batch import Second
from sync.merge.candidates import Blocks, parts_of, worth
from sync.merge.columns import Columns
from sync.merge.faces import Face
from sync.merge.features import Comparison, compare
from sync.merge.link import face_of_row, grouped, known_offsets, prepared, worth_asking
from sync.merge.lists import Lists
from sync.merge.matching import Model
from sync.merge.neighbourhood import FEATURES, Neighbourhood, Pairs, Scored, home_numbers, scored
from sync.merge.trees import Trees

MODELS = Path(__file__).resolve().parents[2] / "sync" / "merge" / "models"
RIDGE = 2.0
# Of nearly equal cuts the strictest is taken: a wrong link costs more than a question.
NEARLY = 0.02
CUTS = [step / 50 for step in range(15, 41)]


@dataclass
class Compared:
    """A country with its candidate pairs compared."""

    country: Country
    faces: list[Face]
    lists: Lists
    pairs: list[tuple[int, int, Comparison]]

    def same(self, a: int, b: int) -> bool:
        """Whether the rows of two numbers are one thing."""
        return self.country.truth[self.faces[a].id] == self.country.truth[self.faces[b].id]

    def same_ids(self, pair: Scored) -> bool:
        """Whether the rows of a scored pair are one thing."""
        return self.country.truth[pair.a] == self.country.truth[pair.b]

    def home(self) -> Any:
        """The list of each row as a number."""
        return home_numbers([face.id for face in self.faces], self.lists.home)


def compared(seed: int, register: str, leave_out: Sequence[Family] = ()) -> Compared:
    """Makes a country and compares its rows the way `link` does. The register's name is that of its word lists."""
    country = make_country(register, seed, leave_out)
    faces = prepared(face_of_row(row, register) for row in (*country.reference, *country.reports))
    offsets = known_offsets(faces)
    pairs = [
        (a, b, comparison)
        for one, other in worth(Columns(faces), Blocks(faces), parts_of(len(faces)))
        for a, b in zip(one.tolist(), other.tolist(), strict=True)
        if not (comparison := compare(faces[a], faces[b], register, offsets)).excluded
    ]
    lists = Lists(faces, {row["record_id"] for row in country.reference})
    return Compared(country, faces, lists, pairs)


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


def alone(made: Compared, model: Model) -> Pairs:
    """The pairs of a country scored by themselves."""
    found = (
        (a, b, scored(made.faces[a], made.faces[b], comparison, model, made.lists)) for a, b, comparison in made.pairs
    )  # fmt: skip
    return Pairs.of([(a, b, values) for a, b, values in found if values is not None])


def among(made: Compared, model: Model) -> list[Scored]:
    """The pairs of a country scored among their neighbours."""
    pairs = alone(made, model)
    scores = Second(pairs, made.home(), model).run(range(len(pairs)))
    columns = zip(pairs.a.tolist(), pairs.b.tolist(), scores.tolist(), strict=True)
    return [Scored(made.faces[a].id, made.faces[b].id, score) for a, b, score in columns]


def fit(made: Sequence[Compared]) -> tuple[Model, dict[str, Any]]:
    """Both models, as they score and as they are written. The cut is still open."""
    levels = [comparison.levels for each in made for *_, comparison in each.pairs]
    bias, weights = fit_levels(levels, [each.same(a, b) for each in made for a, b, _ in each.pairs])
    first = Model("training", bias, weights, 0.5, 0.05)
    numbers: list[Any] = []
    same: list[bool] = []
    for each in made:
        pairs = alone(each, first)
        numbers.append(Neighbourhood(pairs, each.home()).numbers(slice(0, len(pairs))))
        same += [each.same(a, b) for a, b in zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)]
    second = fit_trees(np.concatenate(numbers), same)
    return replace(first, second=Trees.from_json(second)), {"bias": bias, "weights": weights, "second": second}


def clusters_of(made: Compared, pairs: Sequence[Scored], cut: float) -> dict[str, str]:
    """The clusters at a cut."""
    return grouped([face.id for face in made.faces], pairs, made.lists.reference, cut)


def best_cut(held: Sequence[tuple[Compared, list[Scored]]]) -> float:
    """The strictest cut whose mean pairwise F1 over countries is within `NEARLY` of the best."""
    means = {
        cut: sum(pairwise(made.country.truth, clusters_of(made, pairs, cut))[2] for made, pairs in held) / len(held)
        for cut in CUTS
    }
    return max(cut for cut in CUTS if means[cut] >= max(means.values()) - NEARLY)


def judged(held: Sequence[tuple[Compared, list[Scored]]], cut: float) -> dict[str, float]:
    """The mean figures over countries, with the calibration error of the final probabilities."""
    found = []
    for made, pairs in held:
        clusters = clusters_of(made, pairs, cut)
        asked = worth_asking(pairs, clusters, len(made.country.reports), made.lists.reference)
        found.append(figures(made.country.truth, clusters, made.lists.reference, [(pair.a, pair.b) for pair in asked]))
    bands = reliability((pair.score, made.same_ids(pair)) for made, pairs in held for pair in pairs)
    return {**mean(found), "calibration_error": round(calibration_error(bands), 4)}


def countries(register: str, seeds: Iterable[int], leave_out: Sequence[Family] = ()) -> list[Compared]:
    """The countries of these seeds, made on all cores."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(partial(compared, register=register, leave_out=leave_out), seeds, chunksize=4))


def without_family(register: str, family: Family, count: int) -> dict[str, float]:
    """The figures of a family of sources by weights that never saw it."""
    model, _ = fit(countries(register, range(count), (family,)))
    held = [(made, among(made, model)) for made in countries(register, range(FIRST_HELD_OUT, FIRST_HELD_OUT + 10), only(family))]
    others = countries(register, range(FIRST_HELD_OUT + 50, FIRST_HELD_OUT + 58), (family,))
    seen = [(made, among(made, model)) for made in others]
    return judged(held, best_cut(seen))


def main() -> None:
    """Trains, prints the held-out figures, and writes the file when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("register", choices=REGISTERS)
    parser.add_argument("--countries", type=int, default=100)
    parser.add_argument("--without-families", action="store_true", help="also train without each family and judge on it")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    register, count = arguments.register, arguments.countries
    model, written = fit(countries(register, range(count)))
    # The cut is chosen on some countries and judged on others.
    chosen = [(made, among(made, model)) for made in countries(register, range(FIRST_HELD_OUT + 50, FIRST_HELD_OUT + 70))]
    cut = best_cut(chosen)
    held = [(made, among(made, model)) for made in countries(register, range(FIRST_HELD_OUT, FIRST_HELD_OUT + 20))]
    report: dict[str, Any] = {"unseen countries": judged(held, cut)}
    if arguments.without_families and register != "organisations":
        report |= {f"unseen family: {family}": without_family(register, family, max(10, count // 3)) for family in FAMILIES}
    for name, found in report.items():
        print(json.dumps({"register": register, "held_out": name, "cut": cut, **found}), flush=True)
    if arguments.write:
        table = {
            "version": f"{register}-2", "trained_on": f"{count} made-up countries, ridge {RIDGE}", "held_out": report,
            "link_from": round(cut, 2), "review_from": 0.02, **written,
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
