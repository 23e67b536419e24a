"""Looks at a scored pair among its neighbours: has each side a better partner, do third things vouch for both, how rare is
the name here, and do both stand in one list?

Used by the batch `link` only, where all pairs are known; the live server scores a pair by itself, so that its records do not
depend on the order of arrival. Numbers, weighed by boosted trees. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.merge import distances, habits
from sync.merge.columns import ranges
from sync.merge.faces import Face
from sync.merge.features import DISTANCE_NAMES, VAGUE_NAMES, Comparison
from sync.merge.lists import REFERENCE, Lists
from sync.merge.matching import Model
from sync.merge.numbers import Numbers, numpy

# Scores are kept in millionths here. A third thing contradicts a pair when it goes with one side and this little with the other.
_MILLION = 1_000_000
_STRANGER = 100_000
# Partners whose names are this much alike count when it is asked who is nearer.
_NAMED_ALIKE = 0.6
_NOBODY_NEAR = 1e9
OWN_FEATURES = (
    "logit", "likeness", "spelling", "letters", "edits", "length", "distance", "mended", "type", "kinds", "number", "qualifier",
    "area1", "area2", "areas", "phone", "code", "lists", "name_count", "rarest", "astray", "spot_count", "reference",
    "areas_known", "name_part", "place_part", "kind_part", "vague", "sure", "classes",
)  # fmt: skip
AROUND_FEATURES = (
    "best_other_low", "best_other_high", "rival_low", "rival_high", "list_rival_low", "list_rival_high", "margin", "rank_low",
    "rank_high", "vouch", "vouchers", "against", "name_margin", "near_margin", "partners_low", "partners_high",
)  # fmt: skip
FEATURES = (*OWN_FEATURES, *AROUND_FEATURES, *habits.FEATURES)
# Pairs less likely than this to be one thing are forgotten at once.
KEEP_FROM = 0.02
MISTAKES = ("swapped", "minutes", "offset")
_AGREEMENT = {"same": 1.0, "alike": 0.5, "one": 0.0, "near": 0.5, "unknown": 0.0, "differs": -1.0, "clash": -1.0}
_NO_DISTANCE = -1.0
REFERENCE_HOME = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair that was compared and is not hopeless; `a` < `b`."""

    a: str
    b: str
    score: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """Scored pairs as columns: `a` < `b` are row numbers; a row of `values` is score, likeness, metres (NaN), `OWN_FEATURES`."""

    a: Numbers
    b: Numbers
    values: Numbers

    def __len__(self) -> int:
        return len(self.a)

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, Sequence[float]]]) -> Pairs:
        """Columns from (a, b, values) of each pair."""
        np = numpy()
        a, b = np.array([row[0] for row in rows], dtype=np.int64), np.array([row[1] for row in rows], dtype=np.int64)
        return cls(a, b, np.array([row[2] for row in rows], dtype=np.float64).reshape(len(rows), 3 + len(OWN_FEATURES)))

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """One after the other."""
        np = numpy()
        if not parts:
            return cls.of([])
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("a", "b", "values")))


def scored(a: Face, b: Face, comparison: Comparison, model: Model, lists: Lists) -> list[float] | None:
    """What is known of a pair by itself, a row of `Pairs.values`; None when it is hopeless."""
    score = model.probability(comparison)
    if score < KEEP_FROM:
        return None
    metres = math.nan if comparison.distance_m is None else comparison.distance_m
    return [score, comparison.likeness, metres, *_own_numbers(a, b, score, comparison, model, lists)]


