"""Made-up countries: areas, villages and the facilities in them, named in several languages.

Everything comes from a seed. Must not know how names are folded or compared, nor how lists get them wrong.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from bench.linkage.tongues import GROUPS, LANGUAGES, QUALIFIERS, SAINTS, SYLLABLES, WORDS

Areas = tuple[str, str, str]


@dataclass(frozen=True)
class Thing:
    """A real thing of the made-up country. `stem` is its own name without words for its kind; `other` is another name of it."""

    id: str
    kind: str
    stem: str
    other: str | None
    qualifier: str | None
    lat: float
    lon: float
    areas: Areas
    phone: str | None
    code: str | None


@dataclass
class World:
    """A country: its sound, its language of office, its things, its villages, and the middle of each district."""

    sound: str
    language: str
    register: str
    syllables: tuple[str, ...]
    things: list[Thing] = field(default_factory=list)
    middles: dict[str, tuple[float, float]] = field(default_factory=dict)

    def things_near(self, thing: Thing) -> list[tuple[float, float]]:
        """The places of other things of its district (its own when there is none): where a patrol may have had its camp."""
        found = [(t.lat, t.lon) for t in self.things if t.areas[1] == thing.areas[1] and t.id != thing.id]
        return found or [(thing.lat, thing.lon)]


def word(rng: random.Random, syllables: tuple[str, ...]) -> str:
    """A made-up word."""
    count = rng.choices((2, 3, 4), (5, 4, 1))[0]
    return "".join(rng.choice(syllables) for _ in range(count)).capitalize()


def shift(rng: random.Random, lat: float, lon: float, metres: float) -> tuple[float, float]:
    """A place about so many metres away, in any direction."""
    angle = rng.uniform(0, 2 * math.pi)
    north, east = metres * math.cos(angle), metres * math.sin(angle)
    return lat + north / 111_320, lon + east / (111_320 * max(0.2, math.cos(math.radians(lat))))


def make_world(seed: int, register: str, size: int = 260) -> World:
    """A country of about `size` things for the register facilities or settlements."""
    rng = random.Random(seed)
    sound = rng.choice(sorted(SYLLABLES))
    # A country favours some syllables, which makes its names alike, as those of real ones are.
    inventory = sorted(set(SYLLABLES[sound].split()))
    syllables = tuple(rng.sample(inventory, min(len(inventory), rng.randint(20, 34))))
    world = World(sound, rng.choice(LANGUAGES[sound]), register, syllables)
    lat, lon = rng.uniform(-20, 34), rng.uniform(-16, 68)
    villages: list[tuple[str, float, float, Areas]] = []
    # The smaller the pool, the more villages share one name.
    pool = [word(rng, syllables) for _ in range(int(size * rng.uniform(0.3, 1.0)))]
    pool += [_near(rng, name, syllables) for name in rng.sample(pool, len(pool) // 6)]
    spread = rng.uniform(6_000, 35_000)
    # Where nobody measured, all that is known of a place is the middle of its district.
    unmeasured = rng.choice((0.0, 0.0, rng.uniform(0.05, 0.4)))
    for first in range(rng.randint(2, 5)):
        province = word(rng, syllables)
        for second in range(rng.randint(2, 4)):
            district = word(rng, syllables)
            middle = (lat + first * 1.0 + rng.uniform(-0.3, 0.3), lon + second * 0.8 + rng.uniform(-0.3, 0.3))
            world.middles[district] = middle
            for _ in range(rng.randint(6, 16)):
                place = middle if rng.random() < unmeasured else shift(rng, *middle, abs(rng.gauss(0, spread)))
                name = district if rng.random() < 0.04 else rng.choice(pool)
                villages.append((name, *place, (province, district, word(rng, syllables) if rng.random() < 0.6 else name)))
    while len(world.things) < size:
        if register == "settlements":
            _add_settlements(rng, world, pool, villages)
        else:
            _add_facilities(rng, world, rng.choice(villages))
    return world


def _near(rng: random.Random, name: str, syllables: tuple[str, ...]) -> str:
    """Another village's name that differs by little."""
    at = rng.randrange(len(name))
    return rng.choice((name[:at] + rng.choice("aeioukrlmn") + name[at + 1 :], name + rng.choice(syllables), name[: max(3, at)])).capitalize()


