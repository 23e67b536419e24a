"""Precision, recall and F1 of a clustering, pairwise and B-cubed, and the cut at which F1 is best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sync.merge.clustering import cluster, components

PairScores = Mapping[tuple[str, str], float]


def clustered(ids: Sequence[str], scores: PairScores, cut: float) -> dict[str, str]:
    """The cluster of each id at this cut."""
    edges: dict[str, dict[tuple[str, str], float]] = {}
    parts = components(ids, scores)
    home = {node: part[0] for part in parts for node in part}
    for pair, score in scores.items():
        edges.setdefault(home[pair[0]], {})[pair] = score
    return {member: members[0] for part in parts for members in cluster(part, edges.get(part[0], {}), cut) for member in members}


def _pairs(counts: Mapping[object, int]) -> int:
    return sum(n * (n - 1) // 2 for n in counts.values())


def f1(hit: float, found: float, real: float) -> float:
    """The harmonic mean of precision and recall; 1 when there was nothing to find and nothing was found."""
    return 2 * hit / (found + real) if found + real else 1.0


def pairwise(truth: Mapping[str, str], scores: PairScores, cut: float) -> float:
    """Pairwise F1 at a cut."""
    return _pairwise(truth, clustered(sorted(truth), scores, cut))


def _pairwise(truth: Mapping[str, str], found: Mapping[str, str]) -> float:
    both = Counter((truth[i], found[i]) for i in truth)
    return f1(_pairs(both), _pairs(Counter(found.values())), _pairs(Counter(truth.values())))


def bcubed(truth: Mapping[str, str], scores: PairScores, cut: float) -> float:
    """B-cubed F1 at a cut."""
    found = clustered(sorted(truth), scores, cut)
    both = Counter((truth[i], found[i]) for i in truth)
    real, made = Counter(truth.values()), Counter(found.values())
    precision = sum(n * n / made[key[1]] for key, n in both.items()) / len(truth)
    recall = sum(n * n / real[key[0]] for key, n in both.items()) / len(truth)
    return 2 * precision * recall / (precision + recall)


# A wrong link costs more than a question to an officer, so of nearly equal cuts the strictest is taken.
NEARLY = 0.01


def best_cut(countries: Sequence[tuple[PairScores, Mapping[str, str]]]) -> float:
    """The strictest cut whose mean pairwise F1 over countries is within 0.01 of the best."""
    cuts = [step / 50 for step in range(8, 46)]
    means = {cut: sum(pairwise(truth, s, cut) for s, truth in countries) / len(countries) for cut in cuts}
    return max(cut for cut in cuts if means[cut] >= max(means.values()) - NEARLY)
