"""Who owes which periodic return, and in which state it is, as a pure function of plan, units, reports, waivers and time.

Two clocks are kept apart: when the observer finished on the device, and when the server received it; a report finished
in time that travelled late is the network's lateness, not the observer's (rule C.7). Must not know the database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from zoneinfo import ZoneInfo

from sync.periods import Month, Period, Rhythm

State = Literal[
    "not_due", "due", "received", "nil", "late", "late_in_transit", "missing", "superseded", "waived", "handover"
]  # fmt: skip
STATES: tuple[State, ...] = (
    "not_due", "due", "received", "nil", "late", "late_in_transit", "missing", "superseded", "waived", "handover",
)  # fmt: skip
# Days of due, missing and freeze when a plan names none. For months they are rule C.7's; it has none for the other rhythms.
DAYS: dict[Rhythm, tuple[int, int, int]] = {"monthly": (5, 10, 15), "weekly": (1, 3, 7), "daily": (1, 2, 3)}
__all__ = [
    "DAYS", "STATES", "Cell", "Delivery", "Month", "Owner", "Period", "Rhythm", "Spell", "State", "Tally", "Tenure", "Terms",
    "Waiver", "assess", "expectation", "late_changes", "tally",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """When a return is due, missing and frozen: days after the period (days of the month after, for a month), each ending at
    midnight in mission time. due_day 0: on the period's own last day.
    """

    zone: ZoneInfo
    due_day: int = 5
    missing_day: int = 10
    freeze_day: int = 15
    starts_on: dt.date | None = None

    def due(self, month: Period) -> dt.datetime:
        """The instant from which a return is no longer on time."""
        return self._end(month, self.due_day)

    def missing(self, month: Period) -> dt.datetime:
        """The instant from which a return that has not come is missing."""
        return self._end(month, self.missing_day)

    def frozen(self, month: Period) -> dt.datetime:
        """The instant at which the period's statistics are fixed; later changes are revisions."""
        return self._end(month, self.freeze_day)

    def ended(self, month: Period) -> dt.datetime:
        """The instant at which the return falls due: the period is over, or its last day begins when it is due on that day."""
        return dt.datetime.combine(month.last if self.due_day == 0 else month.plus(1).first, dt.time(), self.zone)

    def _end(self, month: Period, number: int) -> dt.datetime:
        return dt.datetime.combine(month.after(number) + dt.timedelta(days=1), dt.time(), self.zone)


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time, [start, end), in which a report stood as the return of one post and period, and whether it was nil."""

    start: dt.datetime
    end: dt.datetime | None = None
    nil: bool = False

    def holds(self, at: dt.datetime) -> bool:
        """Whether the instant lies in it."""
        return self.start <= at and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A return that came. completed_at: the device's end time (None: not known); edits: when its corrections came.

    spells: when it stood as this post's return for this period; outside of them it was rejected or deleted, or its wording
    of that time spoke of another unit or period. None: from its receipt on.
    named: it names its period; of reports that only have a day (any patrol of the week) a second one corrects nothing.
    """

    source: str
    received_at: dt.datetime
    completed_at: dt.datetime | None = None
    nil: bool = False
    clock_flagged: bool = False
    edits: tuple[dt.datetime, ...] = ()
    spells: tuple[Spell, ...] | None = None
    named: bool = True

    @property
    def changed_at(self) -> dt.datetime | None:
        """Its last correction."""
        return max(self.edits, default=None)

    @property
    def stretches(self) -> tuple[Spell, ...]:
        return (Spell(self.received_at, None, self.nil),) if self.spells is None else self.spells

    def as_of(self, at: dt.datetime) -> Delivery | None:
        """It as it stood at the instant, with the corrections that had come; None while it did not stand."""
        spell = next((one for one in self.stretches if one.holds(at)), None)
        return replace(self, nil=spell.nil, edits=tuple(one for one in self.edits if one <= at)) if spell else None

    def changes(self) -> set[dt.datetime]:
        """Every instant at which something about it changed: it came, was corrected, withdrawn, or stood again."""
        bounds = {instant for one in self.stretches for instant in (one.start, one.end) if instant is not None}
        return bounds | set(self.edits)


@dataclass(frozen=True, slots=True)
class Waiver:
    """An officer's decision that a return is not owed, with its reason; taken_back_at: from then on it is owed again."""

    event: str
    at: dt.datetime
    by: str
    reason: str
    taken_back_at: dt.datetime | None = None

    def in_force(self, at: dt.datetime) -> bool:
        """Whether it was given, and not yet taken back, at the instant."""
        return self.at <= at and (self.taken_back_at is None or at < self.taken_back_at)


