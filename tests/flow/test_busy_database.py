"""A database whose one writer is busy: who only reads does not wait for it."""

from __future__ import annotations

import requests
from sqlalchemy import update

from server.models import AppUser, Post
from tests.cast import make_cast
from tests.devices import HEADERS, add_form
from tests.processes import ServerMaker

# Far less than the 30 s that a writer of SQLite waits for its turn.
PATIENCE = 10


def test_a_phone_gets_its_forms_while_somebody_else_writes(make_server: ServerMaker) -> None:
    server = make_server(processes=1, threads=4, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    server.start()
    with server.session() as writer:
        writer.execute(update(Post).values(name="held"))

        answer = requests.get(f"{server.base_url}{cast.key_path(0)}/formList", headers=HEADERS, timeout=PATIENCE)

        writer.rollback()
    assert answer.status_code == 200


def test_the_call_is_noted_once_the_writer_is_free(make_server: ServerMaker) -> None:
    server = make_server(processes=1, threads=4, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    server.start()
    with server.session() as writer:
        writer.execute(update(Post).values(name="held"))
        requests.get(f"{server.base_url}{cast.key_path(0)}/formList", headers=HEADERS, timeout=PATIENCE)
        writer.rollback()

    requests.get(f"{server.base_url}{cast.key_path(0)}/formList", headers=HEADERS, timeout=PATIENCE)

    with server.session() as session:
        assert session.get_one(AppUser, cast.device_actor_ids[0]).last_seen_at is not None
