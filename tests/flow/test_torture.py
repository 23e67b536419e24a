"""Many phones send while the server is killed -9 and restarted again and again: every answered report is there once, whole."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
import requests
from sqlalchemy import select

from server.models import Attachment, Blob, PendingFact, Submission, SubmissionSummary
from server.services import folding
from server.services.blobs import BlobStore
from server.services.documents import xml_of
from sync.client.device import Device
from sync.client.problems import DeviceProblem
from tests.cast import Cast, make_cast
from tests.devices import HEADERS, add_form, multipart, new_id, report
from tests.processes import RunningServer, ServerMaker

CLIENTS = 16
# One photo that goes with its report, one that our own client sends in pieces.
SMALL, LARGE = 3_000, 150_000
# Seconds for one answer; a busy machine must not look like a lost report.
PATIENCE = 60


@dataclass
class Sent:
    """A report on its way: its XML and its files by name."""

    xml: bytes
    files: dict[str, bytes]


@dataclass
class Ledger:
    """What the phones sent and what was answered, by instanceID."""

    sent: dict[str, Sent] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)
    lost_answers: int = 0

    def make(self, random: Random) -> str:
        """A new report with two photos."""
        instance_id = new_id()
        files = {f"{instance_id[5:13]}-{size}.jpg": random.randbytes(size) for size in (SMALL, LARGE)}
        first, second = files
        self.sent[instance_id] = Sent(report(instance_id, settlement_new="Gbadé", photo=first, photo2=second), files)
        return instance_id


def as_collect(url: str, ledger: Ledger, _folder: Path, random: Random) -> None:
    """A phone with ODK Collect: the whole report in one POST, again until it is answered."""
    with requests.Session() as http:
        while not ledger.over.is_set():
            instance_id = ledger.make(random)
            body, content_type = multipart(ledger.sent[instance_id].xml, ledger.sent[instance_id].files)
            while not ledger.over.is_set():
                try:
                    answer = http.post(
                        f"{url}/submission", data=body, headers={**HEADERS, "Content-Type": content_type}, timeout=PATIENCE
                    )
                except requests.RequestException:
                    ledger.lost_answers += 1
                    ledger.over.wait(random.uniform(0.05, 0.3))
                    continue
                if answer.status_code != 201:
                    ledger.wrong.append(f"{answer.status_code} {answer.text}")
                    return
                ledger.answered.add(instance_id)
                break


def as_our_own(url: str, ledger: Ledger, folder: Path, random: Random) -> None:
    """Our own client: the report first, its large photo in pieces, over an outbox on disk."""
    folder.mkdir()
    device = Device(folder / "device", url)
    while not ledger.over.is_set():
        instance_id = ledger.make(random)
        paths = {name: folder / name for name in ledger.sent[instance_id].files}
        for name, path in paths.items():
            path.write_bytes(ledger.sent[instance_id].files[name])
        device.enqueue(ledger.sent[instance_id].xml, paths)
        try:
            sent = device.send(2.0, lambda item: ledger.answered.add(item.instance_id), random=random, first_pause=0.1)
        except DeviceProblem as problem:
            ledger.wrong.append(str(problem))
            return
        ledger.lost_answers += bool(sent.trouble)
        if sent.refused or sent.held:
            ledger.wrong.append(str(sent))
            return
    device.close()


def torture(server: RunningServer, cast: Cast, folder: Path, ledger: Ledger, seconds: float, kills: int) -> None:
    """Sixteen phones send for so long while the server dies so many times."""
    random = Random(3)
    url = server.start().base_url + cast.key_path(0)
    kinds: list[Callable[[str, Ledger, Path, Random], None]] = [as_collect, as_our_own]
    phones = [
        threading.Thread(target=kinds[number % 2], args=(url, ledger, folder / f"phone{number}", Random(number)), daemon=True)
        for number in range(CLIENTS)
    ]
    for phone in phones:
        phone.start()
    began = time.monotonic()
    for number in range(kills):
        due = began + seconds * (number + random.random()) / kills
        # Never before somebody was answered since the last start, or nothing would be tested on a busy machine.
        answered = len(ledger.answered)
        _wait_for(lambda answered=answered: len(ledger.answered) > answered or bool(ledger.wrong))  # type: ignore[misc]
        ledger.over.wait(max(0.0, due - time.monotonic()))
        server.kill()
        server.start()
    ledger.over.wait(max(0.0, began + seconds - time.monotonic()))
    ledger.over.set()
    for phone in phones:
        phone.join(PATIENCE * 2)
        assert not phone.is_alive()


def _wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE * 2
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)


def check(server: RunningServer, ledger: Ledger) -> None:
    """Every answered report exactly once with all its files, right to the last byte; nothing that nobody sent."""
    store = BlobStore(server.settings)
    with server.session() as session:
        rows = session.scalars(select(Submission)).all()
        held: dict[int, dict[str, str]] = {row.fact_id: {} for row in rows}
        for each in session.scalars(select(Attachment)):
            assert each.name not in held[each.submission_fact_id], "a file was attached twice"
            held[each.submission_fact_id][each.name] = each.blob_sha256
        sizes = {blob.sha256: blob.size for blob in session.scalars(select(Blob))}
        found = {row.instance_id: (row.disposition, xml_of(row), held[row.fact_id]) for row in rows}
    assert max(Counter(row.instance_id for row in rows).values()) == 1
    assert set(found) <= set(ledger.sent)
    wanted = {
        instance_id: (
            "stored", ledger.sent[instance_id].xml,
            {name: hashlib.sha256(content).hexdigest() for name, content in ledger.sent[instance_id].files.items()},
        )
        for instance_id in ledger.answered
    }
    assert {instance_id: found.get(instance_id) for instance_id in wanted} == wanted
    for files in held.values():
        for sha256 in files.values():
            content = store.read(sha256)
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, sizes[sha256])


def check_processed(server: RunningServer) -> None:
    """The worker was killed as well: what it had begun is done once, and nothing is left over."""
    with server.session() as session:
        assert folding.drain(session).failing == ()
        session.commit()
        assert session.scalars(select(PendingFact)).first() is None
        roots = Counter(row.root_instance_id for row in session.scalars(select(SubmissionSummary)))
        assert set(roots) == set(session.scalars(select(Submission.root_instance_id)))
        assert set(roots.values()) == {1}


def run(make_server: ServerMaker, folder: Path, seconds: float, kills: int) -> None:
    server = make_server(processes=2, threads=16)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    ledger = Ledger()

    torture(server, cast, folder, ledger, seconds, kills)
    server.kill()

    assert ledger.wrong == []
    assert len(ledger.answered) >= kills
    print(f"{len(ledger.answered)} of {len(ledger.sent)} answered, {ledger.lost_answers} answers lost, {kills} kills")  # noqa: T201
    check(server, ledger)
    check_processed(server)


def test_sixteen_phones_and_three_kills(make_server: ServerMaker, tmp_path: Path) -> None:
    run(make_server, tmp_path, seconds=10, kills=3)


@pytest.mark.soak
def test_sixteen_phones_for_a_minute_and_twenty_kills(make_server: ServerMaker, tmp_path: Path) -> None:
    run(make_server, tmp_path, seconds=60, kills=20)
