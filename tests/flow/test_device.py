"""The headless device against the real server: pull, photos, parts, kill -9 in the middle of sending, the command line."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from server.models import Attachment, Submission
from sync.client.device import Device
from sync.client.problems import ServerRefused
from sync.client.store import DELIVERED, REFUSED, Store
from tests.cast import make_cast
from tests.devices import add_form, new_id, report
from tests.processes import RunningServer, ServerMaker
from tests.proxies import Link, poor_link

FIELDPOST = str(Path(sys.executable).parent / "fieldpost")


@pytest.fixture
def server_url(make_server: ServerMaker) -> tuple[RunningServer, str]:
    """A server with one form, and the server URL of a phone that may fill it."""
    server = make_server(processes=1, worker=False, environ={"FIELDPOST_ACCEPT_LENGTH": "100k"})
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
        add_form(session, "others", post_types=("liaison",))
    return server, server.start().base_url + cast.key_path(0)


def fieldpost(folder: Path, *arguments: str, check: bool = True) -> str:
    """Runs `fieldpost device` on that store and returns what it printed."""
    done = subprocess.run(
        [FIELDPOST, "device", *arguments, "--store", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_device_pulls_sends_in_parts_and_is_told_who_may_not(server_url: tuple[RunningServer, str], tmp_path: Path) -> None:
    server, url = server_url
    device = Device(tmp_path / "device", url)
    photos = {}
    for number in range(3):
        photos[f"photo{number}.jpg"] = tmp_path / f"photo{number}.jpg"
        photos[f"photo{number}.jpg"].write_bytes(os.urandom(60_000))

    pulled = device.pull()
    device.enqueue(report("uuid:mine", photo="photo0.jpg", photo2="photo1.jpg"), photos)
    device.enqueue(report("uuid:others", form_id="others"))
    sent = device.send()

    assert pulled.changed == ("patrol",)
    assert (sent.delivered, sent.refused) == (1, 1)
    assert "does not have rights" in device.store.items(REFUSED)[0].message
    with server.session() as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 1
        assert session.scalar(select(func.count()).select_from(Attachment)) == 3
    device.close()


def test_a_revoked_device_keeps_its_reports(server_url: tuple[RunningServer, str], tmp_path: Path) -> None:
    _server, url = server_url
    device = Device(tmp_path / "device", url.replace("/key/", "/key/0"))
    device.enqueue(report(new_id()))

    with pytest.raises(ServerRefused):
        device.send()

    assert device.store.counts()["waiting"] == 1
    device.close()


def test_the_command_line_leads_from_enrolment_to_the_receipt(server_url: tuple[RunningServer, str], tmp_path: Path) -> None:
    _server, url = server_url
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"settlement_new": "Gbadé", "report_date": "2026-11-03"}))
    store = tmp_path / "device"

    fieldpost(store, "enroll", url)
    fieldpost(store, "pull")
    fieldpost(store, "fill", "patrol", str(answers))
    sent = fieldpost(store, "send")

    assert "delivered 1" in sent
    assert "Receipt" in fieldpost(store, "status")


@pytest.mark.parametrize(
    "arguments", [("enroll", "hello"), ("pull",), ("fill", "none", __file__), ("queue", __file__), ("retry", "7")]
)
def test_the_command_line_says_what_is_wrong_without_a_traceback(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = fieldpost(tmp_path / "device", *arguments, check=False)

    assert "Error" in said
    assert "Traceback" not in said


def test_killed_while_sending_a_device_loses_and_doubles_nothing(server_url: tuple[RunningServer, str], tmp_path: Path) -> None:
    server, url = server_url
    device = Device(tmp_path / "device", url)
    for number in range(60):
        photo = tmp_path / f"{number}.jpg"
        photo.write_bytes(os.urandom(20_000))
        device.enqueue(report(new_id(), photo=photo.name), {photo.name: photo})
    device.close()

    for wanted in (5, 20, 35):
        _kill_after(tmp_path / "device", wanted)
    fieldpost(tmp_path / "device", "send", "--wait", "60")

    store = Store(tmp_path / "device")
    assert store.counts()[DELIVERED] == 60
    store.close()
    with server.session() as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 60
        assert session.scalar(select(func.count()).select_from(Attachment)) == 60


def test_killed_in_the_middle_of_a_large_file_a_device_goes_on_where_it_was(
    make_server: ServerMaker, tmp_path: Path
) -> None:
    server = make_server(processes=1, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    server.start()
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(3_000_000))
    with poor_link(server.port, Link(rate=100_000, latency=0.01, cut_every=3600, stall_every=3600, stall=0, speed=10)) as proxy:
        device = Device(tmp_path / "device", f"http://127.0.0.1:{proxy.port}{cast.key_path(0)}")
        device.enqueue(report(new_id(), photo="film.mp4"), {"film.mp4": film})
        device.close()

        for part in (1, 2):
            # The device in the middle of the film; at the second time the server dies with it.
            _kill_when(tmp_path / "device", lambda part=part: proxy.counted.up > part * 900_000)  # type: ignore[misc]
        server.kill()
        server.start()
        fieldpost(tmp_path / "device", "send", "--wait", "60")

        # The server keeps what had come of a piece before a cut: two cuts together cost less than one piece of 512 KiB.
        assert proxy.counted.up < 3_000_000 + 524_288
    with server.session() as session:
        assert session.scalars(select(Attachment.blob_sha256)).one() == hashlib.sha256(film.read_bytes()).hexdigest()


def _kill_when(folder: Path, holds: Callable[[], bool]) -> None:
    """Starts `fieldpost device send` and kills it as soon as that holds."""
    process = subprocess.Popen([FIELDPOST, "device", "send", "--store", str(folder)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not holds() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()


def _kill_after(folder: Path, delivered: int) -> None:
    """Starts `fieldpost device send` and kills it as soon as so many reports are delivered."""
    process = subprocess.Popen([FIELDPOST, "device", "send", "--store", str(folder)], stdout=subprocess.DEVNULL)
    store = Store(folder)
    deadline = time.monotonic() + 120
    while store.counts()[DELIVERED] < delivered and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    store.close()
