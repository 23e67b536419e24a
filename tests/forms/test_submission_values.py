"""Typed values read out of a submission's strings."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms.values import Point, read_date, read_datetime, read_decimal, read_int, read_point, read_points, read_time

READERS = [read_date, read_datetime, read_decimal, read_int, read_point, read_points, read_time]


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("6.45 17.4 400 5.5", Point(6.45, 17.4, 400.0, 5.5)),
        ("6.45 17.4 0 0", Point(6.45, 17.4, 0.0, None)),
        (" -6.45  -17.4 ", Point(-6.45, -17.4)),
        ("6.45 17.4 12", Point(6.45, 17.4, 12.0)),
    ],
)
def test_points_are_read_with_what_the_device_gave(text: str, point: Point) -> None:
    assert read_point(text) == point


@pytest.mark.parametrize("text", ["", None, "6.45", "91 0", "0 181", "a b", "1 2 3 4 5", "nan nan", "6,45 17,4", "1 2 x"])
def test_what_is_no_point_is_none(text: str | None) -> None:
    assert read_point(text) is None


def test_lines_are_read_and_broken_ones_are_none() -> None:
    assert read_points("0 0; 1 1 5 2;") == (Point(0, 0), Point(1, 1, 5, 2))
    assert read_points("0 0; x") is None


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), (" -12 ", -12), ("5.0", None), ("1e3", None), ("", None), ("9" * 30, None)]
)
def test_whole_numbers(text: str, number: int | None) -> None:
    assert read_int(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("5.5", 5.5), (".5", 0.5), ("-1.", -1.0), ("1E3", 1000.0), ("3,5", None), ("Infinity", None), ("1e999", None)],
)
def test_decimal_numbers(text: str, number: float | None) -> None:
    assert read_decimal(text) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-22", date(2026, 11, 22)),
        ("2026-11-22T10:00:00Z", date(2026, 11, 22)),
        ("2026-02-30", None),
        ("22.11.2026", None),
        ("2026-11-221", None),
    ],
)
def test_dates(text: str, day: date | None) -> None:
    assert read_date(text) == day


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T10:30:00.123+01:00", datetime(2026, 11, 22, 10, 30, 0, 123000, timezone(timedelta(hours=1)))),
        ("2026-11-22T10:30:00Z", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        ("2026-11-22T10:30", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T25:00:00Z", None),
        ("2026-11-22Tx", None),
    ],
)
def test_datetimes_are_aware(text: str, moment: datetime | None) -> None:
    assert read_datetime(text) == moment


def test_times_are_aware() -> None:
    assert read_time("10:30:00.000+0100") == time(10, 30, tzinfo=timezone(timedelta(hours=1)))
    assert read_time("10:61") is None


@given(st.text(max_size=40) | st.from_regex(r"[0-9:T.Z+ ;-]{0,40}", fullmatch=True))
def test_no_text_makes_a_reader_fail(text: str) -> None:
    outcomes = [reader(text) for reader in READERS]

    assert len(outcomes) == len(READERS)
