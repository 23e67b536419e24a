"""Reads that end badly, or are left half-way, keep nothing of the server's: the next client is served as ever."""

from __future__ import annotations

import contextlib
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from tests.conformance.conftest import Patrol
from tests.conformance.samples import new_id, report_xml

# More than the connections that a web process may hold.
MANY = 40
FORM = "/forms/patrol"


def served_at_once(patrol: Patrol) -> bool:
    """Whether somebody who comes now is served without waiting for anybody else."""
    start = time.monotonic()
    patrol.project.api("GET", FORM)
    return time.monotonic() - start < 10


@pytest.mark.parametrize(
    "path",
    [
        f"{FORM}.svc/Nothing", f"{FORM}.svc/Submissions.nothing", "/forms/nothing.svc/Submissions",
        "/datasets/nothing.svc/Entities", f"{FORM}.svc/Submissions('uuid%3Anothing')", f"{FORM}/submissions/nothing.xml",
        "/datasets/nothing/entities.csv",
        f"{FORM}.svc/Submissions?$skiptoken=01eyJ4Ijo", f"{FORM}/submissions.geojson?fieldpath=/nothing",
    ],
)
def test_reads_of_tables_that_do_not_exist_use_up_no_connections(patrol: Patrol, path: str) -> None:
    for _ in range(MANY):
        answer = requests.get(
            f"{patrol.project.mission.base_url}/v1/projects/{patrol.project.id}{path}",
            headers=dict(patrol.project.mission.admin), timeout=60,
        )
        assert 400 <= answer.status_code < 500, answer.text

    assert served_at_once(patrol)


@pytest.mark.parametrize(
    "path", [f"{FORM}/submissions", f"{FORM}.svc/Submissions", f"{FORM}/submissions.csv.zip", f"{FORM}/submissions.geojson"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_long_answers_give_their_connection_back(patrol: Patrol, path: str, method: str) -> None:
    assert patrol.phone.send(report_xml(new_id(), name="x")).status_code == 201

    for _ in range(MANY):
        patrol.project.api(method, path)

    assert served_at_once(patrol)


def test_answers_that_nobody_takes_give_their_connection_back(patrol: Patrol) -> None:
    address = urlsplit(patrol.project.mission.base_url)
    request = (
        f"GET /v1/projects/{patrol.project.id}{FORM}/submissions.csv.zip HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {patrol.project.mission.admin['Authorization']}\r\n\r\n"
    )

    for _ in range(MANY):
        with contextlib.closing(socket.create_connection((str(address.hostname), address.port or 80))) as client:
            client.sendall(request.encode())

    assert served_at_once(patrol)