def _own_numbers(a: Face, b: Face, score: float, comparison: Comparison, model: Model, lists: Lists) -> list[float]:
    """The values of `OWN_FEATURES`."""
    levels = comparison.levels
    name_a, name_b = comparison.names
    metres = comparison.distance_m
    said = dict(found for level in levels if (found := _SAID.get(level)))
    area1, area2 = said.get("area1", 0.0), said.get("area2", 0.0)
    return [
        logit(score), comparison.likeness, distances.JaroWinkler.similarity(name_a.sound, name_b.sound),
        distances.Levenshtein.normalized_similarity(name_a.core_text, name_b.core_text),
        float(min(9, distances.Levenshtein.distance(name_a.sound, name_b.sound))),
        float(min(len(name_a.sound), len(name_b.sound))),
        _NO_DISTANCE if metres is None else math.log10(1 + metres), float(not levels.isdisjoint(MISTAKES)),
        said.get("type", 0.0), said.get("kind", 0.0), said.get("number", 0.2), said.get("qualifier", 0.2),
        area1, area2, area1 + area2 + said.get("area3", 0.0) + float("area_crossed" in levels),
        said.get("phone", 0.0), said.get("code", 0.0), lists.standing(a, b), *lists.rarity(name_a, name_b),
        float(lists.astray(a)) + float(lists.astray(b)), lists.spot_count(a, b),
        lists.references(a, b), float(sum(1 for p, q in zip(a.areas, b.areas, strict=False) if p and q)), *model.parts(levels),
        float(not levels.isdisjoint(VAGUE_NAMES)), float(not levels.isdisjoint(_SURE_LEVELS)),
        distances.Levenshtein.normalized_similarity(name_a.classes, name_b.classes),
    ]  # fmt: skip


_PREFIXES = ("type", "kind", "number", "qualifier", "area1", "area2", "area3", "phone", "code")
# What each level says of which part: 1 for agreement, -1 for a clash.
_SAID = {f"{prefix}_{how}": (prefix, value) for prefix in _PREFIXES for how, value in _AGREEMENT.items()}
_SURE_LEVELS = frozenset(f"sure*{place}" for place in (*DISTANCE_NAMES, *VAGUE_NAMES))


def logit(probability: float) -> float:
    """The log odds, between -8 and 8."""
    bounded = min(max(probability, 0.000335), 0.999665)
    return math.log(bounded / (1 - bounded))


class Neighbourhood:
    """All scored pairs of a batch by row, and the lists that its rows stand in (`home`: a number per row, -1 for none)."""

    def __init__(self, pairs: Pairs, home: Numbers) -> None:
        np = numpy()
        self.pairs, self.home = pairs, home
        self.count = len(home)
        rows = np.concatenate([pairs.a, pairs.b])
        others = np.concatenate([pairs.b, pairs.a])
        codes = rows * self.count + others
        order = np.argsort(codes, kind="stable")
        self._codes, self._others = codes[order], others[order]
        self._start = np.searchsorted(rows[order], np.arange(self.count + 1))
        # Millionths, so that sums are exact and do not depend on the order in which pairs were found.
        millionths = np.round(pairs.values[:, 0] * _MILLION).astype(np.int64)
        self._score = np.concatenate([millionths, millionths])[order]
        self._likeness = np.concatenate([pairs.values[:, 1]] * 2)[order]
        metres = np.concatenate([pairs.values[:, 2]] * 2)[order]
        self._metres = np.where((self._likeness >= _NAMED_ALIKE) & ~np.isnan(metres), metres, _NOBODY_NEAR)
        self._habits = self._habits_of(millionths)

    def _habits_of(self, score: Numbers) -> habits.Habits:
        """How each two lists agree; rows that stand in none are one source."""
        values = self.pairs.values

        def own(name: str) -> Numbers:
            return values[:, 3 + OWN_FEATURES.index(name)]

        columns = habits.Columns(
            score, own("distance"), tuple(own(name) for name in ("type", "kinds", "area1", "area2")), own("letters")
        )
        return habits.Habits(self.pairs.a, self.pairs.b, self.home + 1, columns, self.home == REFERENCE_HOME)

    def numbers(self, part: slice) -> Numbers:
        """The values of `FEATURES` for each pair of a part, a row each; the order of a pair's sides does not matter."""
        np = numpy()
        a, b, values = self.pairs.a[part], self.pairs.b[part], self.pairs.values[part]
        score = np.round(values[:, 0] * _MILLION).astype(np.int64)
        x, y = _Side(self, a, b, score), _Side(self, b, a, score)
        count = x.met + y.met_alone
        nearest = np.minimum(x.metres, y.metres)
        with np.errstate(invalid="ignore"):
            near_margin = np.where(np.isnan(values[:, 2]), 0.0, np.log10((1 + values[:, 2]) / (1 + nearest)))
        around = [
            *_both(x.other, y.other), *_both(x.rival, y.rival), *_both(x.list_rival, y.list_rival),
            (score - np.maximum(x.other, y.other)) / _MILLION, *_both(np.minimum(x.rank, 5), np.minimum(y.rank, 5), 1),
            x.vouch / _MILLION, np.minimum(x.vouchers / _MILLION, 5.0), np.minimum(count / _MILLION, 5.0),
            values[:, 1] - np.maximum(x.likeness, y.likeness), near_margin,
            *_both(np.minimum(x.count, 9), np.minimum(y.count, 9), 1),
        ]  # fmt: skip
        return np.column_stack([values[:, 3:], *around, *self._habits.numbers(part)])


