"""Read typed values out of the strings a submission carries: points, numbers, dates.

Every function returns None for text that is no such value and never raises on input from outside.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from math import isfinite
from typing import Final

_INTEGER: Final = re.compile(r"[+-]?\d{1,18}")
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_TIME: Final = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|[+-]\d{2}(?::?\d{2})?)?")


@dataclass(frozen=True, slots=True)
class Point:
    """A position in WGS 84: degrees, altitude and accuracy (68 % radius) in metres where the device gave them."""

    lat: float
    lon: float
    alt: float | None = None
    acc: float | None = None


def read_point(text: str | None) -> Point | None:
    """`lat lon [alt [acc]]` as ODK writes a geopoint; an accuracy of 0 means "not measured" and becomes None."""
    parts = (text or "").split()
    if not 2 <= len(parts) <= 4:
        return None
    numbers = [read_decimal(part) for part in parts]
    lat, lon = numbers[0], numbers[1]
    if lat is None or lon is None or None in numbers or abs(lat) > 90 or abs(lon) > 180:
        return None
    alt, acc = (*numbers[2:], None, None)[:2]
    return Point(lat, lon, alt, acc or None)


def read_points(text: str | None) -> tuple[Point, ...] | None:
    """A geotrace or geoshape: geopoints separated by semicolons."""
    points = [read_point(part) for part in (text or "").split(";") if part.strip()]
    found = tuple(point for point in points if point is not None)
    return found if found and len(found) == len(points) else None


def read_int(text: str | None) -> int | None:
    """A whole number of at most 18 digits."""
    text = (text or "").strip()
    return int(text) if _INTEGER.fullmatch(text) else None


def read_decimal(text: str | None) -> float | None:
    """A decimal number with a point; never NaN or infinite."""
    text = (text or "").strip()
    number = float(text) if _DECIMAL.fullmatch(text) else None
    return number if number is not None and isfinite(number) else None


def read_date(text: str | None) -> date | None:
    """`YYYY-MM-DD`; the time of a dateTime is dropped."""
    found = _DATE.match((text or "").strip())
    if not found or (len((text or "").strip()) > 10 and (text or "").strip()[10] not in "T "):
        return None
    try:
        return date(int(found.group(1)), int(found.group(2)), int(found.group(3)))
    except ValueError:
        return None


def read_time(text: str | None, default_zone: tzinfo = UTC) -> time | None:
    """`HH:MM[:SS[.fff]][zone]`, always with a zone: `default_zone` where the text has none."""
    found = _TIME.fullmatch((text or "").strip())
    if not found:
        return None
    hour, minute, second, fraction, zone = found.groups()
    try:
        micros = int((fraction or "0").ljust(6, "0")[:6])
        return time(int(hour), int(minute), int(second or 0), micros, tzinfo=_zone(zone, default_zone))
    except ValueError:
        return None


def read_datetime(text: str | None, default_zone: tzinfo = UTC) -> datetime | None:
    """An ISO 8601 date and time, always aware; `default_zone` where the text has no zone. A mere date is midnight."""
    text = (text or "").strip()
    day = read_date(text)
    if day is None:
        return None
    clock = read_time(text[11:], default_zone) if len(text) > 10 else time(tzinfo=default_zone)
    return datetime.combine(day, clock) if clock is not None else None


def _zone(text: str | None, default: tzinfo) -> tzinfo:
    if text is None:
        return default
    if text == "Z":
        return UTC
    sign = text[0]
    digits = text[1:].replace(":", "").ljust(4, "0")
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{sign}{digits[:2]}:{digits[2:]}").tzinfo
    return zone or default
