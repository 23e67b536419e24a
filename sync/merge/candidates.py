"""Which rows of a batch are compared at all: those that share a name key, a word, a phone, a code or a neighbouring place, and
are not plainly different.

Each row looks among the rows after it, so nothing holds all pairs at once. Pure; must not know any weight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sync.merge.blocking import RESOLUTION, name_keys, own_keys, worth_comparing
from sync.merge.faces import Face

# A key that more rows share than this finds nothing that another key would not, and costs its square.
MAX_BLOCK = 60
# Keys that many unlike names share: the beginning, an end, a letter left out.
MAX_WEAK_BLOCK = 30
_WEAK = ("b:", "e:", "d:", "f:")

def batch_keys(face: Face) -> set[str]:
    """Keys for a batch, where a key that too many share costs nothing: words, beginnings, and consonants with one left out."""
    keys = {key for key in own_keys(face) if not key.startswith("g:")} | set(name_keys(face))
    for name in face.names:
        keys |= {"t:" + word for word in name.sounds if len(word) >= 4}
        bones = name.skeleton[:12]
        if len(bones) >= 4:
            keys.add("f:" + bones[:4])
        if len(bones) >= 3:
            # Two names that differ by one consonant, or by two that changed places, meet in one of these.
            keys |= {"d:" + bones[:at] + bones[at + 1 :] for at in range(len(bones))} | {"d:" + bones}
        for area in face.areas:
            if area and len(bones) >= 2:
                keys.add(f"b:{area}:{bones[:2]}")
                keys.add(f"e:{area}:{bones[0]}{bones[-1]}")
    return keys


def candidates(faces: Sequence[Face]) -> Iterator[tuple[Face, list[Face]]]:
    """For each face those after it that it is worth comparing with, in the order of `faces`."""
    import h3

    blocks: dict[str, list[int]] = defaultdict(list)
    keys: list[list[str]] = []
    cells: dict[str, list[int]] = defaultdict(list)
    for number, face in enumerate(faces):
        own = sorted(batch_keys(face))
        keys.append(own)
        for key in own:
            blocks[key].append(number)
        if face.position:
            cells[h3.latlng_to_cell(face.position.lat, face.position.lon, RESOLUTION)].append(number)
    for key, rows in list(blocks.items()):
        if not 1 < len(rows) <= (MAX_WEAK_BLOCK if key.startswith(_WEAK) else MAX_BLOCK):
            del blocks[key]
    for number, face in enumerate(faces):
        near: set[int] = set()
        for key in keys[number]:
            near.update(blocks.get(key, ()))
        if face.position:
            for cell in h3.grid_disk(h3.latlng_to_cell(face.position.lat, face.position.lon, RESOLUTION), 1):
                near.update(cells.get(cell, ()))
        yield face, [faces[other] for other in sorted(near) if other > number and worth_comparing(face, faces[other])]
