"""Which returns are reminded of on a day, as a pure function of the board: before the due day, and twice after it.

With the last reminder the sector is told as well (rule C.7). Must not know how a reminder travels.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sync.periods import Period, Rhythm, period_of
from sync.returns import Cell, Terms

# Days from the due day, in mission time, from which on each reminder is in force. For months they are rule C.7's.
STEPS_OF: dict[Rhythm, tuple[int, int, int]] = {"monthly": (-3, 1, 5), "weekly": (-1, 1, 3), "daily": (0, 1, 2)}
STEPS = STEPS_OF["monthly"]


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
        return STEPS_OF[self.cell.month.rhythm][self.number - 1] > 0


def reminder(cell: Cell | None, terms: Terms, at: dt.datetime) -> Reminder | None:
    """The reminder in force at the instant `at` (UTC aware); None for what came, is not owed, or is not due soon.

    A post that left within the month is reminded of its handover return like any other as long as nothing came.
    """
    if cell is None or cell.arrived or cell.state == "waived":
        return None
    due = (terms.due(cell.month) - dt.timedelta(days=1)).astimezone(terms.zone).date()
    days = (at.astimezone(terms.zone).date() - due).days
    steps = STEPS_OF[cell.month.rhythm]
    in_force = [number for number, step in enumerate(steps, 1) if days >= step]
    if not in_force:
        return None
    return Reminder(cell, due, in_force[-1], in_force[-1] == len(steps))


def reminded(rhythm: Rhythm, due_day: int, today: dt.date) -> list[Period]:
    """The periods for which some reminder can newly be in force on that day of mission time, oldest first."""
    steps, days = STEPS_OF[rhythm], {"daily": 1, "weekly": 7, "monthly": 28}[rhythm]
    present = period_of(rhythm, today)
    # The first reminder of a return that is due soon after its period can come before that is over.
    newest = 0 if due_day + steps[0] < 1 else -1
    oldest = -1 - (due_day + steps[-1] - 1) // days
    return [present.plus(step) for step in range(oldest, newest + 1)]
