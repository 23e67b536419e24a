"""Reporting periods of the three rhythms: a day, an ISO week, a month. Must not know the database.

The periods of a rhythm tile the calendar: every day belongs to exactly one of them. A day is one of mission time.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

Rhythm = Literal["daily", "weekly", "monthly"]
RHYTHMS: tuple[Rhythm, ...] = ("daily", "weekly", "monthly")
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_YEARS = range(1970, 2201)


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month as a reporting period, written YYYY-MM."""

    year: int
    month: int
    rhythm: ClassVar[Rhythm] = "monthly"

    @classmethod
    def parse(cls, text: str) -> Month:
        """Reads YYYY-MM. Raises ValueError for anything else and for years outside 1970-2200."""
        match = _MONTH.fullmatch(text)
        if match is None or int(match[1]) not in _YEARS:
            raise ValueError(f"{text!r} is no month; write it as 2026-10")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: dt.date) -> Month:
        """The month that holds the day."""
        return cls(day.year, day.month)

    def plus(self, months: int) -> Month:
        """The month that many months later (earlier when negative)."""
        years, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(years, month + 1)

    @property
    def first(self) -> dt.date:
        return dt.date(self.year, self.month, 1)

    @property
    def last(self) -> dt.date:
        return dt.date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

    def day(self, number: int) -> dt.date:
        """That day of the month; the last one when the month is shorter."""
        return dt.date(self.year, self.month, min(number, self.last.day))

    def after(self, number: int) -> dt.date:
        """That day of the month after (0: the month's own last day); the last one when that is shorter."""
        return self.plus(1).day(number) if number else self.last

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO week (Monday to Sunday; week 1 holds the year's first Thursday), written YYYY-Www."""

    year: int
    week: int
    rhythm: ClassVar[Rhythm] = "weekly"

    @classmethod
    def parse(cls, text: str) -> Week:
        """Reads YYYY-Www. Raises ValueError for anything else, a week 53 that the year has not, and years outside 1970-2200."""
        match = _WEEK.fullmatch(text)
        if match is None or int(match[1]) not in _YEARS:
            raise ValueError(f"{text!r} is no week; write it as 2026-W41")
        found = cls(int(match[1]), int(match[2]))
        dt.date.fromisocalendar(found.year, found.week, 1)
        return found

    @classmethod
    def of(cls, day: dt.date) -> Week:
        """The week that holds the day; around new year its year may be another than the day's."""
        year, week, _weekday = day.isocalendar()
        return cls(year, week)

    def plus(self, weeks: int) -> Week:
        """The week that many weeks later (earlier when negative)."""
        return Week.of(self.first + dt.timedelta(weeks=weeks))

    @property
    def first(self) -> dt.date:
        return dt.date.fromisocalendar(self.year, self.week, 1)

    @property
    def last(self) -> dt.date:
        return self.first + dt.timedelta(days=6)

    def after(self, number: int) -> dt.date:
        """That many days after the week's Sunday."""
        return self.last + dt.timedelta(days=number)

    def __str__(self) -> str:
        return f"{self.year:04d}-W{self.week:02d}"


@dataclass(frozen=True, slots=True)
class Day:
    """One day, written YYYY-MM-DD."""

    date: dt.date
    rhythm: ClassVar[Rhythm] = "daily"

    @classmethod
    def parse(cls, text: str) -> Day:
        """Reads YYYY-MM-DD. Raises ValueError for anything else and for years outside 1970-2200."""
        match = _DAY.fullmatch(text)
        if match is None or int(match[1]) not in _YEARS:
            raise ValueError(f"{text!r} is no day; write it as 2026-10-05")
        return cls(dt.date(int(match[1]), int(match[2]), int(match[3])))

    @classmethod
    def of(cls, day: dt.date) -> Day:
        """The day itself."""
        return cls(day)

    def plus(self, days: int) -> Day:
        """The day that many days later (earlier when negative)."""
        return Day(self.date + dt.timedelta(days=days))

    @property
    def first(self) -> dt.date:
        return self.date

    @property
    def last(self) -> dt.date:
        return self.date

    def after(self, number: int) -> dt.date:
        """That many days after."""
        return self.date + dt.timedelta(days=number)

    def __str__(self) -> str:
        return self.date.isoformat()


Period: TypeAlias = Day | Week | Month
_KINDS: dict[Rhythm, type[Day] | type[Week] | type[Month]] = {"daily": Day, "weekly": Week, "monthly": Month}


def parse_period(text: str) -> Period:
    """Reads a period of any rhythm. Raises ValueError for what is none."""
    if _DAY.fullmatch(text):
        return Day.parse(text)
    return Week.parse(text) if "W" in text else Month.parse(text)


def period_of(rhythm: Rhythm, day: dt.date) -> Period:
    """The one period of the rhythm that holds the day of mission time."""
    return _KINDS[rhythm].of(day)


def named(text: str | None, rhythm: Rhythm) -> Period | None:
    """The period of the rhythm that a report names: that one, or the one which holds the shorter one it names; else None."""
    try:
        found = parse_period(text or "")
    except ValueError:
        return None
    if found.rhythm == rhythm:
        return found
    return period_of(rhythm, found.first) if isinstance(found, Day) else None
