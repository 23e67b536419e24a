"""Average linkage with must-link and cannot-link inside the connected components of candidate pairs.

Deterministic: scores are rounded, ties go by id, sums are taken in a fixed order. A pair that was never compared counts
as 0, wholly or in part, which is what keeps a chain of near likenesses from becoming one cluster. Must not know what the ids
mean.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from sync.merge.judgements import Pair

_DIGITS = 9


def components(ids: Iterable[str], edges: Iterable[Pair]) -> list[tuple[str, ...]]:
    """The connected components, each sorted, in the order of their first ids."""
    near: dict[str, set[str]] = {node: set() for node in ids}
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    seen: set[str] = set()
    found: list[tuple[str, ...]] = []
    for start in sorted(near):
        if start in seen:
            continue
        stack, part = [start], {start}
        while stack:
            for other in near[stack.pop()] - part:
                part.add(other)
                stack.append(other)
        seen |= part
        found.append(tuple(sorted(part)))
    return found


class _Linkage:
    """Clusters, and between them the sums of scores and the pairs compared; merging adds, so no pair is looked at twice."""

    def __init__(self, ids: Iterable[str], scores: Mapping[Pair, float], cannot: Iterable[Pair], unseen: float) -> None:
        self.unseen = unseen
        self.members: dict[str, list[str]] = {node: [node] for node in ids}
        self.sums: dict[str, dict[str, tuple[float, int]]] = {node: {} for node in self.members}
        self.apart: dict[str, set[str]] = {node: set() for node in self.members}
        for (a, b), score in sorted(scores.items()):
            self.sums[a][b] = self.sums[b][a] = (score, 1)
        for a, b in cannot:
            self.apart[a].add(b)
            self.apart[b].add(a)

    def average(self, a: str, b: str) -> float:
        total, compared = self.sums[a].get(b, (0.0, 0))
        others = len(self.members[a]) * len(self.members[b]) - compared
        weight = compared + self.unseen * others
        return round(total / weight, _DIGITS) if weight else 0.0

    def merge(self, a: str, b: str) -> str:
        """Joins two clusters under the smaller id, which is returned."""
        keep, drop = (a, b) if a < b else (b, a)
        self.members[keep] = sorted(self.members[keep] + self.members.pop(drop))
        for other, (total, compared) in sorted(self.sums.pop(drop).items()):
            del self.sums[other][drop]
            if other != keep:
                held, before = self.sums[keep].get(other, (0.0, 0))
                self.sums[keep][other] = self.sums[other][keep] = (round(held + total, _DIGITS), before + compared)
        for other in self.apart.pop(drop):
            self.apart[other].discard(drop)
            self.apart[other].add(keep)
            self.apart[keep].add(other)
        return keep


def cluster(
    ids: Iterable[str],
    scores: Mapping[Pair, float],
    threshold: float,
    must: Iterable[Pair] = (),
    cannot: Iterable[Pair] = (),
    sole: Iterable[str] = (),
    sole_from: float = 0.9,
    tie_from: float = 0.0,
    unseen: float = 1.0,
) -> list[tuple[str, ...]]:
    """The clusters of `ids`: must-links first, then average linkage down to `threshold`, never across a cannot-link.

    `scores` has one entry per compared pair (smaller id first). `must` may not contradict `cannot`; see
    `judgements.links`, which suspends what would. Of `sole` ids (the rows of one clean list) a cluster holds one, unless the
    average from which they are joined is at least `sole_from`; others join it from `tie_from` on. `unseen` is how much a pair
    that was never compared counts: 1 as one that scored 0, 0 not at all. Every id is in exactly one cluster; clusters and ids
    are sorted.
    """
    linkage = _Linkage(sorted(set(ids)), scores, cannot, unseen)
    alone = set(sole)
    home = {node: node for node in linkage.members}

    def find(node: str) -> str:
        while home[node] != node:
            node = home[node]
        return node

    for a, b in sorted(must):
        root_a, root_b = find(a), find(b)
        if root_a != root_b:
            keep = linkage.merge(root_a, root_b)
            alone |= {keep} if {root_a, root_b} & alone else set()
            home[root_b if keep == root_a else root_a] = keep
    queue = [(-linkage.average(a, b), a, b) for a in linkage.sums for b in linkage.sums[a] if a < b]
    queue = [entry for entry in queue if -entry[0] >= threshold]
    heapq.heapify(queue)
    while queue:
        negative, a, b = heapq.heappop(queue)
        current = a in linkage.members and b in linkage.members and b not in linkage.apart[a]
        if not current or linkage.average(a, b) != -negative:
            continue
        if (a in alone or b in alone) and -negative < (sole_from if a in alone and b in alone else tie_from):
            continue
        keep = linkage.merge(a, b)
        if a in alone or b in alone:
            alone.add(keep)
        for other in linkage.sums[keep]:
            average = linkage.average(keep, other)
            if average >= threshold and other not in linkage.apart[keep]:
                first, second = (keep, other) if keep < other else (other, keep)
                heapq.heappush(queue, (-average, first, second))
    return sorted(tuple(members) for members in linkage.members.values())
