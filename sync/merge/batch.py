"""Scores all candidate pairs of a batch, on several cores when there is much to do; the answer is the same on any number of them.

A worker is a copy of this process that already holds what it needs, so nothing but results is sent. Must not read or write files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from multiprocessing import get_all_start_methods, get_context
from typing import Any, ClassVar, TypeVar

from sync.merge.candidates import Blocks
from sync.merge.faces import Face
from sync.merge.features import compare
from sync.merge.lists import KnownOffsets, Lists
from sync.merge.matching import Model
from sync.merge.neighbourhood import Neighbourhood, Scored, scored

# Fewer rows than this are done before a second process has begun.
_ROWS_PER_WORKER = 5_000
_PARTS_PER_WORKER = 8
T = TypeVar("T")


@dataclass
class _First:
    """Compares the rows with those after them."""

    blocks: Blocks
    lists: Lists
    model: Model
    words: str
    offsets: KnownOffsets | None

    def run(self, part: range) -> list[Scored]:
        found = []
        for number in part:
            face = self.blocks.faces[number]
            for other in self.blocks.after(number):
                pair = scored(face, other, compare(face, other, self.words, self.offsets), self.model, self.lists)
                if pair is not None:
                    found.append(pair)
        return found


@dataclass
class _Second:
    """Scores pairs among their neighbours."""

    pairs: Sequence[Scored]
    around: Neighbourhood
    model: Model

    def run(self, part: range) -> list[float]:
        return list(self.model.among_neighbours(self.around.numbers(self.pairs[number]) for number in part))


class _Worker:
    """What a worker process does; set in it when it begins."""

    job: ClassVar[_First | _Second | None] = None

    @classmethod
    def begin(cls, job: _First | _Second) -> None:
        cls.job = job

    @classmethod
    def run(cls, part: range) -> list[Any]:
        if cls.job is None:
            raise RuntimeError("a worker was asked to work before it was told what at")
        return cls.job.run(part)


def _parts(count: int, workers: int) -> list[range]:
    size = max(1, -(-count // (workers * _PARTS_PER_WORKER)))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _all(job: _First | _Second, run: Callable[[range], list[T]], count: int, workers: int) -> list[T]:
    """The results of all parts in their order."""
    if workers <= 1 or "fork" not in get_all_start_methods():
        return run(range(count))
    with get_context("fork").Pool(workers, _Worker.begin, (job,)) as pool:
        return list(chain.from_iterable(pool.map(_Worker.run, _parts(count, workers), chunksize=1)))


def score_batch(
    faces: Sequence[Face], lists: Lists, words: str, model: Model, offsets: KnownOffsets | None, workers: int = 1
) -> list[Scored]:
    """All candidate pairs scored among their neighbours, the hopeless ones left out, in the order of their ids.

    `faces` are sorted by id, as `link.prepared` gives them. `workers`: how many processes may be used.
    """
    workers = min(workers, len(faces) // _ROWS_PER_WORKER)
    first = _First(Blocks(faces), lists, model, words, offsets)
    alone = _all(first, first.run, len(faces), workers)
    if model.second is None:
        return alone
    second = _Second(alone, Neighbourhood(alone, lists.home), model)
    scores = _all(second, second.run, len(alone), workers)
    return [replace(pair, score=score) for pair, score in zip(alone, scores, strict=True)]
