"""Reports of one event: pointed out, never dropped."""

from __future__ import annotations

import datetime as dt

import pytest

from sync.merge.dedupe import ReportFace, duplicates
from sync.merge.facts import Position


def face(key: str, form_id: str, day: int, place: Position | None = None, **answers: str) -> ReportFace:
    return ReportFace(key, form_id, answers, dt.datetime(2026, 11, day, 9, tzinfo=dt.UTC), f"{day:02d}-{key}", place)


def test_a_second_return_for_the_month_supersedes_the_first() -> None:
    first = face("a", "monthly_return", 3, reporting_unit="TS-D", period="2026-10")
    second = face("b", "monthly_return", 6, reporting_unit="TS-D", period="2026-10")

    (found,) = duplicates([second, first])

    assert (found.earlier, found.later, found.relation) == ("a", "b", "supersedes")


def test_two_visits_of_one_day_by_one_unit_look_alike() -> None:
    visits = [face(key, "cimic_patrol", 3, reporting_unit="TS-D", settlement="s1") for key in "ab"]

    assert [found.relation for found in duplicates(visits)] == ["alike"]


@pytest.mark.parametrize(
    ("day", "place", "alike"),
    [(4, Position(6.50, 17.45), True), (6, Position(6.50, 17.45), False), (4, Position(6.60, 17.45), False), (4, None, False)],
)
def test_incidents_are_alike_within_a_day_and_five_kilometres(day: int, place: Position | None, alike: bool) -> None:
    first = face("a", "security_incident", 3, Position(6.49, 17.45), inc_group="armed")
    second = face("b", "security_incident", day, place, inc_group="armed")

    assert bool(duplicates([first, second])) is alike


def test_reports_without_the_key_are_never_alike() -> None:
    assert duplicates([face(key, "cimic_patrol", 3, reporting_unit="TS-D") for key in "ab"]) == []
