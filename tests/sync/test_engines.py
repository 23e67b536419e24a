"""One batch, three engines: this machine, DuckDB, a Spark cluster; and the same weights scored by Splink. All say the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from bench.linkage.countries import FIRST_HELD_OUT, make_country
from server.cli import cli
from sync.merge.batch import Batch, Engine, Local
from sync.merge.clustering import cluster
from sync.merge.engines import DuckDb, EngineMissing, Spark, engine_named
from sync.merge.features import compare
from sync.merge.fellegi_sunter import family, register, settings
from sync.merge.link import link
from sync.merge.matching import Model, load_model
from sync.merge.neighbourhood import Pairs
from sync.registers import load_registers
from tests.sync.test_batch import REGISTERS, batch_of


@dataclass
class Recorded:
    """An engine that keeps what it found."""

    engine: Engine
    pairs: Pairs | None = None
    scores: Any = None

    def first(self, batch: Batch) -> Pairs:
        self.pairs = self.engine.first(batch)
        return self.pairs

    def second(self, pairs: Pairs, home: Any, model: Model) -> Any:
        self.scores = self.engine.second(pairs, home, model)
        return self.scores


def agrees(engine: Engine) -> None:
    """Asserts that an engine gives the pairs, scores, clusters and questions of the plain loop."""
    made, facilities = make_country("facilities", FIRST_HELD_OUT + 40), load_registers()["facilities"]
    plain, other = Recorded(Local()), Recorded(engine)

    linked = [link(made.reference, made.reports, facilities, recorded) for recorded in (plain, other)]

    assert plain.pairs is not None
    assert other.pairs is not None
    assert len(plain.pairs) > 100
    assert np.array_equal(np.stack([other.pairs.a, other.pairs.b]), np.stack([plain.pairs.a, plain.pairs.b]))
    assert np.allclose(other.pairs.values, plain.pairs.values, rtol=0, atol=1e-6, equal_nan=True)
    assert np.abs(other.scores - plain.scores).max() <= 1e-6
    assert linked[0] == linked[1]


def test_duckdb_gives_the_same_scores_and_clusters() -> None:
    agrees(DuckDb(workers=1))


def test_an_engine_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="local, duckdb, spark"):
        engine_named("abacus", 1)


@pytest.mark.parametrize("engine", ["local", "duckdb"])
def test_the_command_writes_the_same_files_with_either_engine(tmp_path: Path, engine: str) -> None:
    rows = [
        ("1", "CSI Gbadara", "6.4", "17.4"),
        ("2", "Centre de santé Gbadara", "6.4001", "17.4"),
        ("3", "CSI Koundo", "6.9", "17.9"),
    ]
    for table, part in (("reference", rows[:1]), ("reports", rows[1:])):
        lines = ["record_id,name,lat,lon", *(",".join(row) for row in part)]
        (tmp_path / f"{table}.csv").write_text("\n".join(lines), encoding="utf-8")

    files = [str(tmp_path / "reference.csv"), str(tmp_path / "reports.csv")]
    done = CliRunner().invoke(cli, ["link", *files, "-o", str(tmp_path / "m.csv"), "--engine", engine])

    assert done.exit_code == 0, done.output
    assert (tmp_path / "m.csv").read_text().split() == ["record_id,cluster_id", "1,1", "2,1", "3,3"]


def test_an_engine_that_is_not_installed_is_told_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)

    with pytest.raises(EngineMissing, match=r"pip install 'fieldpost\[spark\]'"):
        engine_named("spark", 1)


def test_the_weights_are_written_as_settings_that_splink_reads(tmp_path: Path) -> None:
    from splink import DuckDBAPI, Linker

    done = CliRunner().invoke(cli, ["weights", "export", "facilities", "-o", str(tmp_path / "settings.json")])

    assert done.exit_code == 0, done.output
    database = DuckDBAPI()
    rows = database.register(pa.table({"row": [0, 1], "keys": [["a"], ["a"]]}))
    linker = Linker(rows, str(tmp_path / "settings.json"), log_level="ERROR")
    assert linker.misc.save_model_to_json()["linker_uid"] == load_model("facilities").version


@pytest.mark.parametrize("name", REGISTERS)
def test_at_most_one_level_of_a_family_holds(name: str) -> None:
    batch = batch_of(name)
    pairs = Local().first(batch)

    for a, b in zip(pairs.a.tolist(), pairs.b.tolist(), strict=True):
        levels = compare(batch.faces[a], batch.faces[b], batch.words, batch.offsets).levels
        assert len({family(level) for level in levels}) == len(levels)


@pytest.mark.parametrize("name", REGISTERS)
def test_splink_scores_the_same_weights_alike_and_clusters_alike(name: str) -> None:
    import duckdb
    from splink import DuckDBAPI, Linker

    batch = batch_of(name)
    with duckdb.connect() as connection:
        register(connection, batch)
        found = Linker(DuckDBAPI(connection).register("rows"), settings(batch.model), log_level="ERROR").inference.predict()
        scored = connection.sql(f"select row_l, row_r, match_probability from {found.physical_name}").fetchall()

    assert len(scored) > 1_000
    ours = {
        (min(a, b), max(a, b)): batch.model.probability(
            compare(batch.faces[min(a, b)], batch.faces[max(a, b)], batch.words, batch.offsets)
        )
        for a, b, _ in scored
    }  # fmt: skip
    theirs = {(min(a, b), max(a, b)): round(probability, 6) for a, b, probability in scored}
    assert max(abs(theirs[pair] - ours[pair]) for pair in ours) <= 1e-6
    assert clusters(theirs, len(batch.faces)) == clusters(ours, len(batch.faces))


def clusters(scores: dict[tuple[int, int], float], rows: int) -> list[tuple[str, ...]]:
    near = {(f"{a:05d}", f"{b:05d}"): score for (a, b), score in scores.items() if score >= 0.05}
    return cluster([f"{row:05d}" for row in range(rows)], near, 0.6)


@pytest.fixture(scope="module")
def cluster_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A standalone Spark master with two workers of one core, on loopback; stopped afterwards."""
    import pyspark

    folder = tmp_path_factory.mktemp("spark")
    home = Path(pyspark.__file__).parent
    with pytest.MonkeyPatch.context() as patch:
        settings = {
            "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable, "PYTHONPATH": str(Path(__file__).parents[2]), "SPARK_NO_DAEMONIZE": "1",
            "SPARK_WORKER_DIR": str(folder / "work"),
        }  # fmt: skip
        for name, value in settings.items():
            patch.setenv(name, value)
        running: list[subprocess.Popen[bytes]] = []
        try:
            options = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
            running.append(_start(home, folder / "master.log", "master.Master", *options))
            address = _told(folder / "master.log", r"Starting Spark master at (spark://127\.0\.0\.1:\d+)", running[0])
            for number in (1, 2):
                log = folder / f"worker{number}.log"
                running.append(_start(home, log, "worker.Worker", *options, "--cores", "1", "--memory", "1g", address))
                _told(log, r"(Successfully registered with master)", running[-1])
            yield address
        finally:
            from pyspark.sql import SparkSession

            session = SparkSession.getActiveSession()
            if session is not None:
                session.stop()
            for process in reversed(running):
                process.terminate()
                process.wait(20)


def _start(home: Path, log: Path, program: str, *options: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{program}", *options]
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=os.environ)


def _told(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    """What a started program says of itself, once it has."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        found = re.search(pattern, log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found.group(1)
        os.sched_yield()
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace"))


def test_a_spark_cluster_of_two_workers_gives_the_same_scores_and_clusters(cluster_address: str) -> None:
    agrees(Spark(cluster_address, parts=2))
