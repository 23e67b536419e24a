"""`link` on tables: good rows, hostile rows, missing columns, and the same answer every time."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bench.linkage.measure import _pairwise
from bench.linkage.noise import rows_of
from bench.linkage.worlds import make_world
from sync.merge.link import link
from sync.merge.tables import TableRefused, link_files, read_table
from sync.registers import load_registers

REGISTERS = load_registers()
REFERENCE = (
    "record_id,name,type,lat,lon\nR1,Centre de Santé Gbadé,health_centre,6.4901,17.4520\nR2,Lycée Boua,secondary,6.6,17.1\n"
)
REPORTS = "record_id,name,type,lat,lon\nS1,CS Gbade,health_centre,6.4902,17.4521\nS2,Clinique Mboki,clinic,5.1,20.0\n"


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_every_row_gets_a_cluster_and_every_question_a_reason(tmp_path: Path) -> None:
    reference, reports = table(tmp_path / "a.csv", REFERENCE), table(tmp_path / "b.csv", REPORTS)
    out, review = tmp_path / "m.csv", tmp_path / "r.csv"

    link_files(reference, reports, out, "facilities", review)

    rows = csv.DictReader(out.read_text(encoding="utf-8").splitlines())
    assert {row["record_id"]: row["cluster_id"] for row in rows} == {"R1": "R1", "S1": "R1", "R2": "R2", "S2": "S2"}
    assert review.read_text(encoding="utf-8").startswith("a,b,probability,reason_en,reason_fr")


def test_a_table_of_names_only_is_no_error(tmp_path: Path) -> None:
    reference = table(tmp_path / "a.csv", "record_id,name\nR1,CS Gbade\n")
    reports = table(tmp_path / "b.csv", "record_id,name\nS1,\n")

    assert link_files(reference, reports, tmp_path / "m.csv", "facilities").rows == 2


def test_unreadable_values_count_as_unknown() -> None:
    rows = [
        {"record_id": "1", "name": "CS Gbade", "lat": "north", "lon": "x", "type": "nonsense", "date": "yesterday"},
        {"record_id": "2", "name": "CS Gbade", "lat": "999", "lon": "999", "phone": "n/a", "gps_acc_m": "-"},
        {"record_id": "3", "name": "\u0000\u202e ((((", "lat": "nan", "lon": "inf"},
    ]

    assert set(link(rows, [], REGISTERS["facilities"]).clusters) == {"1", "2", "3"}


def test_semicolons_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffrecord_id;name\nR1;CS Gbadé\n".encode())

    assert read_table(path) == [{"record_id": "R1", "name": "CS Gbadé"}]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"name\nCS Gbade\n", "has no column record_id"),
        (b"record_id,name\n,CS Gbade\n", "line 2: record_id is empty"),
        (b"\xff\xfe\x00r", "cannot be read"),
        (b"", "has no column record_id"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_advice(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)

    with pytest.raises(TableRefused, match=fault):
        read_table(tmp_path / "a.csv")


def test_one_record_id_twice_is_refused(tmp_path: Path) -> None:
    reference = table(tmp_path / "a.csv", REFERENCE)

    with pytest.raises(TableRefused, match="record_id 'R1'"):
        link_files(reference, reference, tmp_path / "m.csv", "facilities")


def test_a_register_without_matching_is_refused_with_those_that_have_it(tmp_path: Path) -> None:
    reference, reports = table(tmp_path / "a.csv", REFERENCE), table(tmp_path / "b.csv", REPORTS)

    with pytest.raises(TableRefused, match="facilities, organisations, settlements"):
        link_files(reference, reports, tmp_path / "m.csv", "routes")


@pytest.mark.parametrize(("register", "least"), [("facilities", 0.75), ("settlements", 0.68)])
def test_a_country_nobody_trained_on_is_linked_well_and_the_same_in_any_order(register: str, least: float) -> None:
    rows, truth = rows_of(make_world(77_777, register, 120), 77_777)

    found = link(rows, [], REGISTERS[register]).clusters

    assert _pairwise(truth, found) >= least
    assert link(list(reversed(rows)), [], REGISTERS[register]).clusters == found
