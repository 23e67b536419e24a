"""The questionnaires we ship: each converts without a warning, passes ODK Validate and is complete in both languages."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import openpyxl
import pytest
from lxml import etree

import forms
from forms.xlsform import Converted, convert, odk_validate

LIBRARY = Path(forms.__file__).parent / "library"
FILES = sorted(LIBRARY.glob("*.xlsx"))
IDS = [path.stem for path in FILES]
ENGLISH, FRENCH = "English (en)", "French (fr)"
XF = "{http://www.w3.org/2002/xforms}"
ENTITY_LISTS = {"settlements", "facilities", "organisations", "contacts", "suppliers", "routes", "hazards"}
SERVER_LISTS = {"requests", "projects", "assets"}
Rows = list[dict[str, str]]


@cache
def converted(path: Path) -> Converted:
    return convert(path.read_bytes(), path.name)


def sheet(path: Path, name: str) -> Rows:
    book = openpyxl.load_workbook(path)
    if name not in book.sheetnames:
        return []
    header, *rows = book[name].iter_rows(values_only=True)
    return [{str(h): str(v) for h, v in zip(header, row, strict=True) if v is not None} for row in rows]


@cache
def code_lists() -> dict[str, list[dict[str, str]]]:
    lists: dict[str, list[dict[str, str]]] = {}
    with (LIBRARY / "code-lists.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            lists.setdefault(row["list"], []).append(row)
    return lists


def test_all_fourteen_forms_are_there() -> None:
    assert set(IDS) == {
        *("after_action", "capability_return", "cimic_patrol", "eo_hazard", "key_infrastructure", "key_leader"),
        *("liaison_note", "monthly_return", "qip", "request_assistance", "route_status", "security_incident"),
        *("supplier", "who_what_where"),
    }


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_form_converts_without_a_finding_under_its_file_name(path: Path) -> None:
    form = converted(path)

    assert (form.form_id, form.findings) == (path.stem, ())
    assert re.fullmatch(r"20\d{8}", form.version)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_form_passes_odk_validate(path: Path) -> None:
    assert odk_validate(converted(path).xml) == ()


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_every_text_is_there_in_both_languages(path: Path) -> None:
    rows = [(name, n, row) for name in ("survey", "choices") for n, row in enumerate(sheet(path, name), start=2)]

    one_sided = [
        (name, number, column)
        for name, number, row in rows
        for column in ("label", "hint", "constraint_message")
        if (f"{column}::{ENGLISH}" in row) != (f"{column}::{FRENCH}" in row)
    ]

    assert one_sided == []


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_every_question_shown_has_a_label_and_every_constraint_a_message(path: Path) -> None:
    hidden = re.compile(r"calculate|start|end|today|deviceid|username|end_group|end_repeat")

    bare = [row["name"] for row in sheet(path, "survey") if not hidden.fullmatch(row["type"]) and f"label::{FRENCH}" not in row]
    silent = [
        row["name"]
        for row in sheet(path, "survey")
        if "constraint" in row and f"constraint_message::{FRENCH}" not in row
    ]

    assert (bare, silent) == ([], [])


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_choices_are_the_code_lists(path: Path) -> None:
    used: dict[str, list[tuple[str, str, str]]] = {}
    for row in sheet(path, "choices"):
        entry = (row["name"], row[f"label::{ENGLISH}"], row[f"label::{FRENCH}"])
        used.setdefault(row["list_name"], []).append(entry)

    expected = {name: [(r["code"], r["label_en"], r["label_fr"]) for r in code_lists()[name]] for name in used}

    assert used == expected


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_head_and_tail_stand_on_every_form(path: Path) -> None:
    names = [row.get("name") for row in sheet(path, "survey")]

    assert names[:5] == ["start", "end", "today", "deviceid", "username"]
    assert {"reporting_unit", "reporter_role", "report_date"} <= set(names)
    assert names[-7:-1] == ["g_handling", "n_no_intel", "un_class", "sensitivity", "release_to", "remarks"]


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_lists_read_are_entity_lists_server_lists_or_shipped_beside_the_form(path: Path) -> None:
    document = etree.fromstring(converted(path).xml)

    files = {str(i.get("src")).rsplit("/", 1)[-1] for i in document.iter(f"{XF}instance") if i.get("src")}

    shipped = {file.name for file in (LIBRARY / "lists").glob("*.csv")}
    elsewhere = {f"{name}.csv" for name in ENTITY_LISTS | SERVER_LISTS}
    assert files <= shipped | elsewhere
    assert not shipped & elsewhere


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_every_entity_id_keeps_its_value_through_edits(path: Path) -> None:
    for declaration in sheet(path, "entities"):
        expression = declaration.get("entity_id", "")
        calculations = {row["name"]: row["calculation"] for row in sheet(path, "survey") if row["type"] == "calculate"}
        assert "uuid()" not in expression
        assert calculations.get("new_id") == ("once(uuid())" if "${new_id}" in expression else None)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_devices_from_2024_on_understand_the_entities(path: Path) -> None:
    model = etree.fromstring(converted(path).xml).find(f".//{XF}model")
    assert model is not None

    version = model.get("{http://www.opendatakit.org/xforms/entities}entities-version")

    assert version in (None, "2024.1.0")
    assert (version is None) == (not sheet(path, "entities"))


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_sheets_are_laid_out_for_people(path: Path) -> None:
    book = openpyxl.load_workbook(path)

    for page in book.worksheets:
        assert page.freeze_panes in ("A2", "C2")
        assert all(cell.font.bold for cell in page[1])
        assert all(dimension.width >= 10 for dimension in page.column_dimensions.values())


def save_tos(form: str) -> dict[str, str]:
    return {row["save_to"]: row["name"] for row in sheet(LIBRARY / f"{form}.xlsx", "survey") if "save_to" in row}


def test_patrol_report_writes_settlements() -> None:
    (declaration,) = sheet(LIBRARY / "cimic_patrol.xlsx", "entities")

    assert declaration == {
        "list_name": "settlements",
        "label": "${settlement_new_calc}",
        "entity_id": "coalesce(${settlement}, ${new_id})",
        "create_if": "${settlement} = ''",
        "update_if": "${settlement} != ''",
    }
    assert save_tos("cimic_patrol") == {
        "adm2_pcode": "settlement_adm2",
        "geometry": "settlement_geo",
        "last_visit": "settlement_last",
        "pop_total": "pop_keep",
        "max_vehicle": "max_vehicle",
    }


def test_infrastructure_report_writes_facilities() -> None:
    (declaration,) = sheet(LIBRARY / "key_infrastructure.xlsx", "entities")

    assert (declaration["list_name"], declaration["label"]) == ("facilities", "${fac_label}")
    assert declaration["entity_id"] == "coalesce(${facility}, ${new_id})"
    assert save_tos("key_infrastructure") == {
        "fac_group": "fac_group",
        "adm2_pcode": "fac_adm2",
        "fac_type": "fac_type",
        "fac_name": "fac_name",
        "geometry": "fac_geo",
        "ownership": "ownership",
        "functionality": "functionality",
        "damage": "damage",
    }


def test_hazard_report_only_creates_because_mine_action_decides_the_rest() -> None:
    assert sheet(LIBRARY / "eo_hazard.xlsx", "entities") == [{"list_name": "hazards", "label": "${hz_label}"}]
    assert save_tos("eo_hazard") == {"hz_class": "hz_class", "geometry": "hz_geo"}


def test_route_report_only_updates_listed_routes() -> None:
    assert sheet(LIBRARY / "route_status.xlsx", "entities") == [{"list_name": "routes", "entity_id": "${route}"}]


def test_monthly_return_writes_no_list() -> None:
    assert sheet(LIBRARY / "monthly_return.xlsx", "entities") == []
    assert save_tos("monthly_return") == {}


def test_types_of_facility_follow_their_group() -> None:
    rows = [row for row in sheet(LIBRARY / "key_infrastructure.xlsx", "choices") if row["list_name"] == "fac_type"]
    groups = {row["name"] for row in sheet(LIBRARY / "key_infrastructure.xlsx", "choices") if row["list_name"] == "fac_group"}

    assert {row["g"] for row in rows} <= groups


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("adm1.csv", ["name", "label", "cod_version"]),
        ("adm2.csv", ["name", "label", "adm1_pcode", "cod_version"]),
        ("units.csv", ["name", "label", "sector", "rotation_out"]),
    ],
)
def test_start_lists_have_their_columns_and_claim_no_place(name: str, columns: list[str]) -> None:
    rows = list(csv.reader((LIBRARY / "lists" / name).read_text(encoding="utf-8").splitlines()))

    assert rows == [columns]
