"""A disk that fills up during an upload: a readable 507, nothing half-stored, and the same report passes when there is room.

Two ways to a full disk that really fail in write(2): a limit on the size of files (anybody may set it), and a small file
system in memory (needs the right to mount).
"""

from __future__ import annotations

import base64
import os
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select

from server.models import Attachment, Fact, ResumableUpload, Submission
from server.services.blobs import BlobStore
from tests.cast import Cast, make_cast
from tests.devices import HEADERS, add_form, multipart, new_id, report
from tests.processes import RunningServer, ServerMaker

MEGABYTE = 1_000_000
LARGEST_FILE = 12 * MEGABYTE
FILM = 20 * MEGABYTE
TUS = {"Tus-Resumable": "1.0.0"}
PATIENCE = 120


@pytest.fixture
def limited(make_server: ServerMaker) -> tuple[RunningServer, Cast]:
    """A server that may write no file larger than 12 MB."""
    server = make_server(processes=1, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    server.start()
    for pid in server.pids():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    return server, cast


def send(server: RunningServer, cast: Cast, instance_id: str, film: bytes) -> requests.Response:
    """A report with a film."""
    body, content_type = multipart(report(instance_id, photo="film.mp4"), {"film.mp4": film})
    return requests.post(
        f"{server.base_url}{cast.key_path(0)}/submission", data=body, headers={**HEADERS, "Content-Type": content_type},
        timeout=PATIENCE,
    )


def assert_nothing_stored(server: RunningServer) -> None:
    """No fact, no report, no file, nothing left in the spool."""
    with server.session() as session:
        for table in (Fact, Submission, Attachment):
            assert session.scalar(select(func.count()).select_from(table)) == 0
    assert leftovers(server) == []


def leftovers(server: RunningServer) -> list[str]:
    """Files in the spool."""
    spool = BlobStore(server.settings).pieces_path("x").parent.with_name("spool")
    return [path.name for path in spool.iterdir()]


def assert_says_that_the_disk_is_full(answer: requests.Response) -> None:
    assert answer.status_code == 507, answer.text
    assert "<OpenRosaResponse" in answer.text
    assert "disk is full; nothing was stored" in answer.text


def test_a_report_whose_file_does_not_fit_is_refused_and_leaves_nothing(limited: tuple[RunningServer, Cast]) -> None:
    server, cast = limited
    instance_id = new_id()

    answer = send(server, cast, instance_id, os.urandom(FILM))

    assert_says_that_the_disk_is_full(answer)
    assert_nothing_stored(server)
    assert send(server, cast, instance_id, os.urandom(MEGABYTE)).status_code == 201


def test_a_piece_that_does_not_fit_is_refused_and_what_fits_stays(limited: tuple[RunningServer, Cast]) -> None:
    server, cast = limited
    instance_id, film, url = new_id(), os.urandom(FILM), f"{server.base_url}{cast.key_path(0)}"
    body, content_type = multipart(report(instance_id, photo="film.mp4"), incomplete=True)
    posted = requests.post(f"{url}/submission", data=body, headers={**HEADERS, "Content-Type": content_type}, timeout=PATIENCE)
    assert posted.status_code == 201
    named = {"formID": "patrol", "instanceID": instance_id, "filename": "film.mp4"}
    metadata = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in named.items())
    begun = requests.post(
        f"{url}/uploads", headers={**TUS, "Upload-Length": str(FILM), "Upload-Metadata": metadata}, timeout=PATIENCE
    )

    answer = requests.patch(
        begun.headers["Location"], data=film, timeout=PATIENCE,
        headers={**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
    )

    assert answer.status_code == 507
    assert "disk is full" in answer.text
    come = int(requests.head(begun.headers["Location"], headers=TUS, timeout=PATIENCE).headers["Upload-Offset"])
    assert 0 < come <= LARGEST_FILE
    with server.session() as session:
        assert session.scalar(select(func.count()).select_from(Attachment)) == 0
        assert session.scalars(select(ResumableUpload.blob_sha256)).one() is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here; the tests with a limit on files cover the same path")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill_up(place: Path, but: int) -> Path:
    """Fills the file system except for so many bytes."""
    filler, free = place / "filler", os.statvfs(place)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - but))
    return filler


@pytest.fixture
def cramped(make_server: ServerMaker, small_disk: Path, database_kind: str) -> Iterator[tuple[RunningServer, Cast]]:
    """A server whose files, and with SQLite its database, lie on the small file system."""
    server = make_server(prepared=False, processes=1, worker=False)
    url = f"sqlite:///{small_disk / 'fieldpost.sqlite3'}" if database_kind == "sqlite" else server.settings.database_url
    server.settings = replace(server.settings, blob_url=str(small_disk / "blobs"), database_url=url)
    server.prepare()
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    yield server.start(), cast
    server.kill()


def test_on_a_full_disk_a_report_is_refused_and_passes_later(cramped: tuple[RunningServer, Cast], small_disk: Path) -> None:
    server, cast = cramped
    instance_id, film = new_id(), os.urandom(8 * MEGABYTE)
    filler = fill_up(small_disk, but=3 * MEGABYTE)

    answer = send(server, cast, instance_id, film)

    assert_says_that_the_disk_is_full(answer)
    assert_nothing_stored(server)
    filler.unlink()
    assert send(server, cast, instance_id, film).status_code == 201


def test_when_nothing_at_all_fits_the_answer_is_still_readable(cramped: tuple[RunningServer, Cast], small_disk: Path) -> None:
    server, cast = cramped
    filler = fill_up(small_disk, but=0)

    for _ in range(20):
        answer = send(server, cast, new_id(), os.urandom(100_000))
        assert_says_that_the_disk_is_full(answer)

    assert_nothing_stored(server)
    filler.unlink()
    assert send(server, cast, new_id(), b"photo").status_code == 201
