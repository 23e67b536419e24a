"""The demo from start to end: set-up, forms, three months of reports through the door, decisions, releases.

Works beside a running server; several processes share the work, so that two cores are used.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from server.config import Settings
from server.demo import mission, verdicts
from server.demo.mission import Enrolled, Login, Made
from server.demo.plan import Planner, Span, Task
from server.demo.sender import Lane, Memory
from server.demo.world import SETTLEMENTS, make_world
from server.engines import engine_options, prepare_engine
from server.queries import merge_facts, operations
from server.services import folding, form_library

LANES = 4
WAVES = 4
CONVERTERS = 2

Step = Callable[[str, int, int], None]
"""Told of progress: what is done now, how many of it, of how many."""


@dataclass(frozen=True)
class Outcome:
    """What the demo made. counts: as /metrics has them."""

    logins: tuple[Login, ...]
    reports: int
    photos: int
    counts: dict[str, int]
    seconds: float


def run(settings: Settings, seed: int, until: dt.datetime, step: Step, size: int = SETTLEMENTS) -> Outcome:
    """Fills an initialised, empty server with a mission of `size` settlements.

    Raises DemoFailed when a report is not taken as it should.
    """
    began = time.monotonic()
    random = Random(seed)
    span = Span.ending(until)
    world = make_world(random, size)
    tasks = Planner(world, mission.phones(), span, random).tasks()
    engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    prepare_engine(engine)
    with Session(engine, expire_on_commit=False) as session:
        step("Setting the mission up", 0, 1)
        made = mission.set_up(session, settings, span)
        _publish(engine, settings, step)
        mission.make_roads(session, made.hq, world.roads)
        step("Setting the mission up", 1, 1)
        session.commit()
        _send_all(session, settings, seed, made, tasks, step)
        step("Folding the last reports", 0, 1)
        folding.drain(session)
        verdicts.decide(session, made, span)
        folding.drain(session)
        step("Folding the last reports", 1, 1)
        counts = operations.counts(session)
    engine.dispose()
    return Outcome(made.logins, len(tasks), sum(task.photo for task in tasks), counts, time.monotonic() - began)


def is_empty(session: Session) -> bool:
    """Whether no fact was ever stored."""
    return operations.counts(session)["facts"] == 0


def _publish(engine: Engine, settings: Settings, step: Step) -> None:
    """Publishes the shipped questionnaires, two at a time: each is converted in a process of its own."""
    names = form_library.names()
    step("Publishing questionnaires", 0, len(names))

    def publish(name: str) -> None:
        with Session(engine) as session:
            form_library.publish_from_library(session, settings, name, None)

    with ThreadPoolExecutor(CONVERTERS) as pool:
        for number, _done in enumerate(pool.map(publish, names), start=1):
            step("Publishing questionnaires", number, len(names))


def _send_all(session: Session, settings: Settings, seed: int, made: Made, tasks: list[Task], step: Step) -> None:
    """Sends the tasks in waves; between two waves what has come is folded, so that phones find it on their lists."""
    sent = 0

    def done() -> None:
        nonlocal sent
        sent += 1
        step("Sending reports through the devices' door", sent, len(tasks))

    environ = _environment(settings)
    with tempfile.TemporaryDirectory(prefix="fieldpost-demo-") as folder, door(environ) as url, _worker(environ):
        memory = Memory()
        lanes = [Lane(Path(folder), url, seed, memory, done) for _number in range(LANES)]
        # One thread per lane for the whole time: a device's store belongs to its thread.
        pools = [ThreadPoolExecutor(1) for _lane in lanes]
        try:
            for wave in _waves(tasks):
                _send_wave(lanes, pools, made.devices, wave)
                while merge_facts.waiting_count(session):
                    session.rollback()
                    time.sleep(0.1)
                session.rollback()
        finally:
            for lane, pool in zip(lanes, pools, strict=True):
                pool.submit(lane.close).result()
                pool.shutdown(cancel_futures=True)


def _waves(tasks: list[Task]) -> Iterator[list[Task]]:
    size = -(-len(tasks) // WAVES)
    for start in range(0, len(tasks), size):
        yield tasks[start : start + size]


def _send_wave(lanes: list[Lane], pools: list[ThreadPoolExecutor], devices: tuple[Enrolled, ...], wave: list[Task]) -> None:
    """Everybody pulls first: a phone has the lists of the morning, not those of the report before."""
    own = {each: [task for task in wave if task.phone.key == each.phone.key] for each in devices}
    busy = [each for each in devices if own[each]]
    for steps in (
        [(each, "pull", own[each][0].sent) for each in busy],
        [(each, "work", own[each]) for each in busy],
    ):
        running: list[Future[None]] = []
        for each, action, argument in steps:
            number = each.phone.key % len(lanes)
            running.append(pools[number].submit(getattr(lanes[number], action), each, argument))
        for future in running:
            future.result()


@contextmanager
def door(environ: Mapping[str, str]) -> Iterator[str]:
    """The devices' door of the demo on a free port of loopback; gives its base address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        port = int(listening.getsockname()[1])
        command = [sys.executable, "-m", "server.demo.door", str(listening.fileno())]
        process = subprocess.Popen(command, pass_fds=(listening.fileno(),), env=environ)  # noqa: S603 - own module
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def _worker(environ: Mapping[str, str]) -> Iterator[None]:
    """A worker beside, which folds while the devices send; it ends with its batch."""
    command = [sys.executable, "-m", "server.worker", "--follow-parent", str(os.getpid())]
    process = subprocess.Popen(command, env=environ)  # noqa: S603 - own module
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _environment(settings: Settings) -> dict[str, str]:
    """The same database and files for the processes beside, however these settings were made."""
    return {
        **os.environ,
        "FIELDPOST_LOG_LEVEL": "WARNING",
        "FIELDPOST_DATA_DIR": str(settings.data_dir),
        "FIELDPOST_DATABASE_URL": settings.database_url,
        "FIELDPOST_BLOB_URL": settings.blob_url,
        "FIELDPOST_SECRET_KEY": settings.secret_key,
    }
