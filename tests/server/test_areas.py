"""Areas from the files that agencies publish: OCHA's tables in every shape, boundaries, newer boundary sets, bad files."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import Area, AreaVersion
from server.problems import Problem
from server.services import areas, boundaries, entity_lists
from server.services.boundaries import BoundaryFault
from tests.cast import Cast

HEADING = ["ADM0_EN", "ADM0_PCODE", "ADM1_FR", "ADM1_PCODE", "ADM2_FR", "ADM2_PCODE", "validOn"]
OUAKA = ["Central African Republic", "CF", "Ouaka", "CF43"]
SQUARE = [[[20, 5], [22, 5], [22, 7], [20, 7], [20, 5]]]
HOLE = [[20.5, 5.5], [20.5, 6], [21, 6], [21, 5.5], [20.5, 5.5]]


def workbook(**sheets: Sequence[Sequence[object]]) -> bytes:
    """A workbook with these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def features(*found: tuple[dict[str, Any], dict[str, Any] | None], **more: object) -> bytes:
    """A GeoJSON file of (properties, geometry)."""
    rows = [{"type": "Feature", "properties": named, "geometry": drawn} for named, drawn in found]
    return json.dumps({"type": "FeatureCollection", "features": rows, **more}).encode()


def drawn(kind: str = "Polygon", coordinates: Any = SQUARE) -> dict[str, Any]:
    """A geometry."""
    return {"type": kind, "coordinates": coordinates}


def geopackage(tmp_path: Path, blob: bytes, system: int = 4326, organisation_id: int = 4326) -> bytes:
    """A GeoPackage with a layer of level 1 whose one area is drawn by `blob`, and a layer of level 2 without geometry."""
    path = tmp_path / "country.gpkg"
    path.unlink(missing_ok=True)
    book = sqlite3.connect(path)
    book.executescript(
        "CREATE TABLE gpkg_contents (table_name, data_type);"
        "CREATE TABLE gpkg_geometry_columns (table_name, column_name, srs_id);"
        "CREATE TABLE gpkg_spatial_ref_sys (srs_id, organization, organization_coordsys_id);"
        "CREATE TABLE adm1 (fid, geom, adm1_name, adm1_pcode, version);"
        "CREATE TABLE adm2 (fid, adm1_name, adm1_pcode, adm2_name, adm2_pcode, version);"
        "INSERT INTO gpkg_contents VALUES ('adm1', 'features'), ('adm2', 'attributes');"
        "INSERT INTO adm2 VALUES (1, 'Ouaka', 'CF43', 'Bambari', 'CF431', 'v02');"
    )
    book.execute("INSERT INTO gpkg_geometry_columns VALUES ('adm1', 'geom', ?)", [system])
    book.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (?, 'EPSG', ?)", [system, organisation_id])
    book.execute("INSERT INTO adm1 VALUES (1, ?, 'Ouaka', 'CF43', 'v02')", [blob])
    book.commit()
    book.close()
    return path.read_bytes()


def blob_of(ring: Sequence[Sequence[float]], kind: int = 3) -> bytes:
    """A GeoPackage geometry without a box: one polygon of one ring, or a multipolygon of that."""
    polygon = struct.pack("<BI", 1, 3) + struct.pack("<II", 1, len(ring)) + b"".join(struct.pack("<2d", *at) for at in ring)
    body = polygon if kind == 3 else struct.pack("<BII", 1, 6, 1) + polygon
    return b"GP\x00\x01" + struct.pack("<i", 4326) + body


def findings(session: Session, data: bytes, name: str, **more: Any) -> list[dict[str, Any]]:
    """What the file is refused for."""
    with pytest.raises(Problem) as problem:
        areas.import_areas(session, None, data, name, **more)
    assert problem.value.kind.name == "areas_refused"
    assert session.scalar(select(func.count()).select_from(AreaVersion)) == 0
    found: list[dict[str, Any]] = problem.value.details["findings"]
    return found


