"""Looks at a scored pair among its neighbours: does each side have a better partner, and do third things vouch for both?

Used by the batch `link` only, where all pairs are known; the live server scores a pair by itself, so that its records do not
depend on the order of arrival. Features are levels again, weighed by a second logistic regression. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from sync.merge.judgements import Pair

_EDGES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.96, 0.99)
_COARSE = (0.05, 0.2, 0.5, 0.8, 0.95)
# A third thing contradicts the pair when it goes with one side and this little with the other.
_STRANGER = 0.1


def _partners(scores: Mapping[Pair, float]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (a, b), score in scores.items():
        found.setdefault(a, {})[b] = score
        found.setdefault(b, {})[a] = score
    return found


def _rival(own: Mapping[str, float], others: Mapping[str, float], other: str) -> float:
    """The best partner of one side that is a stranger to the other side."""
    return max((s for third, s in own.items() if third != other and others.get(third, 0.0) < _STRANGER), default=0.0)


def neighbour_levels(scores: Mapping[Pair, float]) -> dict[Pair, frozenset[str]]:
    """For each scored pair, the levels that describe its neighbourhood."""
    partners = _partners(scores)
    out: dict[Pair, frozenset[str]] = {}
    for (a, b), score in sorted(scores.items()):
        of_a, of_b = partners[a], partners[b]
        support = max((min(s, of_b[third]) for third, s in of_a.items() if third != b and third in of_b), default=0.0)
        rivals = sorted((_rival(of_a, of_b, b), _rival(of_b, of_a, a)))
        best = (score >= max(of_a.values())) + (score >= max(of_b.values()))
        p = bisect_right(_EDGES, score)
        low, high = (bisect_right(_COARSE, value) for value in rivals)
        vouch = bisect_right(_COARSE, support)
        out[(a, b)] = frozenset(
            {f"p{p}", f"rival{low}-{high}", f"p{p}*rival{high}", f"p{p}*low{low}", f"vouch{vouch}", f"p{p}*vouch{vouch}",
             f"best{best}", f"p{p}*best{best}"}
        )  # fmt: skip
    return out
