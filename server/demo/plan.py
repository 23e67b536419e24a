"""Who reports what, when, and when it is sent: the three months of the demo mission as a list of tasks.

Only decides; the answers are made when a device fills the form, because they depend on the lists it has then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sized
from dataclasses import dataclass, field
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from server.demo.world import Facility, Road, Settlement, World
from sync.returns import Month

ZONE = ZoneInfo("Africa/Bangui")
# Of 100 facilities so many are reported a second time as new, looked at again; of 100 settlements visited again;
# of 100 reports of places with a photo.
DUPLICATES, UPDATES, REVISITS, PHOTOS = 8.3, 12.2, 15.0, 10.6


@dataclass(frozen=True, slots=True)
class Phone:
    """A device of the mission. key: its number among all; post: the code of its post."""

    key: int
    post: str
    unit: str
    sector: str
    role: str


@dataclass(frozen=True, slots=True)
class Task:
    """One report. observed: when the form is finished; sent: when the phone has a network again (both aware)."""

    number: int
    kind: str
    phone: Phone
    observed: dt.datetime
    sent: dt.datetime
    subject: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    photo: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The time of the demo: from the first day of the month two months before until now (aware)."""

    start: dt.datetime
    until: dt.datetime

    @classmethod
    def ending(cls, until: dt.datetime) -> Span:
        """Three months up to that instant."""
        local = until.astimezone(ZONE)
        month = local.year * 12 + local.month - 1 - 2
        return cls(dt.datetime(month // 12, month % 12 + 1, 1, tzinfo=ZONE), local)

    @property
    def days(self) -> float:
        """Length in days."""
        return (self.until - self.start) / dt.timedelta(days=1)

    def at(self, share: float, random: Random) -> dt.datetime:
        """A moment of a working day, at that share of the span."""
        day = self.start + dt.timedelta(days=int(share * (self.days - 2)))
        return day.replace(hour=0, minute=0) + dt.timedelta(minutes=random.randrange(7 * 60, 16 * 60))

    @property
    def months(self) -> list[Month]:
        """The months that are over."""
        first = Month(self.start.year, self.start.month)
        return [first, first.plus(1)]


class Planner:
    """Collects tasks; `tasks()` gives them in the order in which they are sent."""

    def __init__(self, world: World, phones: list[Phone], span: Span, random: Random) -> None:
        self.world, self.phones, self.span, self.random = world, phones, span, random
        self._tasks: list[Task] = []
        self._field = [phone for phone in phones if phone.role in {"patrol", "unmo"}]

    def tasks(self) -> list[Task]:
        """The whole plan, by the moment of sending."""
        first_seen = self._visits()
        self._seen_again(first_seen)
        self._roads()
        self._others()
        self._returns()
        self._held()
        ordered = sorted(self._tasks, key=lambda task: (task.sent, task.number))
        pictured = [task for task in ordered if task.kind in {"patrol", "facility"}]
        chosen = {task.number for task in self.random.sample(pictured, _share(PHOTOS, pictured))}
        return [_with_photo(task) if task.number in chosen else task for task in ordered]

    def add(
        self, kind: str, phone: Phone, observed: dt.datetime, subject: Any = None, sent: dt.datetime | None = None, **options: Any
    ) -> None:
        """One more report, unless it would have been finished after the end."""
        if observed > self.span.until:
            return
        sent = min(sent or observed + self._delay(), self.span.until)
        self._tasks.append(Task(len(self._tasks), kind, phone, observed, max(sent, observed), subject, options))

    def _delay(self) -> dt.timedelta:
        """Most patrols send in the evening; one in ten is out of reach for days."""
        if self.random.random() < 0.1:
            return dt.timedelta(hours=self.random.uniform(20, 140))
        return dt.timedelta(minutes=self.random.uniform(5, 400))

    def _phone_in(self, sector: str, other_than: Phone | None = None) -> Phone:
        unit = other_than.unit if other_than else None
        return self.random.choice([phone for phone in self._field if phone.sector == sector and phone.unit != unit])

    def _visits(self) -> dict[int, Task]:
        """A first visit to every settlement, a second one for what the first did not see."""
        seen: dict[int, Task] = {}
        by_settlement: dict[int, list[Facility]] = {}
        for facility in self.world.facilities:
            by_settlement.setdefault(facility.settlement.key, []).append(facility)
        for settlement in self.world.settlements:
            phone = self._phone_in(settlement.district.sector)
            share = self.random.random() * 0.72
            moment = self.span.at(share, self.random)
            # Back in the base the patrol sends all of the day at once.
            sent = moment + dt.timedelta(hours=2) + self._delay()
            self.add("patrol", phone, moment, settlement, sent)
            left = []
            for number, facility in enumerate(by_settlement[settlement.key], start=1):
                if self.random.random() < 0.65:
                    seen[facility.key] = self._facility(facility, phone, moment + dt.timedelta(minutes=20 * number), sent)
                else:
                    left.append(facility)
            self._second_visit(settlement, left, share, seen)
        return seen

    def _second_visit(self, settlement: Settlement, left: list[Facility], share: float, seen: dict[int, Task]) -> None:
        again = min(0.97, share + self.random.uniform(0.05, 0.3))
        phone, moment = self._phone_in(settlement.district.sector), self.span.at(again, self.random)
        sent = moment + dt.timedelta(hours=2) + self._delay()
        if self.random.random() < REVISITS / 100:
            self.add("patrol", phone, moment, settlement, sent, known=True)
        for number, facility in enumerate(left, start=1):
            seen[facility.key] = self._facility(facility, phone, moment + dt.timedelta(minutes=20 * number), sent)

    def _facility(
        self, facility: Facility, phone: Phone, moment: dt.datetime, sent: dt.datetime | None = None, **options: Any
    ) -> Task:
        self.add("facility", phone, moment, facility, sent, **options)
        return self._tasks[-1]

    def _seen_again(self, first_seen: dict[int, Task]) -> None:
        """The same facility by another unit with an old list (a duplicate), or known and looked at again."""
        duplicates, updates = _share(DUPLICATES, first_seen), _share(UPDATES, first_seen)
        chosen = self.random.sample(sorted(first_seen), duplicates + updates)
        for number, key in enumerate(chosen):
            before, facility = first_seen[key], self.world.facilities[key]
            moment = before.observed + dt.timedelta(days=self.random.randrange(2, 30), minutes=self.random.randrange(90))
            moment = min(moment, self.span.until - dt.timedelta(hours=self.random.uniform(5, 60)))
            if moment <= before.observed:
                continue
            known = number >= duplicates
            phone = self._phone_in(facility.settlement.district.sector, None if known else before.phone)
            self._facility(facility, phone, moment, known=known, again=True)

    def _roads(self) -> None:
        for road in self.world.roads:
            for share in (0.1, 0.3, 0.55, 0.75, 0.93):
                self.add("road", self._phone_in(road.start.sector), self.span.at(share, self.random), road)
        # News of the 6th that comes after news of the 9th: the later observation stands.
        self._late_road(self.world.roads[0])

    def _late_road(self, road: Road) -> None:
        end = self.span.until
        self.add("road", self._phone_in("WEST"), end - dt.timedelta(days=6, hours=3), road, state="closed")
        old, late = end - dt.timedelta(days=9), end - dt.timedelta(days=3)
        self.add("road", self._phone_in("WEST"), old, road, sent=late, state="restricted")

    def _others(self) -> None:
        cells = [phone for phone in self.phones if phone.role in {"cimic", "lo"}]
        for number in range(14):
            self.add("incident", self.random.choice(self._field), self.span.at(0.05 + number * 0.067, self.random))
        for number in range(7):
            self.add("hazard", self.random.choice(self._field), self.span.at(0.1 + number * 0.145, self.random))
        for number in range(10):
            self.add("organisation", cells[number % len(cells)], self.span.at(0.1 + number * 0.08, self.random), number)
        for number in range(6):
            self.add("request", cells[number % len(cells)], self.span.at(0.4 + number * 0.1, self.random), number)
        for number in range(5):
            moment = self.span.until - dt.timedelta(days=1 + 2 * number, hours=self.random.uniform(2, 9))
            settlement = self.random.choice(self.world.settlements)
            self.add("patrol", self._phone_in(settlement.district.sector), moment, settlement, alarm=number, known=True)

    def _returns(self) -> None:
        """Monthly returns: on time, nil, late, late on the way, corrected, missing."""
        first = {phone.unit: phone for phone in reversed(self._field)}
        earlier, latest = self.span.months
        for unit, phone in first.items():
            if unit not in {"TS-KABO", "NEPBATT-1"}:
                self._return(phone, earlier, self.random.randrange(1, 5), late=3 if unit == "PAKBATT-2" else 0)
        self._return(first["TS-BOSSANGOA"], latest, 3)
        self._return(first["TS-MARKOUNDA"], latest, 4, nil=True)
        self._return(first["TS-BATANGAFO"], latest, 4, on_the_way=5)
        self._return(first["BANBATT-3"], latest, 2)
        self._return(first["BANBATT-3"], latest, 6, correction=True)
        self._return(first["PAKBATT-2"], latest, 4, late=3)
        self._return(first["RWABATT-5"], latest, 5)

    def _return(self, phone: Phone, month: Month, day: int, late: int = 0, on_the_way: int = 0, **options: Any) -> None:
        done = dt.datetime.combine(month.plus(1).day(day + late), dt.time(18, 10), ZONE)
        sent = done + dt.timedelta(days=on_the_way, minutes=self.random.randrange(3, 50))
        if sent <= self.span.until:
            self.add("return", phone, done, month, sent=sent, **options)

    def _held(self) -> None:
        """What does not go through as it is: an old version, an unknown form, a changed copy, a marking that may not come."""
        for number, fault in enumerate(("old_version", "unknown_form", "changed_copy", "confidential")):
            settlement = self.random.choice(self.world.settlements)
            phone, moment = self._phone_in(settlement.district.sector), self.span.at(0.6 + 0.1 * number, self.random)
            self.add("patrol", phone, moment, settlement, fault=fault)


def _share(percent: float, things: Sized) -> int:
    return round(percent * len(things) / 100)


def _with_photo(task: Task) -> Task:
    return Task(task.number, task.kind, task.phone, task.observed, task.sent, task.subject, task.options, True)
