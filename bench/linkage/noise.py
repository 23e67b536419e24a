"""How lists and reporters get things wrong: spelling, abbreviation, position, area, type. Each source has its own habits.

Sources come in families (an official list, an international list, patrols, other names, a sloppy list); the rates are drawn
anew for each country, so that weights learn to distrust them all a little and a whole family can be left out of training.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from bench.linkage.tongues import CODES, SAINTS, SWAPS, WORDS
from bench.linkage.worlds import Thing, World, confused_with, shift, word

Row = dict[str, str]
Family = Literal["reference", "international", "patrols", "names", "sloppy"]
FAMILIES: tuple[Family, ...] = ("international", "patrols", "names", "sloppy")


@dataclass(frozen=True)
class Habits:
    """How one source writes. All rates are probabilities, distances metres."""

    family: Family
    share: float
    copies: tuple[int, ...] = (1,)
    lean: tuple[tuple[str, str], ...] = ()
    spelling: float = 0.0
    typo: float = 0.0
    slips: int = 1
    language: str = "en"
    foreign: float = 0.0
    drop_kind: float = 0.0
    fixed_word: float = 0.5
    extra: float = 0.0
    shorten: float = 0.0
    renamed: float = 0.0
    drop_qualifier: float = 0.1
    no_position: float = 0.0
    exact: float = 0.0
    near: float = 30.0
    poor: float = 0.0
    rounded: float = 0.0
    far: float = 0.0
    middle: float = 0.0
    camp: float = 0.0
    swapped: float = 0.0
    minutes: float = 0.0
    datum: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)
    offset_districts: tuple[str, ...] = ()
    columns: tuple[float, float, float] = (1.0, 1.0, 0.5)
    wrong_area: float = 0.0
    area_typo: float = 0.0
    renumbered: bool = False
    no_type: float = 0.0
    wrong_type: float = 0.0
    codes: int = 0
    phone: float = 0.0
    code: float = 0.0
    cross: float = 0.0
    upper: float = 0.05
    accuracy: float = 0.0
    teams: int = 0
    date: str = ""


def sources(rng: random.Random, world: World, leave_out: Collection[Family] = ()) -> list[Habits]:
    """An official list and one to four other sources of one country, without the families left out."""
    found = [_reference(rng, world)]
    wanted = [family for family in FAMILIES if rng.random() < 0.6] or [rng.choice(FAMILIES)]
    if world.register == "settlements":
        wanted = [family for family in wanted if family != "patrols" or rng.random() < 0.7] or ["international"]
    kept = [family for family in wanted if family not in leave_out]
    makers = {"international": _international, "patrols": _patrols, "names": _names, "sloppy": _sloppy}
    if not kept:
        kept = [rng.choice([family for family in FAMILIES if family not in leave_out])]
    return found + [makers[family](rng, world) for family in kept]


def _lean(rng: random.Random) -> tuple[tuple[str, str], ...]:
    chosen = rng.sample(SWAPS, rng.randint(0, 6))
    return tuple(pair if rng.random() < 0.5 or not pair[1] else (pair[1], pair[0]) for pair in chosen)


def _date(rng: random.Random) -> str:
    return rng.choice(("", f"20{rng.randint(10, 25)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"))


def _columns(rng: random.Random) -> tuple[float, float, float]:
    style = rng.random()
    if style < 0.35:
        return (1.0, 0.0, 0.0)
    return (rng.uniform(0.85, 1), rng.uniform(0.8, 1), rng.uniform(0.2, 0.9)) if style < 0.9 else (0.0, 0.0, 0.0)


def _reference(rng: random.Random, world: World) -> Habits:
    u = rng.uniform
    return Habits(
        "reference", share=u(0.45, 0.85), spelling=u(0, 0.1), typo=u(0, 0.02), language=world.language, drop_kind=u(0, 0.12),
        fixed_word=u(0.6, 1), extra=u(0, 0.1), no_position=u(0, 0.2), exact=0.0, near=u(5, 60), poor=u(0, 0.08), far=u(0, 0.06),
        middle=rng.choice((0, 0, u(0, 0.2))), rounded=u(0, 0.1), columns=(1, 1, u(0.3, 1)) if rng.random() < 0.9 else (1, 0, 0),
        wrong_area=u(0, 0.02), no_type=u(0, 0.06), wrong_type=u(0, 0.02), codes=rng.choice((0, 0, 1, 1, 2, 3, 4)), phone=u(0, 0.4),
        code=1.0, cross=u(0, 0.03), drop_qualifier=0.03, date=_date(rng),
    )  # fmt: skip


def _international(rng: random.Random, world: World) -> Habits:
    """Another organisation's list: its own spelling and type words, few areas, positions from elsewhere."""
    u = rng.uniform
    offset, districts = (0.0, 0.0), ()
    if rng.random() < 0.35:
        offset = (u(-0.08, 0.08), u(-0.08, 0.08))
        if rng.random() < 0.5:
            districts = tuple(rng.sample(sorted(world.middles), max(1, len(world.middles) // 4)))
            offset = (offset[0] * 3, offset[1] * 5)
    return Habits(
        "international", share=u(0.25, 0.75), lean=_lean(rng), spelling=u(0.05, 0.45), typo=u(0, 0.1),
        language=rng.choice(("en", "fr", world.language)), foreign=u(0, 0.2), drop_kind=rng.choice((u(0, 0.2), u(0.6, 1))), fixed_word=u(0.6, 1),
        extra=u(0, 0.1), shorten=u(0, 0.12), renamed=u(0, 0.12), drop_qualifier=u(0, 0.4), no_position=rng.choice((0, u(0, 0.3))),
        exact=u(0, 0.4), near=rng.choice((u(20, 200), u(100, 900))), poor=u(0, 0.35), far=rng.choice((0, u(0, 0.3), u(0.1, 0.4))),
        rounded=rng.choice((0, 0, u(0.2, 1))), middle=u(0, 0.12), swapped=u(0, 0.01), offset=offset, offset_districts=districts,
        columns=_columns(rng), wrong_area=u(0, 0.08), renumbered=rng.random() < 0.4, no_type=rng.choice((u(0, 0.2), 1.0, 0.0)),
        wrong_type=u(0.02, 0.25), codes=rng.choice((0, 0, 1, 1, 2, 3, 4)), phone=rng.choice((0, u(0, 0.4))), code=rng.choice((0, 0, u(0, 0.5))),
        cross=u(0, 0.2), date=_date(rng),
    )  # fmt: skip


def _patrols(rng: random.Random, world: World) -> Habits:
    """Reports from the field: several of one thing, heard names, phones in the hand, type words as people say them."""
    u = rng.uniform
    return Habits(
        "patrols", share=u(0.3, 0.7), copies=(1, 1, 1, 2, 2, 3, 4, 6), spelling=u(0.15, 0.6), typo=u(0.1, 0.45), slips=2,
        language=world.language, foreign=u(0, 0.3), drop_kind=u(0.02, 0.2), fixed_word=u(0, 0.4), extra=u(0, 0.1), shorten=u(0, 0.08),
        renamed=u(0, 0.08), drop_qualifier=u(0, 0.25), no_position=u(0.05, 0.3), exact=0.0, near=u(15, 110), poor=u(0.05, 0.25),
        rounded=u(0, 0.2), far=u(0, 0.04), middle=u(0, 0.02), camp=u(0, 0.04), swapped=u(0, 0.02), minutes=u(0, 0.03), datum=u(0, 0.02),
        offset=(u(-0.05, 0.05), u(-0.05, 0.05)), columns=(u(0.8, 1), u(0.7, 1), u(0.3, 0.8)), wrong_area=u(0, 0.08), area_typo=u(0, 0.3),
        no_type=u(0, 0.1), wrong_type=u(0, 0.12), codes=rng.choice((0, 0, 1, 1, 2)), phone=u(0, 0.6), code=u(0, 0.1),
        cross=u(0.02, 0.45), upper=u(0, 0.3), accuracy=u(0, 1), teams=rng.randint(3, 20),
    )  # fmt: skip


def _names(rng: random.Random, world: World) -> Habits:
    """Other names of the official list, one batch, several for one thing."""
    u = rng.uniform
    return replace(
        _patrols(rng, world), family="names", share=u(0.1, 0.4), copies=(1, 1, 1, 2, 3), spelling=u(0.1, 0.5), typo=u(0.02, 0.2), slips=1,
        drop_kind=u(0.2, 0.7), fixed_word=u(0.5, 1), cross=u(0, 0.12), phone=0.0, teams=0, date=_date(rng), area_typo=0.0,
        wrong_type=u(0, 0.02), accuracy=u(0, 1), shorten=u(0, 0.2),
    )  # fmt: skip


def _sloppy(rng: random.Random, world: World) -> Habits:
    """A list typed from paper: no or coarse positions, odd languages, holes everywhere, some things twice."""
    u = rng.uniform
    return replace(
        _international(rng, world), family="sloppy", copies=(1, 1, 1, 1, 1, 2), spelling=u(0.2, 0.6), typo=u(0.05, 0.25), slips=2,
        foreign=u(0, 0.5), no_position=u(0.2, 1.0), rounded=u(0, 0.6), far=u(0, 0.2), middle=u(0, 0.4), wrong_area=u(0, 0.15),
        area_typo=u(0, 0.3), columns=(u(0.6, 1), u(0.4, 1), u(0.1, 0.8)), shorten=u(0, 0.2), upper=u(0, 1),
    )  # fmt: skip


def rows_of(world: World, seed: int, leave_out: Collection[Family] = ()) -> tuple[list[Row], dict[str, str]]:
    """The rows of all sources (`record_id` begins with R for the official list), and the thing behind each row."""
    reference, reports, truth = tables_of(world, seed, leave_out)
    return reference + reports, truth


def tables_of(world: World, seed: int, leave_out: Collection[Family] = ()) -> tuple[list[Row], list[Row], dict[str, str]]:
    """The official list, all other rows (`record_id` begins with the family), and the thing behind each row."""
    rng = random.Random(seed * 7919 + 1)
    rows: list[Row] = []
    truth: dict[str, str] = {}
    for habits in sources(rng, world, leave_out):
        # Whoever went to only part of the country reports much of it.
        for thing in world.things:
            if rng.random() >= habits.share:
                continue
            for _ in range(rng.choice(habits.copies)):
                row = _row(rng, world, habits, thing)
                row["record_id"] = f"{habits.family}-{len(rows):05d}"
                truth[row["record_id"]] = thing.id
                rows.append(row)
    reference = [row for row in rows if row["record_id"].startswith("reference")]
    return reference, [row for row in rows if not row["record_id"].startswith("reference")], truth


def _row(rng: random.Random, world: World, habits: Habits, thing: Thing) -> Row:
    lat, lon, accuracy = _place(rng, world, habits, thing)
    date = habits.date if not habits.teams else f"2026-{rng.randint(1, 6):02}-{rng.randint(1, 28):02}"
    return {
        "name": _name(rng, world, habits, thing), "type": _type(rng, habits, thing), **_areas(rng, world, habits, thing),
        "lat": lat, "lon": lon, "gps_acc_m": accuracy, "phone": _phone(rng, habits, thing),
        "code": thing.code or "" if rng.random() < habits.code else "", "date": date,
        "team": f"T-{rng.randint(1, habits.teams)}" if habits.teams else "",
    }  # fmt: skip


def _areas(rng: random.Random, world: World, habits: Habits, thing: Thing) -> Row:
    areas = list(thing.areas)
    if habits.renumbered:
        # Lists made before or after a reform name other provinces.
        areas[0] = "Province " + areas[0][:2]
    if rng.random() < habits.wrong_area:
        areas[rng.choice((1, 1, 2))] = rng.choice(sorted(world.middles))
    said = [_slip(rng, area) if rng.random() < habits.area_typo else area for area in areas]
    return {f"adm{level}": area if rng.random() < habits.columns[level - 1] else "" for level, area in enumerate(said, 1)}


def _place(rng: random.Random, world: World, habits: Habits, thing: Thing) -> tuple[str, str, str]:
    if rng.random() < habits.no_position:
        return "", "", ""
    lat, lon, digits = thing.lat, thing.lon, 5
    accuracy = f"{rng.uniform(3, 15):.1f}" if rng.random() < habits.accuracy else ""
    moved = habits.offset if not habits.offset_districts or thing.areas[1] in habits.offset_districts else (0.0, 0.0)
    if habits.family in ("patrols", "names"):
        moved = habits.offset if rng.random() < habits.datum else (0.0, 0.0)
    roll = rng.random()
    if rng.random() < habits.middle:
        lat, lon = world.middles[thing.areas[1]]
    elif rng.random() < habits.camp:
        lat, lon = shift(rng, *rng.choice(world.things_near(thing)), rng.uniform(0, 200))
    elif roll < habits.far:
        lat, lon = shift(rng, lat, lon, rng.lognormvariate(8.2, 0.8))
    elif roll < habits.far + habits.poor:
        lat, lon = shift(rng, lat, lon, rng.lognormvariate(5.6, 0.8))
        accuracy = f"{rng.uniform(40, 200):.1f}" if accuracy else ""
    elif roll < habits.far + habits.poor + habits.rounded:
        lat, lon = shift(rng, lat, lon, rng.uniform(100, 2_000))
        digits, accuracy = 3, ""
    elif rng.random() >= habits.exact:
        lat, lon = shift(rng, lat, lon, rng.expovariate(1 / habits.near))
    lat, lon = lat + moved[0], lon + moved[1]
    if rng.random() < habits.minutes:
        # Degrees and minutes typed as if they were decimals.
        lat, lon = (int(value) + (value - int(value)) * 0.6 for value in (lat, lon))
    if rng.random() < habits.swapped:
        lat, lon = lon, lat
    return f"{lat:.{digits}f}", f"{lon:.{digits}f}", accuracy


def _phone(rng: random.Random, habits: Habits, thing: Thing) -> str:
    if not thing.phone or rng.random() >= habits.phone:
        return ""
    digits = thing.phone[-8:]
    return rng.choice((thing.phone, "0" + digits, f"0{digits[:2]} {digits[2:]}", f"0{digits[:2]}-{digits[2:5]}-{digits[5:]}"))


def _type(rng: random.Random, habits: Habits, thing: Thing) -> str:
    if thing.kind == "settlement" or rng.random() < habits.no_type:
        return ""
    kind = thing.kind
    if rng.random() < habits.wrong_type:
        others = confused_with(kind)
        # A school's level is mostly right; what a clinic is called is not.
        kind = rng.choice(others) if kind not in ("primary", "secondary") or rng.random() < 0.2 else "school_other"
    return CODES[habits.codes].get(kind, kind)


def _name(rng: random.Random, world: World, habits: Habits, thing: Thing) -> str:
    renamed = thing.other is not None and rng.random() < 3 * habits.renamed
    stem = _spell(rng, thing.other if renamed and thing.other else thing.stem, habits)
    parts = [stem]
    if thing.qualifier and rng.random() >= habits.drop_qualifier:
        roman = {"1": "I", "2": "II", "3": "III"}.get(thing.qualifier)
        parts.append(roman if roman and rng.random() < 0.2 else thing.qualifier)
    if thing.kind in WORDS and rng.random() >= habits.drop_kind:
        parts = _with_kind(rng, habits, thing, parts)
    roll = rng.random()
    if roll < habits.extra:
        parts.append(rng.choice((f"({thing.areas[1]})", f"({thing.other or thing.stem})", f"at {stem}", f"({thing.areas[2]})",
                                 word(rng, world.syllables), rng.choice(SAINTS.get(world.language, SAINTS["en"])))))  # fmt: skip
    text = " ".join(parts)
    if rng.random() < 0.02:
        text = "The " + text
    if rng.random() < habits.upper:
        return text.upper()
    return text.lower() if rng.random() < 0.1 else text


def _with_kind(rng: random.Random, habits: Habits, thing: Thing, parts: list[str]) -> list[str]:
    """The name with a word for its kind, before or after it as the language has it."""
    language = rng.choice(("en", "fr")) if rng.random() < habits.foreign else habits.language
    kind = rng.choice(confused_with(thing.kind)) if rng.random() < habits.cross else thing.kind
    if kind != thing.kind and thing.kind in ("primary", "secondary") and rng.random() < 0.8:
        kind = thing.kind
    forms = WORDS[kind].get(language, WORDS[kind]["en"])
    chosen = forms[0] if rng.random() < habits.fixed_word else rng.choice(forms)
    if language == "en":
        return [chosen, *parts] if rng.random() < 0.06 else [*parts, chosen]
    if language in ("fr", "pt", "es") and rng.random() < 0.4 and len(chosen) > 4:
        chosen += " de"
    return [chosen, *parts]


def _spell(rng: random.Random, stem: str, habits: Habits) -> str:
    """The stem as this source would write it."""
    text = stem.lower()
    for old, new in habits.lean:
        if old in text and rng.random() < 0.7:
            text = text.replace(old, new, 1)
    if rng.random() < habits.spelling:
        for _ in range(rng.randint(1, habits.slips)):
            possible = [pair for old, new in SWAPS for pair in ((old, new), (new, old)) if pair[0] and pair[0] in text]
            if possible:
                old, new = rng.choice(possible)
                text = text.replace(old, new, 1)
        if rng.random() < 0.2:
            at = rng.randrange(len(text))
            text = text[:at] + text[at] + text[at:]
    if rng.random() < habits.typo:
        text = _slip(rng, text)
    if " " in text:
        roll = rng.random()
        if roll < habits.typo / 3:
            text = text.replace(" ", "", 1)
        elif roll < habits.typo / 3 + habits.shorten:
            text = text.split()[rng.choice((0, 0, 1))]
        elif roll < habits.typo / 2 + habits.shorten:
            text = " ".join(rng.sample(text.split(), len(text.split())))
    elif len(text) > 6 and rng.random() < habits.typo / 6:
        at = rng.randint(2, len(text) - 2)
        text = text[:at] + rng.choice(" -") + text[at:]
    return text.title()


def _slip(rng: random.Random, text: str) -> str:
    """One slip of the finger: a letter lost, doubled, wrong, or two changed over."""
    if len(text) <= 3:
        return text
    at = rng.randrange(0, len(text) - 1)
    return rng.choice((
        text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:], text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        text[:at] + rng.choice("aeiounrtlsmkbgw") + text[at + 1 :],
    ))  # fmt: skip
