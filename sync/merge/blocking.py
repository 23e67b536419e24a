"""Keys by which two things come to be compared: how the name sounds, its consonants, phone, code, and the place (H3).

A union of keys: one in common is enough. Area codes are no keys, because they are often missing or wrong. Keys depend on
one face only, so what is compared never depends on the order of arrival.
"""

from __future__ import annotations

from sync.merge.faces import Face

# Cells of about 1.2 km edge; with the neighbours everything within about 1.1 km is found, and most within 3 km.
RESOLUTION = 7
_MAX_KEY = 80


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
        # An acronym meets the name it stands for.
        short = name.tokens[0] if len(name.tokens) == 1 and 3 <= len(name.tokens[0]) <= 7 else name.initials
        if len(short) >= 3:
            keys.add("a:" + short)
    return frozenset(key[:_MAX_KEY] for key in keys)


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
