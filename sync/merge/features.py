"""Compares two faces: how alike the names are, how far apart the places, whether type, area, phone and code agree.

Every feature is 0 or 1 (a comparison level), so a model over them can be read like a table. Symmetric, and a pure
function of the two faces. Must not know any weight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import JaroWinkler, Levenshtein

from sync.merge.faces import Face, distance_m
from sync.merge.facts import Position
from sync.merge.names import Name, analyse, equal_core, load_words, sound

# Upper edges of the distance bands, in metres.
DISTANCES = (30, 150, 500, 1_500, 5_000, 20_000, 60_000)
DISTANCE_NAMES = ("d30", "d150", "d500", "d1500", "d5k", "d20k", "d60k", "far")
# Lower edges of the likeness bands.
LIKENESS = (0.60, 0.70, 0.78, 0.86, 0.92, 0.965, 0.999)
LIKENESS_NAMES = ("n0", "n60", "n70", "n78", "n86", "n92", "sound", "equal")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two things compared. `levels` are the features that hold; `excluded` means that they cannot be one thing."""

    likeness: float
    distance_m: float | None
    swapped: bool
    type: str
    levels: frozenset[str]
    excluded: bool


def likeness(a: Name, b: Name) -> float:
    """How alike two names are, 0 to 1: 1 for equal cores, 0.97 for equal sound, else the best of whole and by token."""
    if a.core_text == b.core_text:
        return 1.0
    if a.sound == b.sound or a.core_text.replace(" ", "") == b.core_text.replace(" ", ""):
        return 0.97
    whole = 0.5 * JaroWinkler.similarity(a.sound, b.sound) + 0.5 * Levenshtein.normalized_similarity(a.sound, b.sound)
    return min(0.96, max(whole, _by_token(a.sounds, b.sounds)))


