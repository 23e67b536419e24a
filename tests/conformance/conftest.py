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


@pytest.fixture(scope="session")
def conformance_server(
    database_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[RunningServer]:
    """The server on that kind of database, with one administrator; plain http, no trusted proxy."""
    data_dir = tmp_path_factory.mktemp("conformance") / "data"
    url = f"sqlite:///{data_dir / 'fieldpost.sqlite3'}"
    if database_kind == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = postgres.new_database(f"conformance_{os.getpid()}")
    running = RunningServer(make_settings(data_dir, url), processes=1, threads=24).prepare()
    add_administrator(running)
    yield running.start()
    running.kill()


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
def mission(conformance_server: RunningServer) -> Mission:
    """The server, used by its administrator."""
    return Mission(conformance_server.base_url, log_in(conformance_server.base_url))


@pytest.fixture(scope="session")
def behind_proxy(conformance_server: RunningServer) -> Iterator[Mission]:
    """A second server over the same data that trusts a proxy on this machine: with `HTTPS` as header it is asked over https."""
    proxied = RunningServer(
        conformance_server.settings, processes=1, threads=4, worker=False, environ={"FIELDPOST_TRUSTED_PROXY": "127.0.0.1"}
    )
    proxied.start()
    yield Mission(proxied.base_url, log_in(proxied.base_url))
    proxied.kill()


@pytest.fixture
def project(mission: Mission) -> Project:
    """A project of the test's own, empty."""
    return mission.project()


@pytest.fixture(scope="session")
def patrol(mission: Mission) -> Patrol:
    """The shared project with its form and a phone."""
    shared = mission.project("Patrols")
    shared.publish()
    return Patrol(shared, shared.phone("patrol"))
