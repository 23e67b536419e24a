"""Large files by tuspy, the tus project's own client, unchanged, against a real server."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any

import pytest
import requests
from sqlalchemy import select
from tusclient.client import TusClient

from server.models import Attachment
from tests.cast import make_cast
from tests.devices import HEADERS, add_form, multipart, new_id, report
from tests.processes import RunningServer, ServerMaker

FILM = os.urandom(300_000)


@pytest.fixture
def film(make_server: ServerMaker) -> tuple[RunningServer, TusClient, dict[str, str]]:
    """A server with a report that waits for its film, a client of tus, and the film's metadata."""
    server = make_server(processes=1, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    url, instance_id = server.start().base_url + cast.key_path(0), new_id()
    body, content_type = multipart(report(instance_id, photo="film.mp4"), incomplete=True)
    posted = requests.post(f"{url}/submission", data=body, headers={**HEADERS, "Content-Type": content_type}, timeout=60)
    assert posted.status_code == 201
    metadata = {"formID": "patrol", "instanceID": instance_id, "filename": "film.mp4", "filetype": "video/mp4"}
    return server, TusClient(f"{url}/uploads"), metadata


def uploader(client: TusClient, metadata: dict[str, str], **options: Any) -> Any:
    """One upload of the film."""
    return client.uploader(file_stream=io.BytesIO(FILM), chunk_size=64_000, metadata=metadata, **options)


def stored(server: RunningServer) -> list[str]:
    """SHA-256 of the report's files."""
    with server.session() as session:
        return list(session.scalars(select(Attachment.blob_sha256)))


def test_tuspy_uploads_in_pieces(film: tuple[RunningServer, TusClient, dict[str, str]]) -> None:
    server, client, metadata = film

    uploader(client, metadata).upload()

    assert stored(server) == [hashlib.sha256(FILM).hexdigest()]


def test_tuspy_resumes_with_checksums_after_the_server_was_killed(film: tuple[RunningServer, TusClient, dict[str, str]]) -> None:
    server, client, metadata = film
    first = uploader(client, metadata, upload_checksum=True)
    first.upload(stop_at=128_000)
    server.kill()
    server.start()

    again = uploader(client, metadata, url=first.url, upload_checksum=True)
    assert again.offset == 128_000
    again.upload()

    assert stored(server) == [hashlib.sha256(FILM).hexdigest()]
