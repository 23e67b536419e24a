"""Real server processes for tests: started on a free port over their own data directory and database, killed at will.

`running_server` runs a test on both databases; `make_server` starts several or differently configured ones.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from server.cli.prepare import prepare
from server.config import Settings
from server.engines import engine_options, prepare_engine
from tests.databases import PostgresServer, free_port, make_settings

REPOSITORY = Path(__file__).resolve().parent.parent
# Generous: on a busy machine a start takes many times its usual two seconds.
START_SECONDS = 120.0


@dataclass
class RunningServer:
    """`fieldpost serve` over a data directory and a database. `environ` adds FIELDPOST_* settings; `log` is what it printed."""

    settings: Settings
    processes: int = 2
    threads: int = 8
    worker: bool = True
    environ: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        """Where standard output and error of all runs go."""
        return self.settings.data_dir / "server.log"

    @property
    def log(self) -> str:
        """What the server printed so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> RunningServer:
        """Starts the server and returns when it answers. Raises RuntimeError with its log when it does not."""
        with self.log_path.open("ab") as log:
            # A group of its own, so that a kill reaches every process of the server at the same moment.
            self._process = subprocess.Popen(
                self.command(), cwd=REPOSITORY, env=self.environment(), stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )
        self._wait_until_it_answers()
        return self

    def command(self) -> list[str]:
        """The command line of the server."""
        fieldpost = Path(sys.executable).parent / "fieldpost"
        command = [str(fieldpost), "serve", "--host", self.host, "--port", str(self.port)]
        return command if self.worker else [*command, "--no-worker"]

    def environment(self) -> dict[str, str]:
        """The environment of the server: nothing of the developer's FIELDPOST_* settings."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FIELDPOST_")}
        return clean | {
            "FIELDPOST_DATA_DIR": str(self.settings.data_dir), "FIELDPOST_DATABASE_URL": self.settings.database_url,
            "FIELDPOST_BLOB_URL": self.settings.blob_url, "FIELDPOST_SECRET_KEY": self.settings.secret_key,
            "FIELDPOST_LOG_LEVEL": "WARNING", "FIELDPOST_WEB_PROCESSES": str(self.processes),
            "FIELDPOST_WEB_THREADS": str(self.threads), **self.environ,
        }

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                requests.get(f"{self.base_url}/v1/projects", timeout=5)
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.02)
            else:
                return
        self.kill()
        raise RuntimeError(f"the server did not start:\n{self.log}")

    def kill(self) -> None:
        """kill -9 for every process of the server at once, as a power cut would."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Asks the server to end and waits for it."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=20)
        self._process = None

    def pids(self) -> list[int]:
        """The server's processes, the parent first."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        return [parent.pid, *(child.pid for child in parent.children(recursive=True))]

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session on the server's database, from outside the server."""
        engine = create_engine(self.settings.database_url, **engine_options(self.settings.database_url))
        prepare_engine(engine)
        try:
            with Session(engine, expire_on_commit=False) as session:
                yield session
        finally:
            engine.dispose()

    def prepare(self) -> RunningServer:
        """Makes the tables, project 1 and the code lists in the empty database, as `fieldpost init` does."""
        prepare(self.settings)
        return self


ServerMaker = Callable[..., RunningServer]


@pytest.fixture
def make_server(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerMaker]:
    """A function that makes servers, each with its own data directory and database, prepared or empty; not started yet."""
    made: list[RunningServer] = []

    def make(*, prepared: bool = True, **options: object) -> RunningServer:
        data_dir = tmp_path / f"server{len(made)}"
        url = f"sqlite:///{data_dir / 'fieldpost.sqlite3'}"
        if database_kind == "postgresql":
            postgres: PostgresServer = request.getfixturevalue("postgres")
            url = postgres.new_database(f"server_{uuid.uuid4().hex}")
        made.append(RunningServer(make_settings(data_dir, url), **options))  # type: ignore[arg-type]
        return made[-1].prepare() if prepared else made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def running_server(make_server: ServerMaker) -> RunningServer:
    """A started server on a prepared database without any data; killed at the end of the test."""
    return make_server().start()
