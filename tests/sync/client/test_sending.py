"""The outbox against a server that fails in every way a network can."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sync.client.device import Device
from sync.client.lock import alone
from sync.client.multipart import Body, Part
from sync.client.problems import DeviceProblem, SenderBusy, ServerRefused
from sync.client.sending import MAX_FILES, split
from sync.client.store import DELIVERED, HELD, REFUSED, WAITING
from tests.sync.client.faulty_server import Answer, FaultyServer, faulty_server


class Clock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 1_790_000_000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        """Lets the time pass at once."""
        self.naps.append(seconds)
        self.at += seconds


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as state:
        yield state


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def device(server: FaultyServer, clock: Clock, tmp_path: Path) -> Iterator[Device]:
    opened = Device(tmp_path / "device", server.url, clock=clock)
    yield opened
    opened.close()


def report(instance_id: str = "uuid:1", form_id: str = "patrol") -> bytes:
    """A report's XML."""
    return (
        f'<data xmlns:orx="http://openrosa.org/xforms" id="{form_id}" version="1"><note>é</note>'
        f"<orx:meta><orx:instanceID>{instance_id}</orx:instanceID></orx:meta></data>"
    ).encode()


def photo(tmp_path: Path, name: str = "photo.jpg", size: int = 1000) -> dict[str, Path]:
    """A file of that size."""
    path = tmp_path / name
    path.write_bytes(os.urandom(size))
    return {name: path}


def test_a_report_arrives_with_its_photo_byte_for_byte(device: Device, server: FaultyServer, tmp_path: Path) -> None:
    files = photo(tmp_path, size=300_000)
    device.enqueue(report(), files)

    device.send()

    assert server.posts[0].parts == {"xml_submission_file": report(), "photo.jpg": files["photo.jpg"].read_bytes()}


