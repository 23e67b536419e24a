"""The headless device fills a form with a public key: nothing of it waits or travels in clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from forms.public_key import with_public_key
from sync.client.device import Device
from sync.client.problems import DeviceProblem
from tests.encrypting import KeyPair
from tests.sync.client.faulty_server import FaultyServer, faulty_server
from tests.sync.client.test_pulling import XML, Offer

SECRET = "Gbadé, two wounded"
REPORT = f'<data id="patrol" version="1"><note>{SECRET}</note><meta><instanceID>uuid:1</instanceID></meta></data>'.encode()


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as state:
        yield state


@pytest.fixture
def device(server: FaultyServer, tmp_path: Path) -> Iterator[Device]:
    opened = Device(tmp_path / "device", server.url)
    yield opened
    opened.close()


def pull(server: FaultyServer, device: Device, public: str) -> None:
    offer = Offer(server)
    offer.xml = with_public_key(XML, public)
    device.pull()


def photo(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "a.jpg"
    path.write_bytes(SECRET.encode() * 100)
    return {"a.jpg": path}


def test_a_report_and_its_photo_wait_and_travel_encrypted(server: FaultyServer, device: Device, tmp_path: Path) -> None:
    pull(server, device, KeyPair.make(tmp_path).public)

    item = device.enqueue(REPORT, photo(tmp_path))
    device.send()

    assert [file.name for file in item.files] == ["a.jpg.enc", "submission.xml.enc"]
    assert b'encrypted="yes"' in item.xml
    kept = b"".join(path.read_bytes() for path in (tmp_path / "device").rglob("*") if path.is_file())
    assert SECRET.encode() not in kept + repr(vars(server)).encode()


def test_the_same_report_again_is_the_one_that_waits(server: FaultyServer, device: Device, tmp_path: Path) -> None:
    pull(server, device, KeyPair.make(tmp_path).public)

    first, again = device.enqueue(REPORT), device.enqueue(REPORT)

    assert (first.instance_id, first.xml) == (again.instance_id, again.xml)


@pytest.mark.parametrize(("public", "report"), [("AB+/==", REPORT), ("", REPORT.replace(b"uuid:1", b""))])
def test_a_report_that_cannot_be_encrypted_is_not_taken(
    server: FaultyServer, device: Device, tmp_path: Path, public: str, report: bytes
) -> None:
    pull(server, device, public or KeyPair.make(tmp_path).public)

    with pytest.raises(DeviceProblem, match="must be encrypted"):
        device.enqueue(report)
