"""kill -9 at once after the answer: every answered report is there exactly once, with its files."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from sqlalchemy import select

from server.models import Attachment, Submission
from server.services.blobs import BlobStore
from server.services.documents import xml_of
from tests.cast import make_cast
from tests.devices import HEADERS, add_form, multipart, new_id, report
from tests.processes import RunningServer, ServerMaker

SENDERS = 4
# What a sender sees of the kill: no connection, or an answer that breaks off between its head and its text.
GONE = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
# Seconds for one answer; a busy machine must not look like a lost report.
PATIENCE = 120


@dataclass
class Answered:
    """What the senders sent and what was answered; the lock makes the first answer of a round the trigger of the kill."""

    reports: dict[str, tuple[bytes, dict[str, bytes]]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    first: threading.Event = field(default_factory=threading.Event)


def post(xml: bytes, files: dict[str, bytes]) -> dict[str, Any]:
    """Body and headers of a report, as arguments of a request."""
    body, content_type = multipart(xml, files)
    return {"data": body, "headers": {**HEADERS, "Content-Type": content_type}}


def send_until_killed(url: str, answered: Answered) -> None:
    """Sends one report after another until the server is gone."""
    with requests.Session() as http:
        while True:
            instance_id = new_id()
            name = f"{instance_id[5:13]}.jpg"
            xml, files = report(instance_id, settlement_new="Gbadé", photo=name), {name: instance_id.encode() * 50}
            answered.reports[instance_id] = (xml, files)
            try:
                answer = http.post(f"{url}/submission", **post(xml, files), timeout=PATIENCE)
            except GONE:
                return
            assert answer.status_code == 201, answer.text
            answered.done.add(instance_id)
            answered.first.set()


def one_round(server: RunningServer, url: str, answered: Answered) -> None:
    """Several phones send at once; the server is killed the moment one of them has its answer."""
    answered.first.clear()
    server.start()
    senders = [threading.Thread(target=send_until_killed, args=(url, answered)) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    assert answered.first.wait(PATIENCE), server.log
    server.kill()
    for sender in senders:
        sender.join()


def resend_all(url: str, answered: Answered) -> None:
    """What the phones do after a lost answer: everything that was not answered is sent again, and one answered too."""
    again = [each for each in answered.reports if each not in answered.done] + list(answered.done)[:1]
    for instance_id in again:
        answer = requests.post(f"{url}/submission", **post(*answered.reports[instance_id]), timeout=PATIENCE)
        assert answer.status_code == 201, answer.text


def kept(server: RunningServer) -> dict[str, tuple[bytes, dict[str, bytes]]]:
    """What the server holds: XML and files by instanceID; fails when one id is there twice."""
    store = BlobStore(server.settings)
    with server.session() as session:
        rows = session.scalars(select(Submission)).all()
        files: dict[int, dict[str, bytes]] = {}
        for row in session.scalars(select(Attachment)):
            assert row.name not in files.setdefault(row.submission_fact_id, {})
            files[row.submission_fact_id][row.name] = store.read(row.blob_sha256)
        assert len({row.instance_id for row in rows}) == len(rows)
        return {row.instance_id: (xml_of(row), files.get(row.fact_id, {})) for row in rows}


def kill_rounds(make_server: ServerMaker, rounds: int) -> None:
    server = make_server(processes=1, threads=4, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    url, answered = server.base_url + cast.key_path(0), Answered()
    for _ in range(rounds):
        one_round(server, url, answered)

    held = kept(server)
    assert {each: answered.reports[each] for each in answered.done} == {each: held.get(each) for each in answered.done}
    assert set(held) <= set(answered.reports)
    server.start()
    resend_all(url, answered)
    assert kept(server) == answered.reports


def test_kill_after_the_answer_loses_nothing(make_server: ServerMaker) -> None:
    # On each of the two databases, so 20 kills in all.
    kill_rounds(make_server, 10)


@pytest.mark.soak
def test_many_kills_lose_nothing(make_server: ServerMaker) -> None:
    # On each of the two databases, so 200 kills in all.
    kill_rounds(make_server, 100)
