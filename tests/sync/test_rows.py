"""Rows that register files take from reports by themselves: what makes one, what names it, and what it states."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from forms.definition import FormDefinition
from forms.entities import operations
from forms.filling import fill
from forms.submission import parse_submission
from sync.merge.facts import Observation
from sync.merge.observations import Answers, ReportContext, observations
from sync.merge.rows import Row, filled_rows, fills, row_id
from sync.registers import load_registers, parse_register
from tests.forms.sample_forms import form, library_form

NOW = dt.datetime(2026, 11, 12, 15, 0, tzinfo=dt.UTC)
GBADE = "0b7f5a52-4d3b-4c57-9f0d-0d7f4b8a1c11"
WATER = "5e0f7c1e-0d0c-4f6e-8a43-7b1f2c3d4e5f"
LISTS = {
    "settlements": [{"name": GBADE, "label": "Gbadé", "adm2_pcode": "CF0101", "geometry": "6.49 17.45 0 0", "__version": "1"}],
    "contacts": [
        {"name": GBADE, "label": "Chef", "adm2_pcode": "CF0101", "__version": "1"},
        {"name": WATER, "label": "Maire", "adm2_pcode": "CF0101", "__version": "1"},
    ],
}
PATROL = {
    "reporting_unit": "BANBATT-3", "reporter_role": "patrol", "report_date": dt.date(2026, 11, 9), "adm1": "CF01",
    "adm2": "CF0101", "settlement": GBADE, "visit_purpose": "assessment", "sources": ["observed"], "consent_share": "yes",
    "move_dir": "none", "max_vehicle": "4x4", "need1": "water", "need2": "health", "severity": "3", "urgent": "no",
}  # fmt: skip


def filled(definition: FormDefinition, answers: Mapping[str, Any], source: str = "uuid:1") -> tuple[bytes, list[Row]]:
    """The XML of a report and the rows that the shipped register files take from it."""
    xml = fill(definition, answers, LISTS, NOW, instance_id=source)
    submission = parse_submission(xml)
    asked = operations(submission, definition)
    return xml, filled_rows(submission, definition, load_registers(), definition.form_id, source, asked)


def of(rows: list[Row], register: str) -> list[Row]:
    return [row for row in rows if row.dataset == register]


def stated(definition: FormDefinition, answers: Mapping[str, Any], *, withdrawn: bool = False) -> list[Observation]:
    xml, rows = filled(definition, answers)
    submission = parse_submission(xml)
    context = ReportContext(
        definition.form_id, f"1:{definition.form_id}:uuid:1", "uuid:1", ("c", "uuid:1"), "c", NOW, withdrawn=withdrawn
    )
    given = Answers.of(submission, definition)
    return list(observations(operations(submission, definition), given, context, load_registers(), rows).observations)


def test_each_need_that_was_named_is_a_row_with_its_rank() -> None:
    _xml, rows = filled(library_form("cimic_patrol"), PATROL)

    assert [(row.values["need"], row.values["rank"]) for row in of(rows, "needs")] == [("water", "1"), ("health", "2")]


def test_an_answer_that_states_nothing_makes_no_row() -> None:
    _xml, rows = filled(library_form("cimic_patrol"), {**PATROL, "need1": "none", "need2": None, "severity": None})

    assert of(rows, "needs") == []


def test_a_row_names_the_place_that_the_same_report_makes() -> None:
    answers = {**PATROL, "settlement": None, "settlement_new": "Bofarra", "gps": "6.5 17.5 0 8"}
    xml, rows = filled(library_form("cimic_patrol"), answers)
    made = operations(parse_submission(xml), library_form("cimic_patrol"))

    assert of(rows, "visits")[0].values["settlement"] == made[0].entity_id
    assert of(rows, "visits")[0].values["place"] == "Bofarra"


def test_population_is_a_row_per_group_and_never_a_sum() -> None:
    answers = {**PATROL, "pop_total": 2400, "pop_source": "local_auth", "pop_groups": ["IDP"], "idp_ind": 300}
    _xml, rows = filled(library_form("cimic_patrol"), answers)

    assert {(row.values["group"], row.values["people"]) for row in of(rows, "population")} == {("ALL", "2400"), ("IDP", "300")}


def test_two_reports_of_one_visit_speak_of_one_row() -> None:
    form_ = library_form("cimic_patrol")
    (_x, first), (_y, second) = filled(form_, PATROL, "uuid:1"), filled(form_, {**PATROL, "attitude": "neutral"}, "uuid:2")

    assert of(first, "visits")[0].entity_id == of(second, "visits")[0].entity_id


def test_another_day_is_another_visit() -> None:
    form_ = library_form("cimic_patrol")
    later = {**PATROL, "report_date": dt.date(2026, 11, 10)}
    (_x, first), (_y, second) = filled(form_, PATROL, "uuid:1"), filled(form_, later, "uuid:2")

    assert of(first, "visits")[0].entity_id != of(second, "visits")[0].entity_id


def test_each_instance_of_a_repeat_is_a_row_with_its_own_answers() -> None:
    given = {
        "reporting_unit": "BANBATT-3", "reporter_role": "cimic", "report_date": dt.date(2026, 11, 9), "org_name": "Croix d'Eau",
        "org_acronym": "CE", "org_type": "441", "org_share": "yes", "period_start": dt.date(2026, 11, 1), "esc_freq": "none",
        "activity": [
            {"sector": "WSH", "activity_title": "Forages", "status": "ongoing", "a_adm1": "CF01", "a_adm2": "CF0101"},
            {"sector": "HEA", "activity_title": "Clinique mobile", "status": "planned", "a_adm1": "CF01", "a_adm2": "CF0102"},
        ],
    }  # fmt: skip
    _xml, rows = filled(library_form("who_what_where"), given)
    found = of(rows, "activities")

    assert [(row.indices, row.values["activity_title"], row.values["adm2_pcode"]) for row in found] == [
        ((1,), "Forages", "CF0101"), ((2,), "Clinique mobile", "CF0102")
    ]  # fmt: skip
    assert {row.values["period_start"] for row in found} == {"2026-11-01"}


def test_a_row_chosen_from_a_list_is_that_row() -> None:
    given = {
        "reporting_unit": "BANBATT-3", "reporter_role": "lo", "report_date": dt.date(2026, 11, 9), "adm1": "CF01",
        "adm2": "CF0101", "settlement": GBADE, "m_type": "bilateral", "m_start": dt.datetime(2026, 11, 9, 9, 0, tzinfo=dt.UTC),
        "m_contacts": [GBADE, WATER], "m_agenda": "Eau", "m_points": "Puits", "m_sec_given": "no", "m_rfa": "no",
    }  # fmt: skip
    _xml, rows = filled(library_form("liaison_note"), given)

    assert {(row.entity_id, row.values["last_met"]) for row in of(rows, "contacts")} == {
        (GBADE, "2026-11-09"), (WATER, "2026-11-09")
    }  # fmt: skip


def test_a_row_without_a_key_is_the_reports_own_and_stays_its_own_when_edited() -> None:
    given = {
        "reporting_unit": "BANBATT-3", "reporter_role": "cimic", "report_date": dt.date(2026, 11, 9), "adm1": "CF01",
        "adm2": "CF0101", "settlement": GBADE, "inc_date": dt.date(2026, 11, 8), "inc_group": "crime", "inc_type": "robbery",
    }  # fmt: skip
    form_ = library_form("security_incident")
    (_x, first), (_y, again), (_z, other) = (
        filled(form_, given, "uuid:1"), filled(form_, {**given, "dead": 2}, "uuid:1"), filled(form_, given, "uuid:2")
    )  # fmt: skip

    assert of(first, "incidents")[0].entity_id == of(again, "incidents")[0].entity_id
    assert of(first, "incidents")[0].entity_id != of(other, "incidents")[0].entity_id


def test_an_observation_of_a_row_states_what_was_answered_and_which_question_said_it() -> None:
    need = next(o for o in stated(library_form("cimic_patrol"), PATROL) if o.register == "needs")

    assert (need.action, need.statements["need"].value, need.statements["need"].question) == ("row", "water", "@answer")
    assert need.statements["observer_severity"].seen is True
    assert need.observed_at.date() == dt.date(2026, 11, 9)


def test_a_rejected_report_keeps_its_rows_and_states_nothing() -> None:
    found = [o for o in stated(library_form("cimic_patrol"), PATROL, withdrawn=True) if o.register == "needs"]

    assert [(o.withdrawn, dict(o.statements)) for o in found] == [(True, {}), (True, {})]


def test_ids_of_rows_are_of_the_form_that_odk_tools_ask_for() -> None:
    assert row_id("needs", "a")[14] == "4"
    assert row_id("needs", "a")[19] in "89ab"
    assert row_id("needs", "a", "b") != row_id("needs", "ab")


def test_only_forms_that_a_register_names_are_read() -> None:
    assert fills(load_registers(), "cimic_patrol")
    assert not fills(load_registers(), "water_survey")


def test_a_new_register_and_a_form_need_no_code() -> None:
    survey = form(
        """
        | survey |                         |        |         |
        |        | type                    | name   | label   |
        |        | text                    | market | Market  |
        |        | begin_repeat            | price  | Price   |
        |        | text                    | goods  | Goods   |
        |        | integer                 | cfa    | Price   |
        |        | end_repeat              |        |         |
        | settings |                       |        |         |
        |          | form_id               |        |         |
        |          | market_prices         |        |         |
        """
    )
    register = parse_register(
        """
        name = "prices"
        labels = { en = "Prices", fr = "Prix" }
        label_property = "goods"
        sensitivity = "low"
        trust = []
        [[rows]]
        form = "market_prices"
        repeat = "price"
        key = ["market", "goods"]
        label = ["goods", "market"]
        [[property]]
        name = "goods"
        type = "text"
        labels = { en = "Goods", fr = "Produit" }
        from = { market_prices = ["goods"] }
        rule = "latest"
        audiences = ["ngo"]
        [[property]]
        name = "market"
        type = "text"
        labels = { en = "Market", fr = "Marché" }
        from = { market_prices = ["market"] }
        rule = "latest"
        audiences = ["ngo"]
        """
    )
    xml = fill(survey, {"market": "Bambari", "price": [{"goods": "Manioc", "cfa": 500}, {"goods": "Sel"}]}, {}, NOW)

    rows = filled_rows(parse_submission(xml), survey, {"prices": register}, "market_prices", "uuid:1")

    assert [row.label for row in rows] == ["Manioc · Bambari", "Sel · Bambari"]


@pytest.mark.parametrize("text", ["x" * 100_000, "\u202e\x00" * 200, "🏥" * 5_000])
def test_a_text_of_any_length_names_a_row(text: str) -> None:
    survey = form(
        "| survey |\n|        | type | name | label |\n|        | text | a    | A     |\n"
        "| settings |\n|  | form_id |\n|  | f |\n"
    )
    register = parse_register(
        'name = "r"\nlabels = { en = "R", fr = "R" }\nlabel_property = "a"\nsensitivity = "low"\n[[rows]]\nform = "f"\n'
        'key = ["a"]\nlabel = ["a"]\n[[property]]\nname = "a"\ntype = "text"\nlabels = { en = "A", fr = "A" }\n'
        'from = { f = ["a"] }\nrule = "latest"\n'
    )
    xml = fill(survey, {"a": text.replace("\x00", "")}, {}, NOW)

    row = filled_rows(parse_submission(xml), survey, {"r": register}, "f", "uuid:1")[0]

    assert len(row.label) <= 200