def test_a_workbook_with_one_sheet_per_level_is_read_whole(session: Session, cast: Cast) -> None:
    data = workbook(
        README=[["Administrative boundaries"], ["Source", "ICASEES"]],
        ADM0=[["ADM0_EN", "ADM0_PCODE"], ["Central African Republic", "CF"]],
        ADM1=[[*HEADING[:4], "validOn"], [*OUAKA, "2024-05-01"]],
        ADM2=[HEADING, [*OUAKA, "Bambari", "CF431", "2024-05-01"], [*OUAKA, "Ippy", "CF433", "2024-05-01"]],
    )

    done = areas.import_areas(session, None, data, "caf_adminboundaries.xlsx")

    assert (done.added, done.changed, done.unchanged) == (3, 0, 0)
    ippy = session.get_one(Area, "CF433")
    assert (ippy.name, ippy.level, ippy.parent_code, ippy.cod_version) == ("Ippy", 2, "CF43", "2024-05-01")


@pytest.mark.parametrize("heading", [
    "ADM1_EN,ADM1_PCODE,ADM2_EN,ADM2_PCODE", "adm1_name,adm1_pcode,adm2_name,adm2_pcode",
    "admin1Name_en,admin1Pcode,admin2Name_en,admin2Pcode", "admin1Name,admin1Pcode,admin2Name,admin2Pcode",
])
def test_every_spelling_of_ochas_headings_is_known(session: Session, cast: Cast, heading: str) -> None:
    data = f"{heading}\n#adm1+name,#adm1+code,#adm2+name,#adm2+code\nNorth,007,Port,00712\n".encode()

    areas.import_areas(session, None, data, "adm2.csv", "v03")

    port = session.get_one(Area, "00712")
    assert (port.name, port.parent_code, port.cod_version) == ("Port", "007", "v03")


def test_the_same_file_twice_changes_nothing(session: Session, cast: Cast) -> None:
    data = features(({"ADM1_PCODE": "CF43", "ADM1_FR": "Ouaka", "validOn": "2024-05-01"}, drawn()))
    areas.import_areas(session, None, data, "adm1.geojson")

    again = areas.import_areas(session, None, data, "adm1.geojson")

    assert (again.added, again.changed, again.unchanged, again.ended) == (0, 0, 1, 0)


def test_what_the_officer_says_of_the_version_stands_where_the_file_says_nothing(session: Session, cast: Cast) -> None:
    areas.import_areas(session, None, b"code,name,cod_version\nA,One,v01\nB,Two,\n", "a.csv", "v02")

    assert [session.get_one(Area, code).cod_version for code in "AB"] == ["v01", "v02"]


def test_a_newer_boundary_set_keeps_old_codes_for_old_records_only(session: Session, cast: Cast) -> None:
    areas.import_areas(session, None, b"code,name,level\nCF1,North,1\nCF2,South,1\nTD1,Lac,1\n", "old.csv", "v01")

    done = areas.import_areas(session, None, b"code,name,level\nCF1,North,1\nCF3,South-East,1\n", "new.csv", "v02")

    assert (done.added, done.changed, done.ended) == (1, 1, 1)
    assert session.get_one(Area, "CF2").name == "South"
    assert session.get_one(Area, "CF2").valid_to is not None
    assert session.get_one(Area, "TD1").valid_to is None
    served = entity_lists.list_csv(session, "adm1.csv")
    assert served is not None
    assert b"CF3" in served.data
    assert b"CF2" not in served.data


def test_what_a_code_meant_in_each_boundary_set_is_kept(session: Session, cast: Cast) -> None:
    areas.import_areas(session, None, b"code,name\nCF1,North\n", "old.csv", "v01")
    areas.import_areas(session, None, b"code,name\nCF1,Far North\n", "new.csv", "v02")

    meant = {row.cod_version: row.name for row in session.scalars(select(AreaVersion))}

    assert meant == {"v01": "North", "v02": "Far North"}


def test_an_older_set_after_a_newer_one_changes_nothing_in_force(session: Session, cast: Cast) -> None:
    old, new = b"code,name\nCF1,North\nCF2,South\n", b"code,name\nCF1,Far North\n"
    for data, version in ((old, "v01"), (new, "v02")):
        areas.import_areas(session, None, data, "areas.csv", version)

    done = areas.import_areas(session, None, old, "areas.csv", "v01")

    assert (done.added, done.changed, done.ended) == (0, 0, 0)
    assert session.get_one(Area, "CF1").name == "Far North"
    assert session.get_one(Area, "CF2").valid_to is not None


