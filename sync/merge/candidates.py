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


class Blocks:
    """The faces of a batch filed under their keys. Each face is compared with those after it, so no pair comes twice."""

    def __init__(self, faces: Sequence[Face]) -> None:
        import h3

        self.faces = faces
        self._keys: list[list[str]] = []
        self._filed: dict[str, list[int]] = defaultdict(list)
        self._cells: dict[str, list[int]] = defaultdict(list)
        for number, face in enumerate(faces):
            own = sorted(batch_keys(face))
            self._keys.append(own)
            for key in own:
                self._filed[key].append(number)
            if face.position:
                cell = h3.latlng_to_cell(face.position.lat, face.position.lon, RESOLUTION)
                self._cells[cell].append(number)
        for key, rows in list(self._filed.items()):
            if not 1 < len(rows) <= (MAX_WEAK_BLOCK if key.startswith(_WEAK) else MAX_BLOCK):
                del self._filed[key]

    def after(self, number: int) -> list[Face]:
        """The faces after the one with this number that it is worth comparing with, in their order."""
        import h3

        face = self.faces[number]
        near: set[int] = set()
        for key in self._keys[number]:
            near.update(self._filed.get(key, ()))
        if face.position:
            for cell in h3.grid_disk(h3.latlng_to_cell(face.position.lat, face.position.lon, RESOLUTION), 1):
                near.update(self._cells.get(cell, ()))
        found = (self.faces[other] for other in sorted(near) if other > number)
        return [other for other in found if worth_comparing(face, other)]


def candidates(faces: Sequence[Face]) -> Iterator[tuple[Face, list[Face]]]:
    """For each face those after it that it is worth comparing with, in the order of `faces`."""
    blocks = Blocks(faces)
    return ((face, blocks.after(number)) for number, face in enumerate(faces))
