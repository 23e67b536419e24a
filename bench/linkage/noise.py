"""How lists and reporters get things wrong: spelling, abbreviation, position, area, type. Each source has its own habits.

The rates of a source are drawn anew for each made-up country, so that weights learn to distrust them all a little.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.linkage.worlds import WORDS, Thing, World, shift, word

Row = dict[str, str]
SWAPS = (
    ("ou", "u"), ("u", "oo"), ("k", "c"), ("c", "k"), ("dj", "j"), ("j", "dj"), ("sh", "ch"), ("ch", "sh"), ("y", "i"), ("i", "y"),
    ("e", "i"), ("o", "u"), ("w", "ou"), ("ph", "f"), ("q", "k"), ("kh", "k"), ("gh", "g"), ("z", "s"), ("b", "p"), ("l", "r"), ("aa", "a"), ("é", "e"), ("x", "h"), ("gu", "g"),
)  # fmt: skip
LANGUAGE_OF_FIELD = ("en", "fr")


@dataclass(frozen=True)
class Source:
    """The habits of a list or of the patrols; all rates are probabilities, distances metres."""

    name: str
    share: float
    copies: tuple[int, ...]
    spelling: float
    typo: float
    foreign: float
    drop_kind: float
    abbreviate: float
    extra: float
    renamed: float
    no_position: float
    near: float
    poor: float
    far: float
    middle: float
    swapped: float
    no_area: float
    wrong_area: float
    no_type: float
    wrong_type: float
    phone: float
    code: float
    cross: float
    own_provinces: bool
    offset: tuple[float, float] = (0.0, 0.0)


def sources(rng: random.Random) -> list[Source]:
    """A reference list, a second list and the patrols of one country."""

    def u(low: float, high: float) -> float:
        return rng.uniform(low, high)

    offset = (u(-0.06, 0.06), u(-0.06, 0.06)) if rng.random() < 0.2 else (0.0, 0.0)
    reference = Source("reference", u(0.6, 0.85), (1,), u(0, 0.1), u(0, 0.02), 0, u(0, 0.1), u(0, 0.4), u(0, 0.1), 0,
                       u(0, 0.2), u(10, 80), u(0, 0.1), u(0, 0.1), u(0, 0.08), 0.0, u(0, 0.1), u(0, 0.04), u(0, 0.1), u(0, 0.03), 0.8, 0.9, u(0, 0.05), False)  # fmt: skip
    second = Source("second", u(0.3, 0.7), (1,), u(0.1, 0.6), u(0, 0.1), u(0, 0.4), u(0, 0.3), u(0, 0.8), u(0, 0.2), u(0, 0.15),
                    u(0, 0.3), u(30, 600), u(0, 0.3), u(0, 0.4), u(0, 0.15), u(0, 0.02), u(0, 0.4), u(0, 0.15), u(0, 0.3), u(0, 0.25), u(0, 0.6), u(0, 0.3), u(0, 0.2), rng.random() < 0.35, offset)  # fmt: skip
    patrols = Source("patrols", u(0.4, 0.8), (1, 1, 2, 3, 4), u(0.1, 0.5), u(0.05, 0.3), u(0, 0.3), u(0.02, 0.3), u(0.1, 0.7), u(0, 0.15), u(0, 0.35),
                     u(0.05, 0.35), u(10, 60), u(0, 0.2), u(0, 0.1), u(0, 0.08), u(0, 0.04), u(0, 0.35), u(0, 0.15), u(0, 0.2), u(0.02, 0.15), u(0, 0.5), u(0, 0.2), u(0.05, 0.45), False)  # fmt: skip
    return [reference, second, patrols]


def rows_of(world: World, seed: int) -> tuple[list[Row], dict[str, str]]:
    """The rows of all sources, and the thing behind each row."""
    rng = random.Random(seed * 7919 + 1)
    rows: list[Row] = []
    truth: dict[str, str] = {}
    for source in sources(rng):
        for thing in world.things:
            if rng.random() >= source.share:
                continue
            for _ in range(rng.choice(source.copies)):
                row = _row(rng, world, source, thing)
                row["record_id"] = f"{source.name[0].upper()}{len(rows):05d}"
                truth[row["record_id"]] = thing.id
                rows.append(row)
    return rows, truth


def _row(rng: random.Random, world: World, source: Source, thing: Thing) -> Row:
    lat, lon = _place(rng, world, source, thing)
    areas = ["" if rng.random() < source.no_area else _spell(rng, area, source, 0.5) for area in thing.areas]
    if source.own_provinces and areas[0]:
        # Lists made before or after a reform name other provinces.
        areas[0] = "Province " + areas[0][:2]
    if rng.random() < source.wrong_area:
        areas[rng.randint(1, 2)] = rng.choice(sorted(world.middles))
    areas[2] = "" if rng.random() < 0.5 else areas[2]
    return {
        "name": _name(rng, world, source, thing), "type": _type(rng, source, thing), "adm1": areas[0], "adm2": areas[1],
        "adm3": areas[2], "lat": lat, "lon": lon, "gps_acc_m": "",
        "phone": thing.phone or "" if rng.random() < source.phone else "",
        "code": thing.code or "" if rng.random() < source.code else "",
        "date": "2026-05-01", "team": source.name,
    }  # fmt: skip


def _place(rng: random.Random, world: World, source: Source, thing: Thing) -> tuple[str, str]:
    if rng.random() < source.no_position:
        return "", ""
    if rng.random() < source.middle:
        lat, lon = world.middles[thing.areas[1]]
    else:
        roll = rng.random()
        metres = rng.expovariate(1 / source.near)
        if roll < source.far:
            metres = rng.lognormvariate(8.6, 0.9)
        elif roll < source.far + source.poor:
            metres = rng.lognormvariate(6.2, 0.8)
        lat, lon = shift(rng, thing.lat + source.offset[0], thing.lon + source.offset[1], metres)
    if rng.random() < source.swapped:
        lat, lon = lon, lat
    return f"{lat:.5f}", f"{lon:.5f}"


def _type(rng: random.Random, source: Source, thing: Thing) -> str:
    if thing.kind == "settlement" or rng.random() < source.no_type:
        return ""
    if rng.random() < source.wrong_type:
        return rng.choice(_group(thing.kind))
    return {"water": "borehole_hand"}.get(thing.kind, thing.kind)


def _group(kind: str) -> tuple[str, ...]:
    """The kinds that reporters take for one another; a school's level is mostly right."""
    groups = (
        ("health_centre", "health_post", "health_post", "clinic", "hospital"),
        ("primary", "primary", "secondary"),
        ("water",),
    )
    return next(group for group in groups if kind in group)


