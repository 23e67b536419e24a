"""Looks at a scored pair among its neighbours: has each side a better partner, do third things vouch for both, how rare is
the name here, and do both stand in one list?

Used by the batch `link` only, where all pairs are known; the live server scores a pair by itself, so that its records do not
depend on the order of arrival. Numbers, weighed by boosted trees. Pure.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync.merge import distances
from sync.merge.faces import Face
from sync.merge.features import VAGUE_NAMES, Comparison
from sync.merge.lists import Lists
from sync.merge.matching import DIGITS, Model

# A third thing contradicts the pair when it goes with one side and this little with the other.
_STRANGER = 0.1
OWN_FEATURES = (
    "logit", "likeness", "spelling", "letters", "edits", "length", "distance", "mended", "type", "kinds", "number", "qualifier",
    "area1", "area2", "areas", "phone", "code", "lists", "name_count", "rarest", "astray", "spot_count", "reference",
    "areas_known", "name_part", "place_part", "kind_part", "vague", "sure",
)  # fmt: skip
AROUND_FEATURES = (
    "best_other_low", "best_other_high", "rival_low", "rival_high", "list_rival_low", "list_rival_high", "margin", "rank_low",
    "rank_high", "vouch", "vouchers", "against", "name_margin", "near_margin", "partners_low", "partners_high",
)  # fmt: skip
FEATURES = (*OWN_FEATURES, *AROUND_FEATURES)
# Pairs less likely than this to be one thing are forgotten at once.
KEEP_FROM = 0.02
MISTAKES = ("swapped", "minutes", "offset")
_AGREEMENT = {"same": 1.0, "alike": 0.5, "one": 0.0, "near": 0.5, "unknown": 0.0, "differs": -1.0, "clash": -1.0}
_NO_DISTANCE = -1.0


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair that was compared and is not hopeless; `a` < `b`. `own` are the features that need no neighbours."""

    a: str
    b: str
    score: float
    likeness: float
    distance_m: float | None
    own: array[float]


def scored(a: Face, b: Face, comparison: Comparison, model: Model, lists: Lists) -> Scored | None:
    """The pair with what is known of it by itself; None when it is hopeless."""
    score = model.probability(comparison)
    if score < KEEP_FROM:
        return None
    own = array("d", _own_numbers(a, b, score, comparison, model, lists))
    return Scored(a.id, b.id, score, comparison.likeness, comparison.distance_m, own)


def _own_numbers(a: Face, b: Face, score: float, comparison: Comparison, model: Model, lists: Lists) -> list[float]:
    """The values of `OWN_FEATURES`."""
    levels = comparison.levels
    name_a, name_b = comparison.names
    metres = comparison.distance_m
    area1, area2 = _level(levels, "area1"), _level(levels, "area2")
    return [
        logit(score), comparison.likeness, distances.JaroWinkler.similarity(name_a.sound, name_b.sound),
        distances.Levenshtein.normalized_similarity(name_a.core_text, name_b.core_text),
        float(min(9, distances.Levenshtein.distance(name_a.sound, name_b.sound))),
        float(min(len(name_a.sound), len(name_b.sound))),
        _NO_DISTANCE if metres is None else math.log10(1 + metres), float(not levels.isdisjoint(MISTAKES)),
        _level(levels, "type"), _level(levels, "kind"), _level(levels, "number", 0.2), _level(levels, "qualifier", 0.2),
        area1, area2, area1 + area2 + _level(levels, "area3") + float("area_crossed" in levels),
        _level(levels, "phone"), _level(levels, "code"), lists.standing(a, b), *lists.rarity(name_a, name_b),
        float(lists.astray(a)) + float(lists.astray(b)), lists.spot_count(a, b),
        lists.references(a, b), float(sum(1 for p, q in zip(a.areas, b.areas, strict=False) if p and q)), *model.parts(levels),
        float(not levels.isdisjoint(VAGUE_NAMES)), float(any(level.startswith("sure") for level in levels)),
    ]  # fmt: skip


