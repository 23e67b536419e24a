"""Boosted decision trees from plain JSON: a few hundred comparisons per score. Knows nothing of matching."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

# A leaf has no feature; its threshold is its value.
_LEAF = -1
_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees as flat lists: node i asks whether features[feature[i]] <= threshold[i]; yes goes to left[i], no to right[i]."""

    features: tuple[str, ...]
    bias: float
    trees: tuple[tuple[tuple[int, float, int, int], ...], ...]

    def logits(self, rows: Iterable[Sequence[float]]) -> Iterator[float]:
        """For each row (one value per feature, none missing) the sum of the leaves that it comes to.

        Whole columns go down a tree at once. Leaves are added in the order of the trees, row by row, so that a row's sum is
        the same in whatever company it comes and on every machine.
        """
        # Loaded when a batch asks: the server at rest does without.
        import numpy as np

        for part in _parts(rows):
            table = np.array(part, dtype=np.float64)
            total = np.full(len(part), self.bias)
            for nodes in self.trees:
                feature = np.array([node[0] for node in nodes])
                threshold = np.array([node[1] for node in nodes])
                left, right = np.array([node[2] for node in nodes]), np.array([node[3] for node in nodes])
                at: Any = np.zeros(len(part), dtype=np.intp)
                open_rows = np.arange(len(part))
                while open_rows.size:
                    here = at[open_rows]
                    below = table[open_rows, feature[here]] <= threshold[here]
                    here = np.where(below, left[here], right[here])
                    at[open_rows] = here
                    open_rows = open_rows[feature[here] != _LEAF]
                total += threshold[at]
            yield from total.tolist()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trees:
        """Reads what the trainer wrote. Raises KeyError, TypeError or ValueError when it is something else."""
        trees = tuple(
            tuple((int(node[0]), float(node[1]), int(node[2]), int(node[3])) if len(node) == 4 else (_LEAF, float(node[0]), 0, 0)
                  for node in tree)
            for tree in data["trees"]
        )  # fmt: skip
        return cls(tuple(str(name) for name in data["features"]), float(data["bias"]), trees)


def _parts(rows: Iterable[Sequence[float]]) -> Iterator[list[Sequence[float]]]:
    """The rows in parts that fit into memory as a table."""
    found = iter(rows)
    while part := list(islice(found, _ROWS)):
        yield part
