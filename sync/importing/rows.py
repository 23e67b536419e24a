"""What one row of a list says: values by property, position, key, and every cell that cannot be understood, with its column.

A row becomes one observation of its own thing, told and not seen, by the source category "agency"; matching and clustering
then treat it as any other. Must not compare rows with records.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forms.entities import entity_uuid
from sync.importing.columns import ACCURACY, DATE, KEY, KNOWN, LAT, LON, POSITION, Field, fields, position_property
from sync.merge.facts import Observation, Position, Statement, derived_id
from sync.merge.names import fold
from sync.merge.positions import as_geopoint, parse_position
from sync.registers import Register

ROLE = "agency"
MAX_TEXT = 1_000
# A list that comes again speaks of the newest version of its thing: chains take a base beyond their end as their end.
NEWEST = 1_000_000
_NUMBER = re.compile(r"[-+]?\d{1,15}(?:[.,]\d{1,12})?")
_WKT = re.compile(r"POINT\s*(?:Z\s*)?\(\s*([-+\d.]+)\s+([-+\d.]+)(?:\s+[-+\d.]+)?\s*\)", re.IGNORECASE)
_DEGREES = re.compile(
    r"\s*([NSEWOnsewo])?\s*([-+]?\d{1,3}(?:[.,]\d{1,12})?)\s*[°d]?\s*(?:(\d{1,2}(?:[.,]\d{1,9})?)\s*['’′m]\s*)?"
    r"(?:(\d{1,2}(?:[.,]\d{1,9})?)\s*(?:[\"”″s]|'')\s*)?([NSEWOnsewo])?\s*"
)
_DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d")


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that is not taken: its column (from 0; None: none chosen), a name of the catalogue, what was expected."""

    column: int | None
    code: str
    expected: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a list is read.

    `columns`: field -> column; `codes`: field -> {folded text: code}; `areas`: folded name or code -> code; `above`: field ->
    (the field it follows from, code -> code above), as a type tells the group.
    `swap`: latitude and longitude stand in each other's columns. `shifts`: area ("" all) -> degrees to add.
    """

    register: Register
    columns: Mapping[str, int]
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    areas: Mapping[str, str] = field(default_factory=dict)
    above: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    swap: bool = False
    shifts: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is understood. `values` has texts by property, the position (shifted) among them; `read` is the unshifted one.

    `sound`: it has a name, so it can be taken.
    """

    key: str | None
    known: str | None
    label: str | None
    observed: dt.date | None
    values: Mapping[str, str]
    position: Position | None
    read: Position | None
    area: str | None
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        return self.label is not None


class _Cells:
    def __init__(self, cells: Sequence[str], reading: Reading) -> None:
        self.cells, self.reading = cells, reading
        self.faults: list[Fault] = []

    def text(self, name: str) -> str:
        column = self.reading.columns.get(name)
        if column is None or column >= len(self.cells):
            return ""
        return " ".join(self.cells[column].replace("\x00", "").split())[:MAX_TEXT]

    def wrong(self, name: str, expected: str, value: str) -> None:
        self.faults.append(Fault(self.reading.columns.get(name), "cell_wrong", expected, value[:80]))


def understand(cells: Sequence[str], reading: Reading) -> Row:
    """Reads one row. A cell that is not understood is left out and named in `faults`; a row without a name is not sound."""
    found = _Cells(cells, reading)
    values: dict[str, str] = {}
    for one in fields(reading.register):
        if one.name in reading.register.properties and (text := found.text(one.name)):
            value = _value(found, one, text)
            if value:
                values[one.name] = value
    for name, (below, codes) in reading.above.items():
        if name not in values and (code := codes.get(values.get(below, ""))):
            values[name] = code
    label = values.get(reading.register.label_property or "")
    if label is None:
        found.faults.append(Fault(reading.columns.get(reading.register.label_property or ""), "cell_missing", "name"))
    area = next((values[p.name] for p in reading.register.properties.values() if p.type == "area" and p.name in values), None)
    read = _position(found)
    moved = _moved(read, area, reading)
    place = position_property(reading.register)
    if moved is not None and place is not None:
        values[place] = as_geopoint(moved)
    known = found.text(KNOWN)
    known_id = entity_uuid(known) if known else None
    if known and known_id is None:
        found.wrong(KNOWN, "id", known)
    return Row(
        found.text(KEY)[:200] or None, known_id, label, _day(found, DATE), values, moved, read, area, tuple(found.faults)
    )


def _value(found: _Cells, one: Field, text: str) -> str | None:
    if one.kind in ("code", "codes"):
        known = found.reading.codes.get(one.name, {})
        parts = re.split(r"[;,|]", text) if one.kind == "codes" else [text]
        codes = [known.get(fold(part), "") for part in parts if part.strip()]
        if not all(codes):
            found.wrong(one.name, "code", text)
        return " ".join(dict.fromkeys(code for code in codes if code)) or None
    if one.kind == "area":
        code = found.reading.areas.get(fold(text))
        if code is None:
            found.wrong(one.name, "area", text)
        return code
    if one.kind in ("integer", "decimal"):
        number = _number(text.replace(" ", ""))
        if number is None or (one.kind == "integer" and number != int(number)):
            found.wrong(one.name, "number", text)
            return None
        return str(int(number)) if one.kind == "integer" else repr(number)
    if one.kind == "date":
        day = parse_day(text)
        if day is None:
            found.wrong(one.name, "date", text)
        return day.isoformat() if day else None
    return text


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None


