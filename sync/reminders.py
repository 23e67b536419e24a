"""Which returns are reminded of on a day, as a pure function of the board: three days before the due day, one and five after.

From five days after on the sector is told as well (rule C.7). Must not know how a reminder travels.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sync.returns import Cell, Terms

# Days from the due day, in mission time, from which on each reminder is in force.
STEPS = (-3, 1, 5)
# From this reminder on the sector gets a copy.
COPY_FROM = 5


@dataclass(frozen=True, slots=True)
class Reminder:
    """A return to be reminded of. `number` counts from 1 to `len(STEPS)`; `due` is its last day, in mission time."""

    cell: Cell
    due: dt.date
    number: int
    to_sector: bool

    @property
    def is_over(self) -> bool:
        """Whether the due day has passed."""
        return STEPS[self.number - 1] > 0


def reminder(cell: Cell | None, terms: Terms, at: dt.datetime) -> Reminder | None:
    """The reminder in force at the instant `at` (UTC aware); None for what came, is not owed, or is not due soon.

    A post that left within the month is reminded of its handover return like any other as long as nothing came.
    """
    if cell is None or cell.arrived or cell.state == "waived":
        return None
    due = (terms.due(cell.month) - dt.timedelta(days=1)).astimezone(terms.zone).date()
    days = (at.astimezone(terms.zone).date() - due).days
    in_force = [number for number, step in enumerate(STEPS, 1) if days >= step]
    if not in_force:
        return None
    return Reminder(cell, due, in_force[-1], STEPS[in_force[-1] - 1] >= COPY_FROM)
