"""Says how probable it is that two faces are one thing, whether the register calls it certain, and why in one sentence.

The weights are a logistic regression over the features, kept in models/<name>.json, one version per file: they never
change while a rules version is in force. Must not decide anything; clustering does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any

from sync.merge.faces import Face
from sync.merge.features import DISTANCE_NAMES, Comparison, compare, equal_names, in_words
from sync.merge.numbers import numpy
from sync.merge.trees import Trees
from sync.registers import Matching

# Scores are rounded before they are compared, so that the same faces give the same clusters on every machine.
DIGITS = 6
_ALIKE = 0.70
# From this score on another thing is worth mentioning as one that fits as well.
_RIVAL = 0.5
PLACE_LEVELS = (*DISTANCE_NAMES, "vague", "nowhere", "area", "sure")


class ModelError(ValueError):
    """A file of weights is missing or not what it should be."""


@dataclass(frozen=True, slots=True)
class Model:
    """Frozen weights. A feature without a weight counts nothing.

    `second` weighs a pair's neighbourhood in batches. `link_from` (rows among each other), `tie_from` (rows to one of the
    reference) and `review_from` are where `fieldpost link` cuts; the live server cuts where the register file says.
    """

    version: str
    bias: float
    weights: Mapping[str, float]
    link_from: float
    review_from: float
    second: Trees | None = None
    tie_from: float = 0.0

    def probability(self, comparison: Comparison) -> float:
        """The probability of one thing, 0 to 1, rounded to six digits."""
        return 0.0 if comparison.excluded else weighed(self.bias, self.weights, comparison.levels)

    def weighed_levels(self, comparison: Comparison) -> dict[str, float]:
        """What each level that holds adds to the log odds, heaviest first."""
        held = {level: self.weights[level] for level in comparison.levels if level in self.weights}
        return dict(sorted(held.items(), key=lambda item: (-abs(item[1]), item[0])))

    def parts(self, levels: Iterable[str]) -> tuple[float, float, float]:
        """What the names, the places with the areas, and the kinds weigh, each by itself (log odds)."""
        sums: tuple[list[float], list[float], list[float]] = ([0.0], [0.0], [0.0])
        for level in levels:
            sums[_part_of(level)].append(self.weights.get(level, 0.0))
        name, place, kind = (round(math.fsum(part), DIGITS) for part in sums)
        return name, place, kind

    def among_neighbours(self, numbers: Any) -> Any:
        """The probabilities when the neighbourhood is known too (a numpy table of `neighbourhood.FEATURES`), rounded.

        Raises `ModelError` for weights without trees.
        """
        np = numpy()
        if self.second is None:
            raise ModelError(f"the weights '{self.version}' know no neighbourhood")
        return np.round(1 / (1 + np.exp(-np.clip(self.second.logits(numbers), -60.0, 60.0))), DIGITS)


@lru_cache(maxsize=8192)
def _part_of(level: str) -> int:
    """0 for what names say, 1 for places and areas, 2 for kinds."""
    return 2 if level.startswith(("type", "kind")) else int(level.startswith(PLACE_LEVELS))


def weighed(bias: float, weights: Mapping[str, float], levels: Iterable[str]) -> float:
    """The logistic of the weights of the levels that hold, rounded; summed exactly, so that order does not matter."""
    return _logistic(bias + math.fsum([weights.get(level, 0.0) for level in levels]))


def _logistic(total: float) -> float:
    return round(1 / (1 + math.exp(-max(-60.0, min(60.0, total)))), DIGITS)


@dataclass(frozen=True, slots=True)
class Match:
    """Two things compared and scored; `a` < `b`. `proposed`: an officer should see it; `certain`: link without asking.

    `features` say what was compared and what it weighs, for a proposed pair; else they are empty.
    """

    a: str
    b: str
    score: float
    certain: bool
    proposed: bool
    features: Mapping[str, Any]


@lru_cache
def load_model(name: str) -> Model:
    """The weights of models/`name`.json. Raises `ModelError` when there is none or it is damaged."""
    try:
        text = resources.files("sync.merge").joinpath("models", f"{name}.json").read_text(encoding="utf-8")
        table = json.loads(text)
        weights = {str(key): float(value) for key, value in table["weights"].items()}
        cuts = float(table["link_from"]), float(table["review_from"])
        second = table.get("second")
        trees = None if second is None else Trees.from_json(second)
        return Model(str(table["version"]), float(table["bias"]), weights, *cuts, trees, float(table.get("tie_from", 0.0)))
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"the weights '{name}' cannot be read: {error}") from error


def model_of(matching: Matching) -> Model:
    """The weights by which pairs of a register are scored one by one: the mission's own, or those of the model's file.

    The trees stay those of the file. Raises `ModelError` as `load_model` does.
    """
    shipped = load_model(matching.model)
    own = matching.learnt
    return shipped if own is None else replace(shipped, version=own.version, bias=own.bias, weights=own.weights)


def is_certain(a: Face, b: Face, comparison: Comparison, matching: Matching) -> bool:
    """The register's certain rule: same type, equal folded name, within the distance or within both stated accuracies."""
    rule = matching.certain
    if rule is None or comparison.excluded or comparison.swapped or comparison.distance_m is None:
        return False
    # A position that had to be mended is no measurement.
    if "minutes" in comparison.levels:
        return False
    if rule.same_type and comparison.type != "type_same":
        return False
    if rule.equal_name and not equal_names(a, b):
        return False
    if "kind_clash" in comparison.levels:
        return False
    accuracies = [p.accuracy_m for p in (a.position, b.position) if p and p.accuracy_m]
    # Stated accuracies over 150 m are no measurement of a place (a grid square, a cell tower).
    within_both = len(accuracies) == 2 and max(accuracies) <= 150 and comparison.distance_m <= min(accuracies)
    return comparison.distance_m <= rule.distance_m or within_both


