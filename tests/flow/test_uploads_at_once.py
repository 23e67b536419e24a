"""Two requests that begin the same file at the same moment, on a real database: a phone asks again when an answer is lost."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from server.models import AppUser, ResumableUpload
from server.services import pieces, resumable
from server.services.identity import Identity
from server.services.resumable import Wanted
from sync.client.device import Device
from tests.cast import make_cast
from tests.devices import add_form, new_id, report
from tests.processes import RunningServer, ServerMaker

FILM = b"film" * 1000


def reported(make_server: ServerMaker, folder: Path) -> tuple[RunningServer, Identity, Wanted]:
    """A server with a report that still waits for its film, its sender and the film."""
    server = make_server(processes=1, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
        sender = session.scalars(select(AppUser.actor_id).order_by(AppUser.actor_id)).first()
    server.start()
    instance_id = new_id()
    device = Device(folder, f"{server.base_url}{cast.key_path(0)}")
    device.enqueue(report(instance_id, photo="film.mp4"), {})
    device.send(60)
    device.close()
    server.stop()
    assert sender is not None
    who = Identity(sender, "Phone", "field_key", "collector", "key", frozenset())
    return server, who, Wanted("patrol", instance_id, "film.mp4", len(FILM), sha256=hashlib.sha256(FILM).hexdigest())


def test_a_file_begun_again_while_the_first_request_is_at_work_is_one_upload(
    make_server: ServerMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, who, wanted = reported(make_server, tmp_path / "device")
    at_work, second_is_over = threading.Event(), threading.Event()
    create, first_thread = pieces.create, threading.get_ident()

    def slowly(path: Path) -> None:
        if threading.get_ident() == first_thread:
            at_work.set()
            # Time enough for the second request to make an upload of its own, if nothing holds it up.
            second_is_over.wait(1.0)
        create(path)

    def begin() -> str:
        with server.session() as session:
            return resumable.begin(session, server.settings, who, 1, wanted).id

    def again() -> str:
        assert at_work.wait(30)
        try:
            return begin()
        finally:
            second_is_over.set()

    monkeypatch.setattr(pieces, "create", slowly)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(again)
        first = begin()

        assert second.result(timeout=60) == first
    with server.session() as session:
        assert session.scalars(select(ResumableUpload.id)).all() == [first]