def _add_settlements(rng: random.Random, world: World, pool: list[str], villages: list[tuple[str, float, float, Areas]]) -> None:
    """A village, and sometimes others of its name nearby: numbered, quarters, old and new, or just the same."""
    _, lat, lon, areas = rng.choice(villages)
    lat, lon = shift(rng, lat, lon, rng.expovariate(1 / 7_000))
    stem = rng.choice(pool)
    if rng.random() < 0.15:
        stem = f"{stem} {rng.choice(pool)}"
    count = rng.choices((1, 2, 3), (8, 2, 1))[0]
    style = rng.random()
    for number in range(count):
        qualifier = None
        if count > 1:
            language = world.language
            qualifier = None if style < 0.2 else str(number + 1) if style < 0.7 else rng.choice(QUALIFIERS[language])
        elif rng.random() < 0.05:
            qualifier = rng.choice(QUALIFIERS[world.language])
        place = (lat, lon) if not number else shift(rng, lat, lon, rng.uniform(600, 9_000))
        _add(rng, world, "settlement", stem, qualifier, place, areas)


def _add_facilities(rng: random.Random, world: World, village: tuple[str, float, float, Areas]) -> None:
    """What one village has: a facility, near twins of other kinds or numbers, neighbours of another name."""
    name, lat, lon, areas = village
    language = world.language
    roll = rng.random()
    if roll < 0.12:
        name = f"{name} {word(rng, world.syllables)}"
    elif roll < 0.2:
        name = rng.choice((f"{name} {rng.choice(SAINTS[language])}", f"{rng.choice(SAINTS[language])} {name}"))
    elif roll < 0.25:
        name = rng.choice(SAINTS[language])
    kinds = [rng.choices(sorted(WORDS), [2 if kind in ("health_centre", "primary") else 3 if kind == "health_post" else 0.7 for kind in sorted(WORDS)])[0]]
    if rng.random() < 0.3:
        kinds.append(rng.choice(confused_with(kinds[0])))
    if rng.random() < 0.25:
        kinds.append(rng.choice(sorted(WORDS)))
    for number, drawn in enumerate(kinds):
        kind = drawn
        place = shift(rng, lat, lon, rng.expovariate(1 / rng.choice((150, 250, 700, 1500))))
        if (lat, lon) == world.middles[areas[1]] and rng.random() < 0.9:
            place = (lat, lon)
        stem, qualifier = name, rng.choice(QUALIFIERS[language]) if rng.random() < 0.07 else None
        if number and rng.random() < 0.35:
            # Neighbours of one kind with different names: the hardest thing not to join.
            kind, stem = kinds[0], word(rng, world.syllables)
            place = shift(rng, world.things[-1].lat, world.things[-1].lon, rng.uniform(20, 400))
        elif number and kind == kinds[0]:
            # A second of one kind: numbered, or told apart by who runs it or by a further word.
            stem, qualifier = rng.choice((
                (name, str(number + 1)), (name, str(number + 1)), (f"{rng.choice(SAINTS[language])} {name}", None),
                (f"{name} {word(rng, world.syllables)}", None), (name, rng.choice(QUALIFIERS[language])),
            ))  # fmt: skip
        elif qualifier is None and rng.random() < 0.05:
            qualifier = str(rng.randint(1, 3)) if rng.random() < 0.7 else rng.choice(("I", "II"))
        _add(rng, world, kind, stem, qualifier, place, areas)


def _add(rng: random.Random, world: World, kind: str, stem: str, qualifier: str | None, place: tuple[float, float], areas: Areas) -> None:
    """Adds a thing, unless the country already has one of that name and kind at that place."""
    other = None
    if rng.random() < 0.2:
        other = rng.choice(SAINTS[world.language]) if kind != "settlement" and rng.random() < 0.4 else word(rng, world.syllables)
    world.things.append(
        Thing(
            id=f"T{len(world.things)}", kind=kind, stem=stem, other=other, qualifier=qualifier, lat=place[0], lon=place[1], areas=areas,
            phone=f"+2{rng.randint(10, 99)}{rng.randint(10**7, 10**8)}" if rng.random() < 0.4 else None,
            code=f"F{rng.randint(10**4, 10**7)}" if rng.random() < 0.6 else None,
        )
    )  # fmt: skip


def confused_with(kind: str) -> tuple[str, ...]:
    """The kinds that reporters take for this one."""
    return next((group for group in GROUPS if kind in group), (kind,))
