"""XPath functions of places: distance, area, inside or not. Metres and square metres on a sphere, as on the phone."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from forms.values import Point, read_point, read_points
from forms.xpath_context import Context, Function, Run, text_of

Arguments = Sequence[Run]

EARTH_RADIUS_M: Final = 6_378_100.0
"""The radius ODK's clients use, so that server and phone agree."""


def _points(context: Context, arguments: Arguments) -> tuple[Point, ...]:
    """All points of traces, shapes, points or node sets of points, in order."""
    found: list[Point] = []
    for argument in arguments:
        value = argument(context)
        texts = [node.string() for node in value] if isinstance(value, list) else [text_of(context, argument)]
        for text in texts:
            found += read_points(text) or ()
    return tuple(found)


def metres_between(first: Point, second: Point) -> float:
    """Great-circle distance in metres (haversine)."""
    lat1, lat2 = math.radians(first.lat), math.radians(second.lat)
    half_lat = (lat2 - lat1) / 2
    half_lon = math.radians(second.lon - first.lon) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def _distance(context: Context, arguments: Arguments) -> float:
    """Length in metres of the line through all points; 0 without two points."""
    points = _points(context, arguments)
    total = math.fsum(metres_between(first, second) for first, second in pairwise(points))
    return round(total, 2)


def _area(context: Context, arguments: Arguments) -> float:
    """Area in square metres inside a shape (Chamberlain and Duquette's formula on a sphere)."""
    points = _points(context, arguments)
    if len(points) < 3:
        return 0.0
    total = 0.0
    for first, second in zip(points, (*points[1:], points[0]), strict=True):
        width = math.radians(second.lon - first.lon)
        total += width * (2 + math.sin(math.radians(first.lat)) + math.sin(math.radians(second.lat)))
    return round(abs(total * EARTH_RADIUS_M**2 / 2), 2)


def _geofence(context: Context, arguments: Arguments) -> bool:
    """Whether a point lies inside a shape."""
    point = read_point(text_of(context, arguments[0]))
    shape = read_points(text_of(context, arguments[1]))
    return point is not None and shape is not None and _inside(point, shape)


def _inside(point: Point, shape: Sequence[Point]) -> bool:
    inside = False
    for first, second in zip(shape, (*shape[1:], shape[0]), strict=True):
        if (first.lat > point.lat) != (second.lat > point.lat):
            crossing = first.lon + (point.lat - first.lat) / (second.lat - first.lat) * (second.lon - first.lon)
            inside ^= point.lon < crossing
    return inside


PLACE_FUNCTIONS: Final[Mapping[str, Function]] = {
    "distance": Function(_distance, 1, None),
    "area": Function(_area, 1, 1),
    "enclosed-area": Function(_area, 1, 1),
    "geofence": Function(_geofence, 2, 2),
}
