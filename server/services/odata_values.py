"""Turns the text of an answer into what OData and GeoJSON carry: numbers, GeoJSON or well-known text, else the text.

Text that is no such value becomes None (never NaN), so that a wrong answer cannot break a whole table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

GEO_TYPES = frozenset({"geopoint", "geotrace", "geoshape"})
# Central's mapping of XForms types; everything else is text.
EDM_TYPES = {
    "int": "Edm.Int64", "decimal": "Edm.Decimal", "boolean": "Edm.Boolean", "geopoint": "Edm.GeographyPoint",
    "geotrace": "Edm.GeographyLineString", "geoshape": "Edm.GeographyPolygon", "date": "Edm.Date",
    "dateTime": "Edm.DateTimeOffset",
}
_LONE_START = re.compile(r"^[^A-Za-z_]")
_SHORT_ZONE = re.compile(r"T.*[+-]\d\d$")
# Python also reads 1_000, Arabic digits and words for infinity; no other reader would.
_PLAIN = re.compile(r"\s*[0-9.eE+-]+\s*")
_NO_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]+")


def identifier(name: str) -> str:
    """The name as an OData identifier, as ODK Central writes it: "_" before a leading digit, "_" for each run of others."""
    return _NO_IDENTIFIER.sub("_", _LONE_START.sub(lambda found: "_" + found.group(), name))


Converter = Callable[[str], Any]


def converter(kind: str, wkt: bool = False) -> Converter:
    """What turns a (not empty) answer of that XForms type into its JSON value; the value is None for text that is none such."""
    if kind in GEO_TYPES:
        return partial(well_known_text if wkt else geometry, kind)
    return _CONVERTERS.get(kind, str)


def _boolean(text: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip())


def _moment(text: str) -> str:
    """Collect may write the zone as +07; most readers want +07:00."""
    trimmed = text.strip()
    return f"{trimmed}:00" if _SHORT_ZONE.search(trimmed) else trimmed


def geometry(kind: str, text: str) -> dict[str, Any] | None:
    """GeoJSON of a geopoint, geotrace or geoshape: [lon, lat, altitude?], accuracies in metres under properties."""
    points = _points(text)
    if not points:
        return None
    coordinates = [_coordinates(point) for point in points]
    accuracies = [point[3] for point in points]
    if kind == "geopoint":
        shape: dict[str, Any] = {"type": "Point", "coordinates": coordinates[0]}
        if accuracies[0] is not None:
            shape["properties"] = {"accuracy": accuracies[0]}
        return shape
    if kind == "geotrace":
        shape = {"type": "LineString", "coordinates": coordinates}
    else:
        shape = {"type": "Polygon", "coordinates": [coordinates]}
    if any(accuracies):
        shape["properties"] = {"accuracies": accuracies}
    return shape


def well_known_text(kind: str, text: str) -> str | None:
    """The same place as POINT, LINESTRING or POLYGON with "lon lat altitude"."""
    points = [" ".join(f"{number:.15g}" for number in _coordinates(point)) for point in _points(text)]
    if not points:
        return None
    if kind == "geopoint":
        return f"POINT ({points[0]})"
    joined = ",".join(points)
    return f"LINESTRING ({joined})" if kind == "geotrace" else f"POLYGON (({joined}))"


_Point = tuple[float, float, float | None, float | None]


def _points(text: str) -> list[_Point]:
    found: list[_Point] = []
    for part in text.split(";"):
        numbers = [_number(word) for word in part.split()[:4]]
        if len(numbers) < 2 or numbers[0] is None or numbers[1] is None:
            continue
        lat, lon, altitude, accuracy = (*numbers, None, None)[:4]
        found.append((lat or 0.0, lon or 0.0, altitude, accuracy))
    return found


def _coordinates(point: _Point) -> list[float]:
    lat, lon, altitude, _accuracy = point
    return [lon, lat] if altitude is None else [lon, lat, altitude]


def _integer(text: str) -> int | None:
    number: int | None
    if not _PLAIN.fullmatch(text):
        return None
    try:
        number = int(text)
    except ValueError:
        decimal = _number(text)
        number = None if decimal is None else int(decimal)
    # Edm.Int64 holds no more; a longer number is a phone number typed into the wrong question.
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _number(text: str) -> float | None:
    if not _PLAIN.fullmatch(text):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


_CONVERTERS: dict[str, Converter] = {"int": _integer, "decimal": _number, "boolean": _boolean, "dateTime": _moment}
