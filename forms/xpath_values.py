"""Values of ODK's XPath and the conversions between them: text, numbers, truth, dates and node sets.

Differs from plain XPath 1.0 where ODK does: dates compare as days, and an absent answer is an empty text.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from forms.nodes import Node
from forms.values import read_date, read_datetime, read_time

_NUMBER: Final = re.compile(r"\s*-?(\d+\.?\d*|\.\d+)\s*")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock days since 1970 in the form's own time zone
SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, or a date with a time of day. `at` is aware; its zone is the one the form is filled in."""

    at: datetime
    has_time: bool

    def days(self) -> float:
        """Days since 1970-01-01 by the wall clock; whole for a date."""
        return (self.at.replace(tzinfo=None) - _EPOCH).total_seconds() / SECONDS_PER_DAY

    def text(self) -> str:
        """ISO 8601 as ODK writes it: `2026-11-22` or `2026-11-22T10:30:00.000+01:00`."""
        return zone_text(self.at.isoformat(timespec="milliseconds")) if self.has_time else self.at.date().isoformat()


def zone_text(iso: str) -> str:
    """An ISO 8601 time with `Z` for UTC, as Collect writes it."""
    return f"{iso[:-6]}Z" if iso.endswith("+00:00") else iso


Value = str | float | bool | Moment | list[Node]


def to_string(value: Value) -> str:
    """XPath's string(); a node set gives its first node's text, an empty one the empty text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return value[0].string() if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Moment):
        return value.text()
    return number_text(value)


def number_text(number: float) -> str:
    """A number without exponent and without a trailing `.0`."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    text = repr(number)
    if "e" in text or "E" in text:
        text = f"{number:.17f}".rstrip("0").rstrip(".") if abs(number) < 1 else f"{number:.0f}"
    return text


def to_number(value: Value, zone: tzinfo = UTC) -> float:
    """XPath's number(), with dates as days since 1970 and times as fractions of a day; NaN for other text."""
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if isinstance(value, float):
        return value
    if isinstance(value, Moment):
        return value.days()
    text = to_string(value)
    return float(text) if _NUMBER.fullmatch(text) else _days(text.strip(), zone)


def _days(text: str, zone: tzinfo) -> float:
    moment = to_moment_text(text, zone)
    if moment is not None:
        return moment.days()
    clock = read_time(text, zone)
    if clock is None:
        return math.nan
    return (clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6) / SECONDS_PER_DAY


def to_moment_text(text: str, zone: tzinfo) -> Moment | None:
    """A date or dateTime text as a moment in `zone`; None for other text."""
    if len(text) < 10 or text[4] != "-":
        return None
    if len(text) == 10:
        day = read_date(text)
        return Moment(_midnight(day, zone), False) if day else None
    found = read_datetime(text, zone)
    return Moment(found.astimezone(zone), True) if found else None


def to_moment(value: Value, zone: tzinfo) -> Moment | None:
    """A date from a date, a text or a number of days since 1970; None when there is none."""
    if isinstance(value, Moment):
        return value
    text = to_string(value).strip()
    found = to_moment_text(text, zone)
    if found is not None:
        return found
    number = to_number(value, zone)
    if math.isnan(number) or abs(number) > 2_900_000:
        return None
    try:
        wall = _EPOCH + timedelta(days=number)
    except OverflowError:
        return None
    return Moment(wall.replace(tzinfo=zone), number != int(number))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def to_boolean(value: Value) -> bool:
    """XPath's boolean(): non-empty text, non-zero number; a node counts by its text, several nodes are true."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return not (math.isnan(value) or value == 0)
    if isinstance(value, Moment):
        return True
    if isinstance(value, list) and len(value) == 1:
        return bool(value[0].elements()) or value[0].text != ""
    return len(value) > 0


def equal(left: Value, right: Value, zone: tzinfo) -> bool:
    """XPath's `=`: true if any pair of nodes matches; an empty node set is the empty text."""
    if isinstance(left, list) and len(left) > 1:
        return any(equal([node], right, zone) for node in left)
    if isinstance(right, list) and len(right) > 1:
        return any(equal(left, [node], zone) for node in right)
    if isinstance(left, bool) or isinstance(right, bool):
        return to_boolean(left) == to_boolean(right)
    if isinstance(left, float | Moment) or isinstance(right, float | Moment):
        return to_number(left, zone) == to_number(right, zone)
    return to_string(left) == to_string(right)


def compare(operator: str, left: Value, right: Value, zone: tzinfo) -> bool:
    """XPath's `=`, `!=`, `<`, `<=`, `>`, `>=`; a comparison of order with a text that is no number is false."""
    if operator == "=":
        return equal(left, right, zone)
    if operator == "!=":
        return _unequal(left, right, zone)
    if isinstance(left, list) and len(left) > 1:
        return any(compare(operator, [node], right, zone) for node in left)
    if isinstance(right, list) and len(right) > 1:
        return any(compare(operator, left, [node], zone) for node in right)
    first, second = to_number(left, zone), to_number(right, zone)
    if operator == "<":
        return first < second
    if operator == "<=":
        return first <= second
    return first > second if operator == ">" else first >= second


def _unequal(left: Value, right: Value, zone: tzinfo) -> bool:
    if isinstance(left, list) and len(left) > 1:
        return any(_unequal([node], right, zone) for node in left)
    if isinstance(right, list) and len(right) > 1:
        return any(_unequal(left, [node], zone) for node in right)
    return not equal(left, right, zone)