@dataclass(frozen=True, slots=True)
class Cell:
    """One return of one post: its state, the report in force, those it superseded, and what came after the freeze.

    revisions: corrections and second reports, whenever they came; late_changes: whatever changed after the freeze;
    marks: both, each change once.
    """

    month: Period
    state: State
    delivery: Delivery | None = None
    superseded: tuple[Delivery, ...] = ()
    waiver: Waiver | None = None
    revisions: int = 0
    late_changes: int = 0
    marks: int = 0

    @property
    def owed(self) -> bool:
        """Counts in the on-time rate: waived returns and those of units that left in the month do not."""
        return self.state not in {"waived", "handover"}

    @property
    def on_time(self) -> bool:
        return self.state in {"received", "nil"}

    @property
    def arrived(self) -> bool:
        return self.delivery is not None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owes: a post and the rotation of the unit that holds it (None: no date known)."""

    rotation_in: dt.date | None = None
    rotation_out: dt.date | None = None
    closed_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Tenure:
    """Who owed when: `first` until the first of `changes`, each of which says from when on (in order) which days are known.

    A day entered or changed later than a freeze must not move what was frozen, so each instant keeps what was known then.
    """

    first: Owner
    changes: tuple[tuple[dt.datetime, Owner], ...] = ()

    def at(self, instant: dt.datetime) -> Owner:
        """The owner as it was known at the instant."""
        return next((owner for since, owner in reversed(self.changes) if since <= instant), self.first)


@dataclass(frozen=True, slots=True)
class Tally:
    """The period in numbers: cells by state, owed, on time, late in transit, revised; `rate` is None when nothing was owed.

    superseded: reports that a second one replaced, which are kept.
    """

    by_state: dict[State, int] = field(default_factory=dict)
    owed: int = 0
    on_time: int = 0
    late_in_transit: int = 0
    revised: int = 0
    superseded: int = 0

    @property
    def rate(self) -> float | None:
        return self.on_time / self.owed if self.owed else None


def expectation(owner: Owner, month: Period, terms: Terms) -> Literal["owed", "handover", "none"]:
    """Owed by units active on the month's last day; one that left within the month owes its handover return."""
    if terms.starts_on is not None and month.last < terms.starts_on:
        return "none"
    if owner.rotation_in is not None and owner.rotation_in > month.last:
        return "none"
    ends = [day for day in (owner.rotation_out, owner.closed_on) if day is not None]
    if not ends or min(ends) >= month.last:
        return "owed"
    return "handover" if min(ends) >= month.first else "none"


def assess(
    owner: Owner | Tenure, month: Period, terms: Terms, deliveries: Sequence[Delivery],
    waiver: Waiver | Sequence[Waiver] | None, at: dt.datetime,
) -> Cell | None:  # fmt: skip
    """The state of one return at the instant `at` (UTC aware), or None when it was not owed then and nothing came.

    Punctuality is the first report's, content the last one's: a correction supersedes and keeps, and never makes an
    on-time return late. Whatever changes after the freeze is a late change (rule C.7); see `late_changes`.
    """
    standing = (one for each in deliveries if (one := each.as_of(at)) is not None)
    came = _counted(standing)
    due = expectation(_tenure(owner).at(at), month, terms)
    in_force = next((one for one in reversed(_waivers(waiver)) if one.in_force(at)), None)
    if due == "none" and not came:
        return None
    revisions = {*(one.received_at for one in came[1:]), *(instant for one in came for instant in one.edits)}
    late = late_changes(owner, month, terms, deliveries, waiver, at)
    state = _state(due, month, terms, came, in_force, at)
    last, superseded, marks = came[-1] if came else None, tuple(came[:-1]), len(revisions | late)
    return Cell(month, state, last, superseded, in_force, len(revisions), len(late), marks)


def late_changes(
    owner: Owner | Tenure, month: Period, terms: Terms, deliveries: Sequence[Delivery],
    waiver: Waiver | Sequence[Waiver] | None, at: dt.datetime,
) -> set[dt.datetime]:  # fmt: skip
    """When something changed between the freeze and `at`: reports that came, were corrected, withdrawn or stood again, waivers
    given or taken back, and days of rotation or closing that change whether the return is owed (rule C.7).
    """
    instants = {instant for one in _counted(deliveries) for instant in one.changes()}
    instants |= {instant for one in _waivers(waiver) for instant in (one.at, one.taken_back_at) if instant is not None}
    tenure = _tenure(owner)
    before = expectation(tenure.first, month, terms)
    for since, known in tenure.changes:
        after = expectation(known, month, terms)
        if after != before:
            instants.add(since)
        before = after
    frozen = terms.frozen(month)
    return {instant for instant in instants if frozen <= instant <= at}


def _counted(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """In order of receipt: those that name their period, and the first of those that do not when none does."""
    came = sorted(deliveries, key=lambda one: (one.received_at, one.source))
    return [one for one in came if one.named] or came[:1]


def _tenure(owner: Owner | Tenure) -> Tenure:
    return owner if isinstance(owner, Tenure) else Tenure(owner)


def _waivers(waiver: Waiver | Sequence[Waiver] | None) -> tuple[Waiver, ...]:
    return () if waiver is None else (waiver,) if isinstance(waiver, Waiver) else tuple(waiver)


def _state(
    due: Literal["owed", "handover", "none"], month: Period, terms: Terms, came: Sequence[Delivery], waiver: Waiver | None,
    at: dt.datetime,
) -> State:  # fmt: skip
    if due == "handover":
        return "handover"
    if came:
        return _punctuality(came[0], came[-1], terms.due(month))
    if waiver is not None:
        return "waived"
    if at < terms.ended(month):
        return "not_due"
    if at < terms.due(month):
        return "due"
    return "late" if at < terms.missing(month) else "missing"


def _punctuality(first: Delivery, last: Delivery, due: dt.datetime) -> State:
    if first.received_at < due:
        return "nil" if last.nil else "received"
    # A device whose clock is known to be wrong cannot testify when the report was finished.
    if first.completed_at is not None and first.completed_at < due and not first.clock_flagged:
        return "late_in_transit"
    return "late"


def tally(cells: Sequence[Cell | None]) -> Tally:
    """Counts the month; cells that were never owed are left out."""
    present = [cell for cell in cells if cell is not None]
    by_state: dict[State, int] = {}
    for cell in present:
        by_state[cell.state] = by_state.get(cell.state, 0) + 1
    owed = [cell for cell in present if cell.owed]
    return Tally(
        by_state, len(owed), sum(cell.on_time for cell in owed),
        sum(cell.state == "late_in_transit" for cell in owed), sum(cell.revisions > 0 for cell in present),
        sum(len(cell.superseded) for cell in present),
    )  # fmt: skip
