"""Lists as strangers write them: odd encodings, delimiters, workbooks, layers; and files that are made to do harm."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import zipfile
from pathlib import Path

import openpyxl
import pytest

from server.problems import Problem
from server.services import list_files


def read(tmp_path: Path, data: bytes, form: str = "csv") -> tuple[list[str], list[tuple[int, list[str]]]]:
    path = tmp_path / "list"
    path.write_bytes(data)
    found = list_files.open_list(path, form)
    return found.headings, list(found.rows)


def refusal(tmp_path: Path, data: bytes, form: str = "csv") -> tuple[str, object]:
    with pytest.raises(Problem) as refused:
        read(tmp_path, data, form)
    return refused.value.kind.name, refused.value.details.get("row")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_text_of_any_spreadsheet_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [["Nom", "Lat", "Lon"], ["Gbadé", "6.5", "17.4"], ["Zéré", "6.6", "17.5"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)

    assert read(tmp_path, text.encode(encoding)) == (rows[0], [(2, rows[1]), (3, rows[2])])


def test_semicolons_with_decimal_commas_are_told_from_commas(tmp_path: Path) -> None:
    assert read(tmp_path, b"Nom;Lat;Lon\nA;6,5;17,4\nB;6,6;17,5\n")[1][0] == (2, ["A", "6,5", "17,4"])


def test_repeated_and_empty_headings_become_distinct(tmp_path: Path) -> None:
    assert read(tmp_path, b"Name,name,,Name\na,b,c,d\n")[0] == ["Name", "name (2)", "(3)", "Name (3)"]


def test_rows_are_counted_as_a_person_counts_them(tmp_path: Path) -> None:
    rows = read(tmp_path, b'Name,Note\nA,"two\nlines"\n\nB,x\n')[1]

    assert [(number, cells[0]) for number, cells in rows] == [(2, "A"), (5, "B")]


def test_formulas_of_a_text_file_stay_texts(tmp_path: Path) -> None:
    assert read(tmp_path, b'Name\n"=cmd|\'/c calc\'!A1"\n')[1] == [(2, ["=cmd|'/c calc'!A1"])]


def test_more_cells_than_headings_are_refused_with_their_row(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"Name,Lat\nA,1\nB,1,2\n") == ("list_unreadable", 3)


def test_a_million_columns_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"a," * 1_000_000 + b"\n") == ("list_too_large", None)
    assert refusal(tmp_path, b"a," * 400_000 + b"\n") == ("list_too_large", None)


@pytest.mark.parametrize("data", [b"", b"\n\n\n", b"\x00\x01\x02" * 50, b"PK\x03\x04rubbish\x00\x00", b"\xff\xfe\x00"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data)[0] == "list_unreadable"


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_read_as_texts(tmp_path: Path) -> None:
    data = workbook(("Name", "Lat", "Beds"), ("Gbadé", 6.5, 12), (None, None, None), ("Zéré", "6,6", 3.0))

    assert read(tmp_path, data, "xlsx")[1] == [(2, ["Gbadé", "6.5", "12"]), (4, ["Zéré", "6,6", "3"])]


def test_a_formula_of_a_workbook_is_never_computed(tmp_path: Path) -> None:
    rows = read(tmp_path, workbook(("Name", "Beds"), ("A", '=WEBSERVICE("http://192.0.2.1/")')), "xlsx")[1]

    assert rows == [(2, ["A"])]


def test_a_workbook_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b" " * 200_000_000)

    assert refusal(tmp_path, out.getvalue(), "xlsx")[0] == "list_too_large"


def test_a_workbook_with_xml_entities_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(("Name",), ("A",)))) as sound, zipfile.ZipFile(out, "w") as book:
        for part in sound.infolist():
            data = sound.read(part)
            if part.filename.endswith("sheet1.xml"):
                data = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>' + data
            book.writestr(part, data)

    assert refusal(tmp_path, out.getvalue(), "xlsx")[0] == "list_unreadable"


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + b"\x00" * 18])
def test_what_is_no_workbook_is_refused(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data, "xlsx")[0] == "list_unreadable"


def collection(*features: object) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def test_features_become_rows_with_their_position(tmp_path: Path) -> None:
    data = collection(
        {"type": "Feature", "properties": {"name": "A", "beds": 3}, "geometry": {"type": "Point", "coordinates": [17.4, 6.5]}},
        {"type": "Feature", "properties": {"name": "B", "open": True}, "geometry": None},
    )

    headings, rows = read(tmp_path, data, "geojson")

    assert headings == ["name", "beds", "open", "geometry"]
    assert rows == [(2, ["A", "3", "", "6.5000000 17.4000000"]), (3, ["B", "", "yes", ""])]


def test_a_long_geojson_is_cut_into_features_wherever_a_piece_ends(tmp_path: Path) -> None:
    features = [{"type": "Feature", "properties": {"name": f"Clinique numéro {n}"}, "geometry": None} for n in range(20_000)]

    assert len(read(tmp_path, collection(*features), "geojson")[1]) == 20_000


@pytest.mark.parametrize("data", [
    b"{", b"[]", b'{"type":"FeatureCollection","features":[', b'{"type":"FeatureCollection","features":[1]}',
    b'{"type":"FeatureCollection","features":' + b"[" * 100_000, b"\xff\xfe{", b'{"type":"FeatureCollection","features":{}}',
])  # fmt: skip
def test_hostile_geojson_is_refused(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data, "geojson")[0] == "list_unreadable"


def geopackage(path: Path, srs: int = 4326, blob: bytes | None = None) -> bytes:
    if blob is None:
        blob = b"GP\x00\x01" + struct.pack("<i", srs) + struct.pack("<BIdd", 1, 1, 17.4, 6.5)
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE gpkg_contents (table_name TEXT, data_type TEXT);"
        "CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, srs_id INTEGER);"
        "CREATE TABLE clinics (fid INTEGER PRIMARY KEY, name TEXT, geom BLOB);"
        "INSERT INTO gpkg_contents VALUES ('clinics', 'features');"
        f"INSERT INTO gpkg_geometry_columns VALUES ('clinics', 'geom', {srs});"
    )
    connection.execute("INSERT INTO clinics (name, geom) VALUES ('Gbadé', ?)", (blob,))
    connection.commit()
    connection.close()
    return path.read_bytes()


def test_a_geopackage_is_read(tmp_path: Path) -> None:
    headings, rows = read(tmp_path, geopackage(tmp_path / "made.gpkg"), "gpkg")

    assert (headings, rows) == (["fid", "name", "geometry"], [(2, ["1", "Gbadé", "6.5000000 17.4000000"])])


def test_a_geopackage_in_metres_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, geopackage(tmp_path / "made.gpkg", srs=32634), "gpkg")[0] == "list_unreadable"


def test_a_damaged_geometry_is_refused_with_its_row(tmp_path: Path) -> None:
    data = geopackage(tmp_path / "made.gpkg", blob=b"GP\x00\x01\x00\x00\x00\x00\x01")

    assert refusal(tmp_path, data, "gpkg") == ("list_unreadable", 2)


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\x00" + b"\x00" * 500, b"rubbish"])
def test_what_is_no_geopackage_is_refused(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data, "gpkg")[0] == "list_unreadable"


def test_a_view_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "made.gpkg"
    geopackage(path)
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE clinics; CREATE VIEW clinics AS SELECT 1 AS fid, randomblob(1000000) AS name;")
    connection.close()

    assert refusal(tmp_path, path.read_bytes(), "gpkg")[0] == "list_unreadable"


@pytest.mark.parametrize("name", ["list.pdf", "list", "list.xls", "list.csv.exe"])
def test_other_kinds_of_file_are_refused(name: str) -> None:
    with pytest.raises(Problem) as refused:
        list_files.format_of(name)

    assert refused.value.kind.name == "unsupported_type"
