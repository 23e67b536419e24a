"""What of a record may leave, and how exactly: fields per audience, place by sensitivity, who must decide (rule C.2).

A whitelist: a property that the register file does not name for an audience never leaves. Pure; decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sync.merge.facts import Position
from sync.registers import Register

Precision = Literal["point", "settlement", "adm2"]
# Low may show the point, moderate the settlement, high the district only; severe information does not leave at all.
PRECISIONS: Mapping[str, Precision] = {"low": "point", "moderate": "settlement", "high": "adm2"}
_ORDER: tuple[Precision, ...] = ("point", "settlement", "adm2")
LEVELS = ("low", "moderate", "high", "severe")
# Two decimals of a degree are about 1.1 km: the village is known, the building is not.
SETTLEMENT_DECIMALS = 2


class NotReleasable(ValueError):
    """The record may not leave; the message says why."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What leaves: values by export name, and the place at the precision allowed (None: only the district is said)."""

    values: Mapping[str, str]
    place: Position | None
    precision: Precision


def finest_precision(sensitivity: str) -> Precision:
    """The finest place that a record of this sensitivity may be released with. Raises `NotReleasable` for severe."""
    if sensitivity not in PRECISIONS:
        raise NotReleasable(f"information of the sensitivity '{sensitivity}' is not released")
    return PRECISIONS[sensitivity]


def coarser(a: Precision, b: Precision) -> Precision:
    """The less exact of the two."""
    return max(a, b, key=_ORDER.index)


def place_at(position: Position | None, precision: Precision) -> Position | None:
    """The place as exact as allowed: the point, the point to 0.01 degrees (about 1.1 km), or nothing."""
    if position is None or precision == "adm2":
        return None
    if precision == "point":
        return Position(position.lat, position.lon)
    return Position(round(position.lat, SETTLEMENT_DECIMALS), round(position.lon, SETTLEMENT_DECIMALS))


def needs_second_person(sensitivity: str, un_class: str = "UNCLASSIFIED", from_military: bool = False) -> bool:
    """Whether the one who decides must not be the one who proposed or reported (rule C.2)."""
    return from_military or un_class.upper() != "UNCLASSIFIED" or sensitivity in ("high", "severe")


def outgoing(
    register: Register,
    data: Mapping[str, str],
    position: Position | None,
    sensitivity: str,
    audience: str,
    wanted: Precision | None = None,
) -> Outgoing:
    """What `audience` gets of a record; `wanted` can make the place coarser, never finer.

    Positions leave as `place` only, never among the values. Raises `NotReleasable` for severe sensitivity and for an
    audience that the register file lets see nothing.
    """
    precision = finest_precision(sensitivity)
    if wanted is not None:
        precision = coarser(precision, wanted)
    allowed = [prop for prop in register.properties.values() if audience in prop.audiences]
    if not allowed:
        raise NotReleasable(f"nothing of the register '{register.name}' goes to the audience '{audience}'")
    values = {p.export: data[p.name] for p in allowed if p.name in data and p.type not in ("geopoint", "geotrace")}
    shows_place = any(prop.type == "geopoint" for prop in allowed)
    return Outgoing(values, place_at(position, precision) if shows_place else None, precision)
