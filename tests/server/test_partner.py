"""The partners' door: what is released to them, as page and file, and nothing else."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import uuid
from pathlib import Path
from typing import Any

import pyogrio.raw
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Audit, Dataset, Release, User
from server.services.journal import now
from tests.cast import Cast

NUMBERS = iter(range(1, 10_000))


def release(session: Session, cast: Cast, label: str, **values: Any) -> Release:
    """A release of a facility, in force and for NGOs unless said otherwise."""
    number = f"REL-2026-{next(NUMBERS):04d}"
    made = {
        "dataset": "facilities", "project_id": 1, "record_id": str(uuid.uuid4()), "audience": "ngo", "precision": "point",
        "data": {"fac_name": label, "fac_group": "health", "served": "1200"}, "lat": 6.4894, "lon": 17.4525, "area_code": "CF61",
        "sector_id": cast.sector_ids[0], "state": "released", "decided_by": "Officer East", "decided_at": now(),
    }
    row = Release(number=number, event_uuid=str(uuid.uuid4()), label=label, **{**made, **values})
    session.add(row)
    session.flush()
    return row


@pytest.fixture
def facilities(session: Session, cast: Cast) -> None:
    """The register facilities, known to the project."""
    session.add(Dataset(project_id=1, name="facilities", register="facilities", created_at=now()))
    session.commit()


def rows_of(client: FlaskClient, cast: Cast, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/partner/registers/facilities.csv{query}", headers=cast.partner.bearer)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def read_as(session: Session, cast: Cast, audience: str) -> None:
    user = session.get(User, cast.partner.actor_id)
    assert user is not None
    user.audience = audience
    session.commit()


def test_partner_gets_a_released_row(client: FlaskClient, session: Session, cast: Cast, facilities: None) -> None:
    made = release(session, cast, "Clinic of Sibut")

    rows = rows_of(client, cast)

    assert [(row["release"], row["name"], row["latitude"], row["longitude"]) for row in rows] == [
        (made.number, "Clinic of Sibut", "6.4894", "17.4525")
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"state": "withdrawn"}, {"valid_until": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, {"audience": "force"},
        {"audience": "internal"}, {"audience": "unct"}, {"dataset": "settlements"},
    ],
)
def test_partner_does_not_get(
    client: FlaskClient, session: Session, cast: Cast, facilities: None, values: dict[str, Any]
) -> None:
    release(session, cast, "Not for them", **values)

    assert rows_of(client, cast) == []


@pytest.mark.parametrize(
    ("reader", "seen"),
    [
        ("unct", {"unct", "ngo", "public"}), ("ngo", {"ngo", "public"}), ("authority", {"authority", "public"}),
        ("public", {"public"}), ("mission", {"mission", "unct", "ngo", "public"}), ("force", {"force", "public"}),
    ],
)
def test_each_audience_reads_its_own_and_wider_releases(
    client: FlaskClient, session: Session, cast: Cast, facilities: None, reader: str, seen: set[str]
) -> None:
    for audience in ("internal", "force", "mission", "unct", "ngo", "authority", "public"):
        release(session, cast, audience, audience=audience)
    read_as(session, cast, reader)

    assert {row["label"] for row in rows_of(client, cast)} == seen


def test_public_reader_gets_no_column_that_is_not_public(
    client: FlaskClient, session: Session, cast: Cast, facilities: None
) -> None:
    release(session, cast, "Clinic", audience="public")
    read_as(session, cast, "public")

    [row] = rows_of(client, cast)

    assert "served" not in row
    assert row["group"] == "health"


def test_field_outside_the_whitelist_of_the_releases_audience_is_left_out(
    client: FlaskClient, session: Session, cast: Cast, facilities: None
) -> None:
    release(session, cast, "Clinic", audience="public")

    [row] = rows_of(client, cast)

    assert row["served"] == ""


def test_a_thing_released_anew_comes_once(client: FlaskClient, session: Session, cast: Cast, facilities: None) -> None:
    old = release(session, cast, "Old", decided_at=now() - dt.timedelta(days=2))
    release(session, cast, "New", record_id=old.record_id)

    assert [row["label"] for row in rows_of(client, cast)] == ["New"]


def test_old_release_is_back_when_the_newer_one_is_withdrawn(
    client: FlaskClient, session: Session, cast: Cast, facilities: None
) -> None:
    old = release(session, cast, "Old", decided_at=now() - dt.timedelta(days=2))
    release(session, cast, "New", record_id=old.record_id, state="withdrawn", withdrawn_at=now())

    assert [row["label"] for row in rows_of(client, cast)] == ["Old"]


def test_formula_in_a_name_is_neutralised(client: FlaskClient, session: Session, cast: Cast, facilities: None) -> None:
    release(session, cast, '=HYPERLINK("http://evil.example","Clinic")')

    [row] = rows_of(client, cast)

    assert row["label"] == '\'=HYPERLINK("http://evil.example","Clinic")'


def test_geojson_is_rfc_7946(client: FlaskClient, session: Session, cast: Cast, facilities: None) -> None:
    made = release(session, cast, "Clinic of Sibut")
    release(session, cast, "Without a position", lat=None, lon=None)

    document = json.loads(client.get("/partner/registers/facilities.geojson", headers=cast.partner.bearer).data)

    assert document["type"] == "FeatureCollection"
    assert "crs" not in document
    first, second = document["features"]
    assert first["id"] == made.record_id
    assert first["geometry"] == {"type": "Point", "coordinates": [17.4525, 6.4894]}
    assert first["properties"]["served"] == 1200
    assert second["geometry"] is None


def test_geopackage_opens_in_gdal(client: FlaskClient, session: Session, cast: Cast, facilities: None, tmp_path: Path) -> None:
    release(session, cast, "Hôpital de Bossangoa")

    answer = client.get("/partner/registers/facilities.gpkg", headers=cast.partner.bearer)
    path = tmp_path / "taken.gpkg"
    path.write_bytes(answer.data)
    meta, _index, geometry, columns = pyogrio.raw.read(path, layer="facilities")

    assert meta["crs"] == "EPSG:4326"
    assert len(geometry) == 1
    assert "Hôpital de Bossangoa" in columns[list(meta["fields"]).index("name")]


def test_temporary_geopackage_is_gone_after_the_download(
    app: Flask, client: FlaskClient, session: Session, cast: Cast, facilities: None
) -> None:
    release(session, cast, "Clinic")

    client.get("/partner/registers/facilities.gpkg", headers=cast.partner.bearer).close()

    assert list((app.config["SETTINGS"].data_dir / "exports").iterdir()) == []


def test_withdrawn_release_is_told_as_a_tombstone(client: FlaskClient, session: Session, cast: Cast, facilities: None) -> None:
    made = release(session, cast, "Clinic", state="withdrawn", withdrawn_at=dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC))

    told = client.get("/partner/registers/facilities/withdrawn.json", headers=cast.partner.bearer).get_json()
    since = "/partner/registers/facilities/withdrawn.json?since=2026-11-02T00:00:00Z"
    later = client.get(since, headers=cast.partner.bearer).get_json()

    assert told["withdrawn"] == [{"id": made.record_id, "release": made.number, "withdrawnAt": "2026-11-01T12:00:00.000Z"}]
    assert later["withdrawn"] == []


def test_every_download_is_written_down(client: FlaskClient, session: Session, cast: Cast, facilities: None) -> None:
    release(session, cast, "Clinic")

    rows_of(client, cast, "?purpose=Vaccination%20planning")

    [row] = session.scalars(select(Audit).where(Audit.action == "release.download")).all()
    assert row.actor_id == cast.partner.actor_id
    assert row.details is not None
    assert (row.details["rows"], row.details["purpose"], row.details["format"]) == (1, "Vaccination planning", "csv")
    assert "name" in row.details["fields"]


def test_french_excel_gets_a_mark_and_semicolons(client: FlaskClient, session: Session, cast: Cast, facilities: None) -> None:
    release(session, cast, "Hôpital")

    answer = client.get("/partner/registers/facilities.csv?bom=true&delimiter=semicolon", headers=cast.partner.bearer)

    assert answer.data.startswith(b"\xef\xbb\xbfid;release;")


def test_page_lists_what_is_released(app: Flask, session: Session, cast: Cast, facilities: None) -> None:
    release(session, cast, "Clinic of Sibut")
    browser = cast.page_client(app, "partner")

    index, table = browser.get("/partner"), browser.get("/partner/registers/facilities")

    assert "Facilities" in index.text
    assert "Clinic of Sibut" in table.text


def test_table_goes_on_where_the_page_ended(app: Flask, session: Session, cast: Cast, facilities: None) -> None:
    made = [release(session, cast, f"Clinic {number:03d}.") for number in range(101)]
    browser = cast.page_client(app, "partner")

    first = browser.get("/partner/registers/facilities").text
    second = browser.get(f"/partner/registers/facilities?after={made[99].number}").text

    assert "Clinic 099." in first
    assert "Clinic 100." not in first
    assert "Clinic 100." in second


def test_text_of_a_release_cannot_run_in_the_page(app: Flask, session: Session, cast: Cast, facilities: None) -> None:
    release(session, cast, "<script>alert(1)</script>")

    page = cast.page_client(app, "partner").get("/partner/registers/facilities").text

    assert "<script>alert(1)" not in page


def test_stranger_is_led_to_the_log_in(client: FlaskClient) -> None:
    answer = client.get("/partner")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")


def test_script_without_token_gets_401(client: FlaskClient, cast: Cast) -> None:
    answer = client.get("/partner/registers/facilities.csv")

    assert answer.status_code == 401
    assert answer.get_json()["code"] == 401.2


def test_officer_takes_the_releases_of_the_own_sector_only(
    client: FlaskClient, session: Session, cast: Cast, facilities: None
) -> None:
    release(session, cast, "East")
    release(session, cast, "West", sector_id=cast.sector_ids[1])

    answer = client.get("/partner/registers/facilities.csv", headers=cast.officer.bearer)

    assert [row["label"] for row in csv.DictReader(io.StringIO(answer.text))] == ["East"]


@pytest.mark.parametrize("name", ["nothing", "../facilities", "facilities%00", "a" * 500, "☃"])
def test_unknown_register_is_not_found(client: FlaskClient, cast: Cast, facilities: None, name: str) -> None:
    answer = client.get(f"/partner/registers/{name}.csv", headers=cast.partner.bearer)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "query", ["delimiter=x", "delimiter=%0d%0a", "purpose=a%0d%0aSet-Cookie:x", "purpose=" + "x" * 501, "purpose=%00"]
)
def test_bad_wish_is_refused(client: FlaskClient, cast: Cast, facilities: None, query: str) -> None:
    answer = client.get(f"/partner/registers/facilities.csv?{query}", headers=cast.partner.bearer)

    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("since", ["yesterday", "%00", "9999999999", "2026-13-01"])
def test_bad_since_is_refused(client: FlaskClient, cast: Cast, facilities: None, since: str) -> None:
    answer = client.get(f"/partner/registers/facilities/withdrawn.json?since={since}", headers=cast.partner.bearer)

    assert answer.status_code == 400
