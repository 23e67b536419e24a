"""Every odd form is published over /v1, a phone sends a report with its files, and each way out gives it back whole."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance.mission import Mission, Phone, Project, part
from tests.conformance.odd_forms.samples import ODD_FORMS, Odd
from tests.conformance.samples import new_id


@dataclass(frozen=True)
class Trip:
    """An odd form that was published and a report that was sent on it."""

    odd: Odd
    project: Project
    phone: Phone
    xml: bytes
    instance_id: str

    @property
    def form(self) -> str:
        """The address of the form below its project."""
        return f"/forms/{part(self.odd.id)}"

    def get(self, path: str) -> Any:
        """A GET below the form's address, as the administrator."""
        return self.project.api("GET", self.form + path)


@pytest.fixture(scope="module", params=ODD_FORMS, ids=lambda odd: odd.name)
def trip(request: pytest.FixtureRequest, mission: Mission) -> Trip:
    """A project of its own with the form published, its media uploaded and the report sent once."""
    odd: Odd = request.param
    project = mission.project(odd.name)
    project.publish(odd.form(), odd.media, form_id=odd.id)
    phone = project.phone(odd.id)
    said = new_id()
    xml = odd.report(said)
    answer = phone.send(xml, odd.files)
    assert answer.status_code == 201, answer.text
    (listed,) = project.submissions(odd.id)
    assert not odd.says_id or listed["instanceId"] == said
    return Trip(odd, project, phone, xml, listed["instanceId"])


def test_the_form_comes_back_byte_for_byte(trip: Trip) -> None:
    (entry,) = trip.phone.form_list()

    assert trip.get(".xml").content == trip.odd.form().encode()
    assert trip.phone.get(entry["downloadUrl"]).content == trip.odd.form().encode()


def test_the_report_comes_back_byte_for_byte(trip: Trip) -> None:
    assert trip.get(f"/submissions/{part(trip.instance_id)}.xml").content == trip.xml


def test_a_report_sent_again_stays_one(trip: Trip) -> None:
    assert trip.phone.send(trip.xml, trip.odd.files).status_code == 201
    assert len(trip.project.submissions(trip.odd.id)) == 1


def test_odata_shows_every_answer(trip: Trip) -> None:
    for table, rows in trip.odd.rows.items():
        found = trip.get(f".svc/{part(table)}").json()["value"]

        assert [_picked(row, wanted) for row, wanted in zip(found, rows, strict=True)] == list(rows)


def test_odata_describes_itself(trip: Trip) -> None:
    tables = [each["name"] for each in trip.get(".svc").json()["value"]]

    assert tables[0] == "Submissions"
    assert set(trip.odd.rows) <= set(tables)
    assert trip.get(".svc/$metadata").content.startswith(b"<?xml")


def test_the_csv_files_show_every_answer(trip: Trip) -> None:
    with zipfile.ZipFile(io.BytesIO(trip.get("/submissions.csv.zip").content)) as archive:
        for ending, rows in trip.odd.cells.items():
            (name,) = [each for each in archive.namelist() if each == ending or (ending[0] == "-" and each.endswith(ending))]
            found = list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))
            wanted = [{key: text.replace("{id}", trip.instance_id) for key, text in row.items()} for row in rows]

            assert [{key: row[key] for key in want} for row, want in zip(found, wanted, strict=True)] == wanted


def test_the_geojson_shows_the_first_place(trip: Trip) -> None:
    features = trip.get("/submissions.geojson").json()["features"]

    wanted = [] if trip.odd.geometry is None else [(trip.instance_id, trip.odd.geometry)]
    assert [(each["id"], each["geometry"]) for each in features] == wanted


def test_every_file_comes_back_byte_for_byte(trip: Trip) -> None:
    for name, content in trip.odd.files.items():
        assert trip.get(f"/submissions/{part(trip.instance_id)}/attachments/{part(name)}").content == content

    with zipfile.ZipFile(io.BytesIO(trip.get("/submissions.csv.zip").content)) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if name.startswith("media/")}
    assert sorted(packed.values()) == sorted(trip.odd.files.values())


def test_the_forms_own_media_are_listed_once(trip: Trip) -> None:
    if trip.odd.media:
        assert [entry["filename"] for entry in trip.phone.manifest(trip.odd.id)] == list(trip.odd.media)
    for name, content in trip.odd.media.items():
        assert trip.get(f"/attachments/{part(name)}").content == content


def _picked(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Those values of a row that are asked for, by their path."""
    found: dict[str, Any] = {}
    for path in wanted:
        value: Any = row
        for step in path.split("/"):
            value = value[step]
        found[path] = value
    return found
