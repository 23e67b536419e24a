"""Scores all candidate pairs of a batch, on several cores when there is much to do; the answer is the same on any number of them.

`First` and `Second` are what every engine runs, part by part: pairs by themselves, then pairs among their neighbours. Must not
read or write files.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from typing import Any, ClassVar, Protocol, TypeVar

from sync.merge.candidates import Blocks, parts_of, worth
from sync.merge.columns import Ceiling, Columns
from sync.merge.faces import Face
from sync.merge.features import compare
from sync.merge.lists import KnownOffsets, Lists
from sync.merge.matching import Model
from sync.merge.neighbourhood import FEATURES, KEEP_FROM, Neighbourhood, Pairs, Scored, home_numbers, logit, scored
from sync.merge.numbers import Numbers, numpy

# Fewer rows than this are done before a second process has begun.
_ROWS_PER_WORKER = 5_000
_PAIRS_PER_PART = 30_000
# Log odds that no error of rounding or of the bound brings up to what is kept.
_HOPELESS = logit(KEEP_FROM) - 0.01
P_contra = TypeVar("P_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


@dataclass(eq=False)
class Batch:
    """What the rows of a batch are compared with and by: everything that scoring a pair by itself needs."""

    faces: Sequence[Face]
    lists: Lists
    words: str
    model: Model
    offsets: KnownOffsets | None


class First:
    """Scores pairs of rows by themselves and forgets the hopeless."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.columns = Columns(batch.faces)
        self.ceiling = Ceiling(self.columns, batch.model, batch.words, batch.offsets, _HOPELESS)

    def pairs(self, a: Numbers, b: Numbers) -> Pairs:
        """The pairs of these two columns of row numbers (`a` < `b`, worth comparing) that are not hopeless."""
        batch, faces = self.batch, self.batch.faces
        hopeful = self.ceiling.at_most(a, b) > _HOPELESS
        found = []
        for x, y in zip(a[hopeful].tolist(), b[hopeful].tolist(), strict=True):
            comparison = compare(faces[x], faces[y], batch.words, batch.offsets)
            values = scored(faces[x], faces[y], comparison, batch.model, batch.lists)
            if values is not None:
                found.append((x, y, values))
        return Pairs.of(found)


class Second:
    """Scores pairs among their neighbours."""

    def __init__(self, pairs: Pairs, home: Numbers, model: Model) -> None:
        self.around = Neighbourhood(pairs, home)
        self.model = model
        wanted = FEATURES if model.second is None else model.second.features
        # Trees may have been grown on fewer features, in another order, than are worked out today.
        self.columns = None if wanted == FEATURES else [FEATURES.index(name) for name in wanted]

    def run(self, part: range) -> Numbers:
        """The scores of the pairs of a part."""
        numbers = self.around.numbers(slice(part.start, part.stop))
        return self.model.among_neighbours(numbers if self.columns is None else numbers[:, self.columns])


class Engine(Protocol):
    """Where the parts of a batch are worked on. Whatever engine it is, scores are the same."""

    def first(self, batch: Batch) -> Pairs:
        """All pairs that are worth comparing and not hopeless, in the order of their rows."""

    def second(self, pairs: Pairs, home: Numbers, model: Model) -> Numbers:
        """The score of each pair among its neighbours."""


class Job(Protocol[P_contra, R_co]):
    """What is done with one part."""

    def run(self, part: P_contra) -> R_co:
        """The result of the part."""


@dataclass
class _Comparing:
    """The first step of the local engine."""

    first: First
    blocks: Blocks

    def run(self, part: range) -> Pairs:
        [(a, b)] = worth(self.first.columns, self.blocks, [part])
        return self.first.pairs(a, b)


class _Worker:
    """What a worker process does; set in it when it begins."""

    job: ClassVar[Any] = None

    @classmethod
    def begin(cls, job: Any) -> None:
        # Looking for rings of dead objects would copy what it shares with its parent, and there are none.
        gc.disable()
        cls.job = job

    @classmethod
    def run(cls, part: Any) -> Any:
        if cls.job is None:
            raise RuntimeError("a worker was asked to work before it was told what at")
        return cls.job.run(part)


@dataclass(frozen=True, slots=True)
class Local:
    """This machine: copies of this process that already hold what they need, so nothing but results is sent."""

    workers: int = 1

    def first(self, batch: Batch) -> Pairs:
        """All pairs that are worth comparing and not hopeless, in the order of their rows."""
        job = _Comparing(First(batch), Blocks(batch.faces))
        return Pairs.joined(self.through(job, parts_of(len(batch.faces)), len(batch.faces)))

    def second(self, pairs: Pairs, home: Numbers, model: Model) -> Numbers:
        """The score of each pair among its neighbours."""
        np = numpy()
        parts = parts_of(len(pairs), _PAIRS_PER_PART)
        return np.concatenate([np.zeros(0), *self.through(Second(pairs, home, model), parts, len(home))])

    def through(self, job: Job[P_contra, R_co], parts: Iterable[P_contra], rows: int) -> list[R_co]:
        """The results of a job for all parts in their order; `rows`: how large the batch is."""
        workers = min(self.workers, rows // _ROWS_PER_WORKER)
        if workers <= 1 or "fork" not in get_all_start_methods():
            return [job.run(part) for part in parts]
        gc.freeze()
        try:
            with get_context("fork").Pool(workers, _Worker.begin, (job,)) as pool:
                return list(pool.imap(_Worker.run, parts, chunksize=1))
        finally:
            gc.unfreeze()


def score_batch(
    faces: Sequence[Face], lists: Lists, words: str, model: Model, offsets: KnownOffsets | None, engine: Engine | None = None
) -> list[Scored]:
    """All candidate pairs scored among their neighbours, the hopeless ones left out, in the order of their ids.

    `faces` are sorted by id, as `link.prepared` gives them. `engine`: where it is done; one process of this machine when None.
    """
    engine = engine or Local()
    pairs = engine.first(Batch(faces, lists, words, model, offsets))
    scores = pairs.values[:, 0]
    if model.second is not None and len(pairs):
        scores = engine.second(pairs, home_numbers([face.id for face in faces], lists.home), model)
    columns = zip(pairs.a.tolist(), pairs.b.tolist(), scores.tolist(), strict=True)
    return [Scored(faces[a].id, faces[b].id, score) for a, b, score in columns]
