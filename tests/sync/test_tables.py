"""Tables as people save them: other headings, other encodings, missing columns, empty rows, hostile cells; and clear refusals."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.linkage.countries import FIRST_HELD_OUT, make_country
from bench.linkage.measure import pairwise
from sync.merge.headings import columns_of
from sync.merge.link import face_of_row, link
from sync.merge.tables import TableRefused, link_files, read_table
from sync.registers import load_registers

REGISTERS = load_registers()
COLUMNS = ("name", "type", "adm1", "adm2", "adm3", "lat", "lon", "gps_acc_m", "phone", "code", "date", "team")
CELLS = st.text(max_size=12) | st.sampled_from(
    (
        "CS Gbadé", "École", "0", "-0.0", "nan", "inf", "1e309", "6,49", "17.4", "2026-02-30", "31/12/2025", "(",
        "\u0627\u0644", "\u202e",
    )
)


def written(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def mapping(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["record_id"]: row["cluster_id"] for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("headings", "columns"),
    [
        (["ID", "Nom", "Latitude", "Longitude"], ["record_id", "name", "lat", "lon"]),
        (["uuid", "Facility_Name", "Facility Type", "Y", "X"], ["record_id", "name", "type", "lat", "lon"]),
        (["record_id", "id", "name", "Nom officiel"], ["record_id", "id", "name", "nom officiel"]),
        (["Record ID", "Admin1", "DISTRICT", "Commune"], ["record_id", "adm1", "adm2", "adm3"]),
        (["record_id", "colour"], ["record_id", "colour"]),
    ],
)
def test_headings_are_known_by_their_common_names(headings: list[str], columns: list[str]) -> None:
    assert columns_of(headings) == columns


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_in_the_encodings_that_spreadsheets_write(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = written(tmp_path / "a.csv", f"record_id{delimiter}nom\r\nR1{delimiter}École Gbadé\r\n", encoding)

    assert read_table(path) == [{"record_id": "R1", "name": "École Gbadé"}]


def test_empty_rows_are_left_out_and_a_line_break_in_a_cell_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'record_id,name\n,\n"R1","CS\nGbade"\n\n ,  \nR2,Boua\u2028Sud\n')

    assert [row["name"] for row in read_table(path)] == ["CS\nGbade", "Boua\u2028Sud"]


def test_a_comma_may_stand_for_the_decimal_point() -> None:
    place = face_of_row({"record_id": "1", "name": "Boua", "lat": "6,49", "lon": "17,45"}, "facilities").position

    assert place is not None
    assert (place.lat, place.lon) == (6.49, 17.45)


def test_a_position_stays_when_its_accuracy_cannot_be_read() -> None:
    place = face_of_row({"record_id": "1", "name": "Boua", "lat": "6", "lon": "17", "gps_acc_m": "good"}, "facilities").position

    assert place is not None
    assert place.accuracy_m is None


def test_a_date_with_the_day_first_is_read() -> None:
    observed = face_of_row({"record_id": "1", "name": "Boua", "date": "05/03/2026"}, "facilities").observed

    assert str(observed) == "2026-03-05"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("record_id,name\nR1,Boua\nR2,Koundo\nR1,Gbade\n", "line 4: record_id 'R1' stands in line 2 already"),
        ("record_id,name\nR1,Boua\n  ,Koundo\n", "line 3: record_id is empty"),
        ("\n\n", "has no column record_id"),
    ],
)
def test_a_table_whose_rows_cannot_be_told_apart_is_refused_with_the_line(tmp_path: Path, content: str, fault: str) -> None:
    with pytest.raises(TableRefused, match=fault):
        read_table(written(tmp_path / "a.csv", content))


def test_one_record_id_in_both_tables_is_refused(tmp_path: Path) -> None:
    a, b = (written(tmp_path / name, "record_id,name\n1,Boua\n") for name in ("a.csv", "b.csv"))

    with pytest.raises(TableRefused, match="record_id '1' is borne by more than one row; give every row of both tables its own"):
        link_files(a, b, tmp_path / "m.csv", "facilities")


@pytest.mark.parametrize(
    ("reference", "reports", "clusters"),
    [
        ("record_id,name\n", "record_id,name\n", {}),
        ("record_id,name\n", "record_id,name\nS1,Boua\n", {"S1": "S1"}),
        ("record_id,name\nR1,Boua\n", "record_id,name\n", {"R1": "R1"}),
        ("record_id\nR1\n", "record_id\nS1\n", {"R1": "R1", "S1": "S1"}),
    ],
)
@pytest.mark.parametrize("register", ["facilities", "settlements", "organisations"])
def test_tables_of_one_row_or_none_are_no_error(
    tmp_path: Path, register: str, reference: str, reports: str, clusters: dict[str, str]
) -> None:
    a, b = written(tmp_path / "a.csv", reference), written(tmp_path / "b.csv", reports)

    link_files(a, b, tmp_path / "m.csv", register, tmp_path / "r.csv")

    assert mapping(tmp_path / "m.csv") == clusters


@pytest.mark.parametrize(
    "missing",
    [
        ("type",), ("lat", "lon", "gps_acc_m"), ("date", "team"), ("adm1", "adm2", "adm3"),
        ("type", "date", "team", "phone", "code"),
    ],
    ids=["type", "positions", "dates", "areas", "all but names and places"],
)
def test_a_country_is_still_linked_when_columns_are_missing(missing: tuple[str, ...]) -> None:
    made = make_country("facilities", FIRST_HELD_OUT + 77_000)
    known, new = (
        [{key: value for key, value in row.items() if key not in missing} for row in table]
        for table in (made.reference, made.reports)
    )  # fmt: skip

    precision, recall, _ = pairwise(made.truth, link(known, new, REGISTERS["facilities"]).clusters)

    assert precision > 0.6
    assert recall > 0.3


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(COLUMNS), CELLS), max_size=8),
    first=st.integers(0, 8),
    register=st.sampled_from(("facilities", "settlements", "organisations")),
)
def test_whatever_the_cells_hold_every_row_is_in_one_cluster(rows: list[dict[str, str]], first: int, register: str) -> None:
    table = [{"record_id": str(number), **row} for number, row in enumerate(rows)]

    linked = link(table[:first], table[first:], REGISTERS[register])

    assert set(linked.clusters) == {row["record_id"] for row in table}
    assert all(linked.clusters[name] == name for name in linked.clusters.values())


@settings(max_examples=25, deadline=None)
@given(st.permutations(COLUMNS))
def test_the_order_of_columns_means_nothing(columns: list[str]) -> None:
    made = make_country("facilities", FIRST_HELD_OUT + 77_001)
    known, new = made.reference[:25], made.reports[:40]

    def ordered(table: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{name: row[name] for name in ("record_id", *columns)} for row in table]

    register = REGISTERS["facilities"]
    assert link(ordered(known), ordered(new), register) == link(known, new, register)
