"""Where a batch is worked on: this machine, this machine with DuckDB finding the pairs, or a Spark cluster.

All three send the same pairs through the same functions (`batch.First`, `batch.Second`), so scores are the same. DuckDB keeps
keys and pairs out of this process's memory; Spark spreads comparing over machines. Both are extras and loaded when asked for.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sync.merge.batch import Batch, Engine, First, Local, Second
from sync.merge.candidates import batch_keys, cell_of, cells_around, most_rows
from sync.merge.matching import Model
from sync.merge.neighbourhood import OWN_FEATURES, Pairs
from sync.merge.numbers import Numbers, numpy

ENGINES = ("local", "duckdb", "spark")
_ROWS = 20_000
_PAIRS = 60_000
_VALUES = 3 + len(OWN_FEATURES)
# Pairs that share a key that few share, or stand in one cell or in two that touch. The same words in DuckDB and in Spark.
_JOINS = """
    select distinct a, b from (
        select x.row as a, y.row as b from keys x join keys y on x.key = y.key and x.row < y.row
            join shared s on x.key = s.key
        union all
        select x.row as a, y.row as b from cells x join near n on x.cell = n.cell join cells y on y.cell = n.beside
            where x.row < y.row
    ) found"""
_SHARED = "select key from keys group by key having count(*) > 1 and count(*) <= max(most)"


class EngineMissing(Exception):
    """An engine's extra is not installed; the message says how to install it."""


def engine_named(name: str, workers: int, master: str | None = None) -> Engine:
    """The engine `local`, `duckdb` or `spark`. `workers`: processes of this machine; `master`: the address of a Spark cluster.

    Raises `EngineMissing` when the engine's extra is not installed and ValueError for another name.
    """
    if name == "local":
        return Local(workers)
    try:
        if name == "duckdb":
            import duckdb  # noqa: F401

            return DuckDb(workers)
        if name == "spark":
            import pyspark  # noqa: F401

            return Spark(master or f"local[{workers}]")
    except ImportError as error:
        extra = {"duckdb": "link", "spark": "spark"}[name]
        raise EngineMissing(f"the engine {name} is an extra: pip install 'fieldpost[{extra}]'") from error
    raise ValueError(f"no engine is called {name!r}; there are {', '.join(ENGINES)}")


def _tables(batch: Batch) -> Iterator[tuple[Any, Any]]:
    """The keys and the cells of the rows, a part at a time, as Arrow tables (row, key, most) and (row, cell)."""
    import pyarrow as pa

    for start in range(0, len(batch.faces), _ROWS):
        part = list(enumerate(batch.faces[start : start + _ROWS], start))
        keys = [(row, key, most_rows(key)) for row, face in part for key in batch_keys(face)]
        cells = [(row, cell) for row, face in part if (cell := cell_of(face)) is not None]
        yield (
            pa.table({
                "row": pa.array([row for row, *_ in keys], pa.int64()), "key": pa.array([key for _, key, _ in keys], pa.string()),
                "most": pa.array([most for *_, most in keys], pa.int64()),
            }),
            pa.table({
                "row": pa.array([row for row, _ in cells], pa.int64()), "cell": pa.array([cell for _, cell in cells], pa.int64()),
            }),
        )  # fmt: skip


def _near(cells: set[int]) -> Any:
    """Each cell with itself and those that touch it, as an Arrow table (cell, beside)."""
    import pyarrow as pa

    both = [(cell, beside) for cell in sorted(cells) for beside in cells_around(cell) if beside in cells]
    return pa.table({
        "cell": pa.array([cell for cell, _ in both], pa.int64()), "beside": pa.array([beside for _, beside in both], pa.int64()),
    })  # fmt: skip


def _sorted(pairs: Pairs) -> Pairs:
    """By row numbers: engines give their parts in any order."""
    order = numpy().lexsort((pairs.b, pairs.a))
    return Pairs(pairs.a[order], pairs.b[order], pairs.values[order])


@dataclass(frozen=True, slots=True)
class DuckDb:
    """DuckDB files the keys and joins them, on disk where memory does not do; pairs come from it batch by batch."""

    workers: int = 1
    memory: str = "2GB"

    def first(self, batch: Batch) -> Pairs:
        """All pairs that are worth comparing and not hopeless, in the order of their rows."""
        import duckdb

        with tempfile.TemporaryDirectory() as folder:
            settings = {"memory_limit": self.memory, "temp_directory": folder, "threads": self.workers}
            with duckdb.connect(str(Path(folder) / "pairs.duckdb"), config=settings) as database:
                database.execute("create table keys (row bigint, key varchar, most bigint)")
                database.execute("create table cells (row bigint, cell bigint)")
                for keys, cells in _tables(batch):
                    database.register("more_keys", keys)
                    database.register("more_cells", cells)
                    database.execute("insert into keys select * from more_keys")
                    database.execute("insert into cells select * from more_cells")
                known = {cell for (cell,) in database.execute("select distinct cell from cells").fetchall()}
                database.register("near", _near(known))
                database.execute(f"create table shared as {_SHARED}")
                database.execute(f"create table pairs as {_JOINS}")
                parts = database.sql("select a, b from pairs order by a, b").to_arrow_reader(_PAIRS)
                first = First(batch)
                return Pairs.joined(Local(self.workers).through(_Worth(first), _columns(parts), len(batch.faces)))

    def second(self, pairs: Pairs, home: Numbers, model: Model) -> Numbers:
        """The score of each pair among its neighbours."""
        return Local(self.workers).second(pairs, home, model)


