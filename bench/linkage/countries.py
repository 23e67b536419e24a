"""The made-up countries of a register: tables to link and the truth about them, by seed. One place for training and measuring."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bench.linkage import organisations
from bench.linkage.holes import with_holes
from bench.linkage.noise import FAMILIES, Family, Row, tables_of
from bench.linkage.worlds import make_world

FIRST_HELD_OUT = 900_000
"""Training draws its countries from small seeds; from here on they are never trained on."""
SIZE = 260
REGISTERS = ("facilities", "settlements", "organisations")


@dataclass(frozen=True)
class Country:
    """The first table, the rows of all others, and the thing behind each row id."""

    reference: list[Row]
    reports: list[Row]
    truth: dict[str, str]


def make_country(register: str, seed: int, leave_out: Collection[Family] = (), *, holes: bool = False) -> Country:
    """The country of a seed, without the families of sources left out (organisations have none); `holes`: columns are missing."""
    if register == "organisations":
        made = Country(*organisations.tables_of(seed, SIZE + 40))
    else:
        made = Country(*tables_of(make_world(seed, register, SIZE), seed, leave_out))
    return Country(*with_holes(seed, made.reference, made.reports), made.truth) if holes else made


def only(family: Family) -> tuple[Family, ...]:
    """What to leave out so that only this family remains."""
    return tuple(other for other in FAMILIES if other != family)
