"""Boosted decision trees from plain JSON: a few hundred comparisons per score. Knows nothing of matching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.merge.numbers import numpy

Node = tuple[int, float, int, int]
# A leaf has no feature; its threshold is its value.
_LEAF = -1
# So many rows at a time: their columns and marks stay in the processor's cache.
_ROWS = 8_192
# Leaves are bits of one number.
MOST_LEAVES = 32


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees as flat lists: node i asks whether features[feature[i]] <= threshold[i]; yes goes to left[i], no to right[i]."""

    features: tuple[str, ...]
    bias: float
    trees: tuple[tuple[Node, ...], ...]

    def logits(self, table: Any) -> Any:
        """For each row of a numpy table (one column per feature, none missing) the sum of the leaves that it comes to.

        Each node that says no strikes out the leaves on its left; the first leaf left of all is where the row comes to.
        Leaves are added in the order of the trees, row by row, so that a row's sum is the same in whatever company it
        comes and on every machine.
        """
        np = numpy()
        marked = [_marked(nodes) for nodes in self.trees]
        total = np.full(len(table), self.bias)
        for start in range(0, len(table), _ROWS):
            columns = np.asfortranarray(table[start : start + _ROWS])
            for questions, leaves in marked:
                left = np.full(len(columns), (1 << len(leaves)) - 1, dtype=np.int64)
                for feature, threshold, struck in questions:
                    # True is -1 in all bits, so the leaves to strike out go where the answer is no.
                    left &= ~(-(columns[:, feature] > threshold).astype(np.int64) & struck)
                first = np.log2((left & -left).astype(np.float64)).astype(np.intp)
                total[start : start + _ROWS] += np.array(leaves)[first]
        return total

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trees:
        """Reads what the trainer wrote. Raises KeyError, TypeError or ValueError when it is something else."""
        trees = tuple(
            tuple((int(node[0]), float(node[1]), int(node[2]), int(node[3])) if len(node) == 4 else (_LEAF, float(node[0]), 0, 0)
                  for node in tree)
            for tree in data["trees"]
        )  # fmt: skip
        return cls(tuple(str(name) for name in data["features"]), float(data["bias"]), trees)


def _marked(nodes: tuple[Node, ...]) -> tuple[list[tuple[int, float, int]], list[float]]:
    """A tree's questions, each with the leaves (as bits) that a no strikes out, and the values of its leaves, left to right."""
    leaves: list[float] = []
    questions: list[tuple[int, float, int]] = []

    def visit(number: int) -> int:
        feature, threshold, left, right = nodes[number]
        if feature == _LEAF:
            leaves.append(threshold)
            return 1 << (len(leaves) - 1)
        below = visit(left)
        questions.append((feature, threshold, below))
        return below | visit(right)

    visit(0)
    if len(leaves) > MOST_LEAVES:
        raise ValueError(f"a tree has {len(leaves)} leaves; {MOST_LEAVES} are the most")
    return questions, leaves