def _columns(parts: Any) -> Iterator[tuple[Numbers, Numbers]]:
    for part in parts:
        yield part.column("a").to_numpy(), part.column("b").to_numpy()


@dataclass
class _Worth:
    """Scores those of the pairs that are worth comparing."""

    first: First

    def run(self, part: tuple[Numbers, Numbers]) -> Pairs:
        a, b = part
        kept = self.first.columns.worth_comparing(a, b)
        return self.first.pairs(a[kept], b[kept])


@lru_cache(maxsize=1)
def _worth_of(batch: Batch) -> _Worth:
    """What a Spark worker makes of the rows that were sent to it, once per process."""
    return _Worth(First(batch))


@dataclass(frozen=True, slots=True)
class Spark:
    """A Spark cluster. Its workers need this package and its Python; each gets the rows once and then pairs of row numbers."""

    master: str
    parts: int = 16

    def session(self) -> Any:
        """A session on the cluster; the caller's own when there is one."""
        from pyspark.sql import SparkSession

        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        return (
            SparkSession.builder.master(self.master).appName("fieldpost link")
            .config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", str(self.parts))
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", str(_PAIRS))
            .config("spark.sql.adaptive.coalescePartitions.enabled", "false")
            .getOrCreate()
        )  # fmt: skip

    def first(self, batch: Batch) -> Pairs:
        """All pairs that are worth comparing and not hopeless, in the order of their rows."""
        import pyarrow as pa

        session = self.session()
        tables = list(_tables(batch))
        keys, cells = (pa.concat_tables([table[number] for table in tables]) for number in (0, 1))
        session.createDataFrame(keys).createOrReplaceTempView("keys")
        session.createDataFrame(cells).createOrReplaceTempView("cells")
        session.createDataFrame(_near(set(cells.column("cell").to_pylist()))).createOrReplaceTempView("near")
        session.sql(_SHARED).createOrReplaceTempView("shared")
        shared = session.sparkContext.broadcast(batch)

        def compare(parts: Iterator[Any]) -> Iterator[Any]:
            worth = _worth_of(shared.value)
            for part in parts:
                found = worth.run((part.column("a").to_numpy(), part.column("b").to_numpy()))
                starts = pa.array(range(0, len(found) * _VALUES + 1, _VALUES), pa.int32())
                values = pa.ListArray.from_arrays(starts, pa.array(found.values.ravel()))
                yield pa.RecordBatch.from_arrays([pa.array(found.a), pa.array(found.b), values], ["a", "b", "values"])

        found = session.sql(_JOINS).mapInArrow(compare, "a bigint, b bigint, values array<double>").toArrow()
        shared.unpersist()
        values = found.column("values").combine_chunks().flatten().to_numpy().reshape(-1, _VALUES)
        return _sorted(Pairs(found.column("a").to_numpy(), found.column("b").to_numpy(), values))

    def second(self, pairs: Pairs, home: Numbers, model: Model) -> Numbers:
        """The score of each pair among its neighbours."""
        import pyarrow as pa

        session = self.session()
        shared = session.sparkContext.broadcast((pairs, home, model))

        def weigh(parts: Iterator[Any]) -> Iterator[Any]:
            second = Second(*shared.value)
            for part in parts:
                for start, stop in zip(part.column("start").to_pylist(), part.column("stop").to_pylist(), strict=True):
                    scores = second.run(range(start, stop))
                    yield pa.RecordBatch.from_arrays([pa.array(range(start, stop)), pa.array(scores)], ["number", "score"])

        size = -(-len(pairs) // self.parts)
        starts = [(start, min(start + size, len(pairs))) for start in range(0, len(pairs), size)]
        ranges = session.createDataFrame(starts, "start bigint, stop bigint").repartition(self.parts)
        found = ranges.mapInArrow(weigh, "number bigint, score double").toArrow()
        shared.unpersist()
        scores = numpy().zeros(len(pairs))
        scores[found.column("number").to_numpy()] = found.column("score").to_numpy()
        return scores

