"""What matching sees of a thing: names, type, position, areas, phone and code, gathered from its observations.

A face is a pure function of the observations, so it changes only when they do. Must not compare anything.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.merge.facts import Observation, Position
from sync.merge.names import Name, analyse, fold, load_words, variants
from sync.merge.positions import parse_position
from sync.registers import Matching, Register

EARTH_M = 6_371_008.8


LONGEST = 300
"""Characters of a name, code or area that are compared; what a report says is kept whole. The longest real names known to the
developers have 120; a hostile one of 8 MB must not be taken apart."""


@dataclass(frozen=True, slots=True)
class Face:
    """One thing as it is compared. `areas` goes from the widest to the smallest; unknown parts are None or empty."""

    id: str
    names: tuple[Name, ...]
    type: str | None = None
    group: str | None = None
    position: Position | None = None
    areas: tuple[str | None, ...] = ()
    phone: str | None = None
    code: str | None = None
    observed: dt.date | None = None
    unit: str | None = None

    def to_json(self, words: str) -> dict[str, Any]:
        """As plain data; `words` names the word lists with which `from_json` takes the names apart again."""
        place = self.position
        return {
            "names": [name.text for name in self.names], "words": words, "type": self.type, "group": self.group,
            "position": [place.lat, place.lon, place.accuracy_m] if place else None, "areas": list(self.areas),
            "phone": self.phone, "code": self.code, "unit": self.unit,
            "observed": self.observed.isoformat() if self.observed else None,
        }  # fmt: skip

    @classmethod
    def from_json(cls, face_id: str, data: Mapping[str, Any]) -> Face:
        """The face that `to_json` described."""
        return cls(
            id=face_id, names=tuple(analyse(text, data["words"]) for text in data["names"]), type=data["type"],
            group=data["group"], position=Position(*data["position"]) if data["position"] else None,
            areas=tuple(data["areas"]), phone=data["phone"], code=data["code"], unit=data["unit"],
            observed=dt.date.fromisoformat(data["observed"]) if data["observed"] else None,
        )  # fmt: skip


def distance_m(a: Position, b: Position) -> float:
    """Great-circle distance in metres."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    half_lat, half_lon = (lat_b - lat_a) / 2, math.radians(b.lon - a.lon) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(h)))


def phone_digits(text: str | None) -> str | None:
    """The last eight digits of a phone number, which survive every way of writing the country code."""
    digits = "".join(letter for letter in text or "" if letter.isdigit())
    return digits[-8:] if len(digits) >= 6 else None


def named(texts: Iterable[str], words: str) -> tuple[Name, ...]:
    """Every distinct name that `texts` hold, in their order; of each text the first LONGEST characters are compared."""
    found: dict[str, Name] = {}
    branches = bool(load_words(words).terms)
    for text in texts:
        for variant in variants(text[:LONGEST], branches=branches):
            name = analyse(variant, words)
            if name.core:
                found.setdefault(" ".join(name.tokens), name)
    return tuple(found.values())


def same_look(a: Face, b: Face) -> bool:
    """Whether two faces of one thing compare alike with everything: all but when and by whom it was last described."""
    return dataclasses.replace(a, observed=None, unit=None) == dataclasses.replace(b, observed=None, unit=None)


def face_of(entity_id: str, observations: Sequence[Observation], register: Register) -> Face | None:
    """The face of an entity from its applied observations (oldest received first); None when nothing can be compared.

    Names are all that were ever stated; type and group the latest observed; the position is the first stated, because a
    patrol's reading never moves a known place. One that was read in the reporter's camp says nothing of the place.
    """
    matching = register.matching
    if matching is None:
        return None
    latest = sorted(observations, key=lambda o: (o.observed_at, o.clock, o.id), reverse=True)
    texts = [s.value for key in (*matching.names, *matching.aliases) for o in latest if (s := o.statements.get(key))]
    names = named(texts, matching.words)
    if not names:
        return None
    return Face(
        id=entity_id, names=names, type=_latest(latest, matching.type), group=_latest(latest, matching.group),
        position=_first_position(observations, matching),
        areas=tuple(fold(value) if (value := _latest(latest, key)) else None for key in matching.area),
        phone=phone_digits(_latest(latest, matching.phone)), code=_code(_latest(latest, matching.code)),
        observed=latest[0].observed_at.date(), unit=latest[0].unit,
    )  # fmt: skip


def _latest(latest_first: Sequence[Observation], key: str | None) -> str | None:
    said = next((s.value for o in latest_first if key and (s := o.statements.get(key))), None)
    return said[:LONGEST] if said else None


def _first_position(oldest_first: Sequence[Observation], matching: Matching) -> Position | None:
    for observation in oldest_first:
        if not observation.at_camp and matching.position and (statement := observation.statements.get(matching.position)):
            place = parse_position(statement.value)
            if place is not None:
                return place
    return None


def _code(text: str | None) -> str | None:
    return fold(text).replace(" ", "") or None if text else None
