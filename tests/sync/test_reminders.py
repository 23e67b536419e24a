"""Reminders of returns: three days before the due day, one and five after, in mission time (rule C.7)."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sync.periods import RHYTHMS, Day, Rhythm, Week, period_of
from sync.reminders import reminded, reminder
from sync.returns import DAYS, Cell, Delivery, Month, Owner, Terms, Waiver, assess

BANGUI = ZoneInfo("Africa/Bangui")
OCTOBER, TERMS = Month(2026, 10), Terms(BANGUI)


def at(day: int, hour: int = 12, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, minute, tzinfo=BANGUI).astimezone(dt.UTC)


def cell(instant: dt.datetime, *came: Delivery, waiver: Waiver | None = None, left: dt.date | None = None) -> Cell | None:
    return assess(Owner(rotation_out=left), OCTOBER, TERMS, came, waiver, instant)


@pytest.mark.parametrize(
    ("instant", "number", "to_sector"),
    [
        (at(1, 23, 59), None, None), (at(2, 0, 0), 1, False), (at(5, 23, 59), 1, False), (at(6, 0, 0), 2, False),
        (at(9, 23, 59), 2, False), (at(10, 0, 0), 3, True), (at(28), 3, True),
    ],
)  # fmt: skip
def test_the_day_in_mission_time_decides_which_reminder_is_in_force(
    instant: dt.datetime, number: int | None, to_sector: bool | None
) -> None:
    found = reminder(cell(instant), TERMS, instant)

    assert (found and found.number, found and found.to_sector) == (number, to_sector)


def test_it_names_the_due_day() -> None:
    found = reminder(cell(at(7)), TERMS, at(7))

    assert found is not None
    assert (found.due, found.is_over) == (dt.date(2026, 11, 5), True)


def test_before_the_due_day_nothing_is_over() -> None:
    found = reminder(cell(at(4)), TERMS, at(4))

    assert found is not None
    assert not found.is_over


def test_what_came_is_not_reminded_of_even_when_it_came_late() -> None:
    late = Delivery("uuid:1", at(8))

    assert reminder(cell(at(11), late), TERMS, at(11)) is None


def test_what_was_waived_or_is_not_owed_is_not_reminded_of() -> None:
    waived = Waiver("e", at(1), "officer", "no patrols")

    assert reminder(cell(at(11), waiver=waived), TERMS, at(11)) is None
    assert reminder(cell(at(11), left=dt.date(2026, 9, 1)), TERMS, at(11)) is None


def test_a_post_that_left_in_the_month_is_reminded_of_its_handover_return() -> None:
    found = reminder(cell(at(11), left=dt.date(2026, 10, 20)), TERMS, at(11))

    assert found is not None
    assert found.cell.state == "handover"


@pytest.mark.parametrize(
    ("period", "day", "number", "to_sector"),
    [
        (Week(2026, 41), 10, None, None), (Week(2026, 41), 11, 1, False), (Week(2026, 41), 13, 2, False),
        (Week(2026, 41), 15, 3, True), (Day(dt.date(2026, 10, 5)), 5, None, None), (Day(dt.date(2026, 10, 5)), 6, 1, False),
        (Day(dt.date(2026, 10, 5)), 7, 2, False), (Day(dt.date(2026, 10, 5)), 8, 3, True),
    ],
)  # fmt: skip
def test_weekly_and_daily_returns_are_reminded_of_closer_to_their_due_day(
    period: Week | Day, day: int, number: int | None, to_sector: bool | None
) -> None:
    terms, instant = Terms(BANGUI, *DAYS[period.rhythm]), dt.datetime(2026, 10, day, 9, tzinfo=BANGUI).astimezone(dt.UTC)

    found = reminder(assess(Owner(), period, terms, [], None, instant), terms, instant)

    assert (found and found.number, found and found.to_sector) == (number, to_sector)


@given(some.sampled_from(RHYTHMS), some.integers(0, 28), some.dates(dt.date(2001, 1, 1), dt.date(2036, 1, 1)))
def test_no_reminder_begins_on_a_day_for_a_period_that_is_not_looked_at(rhythm: Rhythm, due: int, day: dt.date) -> None:
    terms, looked_at = Terms(BANGUI, due, 28, 28), reminded(rhythm, due, day)
    noon = [dt.datetime.combine(day - dt.timedelta(days=back), dt.time(12), BANGUI).astimezone(dt.UTC) for back in (1, 0)]

    for period in [period_of(rhythm, day).plus(step) for step in range(-35, 3)]:
        before, found = (reminder(assess(Owner(), period, terms, [], None, at), terms, at) for at in noon)
        if found is not None and (before is None or before.number != found.number):
            assert period in looked_at
