"""Made-up countries: areas, villages, facilities and organisations with names in several languages.

Everything comes from a seed. Must not know how names are folded or compared.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

# Syllables by sound of language; a word is two to four of them.
SYLLABLES = {
    "bantu": [
        "ba",
        "be",
        "bo",
        "bu",
        "ka",
        "ki",
        "ko",
        "ku",
        "ma",
        "mi",
        "mo",
        "mu",
        "na",
        "nga",
        "ngo",
        "ndo",
        "lu",
        "la",
        "li",
        "sa",
        "si",
        "ta",
        "ti",
        "to",
        "wa",
        "ya",
        "za",
        "ze",
        "nya",
        "mba",
        "mbo",
        "kwa",
    ],
    "sahel": [
        "gou",
        "dou",
        "bou",
        "tou",
        "kou",
        "mou",
        "ssa",
        "dja",
        "dji",
        "djo",
        "gui",
        "man",
        "bin",
        "sen",
        "fou",
        "wa",
        "ou",
        "ya",
        "ka",
        "ra",
        "ri",
        "ro",
        "ndi",
        "nda",
        "mbé",
        "ré",
    ],
    "arabic": [
        "al",
        "ab",
        "ha",
        "ra",
        "sha",
        "fa",
        "wad",
        "um",
        "ba",
        "ra",
        "ja",
        "bal",
        "kha",
        "dim",
        "ma",
        "da",
        "mir",
        "zal",
        "ge",
        "nei",
        "na",
        "tir",
        "gad",
        "ri",
        "fi",
        "ya",
        "sal",
        "bu",
    ],
    "nile": [
        "a",
        "wil",
        "yei",
        "ju",
        "ba",
        "ma",
        "lual",
        "pa",
        "wer",
        "tor",
        "it",
        "ri",
        "ak",
        "obo",
        "ben",
        "tiu",
        "nyal",
        "la",
        "fon",
        "po",
        "chal",
        "la",
        "kuac",
        "jok",
        "lo",
        "gor",
        "dit",
        "aweng",
    ],
    "horn": [
        "bal",
        "cad",
        "dhe",
        "er",
        "xaa",
        "fo",
        "gal",
        "kac",
        "hod",
        "bur",
        "ce",
        "el",
        "waaq",
        "war",
        "sheekh",
        "ja",
        "ma",
        "me",
        "oo",
        "da",
        "baar",
        "dheer",
        "mo",
        "qa",
        "dho",
    ],
    "iberian": [
        "que",
        "li",
        "ma",
        "ne",
        "nam",
        "pu",
        "la",
        "mo",
        "cu",
        "ba",
        "chi",
        "mo",
        "io",
        "vi",
        "la",
        "lu",
        "an",
        "go",
        "mbe",
        "sao",
        "ri",
        "bei",
        "ra",
        "ca",
        "xi",
        "to",
        "ven",
        "tu",
        "ra",
    ],
    "asian": [
        "kha",
        "n",
        "a",
        "bad",
        "pur",
        "gar",
        "h",
        "shah",
        "i",
        "man",
        "dara",
        "chi",
        "nar",
        "sur",
        "kot",
        "ab",
        "ba",
        "si",
        "lam",
        "zai",
        "mir",
        "wal",
        "pa",
        "ran",
        "kun",
        "du",
    ],
}
LANGUAGES = {
    "bantu": ("en", "fr", "sw", "pt"), "sahel": ("fr",), "arabic": ("en", "fr", "ar"), "nile": ("en", "ar"),
    "horn": ("en", "so"), "iberian": ("pt",), "asian": ("en",),
}  # fmt: skip
# How each kind is written; the first is what the official list of a language uses.
WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "hospital": {"en": ("Hospital", "District Hospital", "Hosp.", "General Hospital"), "fr": ("Hôpital", "Hôpital de District", "Hop", "HGR"),
                 "sw": ("Hospitali", "Hospital"), "pt": ("Hospital Rural", "Hospital"), "ar": ("Mustashfa", "Hospital"), "so": ("Isbitaalka", "Hospital")},
    "health_centre": {"en": ("Health Centre", "HC", "Health Center", "PHCC", "H/C", "Primary Health Care Centre"), "fr": ("Centre de Santé", "CS", "C.S.", "CSI", "Ctre de santé"),
                      "sw": ("Kituo cha Afya", "Health Centre"), "pt": ("Centro de Saúde", "CS"), "ar": ("Markaz Sihi", "Health Centre", "PHCC"), "so": ("Xarunta Caafimaadka", "HC")},
    "health_post": {"en": ("Health Post", "PHCU", "Dispensary", "P.H.C.U", "PHC Unit", "Primary Health Care Unit", "Health Unit", "Disp"), "fr": ("Poste de Santé", "PS", "Dispensaire", "Case de santé"),
                    "sw": ("Zahanati", "Dispensary"), "pt": ("Posto de Saúde", "PS"), "ar": ("Wahda Sihiya", "Health Unit", "PHCU"), "so": ("Health Post", "PHU")},
    "clinic": {"en": ("Clinic", "Private Clinic"), "fr": ("Clinique", "Cabinet médical"), "sw": ("Clinic",), "pt": ("Clínica",), "ar": ("Iyada", "Clinic"), "so": ("Clinic",)},
    "primary": {"en": ("Primary School", "P/S", "Prim. School", "PS", "Basic School"), "fr": ("École Primaire", "EP", "Ecole", "Ecole prim."),
                "sw": ("Shule ya Msingi", "Primary School"), "pt": ("Escola Primária", "EP"), "ar": ("Madrasa", "Basic School"), "so": ("Dugsiga Hoose", "Primary School")},
    "secondary": {"en": ("Secondary School", "Sec. School", "SS", "High School"), "fr": ("Lycée", "CEG", "Collège", "École Secondaire"),
                  "sw": ("Shule ya Sekondari", "Secondary School"), "pt": ("Escola Secundária",), "ar": ("Madrasa Thanawiya", "Secondary School"), "so": ("Dugsiga Sare", "Secondary School")},
    "water": {"en": ("Borehole", "Hand pump", "Water point", "Well"), "fr": ("Forage", "Puits", "Point d'eau"), "sw": ("Kisima", "Borehole"), "pt": ("Poço", "Furo"), "ar": ("Donki", "Bir"), "so": ("Ceel", "Borehole")},
}  # fmt: skip
QUALIFIERS = {
    "en": ("North", "South", "Boys", "Girls", "East", "New"),
    "fr": ("Nord", "Sud", "Garçons", "Filles", "Haut", "Nouveau"),
    "sw": ("Kusini",),
    "pt": ("Norte", "Sul"),
    "ar": ("Shamal", "Banat"),
    "so": ("North", "South"),
}
SAINTS = {
    "en": ("St. Mary", "St Joseph", "Hope", "Unity", "Good Shepherd"),
    "fr": ("Sainte Anne", "Saint Joseph", "Espoir", "La Paix"),
    "sw": ("Umoja", "Amani"),
    "pt": ("Santa Maria", "Esperança"),
    "ar": ("El Salam", "El Nur"),
    "so": ("Nabad", "Hormuud"),
}


@dataclass(frozen=True)
class Thing:
    """A real thing of the made-up country. `stem` is its own name without words for its kind."""

    id: str
    kind: str
    stem: str
    other: str | None
    qualifier: str | None
    lat: float
    lon: float
    areas: tuple[str, str, str]
    phone: str | None
    code: str | None


@dataclass
class World:
    """A country: its sound, its language of office, its things, and the middle of each district."""

    sound: str
    language: str
    register: str
    things: list[Thing] = field(default_factory=list)
    middles: dict[str, tuple[float, float]] = field(default_factory=dict)


def word(rng: random.Random, sound: str) -> str:
    """A made-up word."""
    count = rng.choices((2, 3, 4), (5, 4, 1))[0]
    return "".join(rng.choice(SYLLABLES[sound]) for _ in range(count)).capitalize()


def shift(rng: random.Random, lat: float, lon: float, metres: float) -> tuple[float, float]:
    """A place about so many metres away, in any direction."""
    angle = rng.uniform(0, 2 * math.pi)
    north, east = metres * math.cos(angle), metres * math.sin(angle)
    return lat + north / 111_320, lon + east / (111_320 * max(0.2, math.cos(math.radians(lat))))


def make_world(seed: int, register: str, size: int = 260) -> World:
    """A country of about `size` things for the register facilities, settlements or organisations."""
    rng = random.Random(seed)
    sound = rng.choice(sorted(SYLLABLES))
    world = World(sound, rng.choice(LANGUAGES[sound]), register)
    lat, lon = rng.uniform(-14, 16), rng.uniform(-14, 46)
    villages: list[tuple[str, float, float, tuple[str, str, str]]] = []
    pool = [word(rng, sound) for _ in range(int(size * rng.uniform(0.35, 0.9)))]
    for first in range(rng.randint(2, 5)):
        province = word(rng, sound)
        for second in range(rng.randint(2, 4)):
            district = word(rng, sound)
            middle = (lat + first * 1.1 + rng.uniform(-0.3, 0.3), lon + second * 0.9 + rng.uniform(-0.3, 0.3))
            world.middles[district] = middle
            for _ in range(rng.randint(5, 16)):
                place = shift(rng, *middle, abs(rng.gauss(0, 25_000)))
                villages.append((rng.choice(pool), *place, (province, district, word(rng, sound))))
    while len(world.things) < size:
        _add_things(rng, world, rng.choice(villages))
    return world


def _add_things(rng: random.Random, world: World, village: tuple[str, float, float, tuple[str, str, str]]) -> None:
    name, lat, lon, areas = village
    if rng.random() < 0.3:
        name = f"{name} {word(rng, world.sound)}"
    language = world.language if world.language in QUALIFIERS else "en"
    kinds = [rng.choice(sorted(WORDS))]
    # Near twins: two kinds of one name in one village.
    if rng.random() < 0.45:
        kinds.append(rng.choice(("primary", "secondary", "health_post", "health_centre")))
    if world.register == "settlements":
        kinds = ["settlement"] * rng.choices((1, 2), (5, 1))[0]
    for number, drawn in enumerate(kinds):
        kind = drawn
        # A village's own things lie within some hundred metres; those of a town within kilometres of each other.
        far = 6_000 if world.register == "settlements" else rng.choice((150, 900))
        place = shift(rng, lat, lon, rng.expovariate(1 / far))
        if number and rng.random() < 0.4:
            # Neighbours of one kind with different names: the hardest thing not to join.
            kind, name = kinds[0], f"{word(rng, world.sound)}"
            place = shift(rng, world.things[-1].lat, world.things[-1].lon, rng.uniform(20, 250))
        stem = rng.choice(SAINTS[language]) if rng.random() < 0.07 and kind != "settlement" else name
        qualifier = rng.choice(QUALIFIERS[language]) if rng.random() < 0.08 else None
        if qualifier is None and (rng.random() < 0.06 or (kind == "settlement" and number)):
            qualifier = str(rng.randint(1, 3)) if rng.random() < 0.7 else rng.choice(("I", "II"))
        world.things.append(
            Thing(
                id=f"T{len(world.things)}", kind=kind, stem=stem,
                other=word(rng, world.sound) if rng.random() < 0.25 else None, qualifier=qualifier,
                lat=place[0], lon=place[1], areas=areas,
                phone=f"+2{rng.randint(10, 99)}{rng.randint(10**7, 10**8)}" if rng.random() < 0.3 else None,
                code=f"F{rng.randint(10**4, 10**5)}" if rng.random() < 0.4 else None,
            )
        )  # fmt: skip