def test_a_part_of_a_country_ends_nothing(session: Session, cast: Cast) -> None:
    areas.import_areas(session, None, b"code,name\nCF1,North\nCF2,South\n", "old.csv", "v01")

    done = areas.import_areas(session, None, b"code,name\nCF1,North\n", "part.csv", "v02", partial=True)

    assert done.ended == 0
    assert session.get_one(Area, "CF2").valid_to is None


def test_a_position_is_tested_against_its_area(session: Session, cast: Cast) -> None:
    data = features(
        ({"ADM1_PCODE": "CF43", "ADM1_FR": "Ouaka"}, drawn(coordinates=[*SQUARE, HOLE])),
        ({"ADM1_PCODE": "CF52", "ADM1_FR": "Haute-Kotto"}, None),
    )
    areas.import_areas(session, None, data, "adm1.geojson")

    assert areas.lies_inside(session, "CF43", 6.5, 21.5) is True
    assert areas.lies_inside(session, "CF43", 5.75, 20.75) is False
    assert areas.lies_inside(session, "CF43", 8, 21) is False
    assert areas.lies_inside(session, "CF52", 6.5, 21.5) is None


@pytest.mark.parametrize("kind", [3, 6])
def test_layers_of_a_geopackage_are_read_with_their_boundaries(session: Session, cast: Cast, tmp_path: Path, kind: int) -> None:
    done = areas.import_areas(session, None, geopackage(tmp_path, blob_of(SQUARE[0], kind)), "caf.gpkg")

    assert done.added == 2
    assert session.get_one(Area, "CF431").parent_code == "CF43"
    assert session.get_one(Area, "CF43").cod_version == "v02"
    assert areas.lies_inside(session, "CF43", 6, 21) is True


@pytest.mark.parametrize("blob", [
    b"", b"GP", b"GP\x00\x01\xe6\x10\x00\x00", blob_of(SQUARE[0])[:40], blob_of([[0, 0], [1, 1], [0, 0]]), b"XX" + b"\x00" * 40,
    b"GP\x00\x01" + struct.pack("<i", 4326) + struct.pack("<BI", 1, 2) + b"\x00" * 40,
    b"GP\x00\x01" + struct.pack("<i", 4326) + struct.pack("<BIII", 1, 3, 1, 4_000_000_000),
    b"GP\x00\x01" + struct.pack("<i", 4326) + struct.pack("<BII", 1, 6, 4_000_000_000),
    blob_of([[500_000, 700_000], [500_100, 700_000], [500_100, 700_100], [500_000, 700_000]]),
    blob_of([[float("nan"), 0], [1, 0], [1, 1], [float("nan"), 0]]),
])
def test_a_hostile_geometry_is_refused_with_its_layer_and_row(session: Session, cast: Cast, tmp_path: Path, blob: bytes) -> None:
    found = findings(session, geopackage(tmp_path, blob), "caf.gpkg")

    assert [(each["sheet"], each["row"], each["column"]) for each in found] == [("adm1", 1, "geometry")]


def test_a_layer_in_metres_is_refused(session: Session, cast: Cast, tmp_path: Path) -> None:
    found = findings(session, geopackage(tmp_path, blob_of(SQUARE[0]), 32634, 32634), "caf.gpkg")

    assert "EPSG:32634, not in WGS 84" in found[0]["message"]


@pytest.mark.parametrize(("geometry", "says"), [
    (drawn("LineString", [[20, 5], [22, 5]]), "a LineString is no boundary"),
    (drawn("Polygon", [[[20, 5], [22, 5], [22, 7], [20, 7]]]), "not closed"),
    (drawn("Polygon", [[[20, 5], [22, "5"], [22, 7], [20, 5]]]), "no pair of numbers"),
    (drawn("Polygon", [[[4e5, 7e5], [5e5, 7e5], [5e5, 8e5], [4e5, 7e5]]]), "metres"),
    (drawn("Polygon", [[[20, 95], [22, 5], [22, 7], [20, 95]]]), "no longitude and latitude"),
    (drawn("Polygon", []), "no ring"), (drawn("MultiPolygon", []), "no polygon"), (drawn("Polygon", "x"), "no ring"),
    ({"type": "Nonsense"}, "no polygon"), (drawn("GeometryCollection"), "a GeometryCollection is no boundary"),
])
def test_a_wrong_geometry_is_named(session: Session, cast: Cast, geometry: dict[str, Any], says: str) -> None:
    data = features(({"code": "A", "name": "One"}, None), ({"code": "B", "name": "Two"}, geometry))

    found = findings(session, data, "a.geojson")

    assert [(each["row"], each["column"]) for each in found] == [(2, "geometry")]
    assert says in found[0]["message"]


