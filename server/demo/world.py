"""What is really there in the demo mission: districts, settlements, facilities, roads. Devices report it, with errors."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from random import Random

from server.demo import names

SETTLEMENTS = 300
PER_SETTLEMENT = 3
REGION = ("CF32", "Ouham")
VERSION = "sample"
METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class District:
    """An area of level 2 with its middle in degrees and its share of the settlements."""

    code: str
    name: str
    sector: str
    lat: float
    lon: float


DISTRICTS = (
    District("CF321", "Bossangoa", "WEST", 6.49, 17.45),
    District("CF322", "Nana-Bakassa", "WEST", 6.95, 17.28),
    District("CF325", "Markounda", "WEST", 7.52, 17.00),
    District("CF323", "Bouca", "EAST", 6.51, 18.28),
    District("CF324", "Batangafo", "EAST", 7.25, 18.30),
    District("CF326", "Kabo", "EAST", 7.68, 18.62),
)

# Type of facility -> kind, and how often a settlement has one.
TYPES: dict[str, tuple[str, float]] = {
    "borehole_hand": ("water", 0.85),
    "primary": ("education", 0.6),
    "health_post": ("health", 0.38),
    "church": ("religious", 0.25),
    "well_protected": ("water", 0.25),
    "market": ("economy", 0.22),
    "health_centre": ("health", 0.16),
    "customary": ("government", 0.12),
    "bridge": ("transport", 0.12),
    "mosque": ("religious", 0.1),
    "secondary": ("education", 0.1),
    "idp_informal": ("site", 0.06),
    "borehole_motor": ("water", 0.05),
    "police": ("security", 0.03),
    "hospital": ("health", 0.01),
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """A village or town. Position in degrees."""

    key: int
    name: str
    district: District
    lat: float
    lon: float
    population: int


@dataclass(frozen=True, slots=True)
class Facility:
    """A building, a water point, a bridge in or near a settlement."""

    key: int
    settlement: Settlement
    group: str
    type: str
    name: str
    lat: float
    lon: float
    ownership: str
    served: int


@dataclass(frozen=True, slots=True)
class Road:
    """A road between two district towns; its id is what devices choose."""

    id: str
    name: str
    start: District
    end: District


@dataclass(frozen=True)
class World:
    """Everything that is there."""

    settlements: tuple[Settlement, ...]
    facilities: tuple[Facility, ...]
    roads: tuple[Road, ...]


def make_world(random: Random, size: int = SETTLEMENTS) -> World:
    """A mission area of so many settlements with three facilities each; the same for the same random numbers."""
    settlements = _settlements(random, size)
    facilities: list[Facility] = []
    for settlement in settlements:
        facilities += _facilities(settlement, len(facilities), random)
    return World(tuple(settlements), tuple(facilities), tuple(_roads(random)))


def moved(lat: float, lon: float, metres: float, random: Random) -> tuple[float, float]:
    """A point about so many metres away, in a random direction."""
    angle, distance = random.uniform(0, 2 * math.pi), abs(random.gauss(metres, metres / 4))
    north, east = distance * math.cos(angle), distance * math.sin(angle)
    return lat + north / METRES_PER_DEGREE, lon + east / (METRES_PER_DEGREE * math.cos(math.radians(lat)))


def _settlements(random: Random, size: int) -> list[Settlement]:
    found: list[Settlement] = []
    taken: set[tuple[str, str]] = set()
    while len(found) < size:
        district = DISTRICTS[len(found) % len(DISTRICTS)]
        name = names.place_name(random)
        if (name, district.code) in taken:
            continue
        taken.add((name, district.code))
        lat, lon = random.gauss(district.lat, 0.12), random.gauss(district.lon, 0.14)
        if any(abs(lat - each.lat) < 0.006 and abs(lon - each.lon) < 0.006 for each in found):
            continue
        population = int(random.lognormvariate(6.6, 0.8) // 10 * 10) + 60
        found.append(Settlement(len(found), name, district, lat, lon, population))
    return found


def _facilities(settlement: Settlement, first_key: int, random: Random) -> list[Facility]:
    chosen: list[str] = []
    while len(chosen) < PER_SETTLEMENT:
        kind = random.choices(list(TYPES), [share for _group, share in TYPES.values()])[0]
        if kind not in chosen and not {kind, *chosen} >= {"health_post", "health_centre"}:
            chosen.append(kind)
    found: list[Facility] = []
    for kind in chosen:
        lat, lon = moved(settlement.lat, settlement.lon, random.choice((150, 300, 450)), random)
        primary = next((each for each in found if each.type == "primary"), None)
        if kind == "secondary" and primary is not None:
            # Two schools on one plot: near twins that are not one thing.
            lat, lon = moved(primary.lat, primary.lon, 60, random)
        found.append(
            Facility(
                first_key + len(found),
                settlement,
                TYPES[kind][0],
                kind,
                names.sign(kind, settlement.name, random),
                lat,
                lon,
                _owner(kind, random),
                int(settlement.population * random.uniform(0.4, 1.6) // 10 * 10),
            )
        )
    return found


def _owner(kind: str, random: Random) -> str:
    if kind in {"church", "mosque"}:
        return "religious"
    if kind in {"borehole_hand", "well_protected", "market", "customary"}:
        return "community"
    return random.choices(("public", "religious", "ngo", "community"), (0.6, 0.15, 0.15, 0.1))[0]


def _roads(random: Random) -> list[Road]:
    by_name = {district.name: district for district in DISTRICTS}
    pairs = (
        ("Bossangoa", "Nana-Bakassa"),
        ("Nana-Bakassa", "Markounda"),
        ("Bossangoa", "Bouca"),
        ("Bouca", "Batangafo"),
        ("Batangafo", "Kabo"),
        ("Bossangoa", "Markounda"),
        ("Nana-Bakassa", "Batangafo"),
    )
    return [Road(_uuid(random), f"{a} - {b}", by_name[a], by_name[b]) for a, b in pairs]


def _uuid(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))
