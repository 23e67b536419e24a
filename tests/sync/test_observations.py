"""From a filled questionnaire to observations: who, when, seen or told, and only what was really answered."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from forms.entities import EntityOperation
from sync.merge.facts import Observation
from sync.merge.observations import Answers, ReportContext, observations, observed_time
from sync.merge.positions import geopoint, grid_reference, parse_position
from sync.registers import load_registers

RECEIVED = dt.datetime(2026, 11, 12, 15, 0, tzinfo=dt.UTC)
BANGUI = ZoneInfo("Africa/Bangui")


def answers(**given: str | None) -> Answers:
    return Answers((name, (), text) for name, text in given.items())


def made(given: Answers, dataset: str = "settlements", form_id: str = "cimic_patrol", **values: str) -> Observation:
    operation = EntityOperation(
        dataset=dataset, path="/meta/entity", indices=(), action="update", entity_id="e", label="Gbadé", values=values,
        base_version=1, trunk_version=None, branch_id=None, problem=None,
        answered={name: bool(text) for name, text in values.items()}, source_paths={},
    )  # fmt: skip
    context = ReportContext(form_id, f"1:{form_id}:uuid:1", "uuid:1", ("c", "uuid:1"), "c", RECEIVED, BANGUI, unit="TS-A")
    return observations([operation], given, context, load_registers()).observations[0]


def test_a_carried_value_behind_an_empty_question_is_no_statement() -> None:
    found = made(answers(pop_total=None, report_date="2026-11-09"), pop_total="2400")

    assert "pop_total" not in found.statements
    assert found.data["pop_total"] == "2400"


def test_the_position_is_the_reading_and_not_the_copied_old_one() -> None:
    found = made(answers(gps="6.5 17.5 0 8"), geometry="6.4901 17.4520 0 0")

    assert found.statements["geometry"].value == "6.5 17.5 0 8"
    assert found.position is not None
    assert found.position.accuracy_m == 8


def test_a_grid_reference_stands_in_for_a_missing_reading() -> None:
    found = made(answers(gps=None, mgrs="34PCT1234567890"), geometry="")

    assert found.position is not None
    assert round(found.position.lat, 3) == 11.464


def test_a_form_without_a_named_question_states_what_it_saves() -> None:
    found = made(answers(), form_id="old_form", pop_total="90", max_vehicle="")

    assert {name: s.value for name, s in found.statements.items()} == {"pop_total": "90"}


def test_seen_is_read_from_the_source_question_of_the_property() -> None:
    found = made(answers(pop_total="90", pop_source="ki_official", sources="observed ki_official", max_vehicle="3"))

    assert (found.seen, found.statements["pop_total"].seen, found.statements["max_vehicle"].seen) == (True, False, True)


def test_unit_and_role_are_those_the_report_names() -> None:
    found = made(answers(reporting_unit="BANBATT-3", reporter_role="patrol"))

    assert (found.unit, found.role) == ("BANBATT-3", "patrol")


def test_a_report_without_unit_is_the_posts() -> None:
    assert made(answers()).unit == "TS-A"


def test_ids_do_not_depend_on_what_is_answered() -> None:
    assert made(answers(pop_total="1")).id == made(answers(pop_total="2")).id


def test_a_repeat_reads_its_own_answers_first() -> None:
    found = Answers([("name", (), "outer"), ("name", (1,), "first"), ("name", (2,), "second")])

    assert (found.text("name", (2,)), found.text("name", (3,)), found.text("name")) == ("second", "outer", "outer")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"report_date": "2026-11-09", "end": "2026-11-09T18:10:00.000+01:00"}, "2026-11-09T17:10:00+00:00"),
        ({"report_date": "2026-11-09", "end": "2026-11-12T10:00:00.000+01:00"}, "2026-11-09T11:00:00+00:00"),
        ({"end": "2026-11-10T10:00:00.000+01:00", "today": "2026-11-12"}, "2026-11-10T09:00:00+00:00"),
        ({"today": "2026-11-08"}, "2026-11-08T11:00:00+00:00"),
        ({"report_date": "not a date"}, "2026-11-12T15:00:00+00:00"),
        ({}, "2026-11-12T15:00:00+00:00"),
        ({"report_date": "2026-11-13"}, "2026-11-12T15:00:00+00:00"),
    ],
)
def test_observed_time_is_the_first_that_is_said(given: dict[str, str], expected: str) -> None:
    moment, flagged = observed_time(answers(**given), "report_date", RECEIVED, BANGUI)

    assert (moment.isoformat(), flagged) == (expected, False)


def test_a_clock_a_year_ahead_counts_as_receipt_and_is_flagged() -> None:
    moment, flagged = observed_time(answers(report_date="2027-11-09"), "report_date", RECEIVED, BANGUI)

    assert (moment, flagged) == (RECEIVED, True)


@pytest.mark.parametrize("text", ["", "91 17", "6.4", "nan 1", "6,4 17,4", "34PCT123", "34ICT1234", "x" * 5000, "1e999 2"])
def test_a_text_that_is_no_position_is_none(text: str) -> None:
    assert parse_position(text) is None


def test_an_accuracy_of_zero_was_not_measured() -> None:
    point = geopoint("6.49 17.45 0 0")

    assert point is not None
    assert point.accuracy_m is None


def test_a_coarse_grid_square_is_known_to_be_coarse() -> None:
    point = grid_reference("34PCT1267")

    assert point is not None
    assert point.accuracy_m == 707.1
