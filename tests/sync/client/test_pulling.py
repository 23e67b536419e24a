"""Pulling against servers that answer nonsense; the real server is met in tests/flow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from forms.openrosa import FormListEntry, ManifestEntry, form_list, manifest
from sync.client.device import Device
from sync.client.problems import DeviceProblem, ServerAway, ServerRefused, UnknownForm
from tests.devices import FORM_XML
from tests.sync.client.faulty_server import FaultyServer, faulty_server

XML = FORM_XML.format(form_id="patrol", version="1", title="Patrol").encode()
ROOT = "/v1/key/secret/projects/1"


def md5(data: bytes) -> str:
    """The MD5 of the bytes."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Offer:
    """What a server offers: one form with one list, changed by the tests."""

    def __init__(self, server: FaultyServer) -> None:
        self.xml, self.rows, self.filename = XML, b"name,label\na,A\n", "units.csv"
        self.announced: str | None = None
        self.forms = ["patrol"]
        host = server.url.removesuffix(ROOT)
        server.documents.update({
            f"{ROOT}/formList": lambda: form_list([
                FormListEntry(each, each, "1", md5(self.xml), f"{host}{ROOT}/form.xml", f"{host}{ROOT}/manifest")
                for each in self.forms
            ]),
            f"{ROOT}/manifest": lambda: manifest(
                [ManifestEntry(self.filename, self.announced or md5(self.rows), f"{host}{ROOT}/list")]
            ),
            f"{ROOT}/form.xml": lambda: self.xml, f"{ROOT}/list": lambda: self.rows,
        })  # fmt: skip


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as state:
        yield state


@pytest.fixture
def offer(server: FaultyServer) -> Offer:
    return Offer(server)


@pytest.fixture
def device(server: FaultyServer, tmp_path: Path) -> Iterator[Device]:
    opened = Device(tmp_path / "device", server.url)
    yield opened
    opened.close()


def test_a_form_comes_with_its_lists(device: Device, offer: Offer) -> None:
    device.pull()

    assert device.definition("patrol").title == "Patrol"
    assert device.rows("units.csv") == [{"name": "a", "label": "A"}]


def test_what_has_not_changed_is_not_downloaded_again(device: Device, offer: Offer, server: FaultyServer) -> None:
    device.pull()
    server.downloads.clear()

    again = device.pull()

    assert (again.changed, again.files) == ((), 0)
    assert f"{ROOT}/form.xml" not in server.downloads


def test_a_changed_list_is_fetched_without_the_form(device: Device, offer: Offer, server: FaultyServer) -> None:
    device.pull()
    server.downloads.clear()
    offer.rows = b"name,label\nb,B\n"

    device.pull()

    assert device.rows("units.csv") == [{"name": "b", "label": "B"}]
    assert f"{ROOT}/form.xml" not in server.downloads


def test_a_form_that_is_no_longer_offered_is_forgotten(device: Device, offer: Offer) -> None:
    device.pull()
    offer.forms = []

    device.pull()

    assert device.forms() == []


def test_bytes_that_do_not_match_their_hash_are_not_used(device: Device, offer: Offer) -> None:
    offer.announced = md5(b"something else")

    with pytest.raises(ServerAway, match="pull again"):
        device.pull()
    assert device.forms() == []


@pytest.mark.parametrize("page", [b"<html>Welcome to the hotel</html>", b"", b"<xforms>", b"\x00" * 100, b"<a/>" * 10])
def test_a_page_that_is_no_form_list_is_said_so(device: Device, server: FaultyServer, page: bytes) -> None:
    server.documents[f"{ROOT}/formList"] = lambda: page

    with pytest.raises(ServerAway):
        device.pull()


def test_a_file_name_that_leaves_the_store_is_refused(device: Device, offer: Offer, server: FaultyServer) -> None:
    good = manifest([ManifestEntry("units.csv", md5(b""), f"{server.url}/list")])
    server.documents[f"{ROOT}/manifest"] = lambda: good.replace(b"units.csv", b"../../units.csv")

    with pytest.raises(ServerAway, match="not safe"):
        device.pull()


def test_a_wrong_address_is_said_so(device: Device) -> None:
    with pytest.raises(ServerRefused, match="not here"):
        device.pull()


def test_a_form_that_was_never_pulled_cannot_be_filled(device: Device) -> None:
    with pytest.raises(UnknownForm):
        device.definition("patrol")


def test_a_device_without_a_server_asks_to_be_enrolled(tmp_path: Path) -> None:
    device = Device(tmp_path / "device")

    with pytest.raises(DeviceProblem, match="not enrolled"):
        device.pull()
    device.close()
