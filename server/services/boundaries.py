"""Boundaries of areas: read from GeoJSON or GeoPackage, checked, kept as text, and asked whether a position lies inside.

WGS 84 degrees (EPSG:4326), longitude before latitude as in both formats; no other reference system is taken.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Point = tuple[float, float]  # longitude, latitude
Ring = list[Point]
Polygon = list[Ring]

# The largest country file published by OCHA has some 10 million corners; one area has far fewer.
MOST_CORNERS = 2_000_000


class BoundaryFault(ValueError):
    """A geometry that is no boundary and no place; the text says why."""


@dataclass(frozen=True)
class Shape:
    """What a file draws for an area: polygons, or just a point."""

    polygons: tuple[Polygon, ...] = ()
    point: Point | None = None


def from_geojson(geometry: object) -> Shape | None:
    """The shape of a GeoJSON geometry; None where there is none. Raises BoundaryFault."""
    if geometry is None:
        return None
    if not isinstance(geometry, dict):
        raise BoundaryFault("the geometry is no GeoJSON object")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "Point":
        return Shape(point=_checked(coordinates))
    if kind == "Polygon":
        return Shape((_polygon(coordinates),))
    if kind == "MultiPolygon" and isinstance(coordinates, list) and coordinates:
        return Shape(tuple(_polygon(each) for each in coordinates))
    if kind in ("LineString", "MultiLineString", "MultiPoint", "GeometryCollection"):
        raise BoundaryFault(f"a {kind} is no boundary")
    raise BoundaryFault("the geometry is no polygon")


def _polygon(rings: object) -> Polygon:
    if not isinstance(rings, list) or not rings or not all(isinstance(ring, list) for ring in rings):
        raise BoundaryFault("the polygon holds no ring")
    if sum(len(ring) for ring in rings) > MOST_CORNERS:
        raise BoundaryFault(f"the polygon has more than {MOST_CORNERS} corners")
    return [_closed([_checked(corner) for corner in ring]) for ring in rings]


def _checked(corner: Any) -> Point:
    numbers = corner[:2] if isinstance(corner, list | tuple) else ()
    if len(numbers) < 2 or any(isinstance(each, bool) or not isinstance(each, int | float) for each in numbers):
        raise BoundaryFault("a corner is no pair of numbers")
    lon, lat = float(numbers[0]), float(numbers[1])
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise BoundaryFault("a corner is no pair of numbers")
    if abs(lat) > 90 or abs(lon) > 180:
        raise BoundaryFault(
            f"{lon:.6g} {lat:.6g} are no degrees of WGS 84; the file is in metres of another reference system"
            if max(abs(lat), abs(lon)) > 360 else f"{lon:.6g} {lat:.6g} is no longitude and latitude"
        )
    return round(lon, 6), round(lat, 6)


def _closed(ring: Ring) -> Ring:
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise BoundaryFault("a ring is not closed")
    return ring


def from_geopackage(blob: object) -> Shape | None:
    """The shape of a GeoPackage geometry: "GP", version, flags, reference system, box, WKB [GeoPackage 1.3, clause 2.1.3]."""
    if blob is None:
        return None
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:2] != b"GP":
        raise BoundaryFault("the geometry is no GeoPackage geometry")
    if blob[3] & 0x10:
        return None
    size = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}.get((blob[3] >> 1) & 7)
    if size is None:
        raise BoundaryFault("the geometry is no GeoPackage geometry")
    try:
        shape, _end = _wkb(blob, 8 + size)
    except (struct.error, IndexError) as error:
        raise BoundaryFault("the geometry is damaged") from error
    return shape


def _wkb(blob: bytes, at: int) -> tuple[Shape, int]:
    """One geometry of well-known binary and where it ends."""
    order = "<" if blob[at] == 1 else ">"
    kind = struct.unpack_from(order + "I", blob, at + 1)[0]
    plain, axes = kind % 1000, {0: 2, 1: 3, 2: 3, 3: 4}.get(kind // 1000, 0)
    at += 5
    if axes == 0 or plain not in (1, 3, 6):
        raise BoundaryFault("the geometry is no polygon")
    if plain == 1:
        return Shape(point=_checked(struct.unpack_from(f"{order}{axes}d", blob, at))), at + 8 * axes
    if plain == 3:
        polygon, at = _wkb_polygon(blob, at, order, axes)
        return Shape((polygon,)), at
    count, at = _counted(blob, at, order, 9)
    polygons: list[Polygon] = []
    for _ in range(count):
        inner, kind_inside = "<" if blob[at] == 1 else ">", struct.unpack_from(order + "I", blob, at + 1)[0]
        if inner != order or kind_inside % 1000 != 3:
            raise BoundaryFault("the geometry is damaged")
        polygon, at = _wkb_polygon(blob, at + 5, inner, axes)
        polygons.append(polygon)
    if not polygons:
        raise BoundaryFault("the polygon holds no ring")
    return Shape(tuple(polygons)), at


def _counted(blob: bytes, at: int, order: str, size: int) -> tuple[int, int]:
    """How many follow, which may be no more than the bytes that are left hold."""
    count = int(struct.unpack_from(order + "I", blob, at)[0])
    if count * size > len(blob) - at:
        raise BoundaryFault("the geometry is damaged")
    return count, at + 4


def _wkb_polygon(blob: bytes, at: int, order: str, axes: int) -> tuple[Polygon, int]:
    rings, at = _counted(blob, at, order, 4)
    polygon: Polygon = []
    for _ in range(rings):
        corners, at = _counted(blob, at, order, 8 * axes)
        numbers = struct.unpack_from(f"{order}{corners * axes}d", blob, at)
        at += 8 * axes * corners
        pairs = zip(numbers[::axes], numbers[1::axes], strict=True)
        polygon.append(_closed([_checked(pair) for pair in pairs]))
    if not polygon:
        raise BoundaryFault("the polygon holds no ring")
    return polygon, at


def as_text(polygons: Sequence[Polygon]) -> str:
    """The polygons as a GeoJSON MultiPolygon without blanks: equal shapes give equal texts."""
    return json.dumps({"type": "MultiPolygon", "coordinates": polygons}, separators=(",", ":"))


def box(polygons: Sequence[Polygon]) -> tuple[float, float, float, float]:
    """(west, south, east, north) in degrees."""
    corners = [corner for polygon in polygons for corner in polygon[0]]
    lons, lats = [lon for lon, _ in corners], [lat for _, lat in corners]
    return min(lons), min(lats), max(lons), max(lats)


def contains(boundary: str, lat: float, lon: float) -> bool:
    """Whether the position lies inside a boundary kept as text; a hole is outside. A border belongs to one side only."""
    coordinates: list[list[list[list[float]]]] = json.loads(boundary)["coordinates"]
    return any(sum(_crossings(ring, lat, lon) for ring in polygon) % 2 == 1 for polygon in coordinates)


def _crossings(ring: Sequence[Sequence[float]], lat: float, lon: float) -> int:
    """How often a line from the position eastwards crosses the ring (even-odd rule)."""
    count = 0
    for (lon_a, lat_a), (lon_b, lat_b) in pairwise(ring):
        if (lat_a > lat) != (lat_b > lat) and lon < (lon_b - lon_a) * (lat - lat_a) / (lat_b - lat_a) + lon_a:
            count += 1
    return count