def parse_day(text: str) -> dt.date | None:
    """A day as lists write it: ISO, 22/11/2026, 22.11.2026, or an ISO time; the day stands before the month."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}[T ].+", text):
        text = text[:10]
    for form in _DATES:
        try:
            day = dt.datetime.strptime(text, form).date()  # noqa: DTZ007
        except ValueError:
            continue
        return day if 1900 <= day.year <= 2200 else None
    return None


def _day(found: _Cells, name: str) -> dt.date | None:
    text = found.text(name)
    day = parse_day(text) if text else None
    if text and day is None:
        found.wrong(name, "date", text)
    return day


def parse_degrees(text: str, limit: int) -> float | None:
    """Degrees as lists write them: 5,76 or 5.76, with N/S/E/W (O), or with minutes and seconds; None outside ±`limit`."""
    match = _DEGREES.fullmatch(text)
    if match is None or (match[1] and match[5]):
        return None
    degrees, minutes, seconds = (float((part or "0").replace(",", ".")) for part in match.group(2, 3, 4))
    if minutes >= 60 or seconds >= 60 or (match[3] and not degrees.is_integer()):
        return None
    value = math.copysign(abs(degrees) + minutes / 60 + seconds / 3600, -1.0 if match[2].startswith("-") else 1.0)
    side = (match[1] or match[5] or "").upper()
    if side and (side in "NS") != (limit == 90):
        return None
    value = -value if side in ("S", "W", "O") and value > 0 else value
    return round(value, 7) if abs(value) <= limit else None


def _position(found: _Cells) -> Position | None:
    """The position of a row as it stands in the list (changed round when the reading says so)."""
    both = found.text(POSITION)
    lat_field, lon_field = (LON, LAT) if found.reading.swap else (LAT, LON)
    lat_text, lon_text = found.text(lat_field), found.text(lon_field)
    accuracy = _number(found.text(ACCURACY)) if found.text(ACCURACY) else None
    if not lat_text and not lon_text:
        return _one_column(found, both, accuracy) if both else None
    lat, lon = parse_degrees(lat_text, 90), parse_degrees(lon_text, 180)
    for name, value, text in ((lat_field, lat, lat_text), (lon_field, lon, lon_text)):
        if value is None:
            found.wrong(name, "degrees", text)
    if lat is None or lon is None or (lat == 0 and lon == 0):
        return None
    return Position(lat, lon, accuracy)


def _one_column(found: _Cells, text: str, accuracy: float | None) -> Position | None:
    point = _WKT.fullmatch(text.strip())
    if point:
        text = f"{point[2]} {point[1]} 0 0"
    parts = re.split(r"\s*[;,]\s*|\s+", text.strip())
    if len(parts) == 2 and re.fullmatch(r"[-+]?[\d.]+", parts[0]) and re.fullmatch(r"[-+]?[\d.]+", parts[1]):
        text = f"{parts[0]} {parts[1]} 0 0"
    place = parse_position(text)
    if place is None:
        found.wrong(POSITION, "position", text)
        return None
    lat, lon = (place.lon, place.lat) if found.reading.swap and abs(place.lon) <= 90 else (place.lat, place.lon)
    return Position(lat, lon, accuracy if accuracy is not None else place.accuracy_m)


def _moved(read: Position | None, area: str | None, reading: Reading) -> Position | None:
    if read is None:
        return None
    shift = reading.shifts.get(area or "") or reading.shifts.get("")
    if shift is None:
        return read
    lat, lon = read.lat + shift[0], read.lon + shift[1]
    return Position(round(lat, 7), round(lon, 7), read.accuracy_m) if abs(lat) <= 90 and abs(lon) <= 180 else read


@dataclass(frozen=True, slots=True)
class Source:
    """The list that a row is of, as the IMPORT fact tells it. `clock` and `received_at` are of the fact that holds the row."""

    id: str
    name: str
    register: str
    observed_at: dt.datetime
    sensitivity: str
    zone: dt.tzinfo
    actor_id: int | None = None
    post_id: int | None = None


def thing_id(source_id: str, source_name: str, register: str, key: str | None, number: int) -> str:
    """The entity that a row speaks of, a version 4 UUID that every server derives alike.

    With a key of the list's own the same row of a later list of that name is the same entity; without one it is a new one.
    """
    parts = ("list", fold(source_name), register, key) if key else ("list row", source_id, register, str(number))
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def observation(
    source: Source, number: int, key: str | None, label: str, values: Mapping[str, str], observed: dt.date | None, clock: str,
    received_at: dt.datetime, fact_id: int | None = None,
) -> Observation:  # fmt: skip
    """What a row says of its thing: told (not seen) by the list, at the row's day (noon in the mission's zone) or the list's."""
    entity = thing_id(source.id, source.name, source.register, key, number)
    seen_at = source.observed_at
    if observed is not None:
        seen_at = dt.datetime.combine(observed, dt.time(12), source.zone).astimezone(dt.UTC)
    position = next((place for text in values.values() if (place := parse_position(text))), None)
    return Observation(
        id=derived_id("list row", source.id, source.register, str(number)), register=source.register, entity_id=entity,
        action="both" if key else "create", clock=clock, observed_at=min(seen_at, received_at), received_at=received_at,
        label=label, data=dict(values), statements={name: Statement(text, seen=False) for name, text in values.items()},
        unit=source.name[:100], role=ROLE, seen=False, position=position, source=f"list:{source.id}:{number}",
        fact_id=fact_id, post_id=source.post_id, actor_id=source.actor_id, base_version=NEWEST if key else None,
        sensitivity=source.sensitivity,
    )  # fmt: skip
