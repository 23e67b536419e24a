"""How good a clustering is: pairwise, B-cubed, new things wrongly tied, what questions add, whether probabilities are true."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

Truth = Mapping[str, str]
Clusters = Mapping[str, str]


@dataclass(frozen=True)
class Figures:
    """Shares from 0 to 1, but `questions_per_100`. `new_tied`: reports of things the first table lacks, tied to a row of it."""

    precision: float
    recall: float
    f1: float
    bcubed_f1: float
    new_tied: float
    questions_per_100: float
    f1_after_questions: float


def pairs_in(counts: Mapping[object, int]) -> int:
    """How many pairs groups of these sizes hold."""
    return sum(n * (n - 1) // 2 for n in counts.values())


def f1(hit: float, found: float, real: float) -> float:
    """The harmonic mean of precision and recall; 1 when there was nothing to find and nothing was found."""
    return 2 * hit / (found + real) if found + real else 1.0


def pairwise(truth: Truth, found: Clusters) -> tuple[float, float, float]:
    """Precision, recall and F1 over pairs of rows."""
    both = pairs_in(Counter((truth[row], found[row]) for row in truth))
    made, real = pairs_in(Counter(found[row] for row in truth)), pairs_in(Counter(truth.values()))
    return (both / made if made else 1.0, both / real if real else 1.0, f1(both, made, real))


def bcubed(truth: Truth, found: Clusters) -> float:
    """B-cubed F1: every row counts the same, however large its group."""
    both = Counter((truth[row], found[row]) for row in truth)
    made, real = Counter(found[row] for row in truth), Counter(truth.values())
    precision = sum(n * n / made[key[1]] for key, n in both.items()) / len(truth)
    recall = sum(n * n / real[key[0]] for key, n in both.items()) / len(truth)
    return 2 * precision * recall / (precision + recall)


def new_tied(truth: Truth, found: Clusters, reference: Collection[str]) -> float:
    """The share of reports about things that the reference lacks which stand in a cluster with one of its rows."""
    known, held = {truth[row] for row in reference}, {found[row] for row in reference}
    new = [row for row in truth if truth[row] not in known]
    return sum(found[row] in held for row in new) / len(new) if new else 0.0


def after_questions(truth: Truth, found: Clusters, asked: Iterable[tuple[str, str]]) -> Clusters:
    """The clusters once an officer who is never wrong has answered: "same" joins the clusters of both rows."""
    home: dict[str, str] = {}

    def find(name: str) -> str:
        while home.get(name, name) != name:
            name = home[name]
        return name

    for a, b in asked:
        if truth[a] == truth[b] and find(found[a]) != find(found[b]):
            home[find(found[a])] = find(found[b])
    return {row: find(name) for row, name in found.items()}


def figures(truth: Truth, found: Clusters, reference: Collection[str], asked: Sequence[tuple[str, str]]) -> Figures:
    """All figures of one linkage; rounded to four digits."""
    precision, recall, score = pairwise(truth, found)
    reports = max(1, len(truth) - len(set(reference)))
    values = (precision, recall, score, bcubed(truth, found), new_tied(truth, found, reference), 100 * len(asked) / reports)
    return Figures(*(round(value, 4) for value in (*values, pairwise(truth, after_questions(truth, found, asked))[2])))


def mean(found: Sequence[Figures]) -> dict[str, float]:
    """The mean of each figure."""
    rows = [asdict(each) for each in found]
    return {name: round(sum(row[name] for row in rows) / len(rows), 3) for name in rows[0]}


def reliability(judged: Iterable[tuple[float, bool]], bins: int = 10) -> list[tuple[float, float, int]]:
    """For each of so many bands of probability: the mean probability, the share that is true, and how many pairs."""
    held: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for probability, same in judged:
        held[min(bins - 1, int(probability * bins))].append((probability, same))
    return [
        (sum(p for p, _ in found) / len(found), sum(same for _, same in found) / len(found), len(found))
        for _, found in sorted(held.items())
    ]


def calibration_error(bands: Sequence[tuple[float, float, int]]) -> float:
    """The expected calibration error: how far probability and truth are apart, weighed by the pairs in each band."""
    total = sum(count for _, _, count in bands)
    return sum(count * abs(probability - share) for probability, share, count in bands) / total if total else 0.0
