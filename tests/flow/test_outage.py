"""The database goes away under a running server and comes back: what watchers, phones and the worker meet."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import requests
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from server.engines import CONNECT_SECONDS, engine_options
from tests.cast import make_cast
from tests.devices import HEADERS, add_form, multipart, new_id, report
from tests.flow.test_serve import PATIENCE, is_well, until
from tests.processes import RunningServer, ServerMaker


def let_in(server: RunningServer, allowed: bool) -> None:
    """Opens the database for connections, or closes it and cuts those that are open."""
    url = make_url(server.settings.database_url)
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS {allowed}'))
        if not allowed:
            cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(cut, {"name": url.database})
    engine.dispose()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")
def test_a_database_that_goes_away_is_named_and_nothing_is_lost_when_it_is_back(make_server: ServerMaker) -> None:
    server = make_server(processes=1)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    server.start()
    assert until(lambda: is_well(server))
    body, content_type = multipart(report(new_id(), settlement_new="Gbadé"))
    url, headers = f"{server.base_url}{cast.key_path(0)}/submission", {**HEADERS, "Content-Type": content_type}

    let_in(server, False)
    health = requests.get(f"{server.base_url}/health", timeout=PATIENCE)
    numbers = requests.get(f"{server.base_url}/metrics", timeout=PATIENCE)
    refused = requests.post(url, data=body, headers=headers, timeout=PATIENCE)
    let_in(server, True)
    taken = requests.post(url, data=body, headers=headers, timeout=PATIENCE)

    assert (health.status_code, health.json()["database"], health.json()["files"]) == (503, "cannot be read", "well")
    assert (numbers.status_code, refused.status_code // 100) == (503, 5)
    assert b"OpenRosaResponse" in refused.content
    assert taken.status_code == 201, taken.text
    assert until(lambda: is_well(server))
    assert until(lambda: "fieldpost_facts_pending 0.0" in requests.get(f"{server.base_url}/metrics", timeout=PATIENCE).text)


@pytest.mark.soak
def test_a_database_that_never_answers_is_given_up_on_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://fieldpost@127.0.0.1:{silent.getsockname()[1]}/fieldpost"
        rescue, begun = threading.Timer(4 * CONNECT_SECONDS, silent.close), time.monotonic()
        rescue.start()

        with pytest.raises(OperationalError):
            create_engine(url, **engine_options(url)).connect()

        rescue.cancel()
        assert time.monotonic() - begun < 2 * CONNECT_SECONDS
