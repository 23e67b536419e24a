"""The middle of a GeoJSON geometry, good enough to place an area's name on a map. WGS84 degrees, no other reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def middle(geometry: object) -> tuple[float, float] | None:
    """(lat, lon): the point itself, else the area-weighted middle of the largest ring; None without usable coordinates."""
    if not isinstance(geometry, dict):
        return None
    rings = [ring for ring in _rings(geometry.get("coordinates"), 0) if ring]
    if not rings:
        return None
    return _centroid(max(rings, key=lambda ring: abs(_twice_area(ring))))


def _rings(coordinates: Any, depth: int) -> Iterator[list[tuple[float, float]]]:
    if not isinstance(coordinates, list) or depth > 4:
        return
    point = _point(coordinates)
    if point is not None:
        yield [point]
        return
    points = [_point(each) for each in coordinates]
    if points and all(each is not None for each in points):
        yield [each for each in points if each is not None]
        return
    for each in coordinates:
        yield from _rings(each, depth + 1)


def _point(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) < 2:
        return None
    lon, lat = value[0], value[1]
    if isinstance(lon, bool) or isinstance(lat, bool) or not isinstance(lon, int | float) or not isinstance(lat, int | float):
        return None
    return (float(lat), float(lon)) if abs(lat) <= 90 and abs(lon) <= 180 else None


def _twice_area(ring: list[tuple[float, float]]) -> float:
    return sum(a[1] * b[0] - b[1] * a[0] for a, b in zip(ring, ring[1:] + ring[:1], strict=True))


def _centroid(ring: list[tuple[float, float]]) -> tuple[float, float]:
    area = _twice_area(ring)
    if abs(area) < 1e-12:
        return sum(point[0] for point in ring) / len(ring), sum(point[1] for point in ring) / len(ring)
    lat = lon = 0.0
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        cross = a[1] * b[0] - b[1] * a[0]
        lat += (a[0] + b[0]) * cross
        lon += (a[1] + b[1]) * cross
    return lat / (3 * area), lon / (3 * area)
