"""Which rows of a batch are compared at all: those that share a name key, a word, a phone, a code or a neighbouring place, and
are not plainly different.

Rows are numbers into the list of faces, and each looks among the rows after it, so no pair comes twice and nothing holds all
pairs at once. Whole columns are worked on. Pure; must not know any weight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sync.merge.blocking import RESOLUTION, name_keys, own_keys
from sync.merge.columns import Columns, ranges
from sync.merge.faces import Face
from sync.merge.names import classes as classes_of
from sync.merge.numbers import Numbers, numpy

# A key that more rows share than this finds nothing that another key would not, and costs its square.
MAX_BLOCK = 60
# Keys that many unlike names share: the beginning, an end, a letter left out.
MAX_WEAK_BLOCK = 30
WEAK = ("b:", "e:", "d:", "f:")
_PART = 4_000


def batch_keys(face: Face) -> set[str]:
    """Keys for a batch, where a key that too many share costs nothing: words, beginnings, and consonants with one left out.

    A row without a name has none: nothing could be said of how alike it is.
    """
    if not face.names:
        return set()
    keys = {key for key in own_keys(face) if not key.startswith("g:")} | set(name_keys(face))
    for name in face.names:
        keys |= {"t:" + word for word in name.sounds if len(word) >= 4}
        bones = name.skeleton[:12]
        if len(bones) >= 4:
            keys.add("f:" + bones[:4])
        if len(bones) >= 3:
            # Two names that differ by one consonant, or by two that changed places, meet in one of these.
            keys |= {"d:" + bones[:at] + bones[at + 1 :] for at in range(len(bones))} | {"d:" + bones}
        classes = name.classes[:12]
        if len(classes) >= 3:
            keys.add("k:" + classes)
        if len(name.sounds) > 1:
            keys |= {"k:" + word for word in map(classes_of, name.sounds) if len(word) >= 3}
        for area in face.areas:
            if area and len(classes) >= 2:
                keys.add(f"b:{area}:{classes[:2]}")
                keys.add(f"e:{area}:{classes[0]}{classes[-1]}")
    return keys


def most_rows(key: str) -> int:
    """How many rows may share a key before it finds nothing any more."""
    return MAX_WEAK_BLOCK if key.startswith(WEAK) else MAX_BLOCK


def cell_of(face: Face) -> int | None:
    """The H3 cell of a face's position as a number; None without a position or a name."""
    if face.position is None or not face.names:
        return None
    import h3

    return int(h3.str_to_int(h3.latlng_to_cell(face.position.lat, face.position.lon, RESOLUTION)))


def cells_around(cell: int) -> list[int]:
    """A cell and those that touch it."""
    import h3

    return [h3.str_to_int(near) for near in h3.grid_disk(h3.int_to_str(cell), 1)]


class Blocks:
    """The faces of a batch filed under their keys and cells, as columns of row numbers."""

    def __init__(self, faces: Sequence[Face]) -> None:
        np = numpy()
        self.count = len(faces)
        numbers: dict[str, int] = {}
        counts: Counter[int] = Counter()
        rows: list[int] = []
        keys: list[int] = []
        for number, face in enumerate(faces):
            own = [numbers.setdefault(key, len(numbers)) for key in batch_keys(face)]
            rows += [number] * len(own)
            keys += own
            counts.update(own)
        shared = np.zeros(max(1, len(numbers)), dtype=bool)
        for key, number in numbers.items():
            shared[number] = 1 < counts[number] <= most_rows(key)
        key_column, row_column = np.array(keys, dtype=np.int32), np.array(rows, dtype=np.int32)
        del numbers, counts, keys, rows
        kept = shared[key_column] if len(key_column) else key_column.astype(bool)
        self._key, self._row = key_column[kept], row_column[kept]
        # Rows of one key stand together and in their order.
        order = np.argsort(self._key, kind="stable")
        self._rows_of_keys = self._row[order]
        self._place = np.empty(len(order), dtype=np.int64)
        self._place[order] = np.arange(len(order))
        self._end = np.searchsorted(self._key[order], self._key, side="right")
        self._start_of_row = np.searchsorted(self._row, np.arange(self.count + 1))
        self._file_cells(faces)

    def _file_cells(self, faces: Sequence[Face]) -> None:
        np = numpy()
        cells = [cell_of(face) for face in faces]
        self._cells = {cell: number for number, cell in enumerate(sorted({cell for cell in cells if cell is not None}))}
        self._cell = np.array([-1 if cell is None else self._cells[cell] for cell in cells], dtype=np.int64)
        placed = np.flatnonzero(self._cell >= 0)
        self._filed = np.sort(self._cell[placed] * self.count + placed)
        around = [
            [self._cells[near] for near in cells_around(cell) if near in self._cells] for cell in self._cells
        ]  # fmt: skip
        self._around = np.array([near for found in around for near in found], dtype=np.int64)
        self._around_start = np.cumsum([0, *(len(found) for found in around)])

    def pairs(self, part: range) -> tuple[Numbers, Numbers]:
        """The pairs (row of `part`, row after it) that share a key or lie in one cell or in two that touch, in their order."""
        np = numpy()
        first, last = self._start_of_row[part.start], self._start_of_row[part.stop]
        begin, rows = self._place[first:last] + 1, self._row[first:last]
        found = [_codes(rows, self._rows_of_keys, begin, self._end[first:last], self.count)]
        placed = np.arange(part.start, part.stop)[self._cell[part.start : part.stop] >= 0]
        if len(placed):
            own = self._cell[placed]
            begin, end = self._around_start[own], self._around_start[own + 1]
            looking = np.repeat(placed, end - begin)
            near = self._around[ranges(begin, end)]
            begin = np.searchsorted(self._filed, near * self.count + looking, side="right")
            end = np.searchsorted(self._filed, (near + 1) * self.count)
            found.append(_codes(looking, self._filed % self.count, begin, end, self.count))
        both = np.unique(np.concatenate(found))
        return both // self.count, both % self.count


def _codes(rows: Numbers, others: Numbers, begin: Numbers, end: Numbers, count: int) -> Numbers:
    """Each row with the others from its `begin` to its `end`, as one number per pair."""
    np = numpy()
    partners = others[ranges(begin, end)].astype(np.int64)
    return np.repeat(rows.astype(np.int64), np.maximum(end - begin, 0)) * count + partners


def parts_of(count: int, size: int = _PART) -> Iterator[range]:
    """The row numbers below `count` in parts whose pairs fit into memory."""
    return (range(start, min(start + size, count)) for start in range(0, count, size))


def worth(columns: Columns, blocks: Blocks, parts: Iterable[range]) -> Iterator[tuple[Any, Any]]:
    """For each part the pairs of row numbers that it is worth comparing, as two columns."""
    for part in parts:
        a, b = blocks.pairs(part)
        kept = columns.worth_comparing(a, b)
        yield a[kept], b[kept]

