"""One server per database for the clients of others, with an officer of the whole mission who logs in from scripts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from server.services import accounts
from server.services.accounts import Profile
from tests.databases import PostgresServer, make_settings
from tests.processes import RunningServer

PASSWORD = "correct horse battery 9"
EMAIL = "scripts@example.org"


@pytest.fixture(scope="session")
def server(
    database_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[RunningServer]:
    """One server for all, because a start costs seconds; each test has a project of its own.

    It trusts a proxy on this machine, so that clients which insist on https can say that they come over it.
    """
    data_dir = tmp_path_factory.mktemp("contract") / "data"
    url = f"sqlite:///{data_dir / 'fieldpost.sqlite3'}"
    if database_kind == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = postgres.new_database(f"contract_{uuid.uuid4().hex}")
    environ = {"FIELDPOST_TRUSTED_PROXY": "127.0.0.1"}
    running = RunningServer(make_settings(data_dir, url), processes=1, threads=4, environ=environ).prepare()
    with running.session() as session:
        accounts.create_user(session, None, EMAIL, Profile("Scripts", "admin"), PASSWORD)
    yield running.start()
    running.kill()
