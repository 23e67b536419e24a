"""Laws of reporting periods: they tile time, each day and each instant of mission time belongs to one, weeks are ISO's."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sync.periods import RHYTHMS, Day, Month, Rhythm, Week, named, parse_period, period_of
from sync.returns import Terms

days = some.dates(dt.date(1971, 1, 1), dt.date(2199, 12, 31))
rhythms = some.sampled_from(RHYTHMS)
# Zones of missions; Beirut and Havana change their clocks at midnight, Kolkata and Kathmandu have odd offsets.
zones = some.sampled_from([
    ZoneInfo(name) for name in (
        "Africa/Bangui", "Africa/Juba", "Asia/Beirut", "Asia/Nicosia", "Africa/El_Aaiun", "Asia/Kolkata", "Asia/Kathmandu",
        "America/Port-au-Prince", "America/Havana", "Europe/Belgrade", "UTC",
    )
])  # fmt: skip
instants = some.integers(946_684_800, 2_145_830_400).map(lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC))


@given(rhythms, days)
def test_every_day_lies_in_its_period_and_in_no_neighbour(rhythm: Rhythm, day: dt.date) -> None:
    found = period_of(rhythm, day)

    assert found.first <= day <= found.last
    assert found.plus(-1).last < day < found.plus(1).first


@given(rhythms, days)
def test_a_period_begins_on_the_day_after_the_one_before_it_ends(rhythm: Rhythm, day: dt.date) -> None:
    found = period_of(rhythm, day)

    assert found.plus(1).first - found.last == dt.timedelta(days=1)


@given(rhythms, days, some.integers(-400, 400))
def test_going_there_and_back_leads_to_the_same_period(rhythm: Rhythm, day: dt.date, steps: int) -> None:
    found = period_of(rhythm, day)

    assert found.plus(steps).plus(-steps) == found


@given(rhythms, days)
def test_what_is_written_is_read_back(rhythm: Rhythm, day: dt.date) -> None:
    found = period_of(rhythm, day)

    assert parse_period(str(found)) == found
    assert len(str(found)) <= 10


@given(days)
def test_a_week_is_seven_days_from_monday_and_named_as_iso_names_it(day: dt.date) -> None:
    week = Week.of(day)

    assert (week.first.isoweekday(), (week.last - week.first).days) == (1, 6)
    assert str(week) == day.strftime("%G-W%V")


@pytest.mark.parametrize(
    ("day", "week"),
    [("2026-12-31", "2026-W53"), ("2027-01-03", "2026-W53"), ("2027-01-04", "2027-W01"), ("2024-12-30", "2025-W01")],
)
def test_the_days_around_new_year_belong_to_one_week(day: str, week: str) -> None:
    assert str(Week.of(dt.date.fromisoformat(day))) == week


@given(rhythms, zones, instants)
def test_each_instant_lies_between_the_end_of_one_period_and_the_end_of_the_next(
    rhythm: Rhythm, zone: ZoneInfo, instant: dt.datetime
) -> None:
    terms, found = Terms(zone, 1, 2, 3), period_of(rhythm, instant.astimezone(zone).date())

    # In UTC, because Python compares two times of one zone by their clocks and not by their instants.
    assert terms.ended(found.plus(-1)).astimezone(dt.UTC) <= instant < terms.ended(found).astimezone(dt.UTC)


@given(rhythms, zones, days.filter(lambda day: 2000 < day.year < 2037), some.tuples(*[some.integers(0, 28)] * 3))
def test_a_return_falls_due_is_due_missing_and_frozen_in_that_order(
    rhythm: Rhythm, zone: ZoneInfo, day: dt.date, numbers: tuple[int, int, int]
) -> None:
    terms, found = Terms(zone, *sorted(numbers)), period_of(rhythm, day)

    order = [each(found).astimezone(dt.UTC) for each in (terms.ended, terms.due, terms.missing, terms.frozen)]

    assert order == sorted(order)
    assert order[0] < order[1]


@pytest.mark.parametrize("text", ["2026-W54", "2025-W53", "2026-W00", "2026-W1", "2026-02-30", "2026-13-01", "", "2026"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_period(text)


@pytest.mark.parametrize(
    ("text", "rhythm", "found"),
    [
        ("2026-10-05", "daily", Day(dt.date(2026, 10, 5))),
        ("2026-10-05", "weekly", Week(2026, 41)),
        ("2026-W41", "weekly", Week(2026, 41)),
        ("2026-10", "monthly", Month(2026, 10)),
        ("2026-10", "weekly", None),
        ("2026-W41", "daily", None),
        ("nonsense", "daily", None),
        (None, "daily", None),
    ],
)
def test_a_report_counts_for_the_period_it_names_or_the_one_around_it(
    text: str | None, rhythm: Rhythm, found: Day | Week | Month | None
) -> None:
    assert named(text, rhythm) == found
