"""Real databases for the tests: SQLite files and a PostgreSQL server that the suite starts itself on a free port.

A test that takes `app`, `client` or `session` runs once per database inside one transaction that is rolled back.
`FIELDPOST_TEST_DATABASES=sqlite` narrows the choice while developing; `make test` runs both.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from server import create_app
from server.config import Settings
from server.engines import engine_options, prepare_engine
from server.extensions import db

DATABASES = os.environ.get("FIELDPOST_TEST_DATABASES", "sqlite,postgresql").split(",")
os.environ.pop("FIELDPOST_TEST_DATABASES", None)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    pytest.fail("PostgreSQL's server is not installed; run `make setup` (it installs the package postgresql)")


class PostgresServer:
    """A throw-away PostgreSQL cluster in a temporary directory. durable: it syncs to disk as a real one does, for measuring;
    tests do without."""

    def __init__(self, durable: bool = False) -> None:
        self.binaries = _postgres_binaries()
        self.directory = Path(tempfile.mkdtemp(prefix="fieldpost-pg-"))
        self.port = free_port()
        # PostgreSQL refuses to run as root; the package's own user runs it then.
        self.owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        if self.owner:
            os.chown(self.directory, self.owner.pw_uid, self.owner.pw_gid)
        self._run(
            "initdb", "-D", str(self.directory / "data"), "-U", "fieldpost", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            **dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "on" if durable else "off"),
            "max_connections": 120,
        }
        options = f"-p {self.port} " + " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-l", str(self.directory / "log"), "-w", "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        result = (
            subprocess.run(
                command,
                cwd=self.directory,
                capture_output=True,
                text=True,
                check=False,
                user=self.owner.pw_uid if self.owner else None,
                group=self.owner.pw_gid if self.owner else None,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
            )
            if program != "pg_ctl"
            else self._run_control(command)
        )
        if result.returncode:
            raise RuntimeError(f"{program} failed: {result.stdout} {result.stderr}")

    def _run_control(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        # pg_ctl start leaves the server holding inherited pipes open, so its output must not be piped.
        code = subprocess.call(
            command,
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            user=self.owner.pw_uid if self.owner else None,
            group=self.owner.pw_gid if self.owner else None,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )
        log = self.directory / "log"
        return subprocess.CompletedProcess(command, code, "", log.read_text() if log.exists() else "")

    def new_database(self, name: str) -> str:
        """Makes an empty database and returns its URL."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        return self.url(name)

    def url(self, name: str) -> str:
        """SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://fieldpost@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """Stops the server and removes its directory."""
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The suite's PostgreSQL server, started at first use."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(scope="session", params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    """ "sqlite" or "postgresql"; a test that depends on it runs on both."""
    return str(request.param)


def make_settings(data_dir: Path, database_url: str) -> Settings:
    """Settings for a test server over its own directory and database."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return Settings(
        data_dir=data_dir,
        database_url=database_url,
        blob_url=str(data_dir / "blobs"),
        secret_key="test-secret-key-0123456789",
        base_url="",
        max_body=1_000_000_000,
        accept_length=10_000_000,
        time_zone=ZoneInfo("Africa/Bangui"),
        trusted_proxy=(),
        web_processes=1,
        web_threads=4,
        log_level="WARNING",
    )


class Suite:
    """One database with all tables and one application per kind, made at first use and kept for the whole run.

    Making an application takes half a second (its 240 routes), a test some milliseconds; so tests share it. What a test
    does to the database is rolled back; its settings are its own.
    """

    def __init__(self, directory: Path, postgres: Callable[[], PostgresServer]) -> None:
        self.directory = directory
        self.postgres = postgres
        self.engines: dict[str, Engine] = {}
        self.applications: dict[str, Flask] = {}

    def engine(self, kind: str) -> Engine:
        """The engine of that kind of database; the tables are there."""
        if kind not in self.engines:
            url = f"sqlite:///{self.directory / 'suite.sqlite3'}"
            if kind == "postgresql":
                url = self.postgres().new_database(f"suite_{os.getpid()}")
            engine = self.engines[kind] = create_engine(url, **engine_options(url))
            prepare_engine(engine)
            if kind == "sqlite":
                _let_sqlalchemy_begin(engine)

            db.Model.metadata.create_all(engine)
        return self.engines[kind]

    def application(self, kind: str, data_dir: Path) -> Flask:
        """The application over that database, with settings for this directory."""
        url = self.engine(kind).url.render_as_string(hide_password=False)
        settings = make_settings(data_dir, url)
        if kind not in self.applications:
            made = self.applications[kind] = create_app(settings, TESTING=True)
            # The test's own application context serves its requests too; each must find `g` empty, as in a server.
            made.before_request_funcs[None].insert(0, _empty_g)
        found = self.applications[kind]
        found.config["SETTINGS"] = settings
        return found

    def close(self) -> None:
        """Closes every connection."""
        for application in self.applications.values():
            with application.app_context():
                db.engine.dispose()
        for engine in self.engines.values():
            engine.dispose()


@pytest.fixture(scope="session")
def _suite(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("suite"), lambda: request.getfixturevalue("postgres"))
    yield suite
    suite.close()


def _let_sqlalchemy_begin(engine: Engine) -> None:
    # The driver begins transactions late and so breaks savepoints; this is SQLAlchemy's documented remedy.
    @event.listens_for(engine, "connect")
    def _no_implicit_begin(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def _empty_g() -> None:
    g.__dict__.clear()


@pytest.fixture
def app(_suite: Suite, database_kind: str, tmp_path: Path) -> Iterator[Flask]:
    """The application over one connection whose transaction is rolled back; commits inside become savepoints."""
    application = _suite.application(database_kind, tmp_path / "data")
    connection = _suite.engine(database_kind).connect()
    transaction = connection.begin()
    with application.app_context():
        db.session.remove()
        db.session.configure(bind=connection, join_transaction_mode="create_savepoint")
        original = db.session.session_factory.class_.get_bind
        try:
            db.session.session_factory.class_.get_bind = lambda self, *a, **k: connection  # type: ignore[method-assign]
            yield application
        finally:
            db.session.session_factory.class_.get_bind = original  # type: ignore[method-assign]
            db.session.remove()
            # Other applications of this process have engines of their own.
            db.session.configure(bind=None, join_transaction_mode="conditional_savepoint")
            transaction.rollback()
            connection.close()


@pytest.fixture
def session(app: Flask) -> Session:
    """The session of the app under test."""
    return db.session()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An HTTP client without log-in."""
    return app.test_client()