def test_a_geojson_of_another_reference_system_is_refused(session: Session, cast: Cast) -> None:
    system = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32634"}}

    found = findings(session, features(({"code": "A", "name": "One"}, drawn()), crs=system), "a.geojson")

    assert "not in WGS 84" in found[0]["message"]


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4326"])
def test_wgs84_by_any_of_its_names_is_taken(session: Session, cast: Cast, name: str) -> None:
    system = {"type": "name", "properties": {"name": name}}

    data = features(({"code": "A", "name": "One"}, drawn()), crs=system)

    assert areas.import_areas(session, None, data, "a.geojson").added == 1


def test_a_workbook_that_holds_codes_as_numbers_says_that_zeros_are_lost(session: Session, cast: Cast) -> None:
    data = workbook(adm1=[["ADM1_EN", "ADM1_PCODE"], ["North", 7]])

    found = findings(session, data, "a.xlsx")

    assert [(each["sheet"], each["row"], each["column"]) for each in found] == [("adm1", 2, "adm1_pcode")]
    assert "zeros at its beginning are lost" in found[0]["message"]


def test_a_number_that_a_sheet_shows_with_its_zeros_is_that_code(session: Session, cast: Cast) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["code", "name"])
    sheet.append([7, "North"])
    sheet["A2"].number_format = "000"
    out = io.BytesIO()
    book.save(out)

    areas.import_areas(session, None, out.getvalue(), "a.xlsx")

    assert session.get_one(Area, "007").name == "North"


@pytest.mark.parametrize(("text", "row", "says"), [
    ("code,name\n0712,Port\n713,Bay\n", 3, "leading zeros"),
    ("code,name\n1.2E+05,Port\n", 2, "a number in the spreadsheet"),
    ("code,name\n712.0,Port\n", 2, "a number in the spreadsheet"),
    ("ADM0_PCODE,ADM1_EN,ADM1_PCODE\nCF,A,CF1\nCF,B,CF2\nCF,C,TD1\n", 4, "mixed"),
    ("ADM0_PCODE,ADM1_EN,ADM1_PCODE\nCF,A,CF1\nCF,B,CF2\nCF,C,3\n", 4, "mixed"),
    ("ADM2_EN,ADM2_PCODE\nPort,CF11\n", 2, "no area above"),
    ("code,name,parent_code\nCF11,Port,cf1\n", 2, "is not there"),
    ("code,name,level,parent_code\nA,A,2,B\nB,B,2,A\n", 2, "lies in itself"),
    ("code,name,level,parent_code\nA,A,1,\nA,A,2,Z\n", 3, "was 'A'"),
    ("code,name,validOn\nA,A,someday\n", 2, "is no day"),
    ("code,CODE,name\nA,B,C\n", 1, "Two columns"),
])
def test_a_fault_of_a_table_is_named_with_its_row(session: Session, cast: Cast, text: str, row: int, says: str) -> None:
    found = findings(session, text.encode(), "areas.csv")

    assert (found[0]["row"], says in found[0]["message"]) == (row, True)


def test_a_code_that_lost_its_zero_is_known_by_the_one_that_the_mission_has(session: Session, cast: Cast) -> None:
    areas.import_areas(session, None, b"code,name\n07,North\n", "a.csv")

    with pytest.raises(Problem) as problem:
        areas.import_areas(session, None, b"code,name\n7,North\n", "a.csv")

    assert "the mission has 07" in problem.value.details["findings"][0]["message"]


