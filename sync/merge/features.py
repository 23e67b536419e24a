"""Compares two faces: how alike the names are, how far apart the places, whether type, area, phone and code agree.

Every feature is 0 or 1 (a comparison level), so a model over them can be read like a table. Symmetric, and a pure
function of the two faces. Must not know any weight.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from sync.merge import distances
from sync.merge.faces import Face, distance_m
from sync.merge.facts import Position
from sync.merge.names import Name, Words, analyse, equal_core, fold, load_words, sound

# Upper edges of the distance bands, in metres.
DISTANCES = (4, 30, 100, 250, 600, 1_200, 2_500, 5_000, 10_000, 25_000, 60_000)
DISTANCE_NAMES = ("d4", "d30", "d100", "d250", "d600", "d1200", "d2500", "d5k", "d10k", "d25k", "d60k", "far")
# Lower edges of the likeness bands.
LIKENESS = (0.50, 0.60, 0.70, 0.78, 0.84, 0.90, 0.94, 0.965, 0.999)
LIKENESS_NAMES = ("n0", "n50", "n60", "n70", "n78", "n84", "n90", "n94", "sound", "equal")
# Up to this length a name's sound is short, middling, long, very long.
LENGTHS = (4, 6, 9)
LENGTH_NAMES = ("length0", "length1", "length2", "length3")
# Names of this likeness sound the same; others may still be of the same classes of consonants, from so many of them on.
_SOUND_ALIKE = 0.965
_CLASSES_FROM, _CLASSES_TO = 2, 5
# A mended position (swapped, minutes typed as decimals) has to come this close, in metres, to be believed.
MENDED_M = 3_000
# A position whose accuracy is this or worse, in metres, names a region and not a spot.
VAGUE_M = 2_000
VAGUE_DISTANCES = (1_200, 5_000, 25_000, 60_000)
VAGUE_NAMES = ("vague1200", "vague5k", "vague25k", "vague60k", "vague_far")
# A position whose accuracy is stated as no worse than this, in metres, was measured on the spot.
SURE_M = 30

@dataclass(frozen=True, slots=True)
class Comparison:
    """Two things compared. `levels` are the features that hold; `excluded` means that they cannot be one thing."""

    likeness: float
    distance_m: float | None
    swapped: bool
    type: str
    names: tuple[Name, Name]
    levels: frozenset[str]
    excluded: bool


def likeness(a: Name, b: Name) -> float:
    """How alike two names are, 0 to 1: 1 for equal cores, 0.97 for equal sound, else the best of whole and by token."""
    if a.core_text == b.core_text:
        return 1.0
    if a.sound == b.sound or a.core_text.replace(" ", "") == b.core_text.replace(" ", ""):
        return 0.97
    if len(a.sounds) == len(b.sounds) > 1 and sorted(a.sounds) == sorted(b.sounds):
        return 0.97
    start = distances.JaroWinkler.similarity(a.sound, b.sound)
    whole = 0.5 * start + 0.5 * distances.Levenshtein.normalized_similarity(a.sound, b.sound)
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
        best, closest = -1.0, ""
        for other in left:
            value = 1.0 if other == token else distances.Levenshtein.normalized_similarity(token, other)
            if value > best or (value == best and other > closest):
                best, closest = value, other
        matched += len(token) * best
        total += len(token)
        left.remove(closest)
    rest = sum(len(token) for token in left)
    return matched / total * (1 - 0.35 * rest / (rest + total))


@lru_cache(maxsize=4096)
def kinds_of_type(kind: str, words: str) -> frozenset[str]:
    """What a type code or type text says, in the terms of the word lists; "school_primary" says primary, "school" any school."""
    text = kind.replace("_", " ")
    said = load_words(words).types.get(fold(text))
    if said is not None:
        return frozenset({said})
    found = analyse(text, words).kinds
    general = load_words(words).general
    return (found - general or found) or frozenset({fold(text)})


@lru_cache(maxsize=4096)
def group_of_type(kind: str, words: str) -> str | None:
    """The group (health, education, water ...) of a type code or text; None when it says none or several."""
    known = load_words(words)
    found = {known.groups[said] for said in kinds_of_type(kind, words) | {kind} if said in known.groups}
    if not found:
        found = {known.groups[said] for said in fold(kind.replace("_", " ")).split() if said in known.groups}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=16384)
def _types_agree(a: str, b: str, words: str) -> str:
    """How two types that are of one group agree; a type that names no kind of its own ("other", "school") is near to all."""
    if a == b:
        return "type_same"
    kinds_a, kinds_b = kinds_of_type(a, words), kinds_of_type(b, words)
    if kinds_a == kinds_b:
        return "type_same"
    general = load_words(words).general | {"other"}
    vague = any(kinds <= general or any("other" in kind.split() for kind in kinds) for kinds in (kinds_a, kinds_b))
    return "type_near" if vague or kinds_a & kinds_b else "type_differs"


@lru_cache(maxsize=65536)
def type_levels(a: tuple[str | None, str | None], b: tuple[str | None, str | None], words: str) -> tuple[str, ...]:
    """How the types agree, first, and which two kinds they name; `a` and `b` are (type, group)."""
    (type_a, group_a), (type_b, group_b) = a, b
    group_a = group_a or (group_of_type(type_a, words) if type_a else None)
    group_b = group_b or (group_of_type(type_b, words) if type_b else None)
    if group_a and group_b and group_a != group_b:
        return ("group_clash",)
    if not type_a or not type_b:
        return ("type_unknown",)
    named = _two("types", kinds_of_type(type_a, words), kinds_of_type(type_b, words))
    level = _types_agree(type_a, type_b, words)
    return (level, named) if named else (level,)


@lru_cache(maxsize=65536)
def kind_levels(a: frozenset[str], b: frozenset[str]) -> tuple[str, ...]:
    """How the kinds that two names say agree, and which two they are when they differ."""
    return tuple(level for level in (_set_levels("kind", a, b), _two("kinds", a, b)) if level)


def number_levels(a: frozenset[str], b: frozenset[str]) -> tuple[str, ...]:
    """How the numbers in two names agree; nothing when neither has one."""
    level = _set_levels("number", a, b)
    return (level,) if level else ()


def qualifier_levels(a: frozenset[str], b: frozenset[str]) -> tuple[str, ...]:
    """How qualifiers (north, girls) agree; nothing when neither name has one."""
    level = _set_levels("qualifier", a, b)
    return (level,) if level else ()


def _best(a: Face, b: Face) -> tuple[float, Name, Name]:
    if len(a.names) == 1 and len(b.names) == 1:
        return likeness(a.names[0], b.names[0]), a.names[0], b.names[0]
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


def _from_minutes(value: float) -> float | None:
    """Degrees, when the decimals are minutes: 4.305 was read off as 4 degrees 30.5 minutes. None when they cannot be."""
    whole = math.trunc(value)
    part = abs(value - whole)
    return None if part >= 0.6 else whole + math.copysign(part / 0.6, value)


def mended(a: Position, b: Position) -> tuple[float, str | None]:
    """Metres between two places, and which known mistake explains that they seem farther apart: swapped, minutes."""
    straight, swapped = apart(a, b)
    if swapped:
        return straight, "swapped"
    if 3 * MENDED_M < straight < 150_000:
        for wrong, right in ((a, b), (b, a)):
            lat, lon = _from_minutes(wrong.lat), _from_minutes(wrong.lon)
            if lat is not None and lon is not None:
                metres = distance_m(Position(lat, lon), right)
                if metres < MENDED_M:
                    return metres, "minutes"
    return straight, None


def _set_levels(prefix: str, a: frozenset[str], b: frozenset[str]) -> str | None:
    if not a and not b:
        return None
    if not a or not b:
        return prefix + "_one"
    return prefix + ("_same" if a & b else "_clash")


def _acronym(a: Name, b: Name, words: str) -> str | None:
    """Whether a word of one is the initials of words of the other, how long it is, and whether what is left of both agrees."""
    for short, full in ((a, b), (b, a)):
        for word in short.shorts:
            if word in full.words:
                continue
            for letters in full.initials:
                at = letters.find(word)
                if at < 0 or len(letters) < 2:
                    continue
                stop = load_words(words).stop
                spelt = full.words if len(letters) == len(full.words) else [w for w in full.words if w not in stop]
                rest = " ".join([*spelt[:at], *spelt[at + len(word) :]])
                left = " ".join(other for other in short.words if other != word)
                how = "_more" if bool(rest) != bool(left) else ""
                if rest and left and analyse(rest, words).core_text != analyse(left, words).core_text:
                    how = "_clash"
                return f"acronym{min(len(word), 4)}{how}"
    return None


def _own_words(a: Name, b: Name, words: Words) -> list[str]:
    """For names of many words: how many each has for itself, and whether those are countries (branches)."""
    left, right = list(a.sounds), list(b.sounds)
    for word in a.sounds:
        best = max(right, key=lambda other: (distances.Levenshtein.normalized_similarity(word, other), other), default=None)
        if best is not None and distances.Levenshtein.normalized_similarity(word, best) >= 0.75:
            left.remove(word)
            right.remove(best)
    fewer, more = sorted((min(len(left), 3), min(len(right), 3)))
    found = [f"own{fewer}-{more}"]
    places = [[word for word in side if word in words.places] for side in (left, right)]
    if places[0] or places[1]:
        found.append("place_clash" if places[0] and places[1] else "place_one")
        if len(places[0]) == len(left) and len(places[1]) == len(right):
            found.append("only_place")
    shared = len(a.sounds) - len(left)
    found.append(f"shared{min(shared, 4)}*own{fewer}-{more}")
    return found


def _two(prefix: str, a: frozenset[str], b: frozenset[str]) -> str | None:
    """Names the two kinds when each side says one and they differ: primary and secondary are worlds apart."""
    if len(a) != 1 or len(b) != 1 or a == b:
        return None
    return prefix + ":" + "|".join(sorted((*a, *b)))


def _inside(a: Name, b: Name) -> str | None:
    """Whether one name's own words are all among the other's, and more besides."""
    if a.sounds == b.sounds or not (set(a.sounds) <= set(b.sounds) or set(b.sounds) <= set(a.sounds)):
        return None
    return "inside"


def _classes(a: Name, b: Name, alike: float) -> str | None:
    """Whether names that do not sound the same would if b and p, d and t, l and r ... were one; how long they are then."""
    if alike >= _SOUND_ALIKE or a.classes != b.classes or len(a.classes) < _CLASSES_FROM:
        return None
    return f"classes{min(len(a.classes), _CLASSES_TO)}"


def _agree(prefix: str, a: str | None, b: str | None) -> str | None:
    if a is None or b is None:
        return None
    return prefix + ("_same" if a == b else "_differs")


@lru_cache(maxsize=262144)
def area_levels(a: tuple[str | None, ...], b: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """How each level of area agrees, and whether any area of one is named by the other at another level."""
    found: list[str | None] = []
    for number, (x, y) in enumerate(zip(a, b, strict=False), 1):
        found.append(f"area{number}_{_area_agreement(x, y)}" if x and y else None)
    if not any(level and level.endswith("_same") for level in found):
        found.append("area_crossed" if {x for x in a if x} & {y for y in b if y} else None)
    return tuple(found)


@lru_cache(maxsize=262144)
def _area_agreement(x: str, y: str) -> str:
    if x == y:
        return "same"
    alike = distances.JaroWinkler.similarity(sound(x.replace(" ", "")), sound(y.replace(" ", "")))
    return "same" if alike >= 0.9 else "alike" if alike >= 0.8 else "differs"


def _sure(place: Position) -> bool:
    return place.accuracy_m is not None and place.accuracy_m <= SURE_M


def _named_after_area(name: Name, face: Face) -> bool:
    """Whether a thing is called by its district or province only, as many things of that district are."""
    return name.core_text in face.areas[:2]


def _vague(place: Position | None) -> bool:
    return place is not None and place.accuracy_m is not None and place.accuracy_m >= VAGUE_M


def _place_level(metres: float | None, vague: bool) -> str:
    if metres is None:
        return "nowhere"
    if vague:
        return VAGUE_NAMES[bisect_right(VAGUE_DISTANCES, round(metres, 1))]
    return DISTANCE_NAMES[bisect_right(DISTANCES, round(metres, 1))]


@lru_cache(maxsize=8192)
def _cross(first: str, second: str) -> str:
    """The level that holds when both do; the same text each time, so that its hash is taken once."""
    return f"{first}*{second}"


class Offsets(Protocol):
    """Knows constant offsets between the sources of a batch."""

    def residual_m(self, a: Position, b: Position) -> float | None:
        """Metres that remain when the nearest known offset is taken off; None when none is near."""

    def may_fit(self, lat: Any, north: Any, east: Any) -> Any:
        """For columns of latitudes and differences (degrees) whether some offset may be near; never wrong when it says no."""


def compare(a: Face, b: Face, words: str, offsets: Offsets | None = None) -> Comparison:
    """Compares two faces with the word lists `words`; the order of `a` and `b` does not matter."""
    if b.id < a.id:
        a, b = b, a
    types = type_levels((a.type, a.group), (b.type, b.group), words)
    kind = types[0]
    alike, name_a, name_b = _best(a, b)
    name = bisect_right(LIKENESS, round(alike, 6))
    name_level = LIKENESS_NAMES[name]
    metres: float | None = None
    mistake: str | None = None
    if a.position and b.position:
        metres, mistake = mended(a.position, b.position)
        if offsets is not None and metres > SURE_M:
            rest = offsets.residual_m(a.position, b.position)
            if rest is not None and rest < metres:
                metres, mistake = rest, "offset"
    vague = _vague(a.position) or _vague(b.position)
    place_level = _place_level(metres, vague)
    length = bisect_right(LENGTHS, min(len(name_a.sound), len(name_b.sound)) - 1)
    found = [
        name_level, place_level, _cross(name_level, place_level), _cross(name_level, LENGTH_NAMES[length]),
        _cross(kind, name_level), *types,
    ]  # fmt: skip
    if name_a.kinds or name_b.kinds:
        found += kind_levels(name_a.kinds, name_b.kinds)
    if name_a.numbers or name_b.numbers:
        numbered = number_levels(frozenset(name_a.numbers), frozenset(name_b.numbers))
        found += [level for level in numbered] + [_cross(level, place_level) for level in numbered if level == "number_clash"]
    if metres is None or vague:
        areas = area_levels(a.areas, b.areas)
        known = next((area for area in areas[1:2] + areas[:1] if area), "area_unknown")
        found.append(_cross(name_level, _cross("nowhere", known)))
    elif a.position and b.position and _sure(a.position) and _sure(b.position):
        found.append(_cross("sure", place_level))
    rarer: list[str | None] = [
        _set_levels("qualifier", name_a.qualifiers, name_b.qualifiers), _agree("phone", a.phone, b.phone),
        _agree("code", a.code, b.code), mistake, _inside(name_a, name_b), *area_levels(a.areas, b.areas),
        "area_name" if _named_after_area(name_a, a) or _named_after_area(name_b, b) else None,
        _classes(name_a, name_b, alike),
    ]  # fmt: skip
    found += [level for level in rarer if level]
    if name_a.shorts or name_b.shorts:
        found += [level for level in (_acronym(name_a, name_b, words),) if level]
    terms = load_words(words)
    if terms.terms:
        found += _own_words(name_a, name_b, terms)
    return Comparison(alike, metres, mistake == "swapped", kind, (name_a, name_b), frozenset(found), kind == "group_clash")


def equal_names(a: Face, b: Face) -> bool:
    """Whether the things share a folded name, generic words dropped (the domain's condition for a certain link)."""
    return any(equal_core(x, y) for x in a.names for y in b.names)


def in_words(level: str) -> tuple[str, str] | None:
    """What a level means, in English and French; None for one that no sentence names."""
    if level.startswith("acronym"):
        return None if level.endswith("_clash") else _LEVEL_WORDS["acronym"]
    return _LEVEL_WORDS.get(level)


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
    "place_clash": ("they name different countries", "ils nomment des pays différents"),
    "inside": ("one name is part of the other", "un nom est compris dans l'autre"),
    "swapped": ("latitude and longitude look swapped", "latitude et longitude semblent inversées"),
    "minutes": ("minutes look typed as decimals", "des minutes semblent écrites comme décimales"),
    "offset": ("after taking off a shift that the whole list has", "après déduction d'un décalage de toute la liste"),
}
