"""What a batch of rows says as a whole: which rows come from one list, how rare a name is, which positions are none, where a
district lies, and by which constant offset two lists differ.

Batches only: a single report has no such neighbours. Pure.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from sync.merge.faces import Face, distance_m
from sync.merge.facts import Position
from sync.merge.names import Name
from sync.merge.numbers import numpy

REFERENCE = "reference"
# As many rows without a team that bear one date are taken for one list.
_LIST_ROWS = 12
# Differently named rows that share one exact position: a town's middle, a default, no place of theirs.
_SHARED = 3
_SHARED_M = 20_000.0
# An offset is believed when so many differently named pairs show it to within the tolerance, and few others lie near it.
_OFFSET_PAIRS = 5
_OFFSET_M = 160.0
_OFFSET_LIMIT_M = 200_000.0
_METRES_PER_DEGREE = 111_320.0
_SIDE = _OFFSET_M / _METRES_PER_DEGREE
_Vectors = dict[tuple[int, int], dict[str, tuple[float, float]]]


def with_shared_positions_vague(faces: Sequence[Face]) -> list[Face]:
    """A position that three or more differently named rows share (a town's or a district's middle) is known to 20 km only."""
    names: dict[tuple[float, float], set[str]] = defaultdict(set)
    for face in faces:
        if face.position and face.names:
            names[(face.position.lat, face.position.lon)].add(face.names[0].sound)
    shared = {place for place, found in names.items() if len(found) >= _SHARED}
    return [
        replace(face, position=Position(face.position.lat, face.position.lon, _SHARED_M))
        if face.position and (face.position.lat, face.position.lon) in shared
        else face
        for face in faces
    ]


def with_coordinates_unswapped(faces: Sequence[Face]) -> list[Face]:
    """Swaps latitude and longitude back where the row lies far outside the others and well among them when swapped."""
    places = [face.position for face in faces if face.position]
    if len(places) < 20:
        return list(faces)
    lats, lons = sorted(p.lat for p in places), sorted(p.lon for p in places)
    # The middle nine tenths of both, widened by half: swapped rows are few.
    low, high = len(places) // 20, len(places) - 1 - len(places) // 20
    spans = [(v[low] - (v[high] - v[low]) / 2 - 0.1, v[high] + (v[high] - v[low]) / 2 + 0.1) for v in (lats, lons)]

    def among(lat: float, lon: float) -> bool:
        return spans[0][0] <= lat <= spans[0][1] and spans[1][0] <= lon <= spans[1][1]

    out = []
    for face in faces:
        place = face.position
        if place and abs(place.lon) <= 90 and not among(place.lat, place.lon) and among(place.lon, place.lat):
            out.append(replace(face, position=Position(place.lon, place.lat, place.accuracy_m)))
        else:
            out.append(face)
    return out


@dataclass(frozen=True, slots=True)
class KnownOffsets:
    """Constant offsets (degrees north, degrees east) that many pairs of alike names show."""

    vectors: tuple[tuple[float, float], ...]

    def may_fit(self, lat: Any, north: Any, east: Any) -> Any:
        """For columns of latitudes and differences (degrees) whether some offset may be near; never wrong when it says no."""
        np = numpy()
        found = np.zeros(len(north), dtype=bool)
        limit = 1.02 * (2 * _OFFSET_M + 1) / _METRES_PER_DEGREE
        shrink = np.cos(np.radians(np.abs(lat) + 2.0))
        for rise, shift in self.vectors:
            for sign in (1, -1):
                found |= (np.abs(north - sign * rise) <= limit) & (np.abs(east - sign * shift) * shrink <= limit)
        return found

    def residual_m(self, a: Position, b: Position) -> float | None:
        """Metres that remain when the nearest offset, either way, is taken off; None when no offset fits."""
        best: float | None = None
        rise = b.lat - a.lat
        for north, east in self.vectors:
            for sign in (1, -1):
                if abs(rise - sign * north) * _METRES_PER_DEGREE > 2 * _OFFSET_M:
                    continue
                metres = distance_m(Position(a.lat + sign * north, a.lon + sign * east), b)
                if metres <= 2 * _OFFSET_M and (best is None or metres < best):
                    best = metres
        return best


def find_offsets(pairs: Iterable[tuple[Face, Face]]) -> KnownOffsets:
    """The offsets between pairs of one name: vectors that recur among differently named pairs, more than others near them."""
    cells: _Vectors = defaultdict(dict)
    for a, b in pairs:
        vector = _vector(a, b)
        if vector is not None:
            cells[(round(vector[0] / _SIDE), round(vector[1] / _SIDE))].setdefault(a.names[0].sound, vector)
    found: list[tuple[int, tuple[float, float]]] = []
    for (row, column), own in sorted(cells.items()):
        near, around = _about(cells, row, column) if len(own) >= 2 else ({}, 0)
        # The ring has eight times the area of the middle.
        if len(near) >= _OFFSET_PAIRS and len(near) > 4 * around / 8:
            found.append((len(near), (median(v[0] for v in near.values()), median(v[1] for v in near.values()))))
    vectors: list[tuple[float, float]] = []
    for _, (north, east) in sorted(found, reverse=True):
        if all(math.hypot(north - x, east - y) > 2 * _SIDE for x, y in vectors):
            vectors.append((north, east))
    return KnownOffsets(tuple(vectors[:12]))


def _vector(a: Face, b: Face) -> tuple[float, float] | None:
    """Degrees north and east from one place to the other, either way round the same; None when too near or far to tell."""
    if a.position is None or b.position is None:
        return None
    north, east = b.position.lat - a.position.lat, b.position.lon - a.position.lon
    if not 4 * _OFFSET_M < math.hypot(north, east) * _METRES_PER_DEGREE < _OFFSET_LIMIT_M:
        return None
    return (-north, -east) if (north, east) < (0.0, 0.0) else (north, east)


def _about(cells: _Vectors, row: int, column: int) -> tuple[dict[str, tuple[float, float]], int]:
    """The vectors in a cell and beside it, by name, and how many lie in the ring around those."""
    near: dict[str, tuple[float, float]] = {}
    around = 0
    for x in range(row - 4, row + 5):
        for y in range(column - 4, column + 5):
            there = cells.get((x, y), {})
            if abs(x - row) <= 1 and abs(y - column) <= 1:
                near.update(there)
            else:
                around += len(there)
    return near, around


class Lists:
    """The lists of a batch. `home` names the list of each row that stands in one; `reference` is the first table."""

    def __init__(self, faces: Sequence[Face], reference: Collection[str]) -> None:
        self.reference = frozenset(reference)
        dates: Counter[tuple[str, object]] = Counter()
        for face in faces:
            if face.unit is None:
                dates[(REFERENCE if face.id in self.reference else "reports", face.observed)] += 1
        self.home: dict[str, str] = {}
        for face in faces:
            if face.id in self.reference:
                self.home[face.id] = REFERENCE
            elif face.unit is None and dates[("reports", face.observed)] >= _LIST_ROWS:
                self.home[face.id] = f"reports {face.observed}"
        self._words: Counter[str] = Counter()
        self._names: Counter[str] = Counter()
        self._spots: Counter[tuple[float, float]] = Counter()
        for face in faces:
            self._words.update({word for name in face.names[:1] for word in name.sounds})
            self._names.update({name.sound for name in face.names})
            if face.position:
                self._spots[(face.position.lat, face.position.lon)] += 1
        self._rows = len(faces)
        self._middles = _middles(faces)
        self._astray: dict[str, bool] = {}

    def standing(self, a: Face, b: Face) -> float:
        """0 for rows of different sources, 1 for one team, 2 for one list of the reports, 3 for the reference."""
        home_a, home_b = self.home.get(a.id), self.home.get(b.id)
        if home_a is not None and home_a == home_b:
            return 3.0 if home_a == REFERENCE else 2.0
        return 1.0 if a.unit is not None and a.unit == b.unit else 0.0

    def references(self, a: Face, b: Face) -> float:
        """How many of the two stand in the reference."""
        return float((a.id in self.reference) + (b.id in self.reference))

    def rarity(self, a: Name, b: Name) -> tuple[float, float]:
        """(how many rows bear the commoner of the two names, as a logarithm; how rare the rarest shared word is, 0 for none)."""
        shared = set(a.sounds) & set(b.sounds)
        rarest = max((math.log((1 + self._rows) / self._words[word]) for word in shared if self._words[word]), default=0.0)
        return math.log(1 + max(self._names[a.sound], self._names[b.sound])), min(rarest, 9.0)

    def astray(self, face: Face) -> bool:
        """Whether the row lies far from where most rows of its stated district lie."""
        known = self._astray.get(face.id)
        if known is None:
            known = self._astray[face.id] = self._is_astray(face)
        return known

    def _is_astray(self, face: Face) -> bool:
        if face.position is None:
            return False
        for area in face.areas[:2][::-1]:
            known = self._middles.get(area) if area else None
            if known is not None:
                middle, radius = known
                return distance_m(middle, face.position) > radius
        return False

    def spot_count(self, a: Face, b: Face) -> float:
        """How many rows share the exact position of one of the two, at most five."""
        counts = [self._spots[(face.position.lat, face.position.lon)] for face in (a, b) if face.position]
        return float(min(5, max(counts, default=0)))


def _middles(faces: Sequence[Face]) -> dict[str, tuple[Position, float]]:
    """The middle of each district of five rows or more, and the distance in metres beyond which a row is astray."""
    places: dict[str, list[Position]] = defaultdict(list)
    for face in faces:
        if face.position:
            for area in {area for area in face.areas[:2] if area}:
                places[area].append(face.position)
    out: dict[str, tuple[Position, float]] = {}
    for area, found in places.items():
        if len(found) >= 5:
            middle = Position(median(p.lat for p in found), median(p.lon for p in found))
            far = sorted(distance_m(middle, place) for place in found)
            out[area] = (middle, 2.0 * far[int(0.75 * (len(far) - 1))] + 5_000)
    return out