def _by_token(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    """Pairs every token with its best counterpart; unmatched tokens of the longer name cost a little."""
    if len(a) > len(b) or (len(a) == len(b) and a > b):
        a, b = b, a
    if len(a) == len(b) == 1 or not a:
        return 0.0
    left = list(b)
    matched = total = 0.0
    for token in a:
        best = max(left, key=lambda other: (Levenshtein.normalized_similarity(token, other), other))
        matched += len(token) * Levenshtein.normalized_similarity(token, best)
        total += len(token)
        left.remove(best)
    rest = sum(len(token) for token in left)
    return matched / total * (1 - 0.35 * rest / (rest + total))


@lru_cache(maxsize=4096)
def kinds_of_type(kind: str, words: str) -> frozenset[str]:
    """What a type code or type text says, in the terms of the word lists."""
    return analyse(kind.replace("_", " "), words).kinds or frozenset({kind})


def _group(face: Face, words: str) -> str | None:
    if face.group:
        return face.group
    if not face.type:
        return None
    groups = load_words(words).groups
    found = {groups[kind] for kind in (kinds_of_type(face.type, words) | {face.type}) if kind in groups}
    return found.pop() if len(found) == 1 else None


def _type_level(a: Face, b: Face, words: str) -> str:
    group_a, group_b = _group(a, words), _group(b, words)
    if group_a and group_b and group_a != group_b:
        return "group_clash"
    if not a.type or not b.type:
        return "type_unknown"
    if a.type == b.type:
        return "type_same"
    return "type_near" if kinds_of_type(a.type, words) & kinds_of_type(b.type, words) else "type_differs"


def _best(a: Face, b: Face) -> tuple[float, Name, Name]:
    best = (-1.0, a.names[0], b.names[0])
    for name_a in a.names:
        for name_b in b.names:
            value = likeness(name_a, name_b)
            if value > best[0]:
                best = (value, name_a, name_b)
    return best


def apart(a: Position, b: Position) -> tuple[float, bool]:
    """Metres between two places; the flag says that they only meet when one has latitude and longitude swapped."""
    straight = distance_m(a, b)
    if straight < 20_000 or abs(b.lon) > 90:
        return straight, False
    swapped = distance_m(a, Position(b.lon, b.lat))
    return (swapped, True) if swapped < 10_000 else (straight, False)


def _set_levels(prefix: str, a: frozenset[str], b: frozenset[str]) -> str | None:
    if not a and not b:
        return None
    if not a or not b:
        return prefix + "_one"
    return prefix + ("_same" if a & b else "_clash")


def _acronym(a: Face, b: Face) -> bool:
    """Whether one is called by the initials of the other."""
    return any(x.initials == y.tokens[0] or y.initials == x.tokens[0] for x in a.names for y in b.names if x.tokens and y.tokens
               and 1 in (len(x.tokens), len(y.tokens)) and len(x.tokens) != len(y.tokens))  # fmt: skip


def _two(prefix: str, a: frozenset[str], b: frozenset[str]) -> str | None:
    """Names the two kinds when each side says one and they differ: primary and secondary are worlds apart."""
    if len(a) != 1 or len(b) != 1 or a == b:
        return None
    return prefix + ":" + "|".join(sorted((*a, *b)))


def _type_kinds(face: Face, words: str) -> frozenset[str]:
    return kinds_of_type(face.type, words) if face.type else frozenset()


def _inside(a: Name, b: Name) -> str | None:
    """Whether one name's own words are all among the other's, and more besides."""
    if a.sounds == b.sounds or not (set(a.sounds) <= set(b.sounds) or set(b.sounds) <= set(a.sounds)):
        return None
    return "inside"


def _agree(prefix: str, a: str | None, b: str | None) -> str | None:
    if a is None or b is None:
        return None
    return prefix + ("_same" if a == b else "_differs")


def _area_levels(a: Face, b: Face) -> list[str | None]:
    """How each level of area agrees, and whether any area of one is named by the other at another level."""
    found: list[str | None] = []
    for number, (x, y) in enumerate(zip(a.areas, b.areas, strict=False), 1):
        if x and y:
            found.append(f"area{number}_{_area_agreement(x, y)}")
    if not any(level and level.endswith("_same") for level in found):
        crossed = {x for x in a.areas if x} & {y for y in b.areas if y}
        found.append("area_crossed" if crossed else None)
    return found


@lru_cache(maxsize=65536)
def _area_agreement(x: str, y: str) -> str:
    if x == y:
        return "same"
    alike = JaroWinkler.similarity(sound(x.replace(" ", "")), sound(y.replace(" ", "")))
    return "same" if alike >= 0.9 else "alike" if alike >= 0.8 else "differs"


def compare(a: Face, b: Face, words: str) -> Comparison:
    """Compares two faces with the word lists `words`; the order of `a` and `b` does not matter."""
    if b.id < a.id:
        a, b = b, a
    alike, name_a, name_b = _best(a, b)
    name_level = LIKENESS_NAMES[bisect_right(LIKENESS, round(alike, 6))]
    metres, swapped = apart(a.position, b.position) if a.position and b.position else (None, False)
    place_level = "nowhere" if metres is None else DISTANCE_NAMES[bisect_right(DISTANCES, round(metres, 1))]
    kind = _type_level(a, b, words)
    found = [
        name_level,
        place_level,
        f"{name_level}*{place_level}",
        kind,
        _set_levels("kind", name_a.kinds, name_b.kinds),
        _two("kinds", name_a.kinds, name_b.kinds),
        _two("types", _type_kinds(a, words), _type_kinds(b, words)),
        _set_levels("number", frozenset(name_a.numbers), frozenset(name_b.numbers)),
        _set_levels("qualifier", name_a.qualifiers, name_b.qualifiers),
        _agree("phone", a.phone, b.phone),
        _agree("code", a.code, b.code),
        "short_name" if min(len(name_a.sound), len(name_b.sound)) <= 4 else None,
        "swapped" if swapped else None,
        _inside(name_a, name_b),
        "acronym" if _acronym(a, b) else None,
        *_area_levels(a, b),
    ]
    excluded = kind == "group_clash"
    return Comparison(alike, metres, swapped, kind, frozenset(x for x in found if x), excluded)


def equal_names(a: Face, b: Face) -> bool:
    """Whether the things share a folded name, generic words dropped (the domain's condition for a certain link)."""
    return any(equal_core(x, y) for x in a.names for y in b.names)


def levels_in_words() -> Mapping[str, tuple[str, str]]:
    """The levels that a reason can name, in English and French."""
    return _LEVEL_WORDS


_LEVEL_WORDS = {
    "type_same": ("same type", "même type"),
    "type_near": ("types alike", "types voisins"),
    "type_differs": ("types differ", "types différents"),
    "kind_clash": ("names say different kinds", "les noms disent des genres différents"),
    "number_same": ("same number", "même numéro"),
    "number_clash": ("numbers differ", "numéros différents"),
    "qualifier_clash": (
        "one is e.g. north or girls, the other not",
        "l'un est p. ex. nord ou filles, l'autre non",
    ),
    "phone_same": ("same phone", "même téléphone"),
    "code_same": ("same code", "même code"),
    "code_differs": ("codes differ", "codes différents"),
    "area1_differs": ("other region", "autre région"),
    "area2_differs": ("other district", "autre district"),
    "acronym": ("one is the other's initials", "l'un est le sigle de l'autre"),
    "swapped": ("latitude and longitude look swapped", "latitude et longitude semblent inversées"),
}
