"""Reads positions as forms give them: ODK geopoints and MGRS grid references. A text that is neither is no position."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from forms.values import read_point
from sync.merge.facts import Position

# An observer who does not go near points with a compass and estimates: so many degrees, and that part of the distance (ours).
BEARING_ERROR_DEG, DISTANCE_ERROR = 5.0, 0.1
_EARTH_M = 6_371_008.8
_GRID = re.compile(r"^\d{1,2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V](\d{2,10})$")


def geopoint(text: str) -> Position | None:
    """An ODK geopoint "lat lon altitude accuracy"; accuracy 0 means that it was not measured."""
    point = read_point(text)
    return Position(point.lat, point.lon, point.acc) if point else None


def grid_reference(text: str) -> Position | None:
    """The middle of an MGRS square; its accuracy is half the square's diagonal (10 digits: 1 m square)."""
    compact = text.upper().replace(" ", "")
    match = _GRID.match(compact)
    if not match or len(match.group(1)) % 2:
        return None
    import mgrs  # its library takes 2 MB, and most missions write degrees

    digits = len(match.group(1)) // 2
    side = 10.0 ** (5 - digits)
    # The middle is read exactly by appending a 5 to both halves, which names the centre of the square.
    east, north = match.group(1)[:digits], match.group(1)[digits:]
    if digits < 5:
        compact = f"{compact[: -2 * digits]}{east}5{north}5"
    try:
        lat, lon = mgrs.MGRS().toLatLon(compact)
    except mgrs.core.MGRSError:
        return None
    return Position(round(float(lat), 7), round(float(lon), 7), round(side * math.sqrt(0.5), 1))


@lru_cache(maxsize=16_384)
def parse_position(text: str) -> Position | None:
    """The position that `text` gives, as a geopoint or as a grid reference."""
    return geopoint(text) or grid_reference(text)


def as_geopoint(place: Position) -> str:
    """`place` as an ODK geopoint text (altitude unknown is 0, as Collect writes it)."""
    return f"{place.lat:.7f} {place.lon:.7f} 0 {place.accuracy_m or 0:g}"


def away_from(place: Position, bearing: float, metres: float) -> Position:
    """Where a thing is that was seen from `place` at that bearing (degrees from north) and distance, with its point error.

    The error is what the observer's own position, his compass and his estimate of the distance may each be off by, together;
    a position without a stated accuracy adds nothing to it.
    """
    angle, course, lat = metres / _EARTH_M, math.radians(bearing), math.radians(place.lat)
    there = math.asin(math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(course))
    east = math.atan2(
        math.sin(course) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(there)
    )  # fmt: skip
    error = math.hypot(place.accuracy_m or 0.0, metres * math.radians(BEARING_ERROR_DEG), metres * DISTANCE_ERROR)
    lon = (place.lon + math.degrees(east) + 540) % 360 - 180
    return Position(round(math.degrees(there), 7), round(lon, 7), round(error, 1))
