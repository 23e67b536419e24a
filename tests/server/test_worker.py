"""The worker and the commands beside it, as real processes on both databases."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from server.engines import engine_options, prepare_engine
from server.models import PendingFact, Record
from server.problems import Problem
from server.services import heartbeat, merging
from server.services.identity import ROLES, Identity
from server.worker import HOUR, LONGEST_ASIDE, MANY_AT_ONCE, Burst, Duty, Worker
from tests.processes import REPOSITORY, RunningServer

SYSTEM = Identity(actor_id=0, name="Test", type="user", role="admin", how="system", verbs=ROLES["admin"])
PATIENCE = 30.0


@pytest.fixture
def prepared(make_server: Callable[..., RunningServer]) -> RunningServer:
    """A server's data directory and database, without its processes."""
    return make_server().prepare()


def write(session: Session, count: int) -> None:
    """That many facilities, stored and not yet folded."""
    for number in range(count):
        data = {"fac_name": f"Clinic {number}", "geometry": f"{6 + number / 100} 17.4"}
        merging.write_entity(session, SYSTEM, 1, "facilities", str(uuid.uuid4()), "create", data["fac_name"], data)
    session.commit()


def records(server: RunningServer) -> list[tuple[str, str, int]]:
    with server.session() as session:
        rows = session.execute(select(Record.id, Record.label, Record.version).order_by(Record.id))
        return [(row[0], row[1], row[2]) for row in rows]


def command(server: RunningServer, *words: str) -> subprocess.CompletedProcess[str]:
    program = [str(Path(sys.executable).parent / "fieldpost"), *words]
    return subprocess.run(
        program, env=server.environment(), cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


def reached(server: RunningServer, count: int) -> bool:
    return len(records(server)) >= count


def start_worker(server: RunningServer) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "server.worker"], env=server.environment(), cwd=REPOSITORY)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_the_worker_folds_what_is_stored_and_stops_when_asked(prepared: RunningServer) -> None:
    with prepared.session() as session:
        write(session, 3)
    worker = start_worker(prepared)

    wait_until(lambda: len(records(prepared)) == 3)
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=PATIENCE) == 0
    with prepared.session() as session:
        assert heartbeat.is_alive(session)


@pytest.mark.parametrize("problem", [partial(OSError, errno.EROFS, "read-only"), partial(Problem, "disk_full")])
def test_files_that_cannot_be_reached_do_not_keep_reports_out_of_the_records(
    prepared: RunningServer, problem: Callable[[], Exception]
) -> None:
    def fail(_session: Session) -> None:
        raise problem()

    with prepared.session() as session:
        write(session, 2)
    engine = create_engine(prepared.settings.database_url, **engine_options(prepared.settings.database_url))
    prepare_engine(engine)
    worker = Worker(engine, prepared.settings, threading.Event())
    worker.duties.insert(0, Duty(fail, HOUR))

    worker.work()

    engine.dispose()
    assert len(records(prepared)) == 2


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(prepared: RunningServer) -> None:
    with prepared.session() as session:
        write(session, 120)
    for _ in range(3):
        least = min(120, len(records(prepared)) + 1)
        worker = start_worker(prepared)
        wait_until(partial(reached, prepared, least))
        worker.kill()
        worker.wait(timeout=PATIENCE)

    done = command(prepared, "drain")

    found = records(prepared)
    assert done.returncode == 0, done.stderr
    assert (len(found), {version for _, _, version in found}) == (120, {1})
    with prepared.session() as session:
        assert session.scalar(select(func.count()).select_from(PendingFact)) == 0


def test_drain_beside_a_worker_ends_with_everything_folded(prepared: RunningServer) -> None:
    worker = start_worker(prepared)
    with prepared.session() as session:
        write(session, 60)

    done = command(prepared, "drain")

    worker.terminate()
    assert worker.wait(timeout=PATIENCE) == 0
    assert done.returncode == 0, done.stderr
    assert len(records(prepared)) == 60


def test_rebuild_gives_the_same_records(prepared: RunningServer) -> None:
    with prepared.session() as session:
        write(session, 20)
    command(prepared, "drain")
    before = records(prepared)

    done = command(prepared, "rebuild")

    assert (done.returncode, done.stdout) == (0, "rebuilt from: 20 facts\n")
    assert records(prepared) == before


def test_link_needs_no_database(tmp_path: Path, prepared: RunningServer) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"record_id,name\n{name}1,CS Gbade\n", encoding="utf-8")

    done = command(prepared, "link", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "-o", str(tmp_path / "m.csv"))

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m.csv").read_text(encoding="utf-8").count("\n") == 3


def test_link_says_which_table_is_faulty(tmp_path: Path, prepared: RunningServer) -> None:
    (tmp_path / "a.csv").write_text("name\nCS Gbade\n", encoding="utf-8")

    done = command(prepared, "link", str(tmp_path / "a.csv"), str(tmp_path / "a.csv"), "-o", str(tmp_path / "m.csv"))

    assert done.returncode == 1
    assert "has no column record_id" in done.stderr


class Clock:
    """A clock that a test moves, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_single_reports_are_folded_at_once() -> None:
    burst = Burst(Clock())

    assert [burst.goes_on(number) for number in range(1, 40)] == [False] * 39


def test_folding_waits_while_reports_come_by_the_dozen_and_no_longer() -> None:
    burst = Burst(Clock())

    looks = [burst.goes_on(number) for number in (10, 10 + MANY_AT_ONCE, 10 + 2 * MANY_AT_ONCE, 11 + 2 * MANY_AT_ONCE)]

    assert looks == [False, True, True, False]


def test_a_burst_without_end_is_folded_all_the_same() -> None:
    clock = Clock()
    burst = Burst(clock)
    told = []
    for number in range(4):
        told.append(burst.goes_on(number * MANY_AT_ONCE))
        clock.now += LONGEST_ASIDE / 2

    assert told == [False, True, True, False]


def test_a_worker_that_stood_aside_folds_everything_in_the_end(prepared: RunningServer) -> None:
    engine = create_engine(prepared.settings.database_url, **engine_options(prepared.settings.database_url))
    prepare_engine(engine)
    worker = Worker(engine, prepared.settings, threading.Event())
    with prepared.session() as session:
        write(session, MANY_AT_ONCE)
    worker.burst.goes_on(0)

    stood_aside = worker.work() and not records(prepared)
    while worker.work():
        pass

    engine.dispose()
    assert stood_aside
    assert len(records(prepared)) == MANY_AT_ONCE
