"""Whether the positions of a list are shifted against the register by one vector: all of them, or those of whole districts.

Rows and records of one name are compared: lists that were converted between datums, or typed from a wrong sheet, are off
by the same vector everywhere or in one district. Only points out; an officer decides. Pure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

# Metres in one degree of latitude on a sphere of 6,371,008.8 m.
_DEGREE_M = 111_195.0
# Shorter than this is what two phones differ by anyway.
SHORTEST_M = 200.0
# Pairs of one vector agree within this, or within a twentieth of its length: the rest is the error of each position.
_TOLERANCE_M, _TOLERANCE_SHARE = 150.0, 0.05
_FEWEST, _FEWEST_IN_DISTRICT = 5, 3
_SHARE_OF_LIST, _SHARE_OF_DISTRICT = 0.25, 0.7
# A pair further apart than this is of two places that only share a name.
_FARTHEST_M = 120_000.0
_SAMPLE = 1_500


@dataclass(frozen=True, slots=True)
class Twin:
    """A row and the one record of its name: degrees of both, and the area code that the row or the record states."""

    row: int
    area: str | None
    lat: float
    lon: float
    record_lat: float
    record_lon: float

    @property
    def vector(self) -> tuple[float, float]:
        """(degrees of latitude, degrees of longitude) that lead from the row to the record."""
        return self.record_lat - self.lat, self.record_lon - self.lon

    @property
    def metres(self) -> tuple[float, float]:
        """The same in metres to the north and to the east."""
        north, east = self.vector
        return north * _DEGREE_M, east * _DEGREE_M * math.cos(math.radians(self.lat))


@dataclass(frozen=True, slots=True)
class Shift:
    """A vector that many share. `area` "" is the whole list. dlat, dlon in degrees are added to a row's position to mend it.

    `agree` of `compared` pairs have it; `distance_m` is its length, `bearing` its direction in degrees from north, as the
    list lies from the register.
    """

    area: str
    dlat: float
    dlon: float
    distance_m: float
    bearing: float
    agree: int
    compared: int


def find(twins: Iterable[Twin]) -> list[Shift]:
    """The shifts that the pairs show, that of the whole list first, then districts by code; empty when there is none.

    A district is named only when its vector is not that of the whole list.
    """
    near = [twin for twin in sorted(twins, key=lambda t: t.row) if math.hypot(*twin.metres) <= _FARTHEST_M]
    whole = _common(near, "", _FEWEST, _SHARE_OF_LIST)
    found = [whole] if whole is not None else []
    by_area: dict[str, list[Twin]] = defaultdict(list)
    for twin in near:
        if twin.area:
            by_area[twin.area].append(twin)
    for area, own in sorted(by_area.items()):
        shift = _common(own, area, _FEWEST_IN_DISTRICT, _SHARE_OF_DISTRICT)
        if shift is not None and (whole is None or not _alike(shift, whole)):
            found.append(shift)
    return found


def _common(twins: Sequence[Twin], area: str, fewest: int, share: float) -> Shift | None:
    """The vector that most of these pairs have, when it is long and common enough."""
    if len(twins) < fewest:
        return None
    step = max(1, len(twins) // _SAMPLE)
    sample = twins[::step]
    metres = [twin.metres for twin in sample]
    best: list[int] = []
    for north, east in metres:
        length = math.hypot(north, east)
        if length < SHORTEST_M:
            continue
        reach = max(_TOLERANCE_M, _TOLERANCE_SHARE * length)
        members = [i for i, (n, e) in enumerate(metres) if math.hypot(n - north, e - east) <= reach]
        if len(members) > len(best):
            best = members
    if len(best) < fewest or len(best) < share * len(sample):
        return None
    dlat = median(sample[i].vector[0] for i in best)
    dlon = median(sample[i].vector[1] for i in best)
    north, east = median(metres[i][0] for i in best), median(metres[i][1] for i in best)
    length = math.hypot(north, east)
    if length < SHORTEST_M:
        return None
    bearing = math.degrees(math.atan2(-east, -north)) % 360
    return Shift(area, round(dlat, 7), round(dlon, 7), round(length), round(bearing), len(best), len(sample))


def _alike(a: Shift, b: Shift) -> bool:
    apart = math.hypot((a.dlat - b.dlat) * _DEGREE_M, (a.dlon - b.dlon) * _DEGREE_M)
    return apart <= max(_TOLERANCE_M, _TOLERANCE_SHARE * b.distance_m)


def look_swapped(places: Sequence[tuple[float, float]], known: Sequence[tuple[float, float]]) -> bool:
    """Whether a list's (lat, lon) lie where the register's records are only once they are changed round.

    Nothing is said with fewer than three places of each.
    """
    if len(places) < 3 or len(known) < 3:
        return False
    south, north = min(p[0] for p in known) - 1, max(p[0] for p in known) + 1
    west, east = min(p[1] for p in known) - 1, max(p[1] for p in known) + 1
    as_is = sum(south <= lat <= north and west <= lon <= east for lat, lon in places)
    changed = sum(south <= lon <= north and west <= lat <= east for lat, lon in places)
    return changed >= 0.8 * len(places) and as_is <= 0.2 * len(places)
