"""One real server process per database for all conformance tests, set up from outside: by the console and over /v1.

Take `project` for a project of your own, or `patrol` for a shared one in which the form "patrol" is published: publishing
costs a second, so tests that only send reports share it and tell their reports apart by instanceID.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from tests.conformance.mission import TIMEOUT, Mission, Phone, Project
from tests.databases import PostgresServer, make_settings
from tests.processes import RunningServer

ADMIN = "admin@example.org"
PASSWORD = "correct horse battery 9"
HTTPS = {"X-Forwarded-Proto": "https"}


@dataclass(frozen=True)
class Patrol:
    """The shared project: the form "patrol" (name, place, photo) is published and the phone may fill it."""

    project: Project
    phone: Phone


class Servers:
    """The servers of this run, each started when it is first wanted and kept: pytest goes to and fro between databases."""

    def __init__(self, factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> None:
        self._factory, self._request = factory, request
        self._plain: dict[str, RunningServer] = {}
        self._proxied: dict[str, RunningServer] = {}
        self._patrols: dict[str, Patrol] = {}

    def plain(self, kind: str) -> RunningServer:
        """The server on that kind of database, with one administrator; plain http, no trusted proxy."""
        if kind not in self._plain:
            data_dir = self._factory.mktemp(f"conformance_{kind}") / "data"
            url = f"sqlite:///{data_dir / 'fieldpost.sqlite3'}"
            if kind == "postgresql":
                postgres: PostgresServer = self._request.getfixturevalue("postgres")
                url = postgres.new_database(f"conformance_{os.getpid()}")
            running = RunningServer(make_settings(data_dir, url), processes=1, threads=24).prepare()
            add_administrator(running)
            self._plain[kind] = running.start()
        return self._plain[kind]

    def proxied(self, kind: str) -> RunningServer:
        """A second server over the same data that trusts a proxy on this machine."""
        if kind not in self._proxied:
            trust = {"FIELDPOST_TRUSTED_PROXY": "127.0.0.1"}
            running = RunningServer(self.plain(kind).settings, processes=1, threads=4, worker=False, environ=trust)
            self._proxied[kind] = running.start()
        return self._proxied[kind]

    def patrol(self, kind: str, mission: Mission) -> Patrol:
        """The shared project of that server."""
        if kind not in self._patrols:
            shared = mission.project("Patrols")
            shared.publish()
            self._patrols[kind] = Patrol(shared, shared.phone("patrol"))
        return self._patrols[kind]

    def kill(self) -> None:
        """Ends all of them."""
        for running in (*self._proxied.values(), *self._plain.values()):
            running.kill()


@pytest.fixture(scope="session")
def conformance_servers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Servers]:
    """All servers of this run."""
    servers = Servers(tmp_path_factory, request)
    yield servers
    servers.kill()


@pytest.fixture(scope="session")
def conformance_server(database_kind: str, conformance_servers: Servers) -> RunningServer:
    """The server on that kind of database."""
    return conformance_servers.plain(database_kind)


def add_administrator(running: RunningServer) -> None:
    """Makes the administrator as an operator does, with the console command."""
    command = [running.command()[0], "user", "create", ADMIN, "--role", "admin", "--password-stdin"]
    subprocess.run(command, env=running.environment(), input=PASSWORD, text=True, check=True, capture_output=True)


def log_in(base_url: str, email: str = ADMIN, password: str = PASSWORD) -> dict[str, str]:
    """The header of a bearer session."""
    answer = requests.post(f"{base_url}/v1/sessions", json={"email": email, "password": password}, timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


@pytest.fixture(scope="session")
def tokens() -> dict[str, dict[str, str]]:
    """Bearer headers by address, so that nobody logs in anew for each test."""
    return {}


@pytest.fixture(scope="session")
def mission(conformance_server: RunningServer, tokens: dict[str, dict[str, str]]) -> Mission:
    """The server, used by its administrator."""
    return _mission(conformance_server, tokens)


@pytest.fixture(scope="session")
def behind_proxy(database_kind: str, conformance_servers: Servers, tokens: dict[str, dict[str, str]]) -> Mission:
    """A second server over the same data that trusts a proxy on this machine: with `HTTPS` as header it is asked over https."""
    return _mission(conformance_servers.proxied(database_kind), tokens)


def _mission(running: RunningServer, tokens: dict[str, dict[str, str]]) -> Mission:
    if running.base_url not in tokens:
        tokens[running.base_url] = log_in(running.base_url)
    return Mission(running.base_url, tokens[running.base_url])


@pytest.fixture
def project(mission: Mission) -> Project:
    """A project of the test's own, empty."""
    return mission.project()


@pytest.fixture(scope="session")
def patrol(database_kind: str, conformance_servers: Servers, mission: Mission) -> Patrol:
    """The shared project with its form and a phone."""
    return conformance_servers.patrol(database_kind, mission)