def test_a_file_name_with_quotes_and_line_ends_stays_inside_its_header(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(b"bytes")

    body = Body(b"<x/>", [Part('a"\r\nX-Evil: 1\r\n.jpg', path, 5, "image/jpeg")], incomplete=False).read()

    assert b"X-Evil: 1\r\n" not in body


def test_the_body_is_as_long_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(b"x" * 200_001)

    body = Body(b"<x/>", [Part("a.jpg", path, 200_001, "image/jpeg")], incomplete=True)

    assert len(body) == sum(len(piece) for piece in body)


def test_what_is_delivered_keeps_its_receipt(device: Device, server: FaultyServer) -> None:
    server.script = [Answer(201, {"X-Fieldpost-Receipt": "K7QX2M"}, "Report received. Receipt K7QX2M.")]
    item = device.enqueue(report())

    device.send()

    done = device.store.item(item.id)
    assert done is not None
    assert (done.state, done.receipt, done.message) == (DELIVERED, "K7QX2M", "Report received. Receipt K7QX2M.")


def test_202_counts_as_sent_and_says_that_an_officer_looks_at_it(device: Device, server: FaultyServer) -> None:
    server.script = [Answer(202)]
    device.enqueue(report())

    assert device.send().held == 1
    assert device.store.counts()[HELD] == 1


def test_delivered_reports_are_not_sent_again(device: Device, server: FaultyServer) -> None:
    device.enqueue(report())
    device.send()

    device.send()

    assert len(server.posts) == 1


def test_the_same_report_queued_twice_is_one(device: Device) -> None:
    assert device.enqueue(report()).id == device.enqueue(report()).id


def test_the_server_is_asked_first(device: Device, server: FaultyServer) -> None:
    device.enqueue(report())

    device.send()

    assert server.heads == 1


@pytest.mark.parametrize("status", [200, 302, 500, 503])
def test_nothing_is_posted_unless_head_says_204(device: Device, server: FaultyServer, status: int) -> None:
    server.head = Answer(status)
    device.enqueue(report())

    device.send()

    assert server.posts == []
    assert device.store.counts()[WAITING] == 1


def test_a_revoked_key_leaves_the_outbox_alone(device: Device, server: FaultyServer) -> None:
    server.head = Answer(403)
    item = device.enqueue(report())

    with pytest.raises(ServerRefused):
        device.send()

    left = device.store.item(item.id)
    assert left is not None
    assert (left.state, left.attempts) == (WAITING, 0)


def test_files_are_split_by_the_announced_size_with_the_identical_xml(
    device: Device, server: FaultyServer, tmp_path: Path
) -> None:
    server.head = Answer(204, {"X-OpenRosa-Accept-Content-Length": "100000"})
    files = photo(tmp_path, "a.jpg", 60_000) | photo(tmp_path, "b.jpg", 60_000) | photo(tmp_path, "c.jpg", 20_000)
    device.enqueue(report(), files)

    device.send()

    assert [sorted(post.parts) for post in server.posts] == [
        ["*isIncomplete*", "a.jpg", "xml_submission_file"], ["b.jpg", "c.jpg", "xml_submission_file"],
    ]
    assert {post.parts["xml_submission_file"] for post in server.posts} == {report()}


def test_a_file_larger_than_announced_goes_alone() -> None:
    parts = [Part("a", Path("a"), 10, ""), Part("b", Path("b"), 10**9, ""), Part("c", Path("c"), 10, "")]

    batches = list(split(100, parts, 10**6))

    assert [[part.name for part in batch] for batch in batches] == [["a"], ["b"], ["c"]]


def test_no_post_has_more_than_a_hundred_files() -> None:
    parts = [Part(str(number), Path("x"), 1, "") for number in range(201)]

    assert [len(batch) for batch in split(10, parts, 10**9)] == [MAX_FILES, MAX_FILES, 1]


def test_a_lost_answer_is_followed_by_the_same_bytes(device: Device, server: FaultyServer, clock: Clock) -> None:
    server.script = [Answer(cut=True), Answer()]
    device.enqueue(report())

    done = device.send(patience=600, sleep=clock.sleep)

    assert done.delivered == 1
    assert server.posts[0].parts == server.posts[1].parts


def test_parts_that_were_answered_are_not_sent_again_after_a_cut(
    device: Device, server: FaultyServer, clock: Clock, tmp_path: Path
) -> None:
    server.head = Answer(204, {"X-OpenRosa-Accept-Content-Length": "50000"})
    server.script = [Answer(), Answer(cut=True), Answer()]
    device.enqueue(report(), photo(tmp_path, "a.jpg", 40_000) | photo(tmp_path, "b.jpg", 40_000))

    device.send(patience=600, sleep=clock.sleep)

    sent = [sorted(set(post.parts) - {"xml_submission_file", "*isIncomplete*"}) for post in server.posts]
    assert sent == [["a.jpg"], ["b.jpg"], ["b.jpg"]]


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_a_server_that_is_unwell_is_tried_again(device: Device, server: FaultyServer, clock: Clock, status: int) -> None:
    server.script = [Answer(status), Answer(status), Answer()]
    device.enqueue(report())

    assert device.send(patience=600, sleep=clock.sleep).delivered == 1


def test_pauses_grow_and_are_scattered(device: Device, server: FaultyServer, clock: Clock) -> None:
    server.script = [Answer(503)]
    item = device.enqueue(report())

    device.send(patience=3000, sleep=clock.sleep, random=Random(1))

    left = device.store.item(item.id)
    assert left is not None
    assert 8 <= left.attempts <= 14
    assert max(clock.naps) <= 900 * 1.5


def test_retry_after_is_kept_to(device: Device, server: FaultyServer, clock: Clock) -> None:
    server.script = [Answer(503, {"Retry-After": "120"}), Answer()]
    device.enqueue(report())

    device.send(patience=300, sleep=clock.sleep)

    assert sum(clock.naps) >= 120


def test_a_senseless_retry_after_is_no_error(device: Device, server: FaultyServer) -> None:
    server.script = [Answer(503, {"Retry-After": "soon"})]
    device.enqueue(report())

    assert device.send().waiting == 1


def test_a_log_in_page_in_between_loses_nothing(device: Device, server: FaultyServer) -> None:
    server.script = [Answer(200, message="Welcome to the hotel")]
    device.enqueue(report())

    assert device.send().waiting == 1


def test_a_refused_report_keeps_the_servers_message_and_lets_others_pass(device: Device, server: FaultyServer) -> None:
    server.script = [Answer(403, message="This form is not assigned to this device."), Answer()]
    refused = device.enqueue(report("uuid:1"))
    device.enqueue(report("uuid:2"))

    done = device.send()

    kept = device.store.item(refused.id)
    assert kept is not None
    assert (done.refused, done.delivered, kept.message) == (1, 1, "This form is not assigned to this device.")


def test_a_refused_report_can_be_carried_by_hand(device: Device, server: FaultyServer, tmp_path: Path) -> None:
    server.script = [Answer(400)]
    files = photo(tmp_path)
    device.enqueue(report(), files)
    device.send()

    folder = device.export(device.store.items(REFUSED)[0], tmp_path / "stick")

    assert (folder / "submission.xml").read_bytes() == report()
    assert (folder / "photo.jpg").read_bytes() == files["photo.jpg"].read_bytes()


def test_a_refused_report_goes_once_it_is_queued_again(device: Device, server: FaultyServer) -> None:
    server.script = [Answer(403), Answer()]
    item = device.enqueue(report())
    device.send()

    device.store.queue_again(item.id)

    assert device.send().delivered == 1


def test_only_one_sender_works_at_a_time(device: Device) -> None:
    device.enqueue(report())

    with alone(device.store.folder / "send.lock"), pytest.raises(SenderBusy):
        device.send()


def test_a_photo_that_vanished_from_the_device_is_said_and_not_tried_for_ever(device: Device, tmp_path: Path) -> None:
    item = device.enqueue(report(), photo(tmp_path))
    (device.store.attachments / item.files[0].sha256).unlink()

    assert device.send().refused == 1
    assert "photo.jpg" in device.store.items(REFUSED)[0].message


def test_a_file_that_is_not_there_is_refused_before_anything_is_queued(device: Device, tmp_path: Path) -> None:
    with pytest.raises(DeviceProblem):
        device.enqueue(report(), {"photo.jpg": tmp_path / "none.jpg"})

    assert device.store.items() == []


def test_a_server_that_is_not_there_is_tried_later(tmp_path: Path) -> None:
    device = Device(tmp_path / "device", "http://127.0.0.1:9/v1/key/x/projects/1")
    device.enqueue(report())

    done = device.send()
    device.close()

    assert done.waiting == 1
    assert "cannot be reached" in done.trouble


def test_every_request_says_that_it_is_openrosa(device: Device, server: FaultyServer) -> None:
    device.enqueue(report())

    device.send()

    assert server.headers[0]["X-OpenRosa-Version"] == "1.0"
    assert server.headers[0]["Date"] == "Mon, 21 Sep 2026 14:13:20 GMT"
