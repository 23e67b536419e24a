"""Staff take a register as a file: what is in their scope, in three formats, in bounded memory, written down."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.exports import csv_file, geojson_file, geopackage_file
from server.exports.table import Column, Row
from server.models import Audit, Dataset, Record
from server.services.journal import now
from tests.cast import Cast


@pytest.fixture
def facilities(session: Session, cast: Cast) -> None:
    """One facility in each sector, and a deleted one."""
    session.add(Dataset(project_id=1, name="facilities", register="facilities", created_at=now()))
    for label, sector, gone in (("Clinic East", 0, None), ("Clinic West", 1, None), ("Gone", 0, now())):
        session.add(Record(
            id=str(uuid.uuid4()), project_id=1, dataset="facilities", label=label, data={"fac_name": label, "served": "40"},
            provenance={}, aliases=[], version=1, entity_count=1, observation_count=2, lat=6.5, lon=17.25,
            sector_id=cast.sector_ids[sector], created_at=now(), deleted_at=gone,
        ))
    session.commit()


def labels(text: str) -> list[str]:
    return sorted(row["label"] for row in csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("role", "expected"),
    [("hq_officer", ["Clinic East", "Clinic West"]), ("officer", ["Clinic East"]), ("other_sector", ["Clinic West"])],
)
def test_file_holds_what_the_reader_may_see(app: Flask, cast: Cast, facilities: None, role: str, expected: list[str]) -> None:
    answer = cast.page_client(app, role).get("/registers/facilities.csv")

    assert labels(answer.text) == expected


@pytest.mark.parametrize("role", ["partner", "approver", "auditor", "collector", "observer"])
def test_file_is_closed_to_others(app: Flask, cast: Cast, facilities: None, role: str) -> None:
    assert cast.page_client(app, role).get("/registers/facilities.csv").status_code == 403


@pytest.mark.parametrize("kind", ["csv", "geojson", "gpkg"])
def test_names_of_persons_stay_out_unless_they_are_asked_for(
    app: Flask, session: Session, cast: Cast, kind: str
) -> None:
    session.add(Dataset(project_id=1, name="contacts", register="contacts", created_at=now()))
    session.add(Record(
        id=str(uuid.uuid4()), project_id=1, dataset="contacts", label="Mayor", provenance={}, aliases=[], version=1,
        data={"function": "Mayor", "c_consent": "yes", "c_name": "A. Person", "c_phone": "+23670000000"}, entity_count=1,
        observation_count=1, sector_id=cast.sector_ids[0], created_at=now(),
    ))
    session.commit()
    client = cast.page_client(app, "officer")

    usual, asked = (client.get(f"/registers/contacts.{kind}{query}").data for query in ("", "?personal=true"))

    told = (b"Mayor", b"A. Person", b"+23670000000")
    assert [each in usual for each in told] == [True, False, False]
    assert [each in asked for each in told] == [True, True, True]


def test_download_is_written_down(app: Flask, session: Session, cast: Cast, facilities: None) -> None:
    cast.page_client(app, "officer").get("/registers/facilities.geojson?purpose=Handover")

    [row] = session.scalars(select(Audit).where(Audit.action == "register.download")).all()
    assert row.details is not None
    assert (row.details["rows"], row.details["purpose"]) == (1, "Handover")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), (" =1", "' =1"), ("＝1", "'＝1"),
        ("-12.5", "-12.5"), ("+23670000000", "+23670000000"),
        ("12,5", "12,5"), ("Clinic - East", "Clinic - East"), ("", ""), ("a=b", "a=b"),
    ],
)
def test_text_that_would_run_in_a_spreadsheet_is_neutralised(text: str, expected: str) -> None:
    assert csv_file.neutral(text) == expected


def test_numbers_stay_numbers_in_csv() -> None:
    rows = [Row("1", {"n": -5, "x": "-7.25", "t": "-7.25 m"})]

    lines = b"".join(csv_file.write(rows, [Column("n", "integer"), Column("x", "decimal"), Column("t")])).decode().splitlines()

    assert lines[1] == "1,-5,-7.25,'-7.25 m,,"


def test_heading_cannot_run_either() -> None:
    assert b"'=evil" in b"".join(csv_file.write([], [Column("=evil")]))


@pytest.mark.parametrize("value", ["a\nb", 'say "x"', "a,b", "é\u2028ü", "\u202e"])
def test_any_text_comes_back_from_csv_and_geojson(value: str) -> None:
    row = [Row("1", {"t": value})]

    [read] = csv.DictReader(io.StringIO(b"".join(csv_file.write(row, [Column("t")])).decode(), newline=""))
    [feature] = json.loads(b"".join(geojson_file.write(row, [Column("t")])))["features"]

    assert read["t"] == feature["properties"]["t"] == value


@pytest.mark.parametrize("value", ["many", float("nan"), float("inf"), 10**30, [1, 2], {"a": 1}, True])
def test_odd_value_in_a_number_column_breaks_no_format(tmp_path: Any, value: Any) -> None:
    row, columns = [Row("1", {"n": value})], [Column("n", "integer")]

    json.loads(b"".join(geojson_file.write(row, columns)))
    geopackage_file.make(row, columns, "layer", tmp_path / "x.gpkg")

    assert b"1," in b"".join(csv_file.write(row, columns))


def test_empty_file_has_its_columns(tmp_path: Any) -> None:
    assert b"".join(csv_file.write([], [Column("a")])) == b"id,a,latitude,longitude\r\n"
    assert json.loads(b"".join(geojson_file.write([], [Column("a")])))["features"] == []
    geopackage_file.make([], [Column("a")], "layer", tmp_path / "x.gpkg")


def test_writers_take_rows_as_they_are_asked_for() -> None:
    taken = 0

    def endless() -> Iterator[Row]:
        nonlocal taken
        while True:
            taken += 1
            yield Row(str(taken), {"t": "x" * 100})

    for writer in (csv_file, geojson_file):
        taken = 0
        first = list(islice(writer.write(endless(), [Column("t")]), 2))
        assert len(first) == 2
        assert taken < 3_000


def test_failing_geopackage_says_why(tmp_path: Any) -> None:
    (tmp_path / "x.gpkg").mkdir()

    with pytest.raises(geopackage_file.GeoPackageFailed, match=r"x\.gpkg"):
        geopackage_file.make([], [Column("a")], "layer", tmp_path / "x.gpkg")