def _name(rng: random.Random, world: World, source: Source, thing: Thing) -> str:
    renamed = thing.other is not None and rng.random() < max(source.renamed, 0.3 if source.name == "second" else 0)
    stem = thing.other if renamed and thing.other else thing.stem
    stem = _spell(rng, stem, source)
    parts = [stem]
    language = rng.choice(LANGUAGE_OF_FIELD) if rng.random() < source.foreign else world.language
    if thing.kind in WORDS and rng.random() >= source.drop_kind:
        kind_said = rng.choice(_group(thing.kind)) if rng.random() < source.cross else thing.kind
        forms = WORDS[kind_said].get(language, WORDS[kind_said]["en"])
        kind = rng.choice(forms) if rng.random() < source.abbreviate else forms[0]
        before = language in ("fr", "pt", "sw", "ar", "so")
        if before and rng.random() < 0.4 and language in ("fr", "pt") and len(kind) > 4:
            kind += " de"
        parts = [kind, stem] if before else [stem, kind]
    if thing.qualifier and rng.random() < 0.9:
        parts.append(thing.qualifier)
    if rng.random() < source.extra:
        parts.append(rng.choice((f"({thing.areas[1]})", f"({thing.other or thing.stem})", f"at {stem}", word(rng, world.sound))))
    text = " ".join(parts)
    if rng.random() < 0.03:
        text = "The " + text
    return text.upper() if rng.random() < 0.1 else text


def _spell(rng: random.Random, stem: str, source: Source, share: float = 1.0) -> str:
    """The stem as this source would write it; `share` scales how often it errs."""
    if rng.random() >= share:
        return stem
    text = stem.lower()
    if rng.random() < source.spelling:
        possible = [(old, new) for old, new in SWAPS if old in text]
        for old, new in rng.sample(possible, min(len(possible), rng.choice((1, 1, 2)))):
            text = text.replace(old, new, 1)
        if rng.random() < 0.25:
            at = rng.randrange(len(text))
            text = text[:at] + text[at] + text[at:]
    if rng.random() < source.typo and len(text) > 3:
        at = rng.randrange(1, len(text) - 1)
        text = rng.choice((
            text[:at] + text[at + 1 :], text[: at - 1] + rng.choice("nrlmu") + text[at + 1 :], text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + rng.choice("aeiounrtls") + text[at + 1 :],
        ))  # fmt: skip
    if " " in text and rng.random() < source.typo:
        text = rng.choice((text.replace(" ", ""), text.split()[0]))
    return text.title()
