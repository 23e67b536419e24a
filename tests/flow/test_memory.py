"""A 200 MB file on its way in must not show in the memory of the web processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import requests
from sqlalchemy import select

from server.models import Attachment, Blob
from tests.cast import make_cast
from tests.devices import HEADERS, add_form, new_id, report
from tests.memory import Watch
from tests.processes import ServerMaker

MEGABYTE = 1_000_000
SIZE = 200 * MEGABYTE
PIECE = bytes(range(256)) * 4096
BOUNDARY = b"fieldpost"


def body(xml: bytes) -> Iterator[bytes]:
    """The POST with a file of 200 MB, made piece by piece."""
    yield b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="xml_submission_file"; filename="a.xml"\r\n\r\n' + xml
    yield b"\r\n--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="film.mp4"; filename="film.mp4"\r\n\r\n'
    left = SIZE
    while left > 0:
        yield PIECE[:left]
        left -= len(PIECE[:left])
    yield b"\r\n--" + BOUNDARY + b"--\r\n"


def test_a_200_mb_file_does_not_grow_the_server_by_20_mb(make_server: ServerMaker) -> None:
    server = make_server(processes=1, threads=4, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    server.start()
    url = f"{server.base_url}{cast.key_path(0)}/submission"
    headers = {**HEADERS, "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
    # A first, small report loads what the server loads only once.
    small = b"".join([*body(report(new_id()))][:1]) + b"\r\n--" + BOUNDARY + b"--\r\n"
    assert requests.post(url, data=small, headers=headers, timeout=60).status_code == 201
    watch = Watch(server)
    watch.start()

    answer = requests.post(url, data=body(report(new_id(), photo="film.mp4")), headers=headers, timeout=300)
    growth = watch.end()

    assert answer.status_code == 201
    assert growth < 20 * MEGABYTE, f"{growth / MEGABYTE:.1f} MB"
    with server.session() as session:
        blob = session.scalars(select(Blob).join(Attachment, Attachment.blob_sha256 == Blob.sha256)).one()
        assert (blob.size, blob.sha256) == (SIZE, hashlib.sha256((PIECE * (SIZE // len(PIECE) + 1))[:SIZE]).hexdigest())
