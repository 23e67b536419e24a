"""What of a record may leave the cell: fields by audience, place by sensitivity, and when a second person must decide.

A whitelist: what the register file does not give to an audience stays (rule C.2). Pure; it decides nothing by itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from forms.values import read_datetime
from sync.registers import Register

Precision = Literal["point", "settlement", "area"]
LEVELS = ("low", "moderate", "high", "severe")
PRECISION: dict[str, Precision] = {"low": "point", "moderate": "settlement", "high": "area", "severe": "area"}
# Low may go to anybody; moderate to agencies, authorities and the mission; from high on to agencies and the mission only.
AUDIENCES: dict[str, tuple[str, ...]] = {
    "low": ("ngo", "unct", "mission", "authority", "force", "public"),
    "moderate": ("ngo", "unct", "mission", "authority", "force"),
    "high": ("ngo", "unct", "mission"),
    "severe": ("unct", "mission"),
}
# Two decimals of a degree are about 1.1 km: the distance within which settlements are told apart. They name the place
# and not the building.
SETTLEMENT_DIGITS = 2
POINT_DIGITS = 6
# Rule C.9: a handful of people can be found out by who they are.
FEW = 5
UNDER_FEW = f"under {FEW}"


@dataclass(frozen=True, slots=True)
class Leaving:
    """The part of a record that leaves: label, properties, position in degrees (None at area precision)."""

    label: str
    data: dict[str, str]
    lat: float | None
    lon: float | None
    precision: Precision


def level(sensitivity: str | None) -> str:
    """The sensitivity that counts; what is not known counts as high."""
    return sensitivity if sensitivity in LEVELS else "high"


def blur(lat: float | None, lon: float | None, precision: Precision) -> tuple[float | None, float | None]:
    """The position at that precision: as it is, rounded to 0.01 degree, or none."""
    if lat is None or lon is None or precision == "area":
        return None, None
    digits = POINT_DIGITS if precision == "point" else SETTLEMENT_DIGITS
    return round(lat, digits), round(lon, digits)


def leaving(
    register: Register, data: Mapping[str, Any], label: str, place: tuple[float | None, float | None], audience: str,
    sensitivity: str | None, substitute: str,
) -> Leaving:
    """What this audience gets of a record. `substitute` stands for the label where the name may not go along.

    At area precision names are kept back, because the name of a place is a place. A warning that stands says where it is,
    whatever its sensitivity: nobody can keep away from a district (rule C.2, the short path).
    """
    precision = PRECISION[level(sensitivity)]
    where: Precision = "point" if register.warning is not None and data.get(register.warning.property) else precision
    # A property that is more sensitive than the whole was judged to be does not slip out with it.
    limit = max(LEVELS.index(level(sensitivity)), LEVELS.index(register.sensitivity))
    allowed = {
        name: prop for name, prop in register.properties.items()
        if audience in prop.audiences and LEVELS.index(prop.sensitivity) <= limit
    }
    names = set(register.matching.names + register.matching.aliases) if register.matching else set()
    names |= {register.label_property} if register.label_property else set()
    hidden = names if precision == "area" else set()
    placed = any(prop.type in {"geopoint", "geotrace"} for prop in allowed.values())
    kept = {
        name: str(data[name]) for name, prop in allowed.items()
        if data.get(name) not in (None, "") and name not in hidden and prop.type not in {"geopoint", "geotrace"}
    }
    hardly = {name for name in kept if allowed[name].counts_people and few(kept[name])}
    kept |= dict.fromkeys(hardly, UNDER_FEW)
    # Without the right to the position there is none, whatever the precision would allow.
    lat, lon = blur(*place, where) if placed else (None, None)
    # The label of such a record may hold the number.
    may_name = register.label_property in allowed and precision != "area" and not hardly
    return Leaving(label if may_name else substitute, kept, lat, lon, where if lat is not None else "area")


def few(text: str) -> bool:
    """Whether a number of people is so small that it is not told outside the cell: 1 to 4 (rule C.9)."""
    try:
        return 0 < float(text) < FEW
    except ValueError:
        return False


def held(register: Register, data: Mapping[str, Any], at: dt.datetime, zone: dt.tzinfo) -> bool:
    """Whether the record may not be released yet at that instant, because something goes on (rule C.2).

    A time without a zone is mission time (`zone`); what is no time ends nothing.
    """
    rule = register.held
    if rule is None or data.get(rule.property) not in rule.codes:
        return False
    until = read_datetime(str(data.get(rule.until) or ""), zone)
    return until is None or until > at


def urgent(register: Register, data: Mapping[str, Any]) -> bool:
    """Whether one officer alone may release the record as a warning, because delay kills (rule C.2)."""
    keep_away = register.warning
    return keep_away is not None and bool(data.get(keep_away.property)) and data.get(keep_away.state) in keep_away.alone


def second_person(
    sensitivity: str | None, un_classes: Collection[str | None], *, urgently: bool = False
) -> tuple[str, ...]:
    """Why a second person must decide: "sensitivity" (not for an urgent warning), "un_class"; empty when one is enough."""
    reasons = []
    if not urgently and LEVELS.index(level(sensitivity)) >= LEVELS.index("high"):
        reasons.append("sensitivity")
    if any(marking not in (None, "", "UNCLASSIFIED") for marking in un_classes):
        reasons.append("un_class")
    return tuple(reasons)


def audiences(sensitivity: str | None) -> tuple[str, ...]:
    """Who may get a record of this sensitivity, the usual one first."""
    return AUDIENCES[level(sensitivity)]
