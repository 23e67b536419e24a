"""What whole tables lack: no types, no positions, no areas, no dates or teams; and a digit of a position mistyped now and then.

Drawn per country by a seed of its own, so that the same country is there with and without its holes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from bench.linkage.noise import Row

# What is missing together, and how often a country's reports, its reference, or both lack it.
_COLUMNS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("type",), 0.35), (("lat", "lon", "gps_acc_m"), 0.25), (("date", "team"), 0.5), (("phone",), 0.4), (("code",), 0.3),
    (("adm2", "adm3"), 0.25), (("adm1", "adm2", "adm3"), 0.25), (("gps_acc_m",), 0.4),
)  # fmt: skip
_MISTYPED = 0.03


def with_holes(seed: int, reference: Sequence[Row], reports: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Both tables without some columns in the one, the other or both, and with some digits of the reports' positions wrong."""
    rng = random.Random(seed * 31_337 + 11)
    missing: tuple[set[str], set[str]] = (set(), set())
    for columns, rate in _COLUMNS:
        if rng.random() < rate:
            for side in rng.choice(((0,), (1,), (1,), (0, 1))):
                missing[side].update(columns)
    mistyped = rng.uniform(0, _MISTYPED)
    return _without(reference, missing[0]), [
        _mistyped(rng, row) if row.get("lat") and rng.random() < mistyped else row for row in _without(reports, missing[1])
    ]


def _without(rows: Iterable[Row], columns: set[str]) -> list[Row]:
    return [{name: "" if name in columns else value for name, value in row.items()} for row in rows]


def _mistyped(rng: random.Random, row: Row) -> Row:
    """The row with one digit of its latitude or longitude wrong: the last before the point, or one of the first two after it."""
    name = rng.choice(("lat", "lon"))
    text = row[name]
    point = text.index(".")
    at = rng.choice([place for place in (point - 1, point + 1, point + 2) if place < len(text) and text[place].isdigit()])
    return {**row, name: text[:at] + rng.choice("0123456789") + text[at + 1 :]}