_PREFIXES = ("type", "kind", "number", "qualifier", "area1", "area2", "area3", "phone", "code")
_LEVELS = {prefix: tuple((f"{prefix}_{said}", value) for said, value in _AGREEMENT.items()) for prefix in _PREFIXES}


def _level(levels: frozenset[str], prefix: str, missing: float = 0.0) -> float:
    for level, value in _LEVELS[prefix]:
        if level in levels:
            return value
    return missing


def logit(probability: float) -> float:
    """The log odds, between -8 and 8."""
    bounded = min(max(probability, 0.000335), 0.999665)
    return math.log(bounded / (1 - bounded))


@dataclass(slots=True)
class _Side:
    """What a thing's partners look like, apart from one of them."""

    other: float
    rival: float
    list_rival: float
    rank: int
    likeness: float
    distance: float
    count: int


class Neighbourhood:
    """All scored pairs of a batch by thing, and the lists that its rows stand in."""

    def __init__(self, pairs: Iterable[Scored], home: Mapping[str, str]) -> None:
        self.home = home
        self.partners: dict[str, dict[str, Scored]] = {}
        for pair in pairs:
            self.partners.setdefault(pair.a, {})[pair.b] = pair
            self.partners.setdefault(pair.b, {})[pair.a] = pair

    def _side(self, own: Mapping[str, Scored], others: Mapping[str, Scored], pair: Scored, partner: str) -> _Side:
        home = self.home.get(partner)
        other = rival = list_rival = likeness = 0.0
        rank, distance = 0, 1e9
        for third, seen in own.items():
            if third == partner:
                continue
            score = seen.score
            other = max(other, score)
            if score > pair.score:
                rank += 1
            if score > rival:
                known = others.get(third)
                if known is None or known.score < _STRANGER:
                    rival = score
            if home is not None and score > list_rival and self.home.get(third) == home:
                list_rival = score
            likeness = max(likeness, seen.likeness)
            if seen.likeness >= 0.6 and seen.distance_m is not None and seen.distance_m < distance:
                distance = seen.distance_m
        return _Side(other, rival, list_rival, rank, likeness, distance, len(own) - 1)

    def numbers(self, pair: Scored) -> list[float]:
        """The values of `FEATURES` for a pair; the order of its two sides does not matter."""
        of_a, of_b = self.partners[pair.a], self.partners[pair.b]
        x, y = self._side(of_a, of_b, pair, pair.b), self._side(of_b, of_a, pair, pair.a)
        vouches: list[float] = []
        against: list[float] = []
        for third, seen in of_a.items():
            if third == pair.b:
                continue
            known = of_b.get(third)
            if known is None:
                against.append(seen.score)
            else:
                vouches.append(min(seen.score, known.score))
                against.append(max(0.0, seen.score - known.score))
        against += [seen.score for third, seen in of_b.items() if third != pair.a and third not in of_a]
        nearest = min(x.distance, y.distance)
        # Sums are exact, so that the order in which pairs were found does not matter.
        return [
            *pair.own, *sorted((x.other, y.other)), *sorted((x.rival, y.rival)), *sorted((x.list_rival, y.list_rival)),
            round(pair.score - max(x.other, y.other), DIGITS), *sorted((float(min(x.rank, 5)), float(min(y.rank, 5)))),
            max(vouches, default=0.0), min(math.fsum(vouches), 5.0), min(math.fsum(against), 5.0),
            pair.likeness - max(x.likeness, y.likeness),
            0.0 if pair.distance_m is None else math.log10((1 + pair.distance_m) / (1 + nearest)),
            *sorted((float(min(x.count, 9)), float(min(y.count, 9)))),
        ]  # fmt: skip


def neighbour_numbers(pairs: Sequence[Scored], home: Mapping[str, str]) -> Iterator[list[float]]:
    """For each scored pair in turn, the numbers that describe it among its neighbours."""
    around = Neighbourhood(pairs, home)
    return (around.numbers(pair) for pair in pairs)
