"""How two sources of a batch usually agree where they surely speak of one thing: how far apart they put it, whether they say the
same type and area, how alike they spell, how much of the one the other holds.

A distance of three kilometres says little between two lists that are always three kilometres apart, and much between two that are
not. Learnt from the batch itself, so it holds for sources that nobody trained on. Batches only. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.merge.numbers import Numbers, numpy

FEATURES = (
    "place_usual", "place_tail", "type_habit", "kind_habit", "area1_habit", "area2_habit", "spelling_habit", "spelling_off",
    "cover_new", "cover_old", "twins_new", "twins_old", "sources_known",
)  # fmt: skip
# So many imagined pairs that agree as the whole batch does stand beside the real ones of two sources.
_IMAGINED = 8.0
# From this score on two rows that are each other's best between their sources tell how the sources agree. Millionths.
_SURE = 600_000
_MILLION = 1_000_000
# More than any logarithm of a distance on earth.
_SPAN = 16.0
_AGREE = ("type", "kinds", "area1", "area2")


@dataclass(frozen=True, slots=True)
class Columns:
    """What of scored pairs is looked at: scores in millionths, log10 of 1 + metres (negative for none), agreements, spelling."""

    score: Numbers
    distance: Numbers
    agreements: tuple[Numbers, ...]
    spelling: Numbers


class Habits:
    """The habits of each two sources of a batch. `source`: the number of each row's source."""

    def __init__(self, a: Numbers, b: Numbers, source: Numbers, columns: Columns, reference: Numbers) -> None:
        np = numpy()
        self.columns, self.reference = columns, reference
        self.many = int(source.max()) + 1 if len(source) else 1
        self.source = source
        left, right = source[a], source[b]
        # One code for two sources, whichever way round.
        both = np.minimum(left, right) * self.many + np.maximum(left, right)
        self._codes, self._pair = np.unique(both, return_inverse=True)
        sure = self._anchors(a, b, left, right)
        count = len(self._codes)
        pair = self._pair[sure]
        self.known = np.bincount(pair, minlength=count)
        self.agree = [self._means(pair, values[sure], values[sure] != 0, count) for values in columns.agreements]
        self.spelling = self._means(pair, columns.spelling[sure], np.ones(len(pair), dtype=bool), count)
        placed = columns.distance[sure] >= 0
        self._file_distances(pair[placed], columns.distance[sure][placed], count)
        self._a, self._b = a, b

    def _anchors(self, a: Numbers, b: Numbers, left: Numbers, right: Numbers) -> Numbers:
        """The numbers of the pairs that are surely one thing; also works out how much of a source another holds."""
        np = numpy()
        score = self.columns.score
        forward, backward = a * self.many + right, b * self.many + left
        keys, place = np.unique(np.concatenate([forward, backward]), return_inverse=True)
        best = np.zeros(len(keys), dtype=np.int64)
        np.maximum.at(best, place, np.concatenate([score, score]))
        rows = np.bincount(self.source, minlength=self.many)
        held = np.zeros((self.many * self.many), dtype=np.int64)
        np.add.at(held, self.source[keys // self.many] * self.many + keys % self.many, best)
        total = held.reshape(self.many, self.many) / _MILLION
        mean = total.sum() / max(1, int(rows.sum()) * self.many)
        self.cover = (total + _IMAGINED * mean) / (rows[:, None] + _IMAGINED)
        most = np.maximum(best[place[: len(a)]], best[place[len(a) :]])
        return np.flatnonzero((score >= _SURE) & (score == most))

    @staticmethod
    def _means(pair: Numbers, values: Numbers, known: Numbers, count: int) -> Numbers:
        np = numpy()
        pair, values = pair[known], np.round(values[known] * _MILLION)
        mean = values.sum() / len(values) if len(values) else 0.0
        sums = np.bincount(pair, weights=values, minlength=count)
        return (sums + _IMAGINED * mean) / (np.bincount(pair, minlength=count) + _IMAGINED) / _MILLION

    def _file_distances(self, pair: Numbers, distance: Numbers, count: int) -> None:
        np = numpy()
        self._all = np.sort(distance)
        self._filed = np.sort(pair * _SPAN + distance)
        self._begin = np.searchsorted(self._filed, np.arange(count) * _SPAN)
        self._end = np.searchsorted(self._filed, (np.arange(count) + 1) * _SPAN)
        usual = float(self._all[len(self._all) // 2]) if len(self._all) else 0.0
        sizes = self._end - self._begin
        middle = np.minimum(self._begin + sizes // 2, max(0, len(self._filed) - 1))
        median = np.full(count, usual)
        if len(self._filed):
            median = np.where(sizes > 0, self._filed[middle] - np.arange(count) * _SPAN, usual)
        self.usual = (median * sizes + usual * _IMAGINED) / (sizes + _IMAGINED)

    def numbers(self, part: slice) -> list[Numbers]:
        """The columns of `FEATURES` for a part of the pairs."""
        np = numpy()
        pair, distance = self._pair[part], self.columns.distance[part]
        placed = distance >= 0
        farther = self._end[pair] - np.searchsorted(self._filed, pair * _SPAN + distance)
        beyond = 1 - np.searchsorted(self._all, distance) / max(1, len(self._all))
        tail = (farther + _IMAGINED * beyond) / (self._end[pair] - self._begin[pair] + _IMAGINED)
        left, right = self.source[self._a[part]], self.source[self._b[part]]
        # The side of the reference is the old one; of two others the one whose source is held less.
        cover, back = self.cover[left, right], self.cover[right, left]
        twins_left, twins_right = self.cover[left, left], self.cover[right, right]
        known_left, known_right = self.reference[self._a[part]], self.reference[self._b[part]]
        turn = (known_left & ~known_right) | ((known_left == known_right) & (cover > back))
        spelling = self.spelling[pair]
        return [
            np.where(placed, distance - self.usual[pair], 0.0), np.where(placed, tail, -1.0),
            *(means[pair] for means in self.agree), spelling, self.columns.spelling[part] - spelling,
            np.where(turn, back, cover), np.where(turn, cover, back),
            np.where(turn, twins_right, twins_left), np.where(turn, twins_left, twins_right),
            np.log2(1 + self.known[pair]),
        ]  # fmt: skip