def is_near(a: Face, b: Face, comparison: Comparison, matching: Matching) -> bool:
    """Whether the first distance rule that speaks of their kind proposes the pair: alike names within its distance."""
    if comparison.excluded or comparison.distance_m is None or comparison.likeness < _ALIKE:
        return False
    for rule in matching.near:
        groups = not rule.groups or (a.group in rule.groups and b.group in rule.groups)
        types = not rule.types or (a.type in rule.types and b.type in rule.types)
        if groups and types:
            return comparison.distance_m <= rule.distance_m
    return False


def _is_far(comparison: Comparison, matching: Matching) -> bool:
    """Whether both positions were measured and lie too far apart to ask; swapped coordinates are a known mistake."""
    limit, distance = matching.review_within_m, comparison.distance_m
    return limit is not None and distance is not None and distance > limit and not comparison.swapped


def match(a: Face, b: Face, matching: Matching, *, told: bool = False) -> Match:
    """Compares and scores two things of one register. Features are told of what is proposed, and of the others if `told`."""
    first, second = (a, b) if a.id < b.id else (b, a)
    comparison = compare(first, second, matching.words)
    model = model_of(matching)
    score = model.probability(comparison)
    certain = is_certain(first, second, comparison, matching)
    likely = score >= matching.review_from and not _is_far(comparison, matching)
    proposed = certain or is_near(first, second, comparison, matching) or likely
    features = {**describe(first, second, comparison), "weights": model.weighed_levels(comparison)} if proposed or told else {}
    return Match(first.id, second.id, score, certain, proposed, features)


def match_of(a: Face, b: Face, comparison: Comparison, score: float, rival: float) -> Match:
    """A pair of a batch as an officer is shown it; nothing there is certain. `rival`: the best score of either with another."""
    return Match(a.id, b.id, score, False, True, {**describe(a, b, comparison), "rival": round(rival, 2)})


def describe(a: Face, b: Face, comparison: Comparison) -> dict[str, Any]:
    """What the officer is shown of a comparison, as plain data (metres, days)."""
    days = abs((a.observed - b.observed).days) if a.observed and b.observed else None
    return {
        "levels": sorted(level for level in comparison.levels if "*" not in level),
        "likeness": round(comparison.likeness, 2),
        "distance_m": None if comparison.distance_m is None else round(comparison.distance_m),
        "days": days,
        "same_unit": a.unit == b.unit if a.unit and b.unit else None,
    }


def reason(features: Mapping[str, Any], language: str) -> str:
    """One sentence, English or French (`fr`), that tells an officer why two things look like one or not.

    `features` is what `match` gave for a proposed pair: "same type, 90 m apart, names 0.97 alike, other unit, 1 day".
    """
    french = language.startswith("fr")
    said = [(level, words) for level in features["levels"] if (words := in_words(level)) is not None]
    parts = [words[french] for level, words in said if level.startswith("type_")]
    parts.append(_distance_words(features["distance_m"], french))
    parts.append(f"{'noms semblables à' if french else 'names'} {features['likeness']:.2f}{'' if french else ' alike'}")
    parts += [words[french] for level, words in said if not level.startswith("type_")]
    if features.get("rival", 0.0) > _RIVAL:
        better = ("one of them fits another as well", "l'un des deux va aussi bien avec un autre")
        parts.append(f"{better[french]} ({features['rival']:.2f})")
    if features.get("same_unit") is not None:
        known = ("same unit", "même unité") if features["same_unit"] else ("other unit", "autre unité")
        parts.append(known[french])
    if features.get("days") is not None:
        days = features["days"]
        unit = ("jour" if french else "day") + ("s" if days > 1 or (days == 0 and not french) else "")
        parts.append(f"{days} {unit}")
    return ", ".join(parts)


def weights_by_part(features: Mapping[str, Any]) -> tuple[float, float, float]:
    """What names, places and kinds (in this order) of a proposed pair weigh: above 0 for one thing, below for two."""
    sums = [0.0, 0.0, 0.0]
    for level, weight in features.get("weights", {}).items():
        sums[_part_of(level)] += float(weight)
    return round(sums[0], 2), round(sums[1], 2), round(sums[2], 2)


def _distance_words(metres: int | None, french: bool) -> str:
    if metres is None:
        return "position inconnue" if french else "no position"
    text = f"{metres} m" if metres < 1000 else f"{metres / 1000:.1f} km"
    return f"à {text}" if french else f"{text} apart"
