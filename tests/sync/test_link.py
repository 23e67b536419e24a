"""`link` on tables: good rows, hostile rows, missing columns, and the same answer every time."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bench.linkage.countries import make_country
from bench.linkage.measure import new_tied, pairwise
from sync.merge import batch
from sync.merge.batch import Local
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


@pytest.mark.parametrize(("register", "least"), [("facilities", 0.75), ("settlements", 0.75), ("organisations", 0.75)])
def test_a_country_nobody_trained_on_is_linked_well_and_the_same_in_any_order(register: str, least: float) -> None:
    made = make_country(register, 977_777)

    found = link(made.reference, made.reports, REGISTERS[register]).clusters

    assert pairwise(made.truth, found)[2] >= least
    assert link(made.reference[::-1], made.reports[::-1], REGISTERS[register]).clusters == found


def test_the_answer_does_not_depend_on_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_ROWS_PER_WORKER", 50)
    made = make_country("facilities", 977_780)

    alone, two = (link(made.reference, made.reports, REGISTERS["facilities"], Local(workers)) for workers in (1, 2))

    assert alone == two


def test_few_reports_of_new_things_are_tied_to_a_row_of_the_reference() -> None:
    made = make_country("facilities", 977_778)

    found = link(made.reference, made.reports, REGISTERS["facilities"]).clusters

    assert new_tied(made.truth, found, {row["record_id"] for row in made.reference}) < 0.2


def facility(key: str, name: str, lat: float | str = "", lon: float | str = "", **other: str) -> dict[str, str]:
    return {"record_id": key, "name": name, "type": "health_post", "adm2": "Bossa", "lat": str(lat), "lon": str(lon), **other}


def together(found: dict[str, str], *rows: str) -> bool:
    return len({found[row] for row in rows}) == 1


def test_primary_and_secondary_school_of_one_name_stay_two() -> None:
    known = [facility("R1", "Nyomoro Primary School", 4.9118, 31.1211, type="school_primary"),
             facility("R2", "Nyomoro Secondary School", 4.9116, 31.1224, type="school_secondary")]  # fmt: skip
    new = [facility("S1", "nyomoro sec sch", 4.9114, 31.1227, type="school_secondary"),
           facility("S2", "Niomoro Pri. School", 4.9117, 31.1213, type="school_primary")]  # fmt: skip

    found = dict(link(known, new, REGISTERS["facilities"]).clusters)

    assert together(found, "R1", "S2")
    assert together(found, "R2", "S1")
    assert not together(found, "R1", "R2")


def test_a_list_shifted_by_one_vector_is_linked_all_the_same() -> None:
    names = ["Gbadara", "Koundji", "Mbolenge", "Tarissou", "Wandago", "Zemiko", "Bangoru", "Ndelewa"]
    known = [facility(f"R{i}", f"{name} Health Post", 6 + i * 0.21, 17 + i * 0.13) for i, name in enumerate(names)]
    moved = [facility(f"S{i}", f"{name} Health Post", 6 + i * 0.21 + 0.05, 17 + i * 0.13 - 0.03) for i, name in enumerate(names)]

    found = dict(link(known, moved, REGISTERS["facilities"]).clusters)

    assert all(together(found, f"R{i}", f"S{i}") for i in range(len(names)))


def test_latitude_and_longitude_changed_over_do_not_part_a_thing() -> None:
    known = [facility(f"R{i}", f"Poste {chr(65 + i)}anga{i}mo", 6 + i * 0.03, 17 + i * 0.05) for i in range(24)]
    swapped = facility("S1", "Langa11mo Post", 17 + 11 * 0.05, 6 + 11 * 0.03)

    assert together(dict(link(known, [swapped], REGISTERS["facilities"]).clusters), "R11", "S1")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Norwegian Refugee Council", "Conseil Norvégien pour les Réfugiés"),
        ("Norwegian Refugee Council (NRC)", "NRC"),
        ("MSF - Médecins Sans Frontières", "Doctors Without Borders"),
        ("Union for Hope and Peace in Zabal", "UHPZ (Union for Hope and Peace in Zabal)"),
    ],
)
def test_an_organisation_is_known_by_its_acronym_and_in_another_language(a: str, b: str) -> None:
    found = link([{"record_id": "R", "name": a}], [{"record_id": "S", "name": b}], REGISTERS["organisations"])

    assert together(dict(found.clusters), "R", "S")


def test_branches_of_one_organisation_stay_apart() -> None:
    known = [{"record_id": "R1", "name": "Caritas Goma"}, {"record_id": "R2", "name": "Caritas Bukavu"}]

    found = link(known, [{"record_id": "S", "name": "CARITAS GOMA"}], REGISTERS["organisations"])

    assert together(dict(found.clusters), "R1", "S")
    assert not together(dict(found.clusters), "R1", "R2")


def test_no_more_is_asked_than_officers_can_answer() -> None:
    made = make_country("facilities", 977_779)

    review = link(made.reference, made.reports, REGISTERS["facilities"]).review

    assert 0 < len(review) <= 0.18 * len(made.reports) + 1


def test_rows_without_a_name_at_one_place_stay_what_they_are() -> None:
    rows = [{"record_id": str(number), "name": name, "lat": "6.4", "lon": "17.4"} for number, name in enumerate(("", "?", "-"))]

    assert set(link(rows[:1], rows[1:], REGISTERS["facilities"]).clusters.values()) == {"0", "1", "2"}