@pytest.mark.parametrize(("data", "name"), [
    (b"PK\x03\x04 no workbook", "a.xlsx"), (b"", "a.xlsx"), (b"", "a.gpkg"), (b"SQLite format 3\x00" + b"\x00" * 200, "a.gpkg"),
    (workbook(notes=[["nothing", "here"]]), "a.xlsx"), (b"code,name\nA,B\n", "a.exe"), (b"code,name\nA,B\n", "areas"),
    (b'{"features":[{"properties":{"code":"A","name":"B"},"geometry":7}]}', "a.geojson"),
])
def test_a_file_that_is_no_table_of_areas_is_refused(session: Session, cast: Cast, data: bytes, name: str) -> None:
    assert findings(session, data, name)


def test_a_view_of_a_geopackage_is_not_asked(session: Session, cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "evil.gpkg"
    book = sqlite3.connect(path)
    book.executescript(
        "CREATE TABLE gpkg_contents (table_name, data_type);"
        "CREATE TABLE gpkg_geometry_columns (table_name, column_name, srs_id);"
        "CREATE TABLE gpkg_spatial_ref_sys (srs_id, organization, organization_coordsys_id);"
        "CREATE VIEW adm1 AS SELECT 'A' AS code, 'B' AS name;"
        "INSERT INTO gpkg_contents VALUES ('adm1', 'attributes');"
    )
    book.close()

    assert "No layer" in findings(session, path.read_bytes(), "evil.gpkg")[0]["message"]


@given(st.floats(-80, 80), st.floats(-170, 170), st.floats(0.01, 5))
def test_the_middle_of_a_square_is_inside_and_what_is_beyond_its_box_is_not(lat: float, lon: float, half: float) -> None:
    ring = [(lon - half, lat - half), (lon + half, lat - half), (lon + half, lat + half), (lon - half, lat + half)]
    text = boundaries.as_text([[[*ring, ring[0]]]])

    assert boundaries.contains(text, lat, lon)
    assert not boundaries.contains(text, lat + 2 * half, lon)
    assert not boundaries.contains(text, lat, lon - 2 * half)


HEADS = (
    b"", b"GP\x00\x01\xe6\x10\x00\x00", b"GP\x00\x00\xe6\x10\x00\x00\x01\x03\x00\x00\x00",
    b"GP\x00\x01\xe6\x10\x00\x00\x01\x06\x00\x00\x00",
)


@given(st.sampled_from(HEADS), st.binary(max_size=200))
def test_bytes_are_a_shape_or_a_fault_and_never_break_the_reader(head: bytes, tail: bytes) -> None:
    try:
        shape = boundaries.from_geopackage(head + tail)
    except BoundaryFault:
        return

    assert shape is None or shape.polygons or shape.point


def test_the_page_takes_a_workbook_with_the_version_that_the_officer_states(app: Flask, session: Session, cast: Cast) -> None:
    data = workbook(adm1=[["ADM1_EN", "ADM1_PCODE"], ["North", "007"]])
    browser = cast.page_client(app, "hq_officer")

    answer = browser.post("/setup/areas", data={"file": (io.BytesIO(data), "a.xlsx"), "version": "v02"}, follow_redirects=True)

    assert session.get_one(Area, "007").cod_version == "v02"
    assert "v02" in answer.text


def test_the_page_names_sheet_row_and_column_of_a_fault(app: Flask, session: Session, cast: Cast) -> None:
    data = workbook(North=[["ADM1_EN", "ADM1_PCODE"], ["North", 7]])

    answer = cast.page_client(app, "hq_officer").post("/setup/areas", data={"file": (io.BytesIO(data), "a.xlsx")})

    assert answer.status_code == 422
    assert "adm1_pcode" in answer.text
    assert "North" in answer.text
    assert "zeros at its beginning are lost" in answer.text


def test_the_page_says_how_many_codes_only_old_records_keep(app: Flask, session: Session, cast: Cast) -> None:
    areas.import_areas(session, None, b"code,name\nCF1,North\nCF2,South\n", "a.csv", "v01")
    browser = cast.page_client(app, "hq_officer")

    answer = browser.post(
        "/setup/areas", data={"file": (io.BytesIO(b"code,name\nCF1,North\n"), "a.csv"), "version": "v02"}, follow_redirects=True
    )

    assert "1 older code is kept for old records only." in answer.text
    assert "old records only</span>" in answer.text
