"""Clients that stop half-way, whether their link died or they mean harm, do not keep others out."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
import requests

from tests.cast import Cast, make_cast
from tests.devices import HEADERS, add_form, new_id, report
from tests.processes import RunningServer, ServerMaker

HALF_HEADERS, STALLED_UPLOADS = 40, 24
# What a phone would wait for an answer without anybody noticing, on a busy machine.
SOON = 10.0
BOUNDARY = b"fieldpost"


@pytest.fixture
def busy(make_server: ServerMaker) -> Iterator[tuple[RunningServer, Cast, list[socket.socket]]]:
    """A server of one web process with the threads it has by default, and a list of connections that are closed at the end."""
    server = make_server(processes=1, threads=16, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    open_ones: list[socket.socket] = []
    yield server.start(), cast, open_ones
    for each in open_ones:
        with contextlib.suppress(OSError):
            each.close()


def _connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def _start_of_upload(cast: Cast, size: int) -> bytes:
    head = (
        f"POST {cast.key_path(0)}/submission HTTP/1.1\r\nHost: localhost\r\nX-OpenRosa-Version: 1.0\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\nContent-Length: {size}\r\n\r\n"
    )
    part = b'\r\nContent-Disposition: form-data; name="xml_submission_file"; filename="a.xml"\r\n\r\n<data'
    return head.encode() + b"--" + BOUNDARY + part


def _send(server: RunningServer, cast: Cast) -> float:
    """Sends a report and returns how long that took, in seconds."""
    start = time.monotonic()
    answer = requests.post(
        f"{server.base_url}{cast.key_path(0)}/submission", headers=HEADERS, timeout=60,
        files={"xml_submission_file": ("a.xml", report(new_id()), "text/xml")},
    )
    assert answer.status_code == 201, answer.text
    return time.monotonic() - start


def test_half_headers_and_stalled_uploads_leave_others_served(
    busy: tuple[RunningServer, Cast, list[socket.socket]],
) -> None:
    server, cast, open_ones = busy
    for _ in range(HALF_HEADERS):
        open_ones.append(_connect(server))
        open_ones[-1].sendall(b"GET /v1/projects HTTP/1.1\r\nHost: localhost\r\nX-Half: ")
    for _ in range(STALLED_UPLOADS):
        open_ones.append(_connect(server))
        open_ones[-1].sendall(_start_of_upload(cast, 1_000_000))
    time.sleep(0.5)  # All of them are with the server before the honest ones come.

    took = [_send(server, cast) for _ in range(5)]

    assert max(took) < SOON, took


def test_slow_senders_leave_others_served_and_are_served_themselves(
    busy: tuple[RunningServer, Cast, list[socket.socket]],
) -> None:
    server, cast, open_ones = busy
    body = b"".join(
        [b"--", BOUNDARY, b'\r\nContent-Disposition: form-data; name="xml_submission_file"; filename="a.xml"\r\n\r\n',
         report(new_id()), b"\r\n--", BOUNDARY, b"--\r\n"]
    )  # fmt: skip
    slow = _connect(server)
    open_ones.append(slow)
    for _ in range(STALLED_UPLOADS):
        open_ones.append(_connect(server))
        open_ones[-1].sendall(_start_of_upload(cast, 1_000_000))
    whole = _start_of_upload(cast, len(body)).split(b"\r\n\r\n")[0] + b"\r\n\r\n" + body

    for at in range(0, len(whole), 100):
        slow.sendall(whole[at : at + 100])
        time.sleep(0.1)
        if at == 500:
            assert _send(server, cast) < SOON

    assert slow.recv(100).startswith(b"HTTP/1.1 201")


def test_a_declared_body_of_a_terabyte_is_answered_413_at_once(
    busy: tuple[RunningServer, Cast, list[socket.socket]],
) -> None:
    server, cast, open_ones = busy
    open_ones.append(_connect(server))
    start = time.monotonic()

    open_ones[-1].sendall(_start_of_upload(cast, 10**12))
    answer = open_ones[-1].recv(65_536)

    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert time.monotonic() - start < SOON
    assert b"OpenRosaResponse" in answer + _rest(open_ones[-1])


def _rest(connection: socket.socket) -> bytes:
    with contextlib.suppress(OSError):
        return connection.recv(65_536)
    return b""
