"""Keys by which two things come to be compared: how the name sounds, its consonants, phone, code, and the place (H3).

A union of keys: one in common is enough. Area codes are no keys, because they are often missing or wrong. Keys depend on
one face only, so what is compared never depends on the order of arrival.
"""

from __future__ import annotations

import math

from sync.merge import distances
from sync.merge.faces import Face
from sync.merge.names import Name

# Cells of about 1.2 km edge; with the neighbours everything within about 1.1 km is found, and most within 3 km.
RESOLUTION = 7
_MAX_KEY = 80
# Metres, and how alike names have to be to be compared when no farther apart than that; beyond the last, and without positions.
ROUGH = ((250, 0.30), (1_200, 0.45), (5_000, 0.55), (25_000, 0.62), (60_000, 0.70))
ROUGH_FAR = 0.77
ROUGH_NOWHERE = 0.60
METRES_PER_DEGREE = 111_195.0


def name_keys(face: Face) -> frozenset[str]:
    """Keys of every name: whole sound, whole skeleton, the sounds in alphabetical order, the acronym."""
    keys: set[str] = set()
    for name in face.names:
        if len(name.sound) >= 2:
            keys.add("n:" + name.sound)
        if len(name.skeleton) >= 3:
            keys.add("s:" + name.skeleton)
        if len(name.sounds) > 1:
            keys.add("w:" + "".join(sorted(name.sounds)))
        keys |= {"a:" + short for short in acronyms(name)}
    return frozenset(key[:_MAX_KEY] for key in keys)


def acronyms(name: Name) -> set[str]:
    """What the name is or may be called for short: its short own words, and the first letters of its words, a branch left out."""
    short = {word for word in name.shorts if len(word) <= 7 and word in name.core}
    for letters in name.initials:
        if 3 <= len(letters) <= 9:
            short |= {letters, letters[:-1], letters[1:]}
    return {word for word in short if len(word) >= 3}


def own_keys(face: Face) -> frozenset[str]:
    """The keys under which the face is filed."""
    keys = set(name_keys(face))
    if face.phone:
        keys.add("p:" + face.phone)
    if face.code:
        keys.add(("c:" + face.code)[:_MAX_KEY])
    if face.position:
        import h3

        keys.add("g:" + h3.latlng_to_cell(face.position.lat, face.position.lon, RESOLUTION))
    return frozenset(keys)


def search_keys(face: Face) -> frozenset[str]:
    """The keys under which others are looked for: its own and the neighbouring cells."""
    keys = set(own_keys(face))
    if face.position:
        import h3

        cell = h3.latlng_to_cell(face.position.lat, face.position.lon, RESOLUTION)
        keys.update("g:" + near for near in h3.grid_disk(cell, 1))
    return frozenset(keys)


def worth_comparing(a: Face, b: Face) -> bool:
    """Whether the names are alike enough for how far apart the two are; a few microseconds, and wrong only for the hopeless."""
    first, second = a.names[0], b.names[0]
    place, other = a.position, b.position
    least = ROUGH_NOWHERE
    if place is not None and other is not None:
        north = place.lat - other.lat
        east = (place.lon - other.lon) * math.cos(math.radians(place.lat))
        metres = math.hypot(north, east) * METRES_PER_DEGREE
        least = next((alike for limit, alike in ROUGH if metres <= limit), ROUGH_FAR)
    if distances.JaroWinkler.similarity(first.sound, second.sound) >= least:
        return True
    if (a.phone is not None and a.phone == b.phone) or (a.code is not None and a.code == b.code):
        return True
    if len(a.names) + len(b.names) > 2 and any(
        distances.JaroWinkler.similarity(x.sound, y.sound) >= least for x in a.names for y in b.names
    ):
        return True
    words = set(first.sounds)
    if (len(words) > 1 or len(second.sounds) > 1) and not words.isdisjoint(second.sounds):
        return True
    if not (first.shorts or second.shorts):
        return distances.Levenshtein.normalized_similarity(first.sound, second.sound) >= least
    both = [(x, y) for n in a.names for m in b.names for x, y in ((n, m), (m, n))]
    return any(not set(x.shorts).isdisjoint(y.initials) for x, y in both)
