"""Slow and stalled clients in numbers: whoever else comes is served at once, and slow ones get through as well."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest
import requests

from tests.cast import Cast, make_cast
from tests.devices import HEADERS, add_form, multipart, new_id, report
from tests.processes import RunningServer, ServerMaker

HALF_HEADERS, STALLED = 40, 24
# Seconds in which others must be answered; on a quiet machine it is a fiftieth of that.
SOON = 5.0
PATIENCE = 60


@pytest.fixture
def served(make_server: ServerMaker) -> tuple[RunningServer, Cast]:
    """One process with 8 threads, a form, and the cast."""
    server = make_server(processes=1, threads=8, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    return server.start(), cast


def head(cast: Cast, length: int, content_type: str) -> bytes:
    """The headers of a POST of a report of so many bytes."""
    return (
        f"POST {cast.key_path(0)}/submission HTTP/1.1\r\nHost: 127.0.0.1\r\nX-OpenRosa-Version: 1.0\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@contextmanager
def connections(server: RunningServer, number: int, said: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have said so much and then say nothing more."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            each = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            each.sendall(said)
            opened.append(each)
        yield opened


def send(server: RunningServer, cast: Cast, photo: bytes = b"x" * 1000) -> tuple[int, float]:
    """Another phone sends a report; status and seconds."""
    body, content_type = multipart(report(new_id(), photo="a.jpg"), {"a.jpg": photo})
    began = time.monotonic()
    answer = requests.post(
        f"{server.base_url}{cast.key_path(0)}/submission", data=body, headers={**HEADERS, "Content-Type": content_type},
        timeout=PATIENCE,
    )
    return answer.status_code, time.monotonic() - began


def test_half_headers_and_stalled_uploads_leave_others_served(served: tuple[RunningServer, Cast]) -> None:
    server, cast = served
    body, content_type = multipart(report(new_id(), photo="a.jpg"), {"a.jpg": os.urandom(1_000_000)})
    half = f"POST {cast.key_path(0)}/submission HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".encode()

    with (
        connections(server, HALF_HEADERS, half),
        connections(server, STALLED, head(cast, len(body), content_type) + body[:100_000]),
    ):
        # Every stalled upload has its thread by now, or will take one before the reports below.
        answers = [send(server, cast, os.urandom(200_000)) for _ in range(10)]
        listed = requests.get(f"{server.base_url}{cast.key_path(0)}/formList", headers=HEADERS, timeout=PATIENCE)

    assert {status for status, _seconds in answers} == {201}
    assert max(seconds for _status, seconds in answers) < SOON
    assert listed.status_code == 200


def test_a_stalled_short_report_does_not_even_hold_a_thread(served: tuple[RunningServer, Cast]) -> None:
    server, cast = served
    body, content_type = multipart(report(new_id()))
    send(server, cast)
    web = psutil.Process(server.pids()[1])
    before = web.num_threads()

    with connections(server, STALLED, head(cast, len(body), content_type) + body[:-10]) as waiting:
        assert send(server, cast)[0] == 201
        assert web.num_threads() <= before + 2

        for each in waiting:
            each.sendall(body[-10:])
        assert {each.recv(100).split()[1] for each in waiting} == {b"201"}


def test_a_report_that_comes_in_drops_arrives(served: tuple[RunningServer, Cast]) -> None:
    server, cast = served
    body, content_type = multipart(report(new_id(), photo="a.jpg"), {"a.jpg": os.urandom(60_000)})
    whole = head(cast, len(body), content_type) + body

    with socket.create_connection(("127.0.0.1", server.port)) as phone:
        phone.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(whole), 500):
            phone.sendall(whole[at : at + 500])
        answered = phone.recv(100)

    assert answered.split()[1] == b"201"


def test_clients_that_do_not_read_their_download_leave_others_served(served: tuple[RunningServer, Cast]) -> None:
    server, cast = served
    instance_id, film = new_id(), os.urandom(8_000_000)
    body, content_type = multipart(report(instance_id, photo="a.mp4"), {"a.mp4": film})
    posted = requests.post(
        f"{server.base_url}{cast.key_path(0)}/submission", data=body, headers={**HEADERS, "Content-Type": content_type},
        timeout=PATIENCE,
    )
    assert posted.status_code == 201
    path = f"/v1/projects/1/forms/patrol/submissions/{instance_id}/attachments/a.mp4"
    asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {cast.admin.bearer['Authorization']}\r\n\r\n".encode()

    with connections(server, STALLED, asked) as readers:
        answers = [send(server, cast) for _ in range(5)]
        # One of them wakes up and gets all of it.
        received = b"".join(_all_of(readers[0], len(film)))

    assert max(seconds for _status, seconds in answers) < SOON
    assert received.endswith(film)


def _all_of(reader: socket.socket, size: int) -> Iterator[bytes]:
    """Everything of an answer with a body of so many bytes."""
    reader.settimeout(PATIENCE)
    seen = 0
    while seen < size and (piece := reader.recv(1 << 20)):
        seen += len(piece)
        yield piece
    reader.settimeout(0.5)
    try:
        yield reader.recv(1 << 16)
    except TimeoutError:
        return
