"""Learns the weights of a register from what its officers decided: logistic regression by Newton's method, pulled towards the
weights that were shipped, so that few judgements change little and levels that nobody judged do not change at all.

Figures are of judgements that the weights did not see. Pure; needs numpy and nothing else. Must not decide whether what was
learnt is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync.merge.clustering import components
from sync.merge.judgements import Pair
from sync.merge.matching import Model, weighed
from sync.merge.numbers import Numbers, numpy

LEAST = 200
"""So many judgements, at least, before weights are learnt from them (issue 4, point 2)."""
# With 220 to 400 judgements of made-up countries 16 did best among 1, 4 and 16: no worse where shipped weights fit, 4 to 10
# points of log loss better where sources err in one way (docs/matching.md).
RIDGE = 16.0
# Each side needs some; a model of one answer says nothing.
LEAST_OF_EACH = 20
_FOLDS = 5
_BINS = 10
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Label:
    """A pair of things that officers judged: the levels that hold, and whether the two are one thing."""

    a: str
    b: str
    levels: frozenset[str]
    same: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """How well probabilities fit judgements. `log_loss`: the lower the better; `right`: share told right at one half;
    `calibration_error`: how far probabilities and shares are apart (ten bands)."""

    log_loss: float
    right: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Learning:
    """Weights learnt from `count` judgements (`same` of them "same"), and the figures of both on judgements not learnt from."""

    bias: float
    weights: Mapping[str, float]
    count: int
    same: int
    before: Figures
    after: Figures


def enough(labels: Sequence[Label]) -> bool:
    """Whether there are judgements enough of both kinds to learn from."""
    same = sum(label.same for label in labels)
    return len(labels) >= LEAST and min(same, len(labels) - same) >= LEAST_OF_EACH


def learn(labels: Sequence[Label], shipped: Model) -> Learning:
    """Weights from judgements, and how they do where they were not learnt. Raises ValueError when there are too few."""
    if not enough(labels):
        raise ValueError(f"{len(labels)} judgements are too few; {LEAST} are needed, {LEAST_OF_EACH} of either kind")
    ordered = sorted(labels, key=lambda label: (label.a, label.b))
    bias, weights = fitted(ordered, shipped)
    folds = _folds(ordered)
    held: dict[int, float] = {}
    for fold in range(_FOLDS):
        seen = [label for label, home in zip(ordered, folds, strict=True) if home != fold]
        own = fitted(seen, shipped)
        held |= {n: weighed(*own, label.levels) for n, label in enumerate(ordered) if folds[n] == fold}
    after = figures([held[number] for number in range(len(ordered))], ordered)
    before = figures([weighed(shipped.bias, shipped.weights, label.levels) for label in ordered], ordered)
    return Learning(bias, weights, len(ordered), sum(label.same for label in ordered), before, after)


def _folds(labels: Sequence[Label]) -> list[int]:
    """A fold for each judgement; those that hang together by a thing share one, so that nothing is judged by its like."""
    parts = components({side for label in labels for side in (label.a, label.b)}, _pairs(labels))
    home = {thing: number % _FOLDS for number, part in enumerate(parts) for thing in part}
    return [home[label.a] for label in labels]


def _pairs(labels: Sequence[Label]) -> list[Pair]:
    return [(label.a, label.b) for label in labels]


def fitted(labels: Sequence[Label], shipped: Model, ridge: float = RIDGE) -> tuple[float, dict[str, float]]:
    """(bias, weights) that fit the judgements best, `ridge` times half the squared distance from the shipped ones added."""
    np = numpy()
    names = sorted({level for label in labels for level in label.levels})
    column = {name: number for number, name in enumerate(names, 1)}
    table = np.zeros((len(labels), len(names) + 1))
    table[:, 0] = 1.0
    for row, label in enumerate(labels):
        table[row, [column[level] for level in label.levels]] = 1.0
    same = np.array([label.same for label in labels], dtype=np.float64)
    start = np.array([shipped.bias, *(shipped.weights.get(name, 0.0) for name in names)])
    found = _newton(table, same, start, ridge)
    weights = {**shipped.weights, **{name: round(float(weight), 4) for name, weight in zip(names, found[1:], strict=True)}}
    return round(float(found[0]), 4), weights


def _newton(table: Numbers, same: Numbers, start: Numbers, ridge: float) -> Numbers:
    """The minimum of a convex function: whole steps, halved while they make it worse."""
    np = numpy()

    def loss(at: Numbers) -> float:
        totals = table @ at
        return float(np.logaddexp(0.0, totals).sum() - (same * totals).sum() + ridge / 2 * ((at - start) ** 2).sum())

    here = start.copy()
    best = loss(here)
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(table @ here, -60, 60)))
        slope = table.T @ (likely - same) + ridge * (here - start)
        bend = (table * (likely * (1 - likely))[:, None]).T @ table + ridge * np.eye(len(here))
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while size > 1e-6 and loss(here - size * step) > best:
            size /= 2
        if size <= 1e-6 or np.abs(step).max() * size < 1e-7:
            break
        here = here - size * step
        best = loss(here)
    return here


def figures(probabilities: Sequence[float], labels: Sequence[Label]) -> Figures:
    """How well the probabilities fit the judgements."""
    bands: dict[int, list[tuple[float, bool]]] = {}
    loss = []
    for probability, label in zip(probabilities, labels, strict=True):
        bounded = min(max(probability, 1e-6), 1 - 1e-6)
        loss.append(-math.log(bounded if label.same else 1 - bounded))
        bands.setdefault(min(_BINS - 1, int(probability * _BINS)), []).append((probability, label.same))
    apart = [abs(math.fsum(p for p, _ in band) - sum(same for _, same in band)) for band in bands.values()]
    right = sum((probability >= 0.5) == label.same for probability, label in zip(probabilities, labels, strict=True))
    count = len(labels)
    return Figures(round(math.fsum(loss) / count, 4), round(right / count, 4), round(math.fsum(apart) / count, 4))