def _both(x: Numbers, y: Numbers, unit: int = 1_000_000) -> tuple[Numbers, Numbers]:
    """The lower and the higher of two columns, in units."""
    np = numpy()
    return np.minimum(x, y) / unit, np.maximum(x, y) / unit


class _Side:
    """What the partners of each row look like, apart from the one it stands in a pair with. Scores in millionths."""

    def __init__(self, around: Neighbourhood, rows: Numbers, partners: Numbers, score: Numbers) -> None:
        np = numpy()
        begin, end = around._start[rows], around._start[rows + 1]
        sizes = end - begin
        starts = np.cumsum(sizes) - sizes
        edge = ranges(begin, end)
        partner, own = np.repeat(partners, sizes), np.repeat(score, sizes)
        third, seen = around._others[edge], around._score[edge]
        is_third = third != partner
        # How well the partner goes with the third; -1 where the two were never compared or it was hopeless.
        codes = partner * around.count + third
        place = np.minimum(np.searchsorted(around._codes, codes), len(around._codes) - 1)
        known = np.where(around._codes[place] == codes, around._score[place], -1)

        def most(values: Numbers) -> Numbers:
            return np.maximum.reduceat(values, starts)

        def added(values: Numbers) -> Numbers:
            return np.add.reduceat(values, starts)

        self.other = most(seen * is_third)
        self.rank = added(((seen > own) & is_third).astype(np.int64))
        self.rival = most(seen * (is_third & (known < _STRANGER)))
        home = around.home[partner]
        self.list_rival = most(seen * (is_third & (home >= 0) & (around.home[third] == home)))
        self.likeness = most(around._likeness[edge] * is_third)
        self.metres = np.minimum.reduceat(np.where(is_third, around._metres[edge], _NOBODY_NEAR), starts)
        self.count = sizes - 1
        shared = is_third & (known >= 0)
        vouches = np.where(shared, np.minimum(seen, known), 0)
        self.vouch, self.vouchers = most(vouches), added(vouches)
        alone = np.where(is_third & ~shared, seen, 0)
        self.met_alone = added(alone)
        self.met = added(alone + np.where(shared, np.maximum(seen - known, 0), 0))


def home_numbers(ids: Iterable[str], home: Mapping[str, str]) -> Numbers:
    """The list of each row as a number, `REFERENCE_HOME` for the reference, -1 for a row that stands in none."""
    np = numpy()
    numbers = {REFERENCE: REFERENCE_HOME}
    numbers |= {name: number for number, name in enumerate(sorted(set(home.values()) - {REFERENCE}), REFERENCE_HOME + 1)}
    return np.array([numbers[home[row]] if row in home else -1 for row in ids], dtype=np.int64)
