"""The facts about a record in the order in which they took effect: its versions, and what an update had not seen.

A device knows a record under one version number, which counts the facts of everything that was tied to it by then. So an
update made on an old version is in conflict with all that came to the record since, by whichever entity it came, also by
a merge. Pure; must not decide which entities belong together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.merge.chains import Conflict, Version
from sync.merge.faces import distance_m
from sync.merge.facts import EventFact, Observation, Pin, Transition
from sync.merge.positions import parse_position
from sync.merge.records import EntityState
from sync.registers import Register


@dataclass(frozen=True, slots=True)
class Tie:
    """From `clock` on two entities count as one record: an officer said so, or they are certainly the same."""

    clock: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Item:
    """One fact that raised the version: an applied operation of an entity, or an event about some of them."""

    clock: str
    order: int
    id: str
    entities: frozenset[str]
    version: Version | None = None
    event: EventFact | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One version of a record: its number, what made it, the version it was made on, and its conflict.

    `data` holds what was said up to then, the last word on each property. `resolved`: an officer settled the conflict.
    """

    number: int
    item: Item
    label: str | None
    data: Mapping[str, str]
    base: int | None
    conflict: Conflict | None
    conflicting: tuple[str, ...]
    resolved: bool = False

    @property
    def observation(self) -> Observation | None:
        """The operation behind it, None for an event."""
        return self.item.version.observation if self.item.version else None


def chain_steps(state: EntityState) -> list[Step]:
    """The versions of an entity of a plain list."""
    settled = state.chain.resolved
    return [
        Step(
            v.number, _item(state.id, v), v.label, v.data, v.base, v.conflict, v.conflicting,
            v.conflict is not None and v.applied <= settled,
        )
        for v in state.chain.versions
    ]  # fmt: skip


def _item(entity: str, version: Version) -> Item:
    return Item(version.applied, version.number, version.observation.id, frozenset({entity}), version)


class Timeline:
    """The facts of entities that belong together, in order."""

    def __init__(
        self, register: Register, states: Sequence[EntityState], ties: Iterable[Tie],
        events: Iterable[tuple[EventFact, Collection[str]]],
    ) -> None:  # fmt: skip
        """`events` come with the entities that they concern."""
        self.register = register
        self.ties = sorted(ties, key=lambda tie: tie.clock)
        items = [_item(state.id, version) for state in states for version in state.chain.versions]
        items += [Item(event.clock, 0, event.id, frozenset(about), event=event) for event, about in events]
        self.items = sorted(items, key=lambda item: (item.clock, item.order, item.id))
        self._counts: dict[str, list[int]] = {}

    def tied(self, entity: str, clock: str) -> frozenset[str]:
        """The entities that were one record with this one at `clock`."""
        group = {entity}
        ties = [tie for tie in self.ties if tie.clock <= clock]
        grown = True
        while grown:
            new = {end for tie in ties if tie.a in group or tie.b in group for end in (tie.a, tie.b)} - group
            group |= new
            grown = bool(new)
        return frozenset(group)

    def steps(self, settled: str = "") -> list[Step]:
        """Every version of the record, numbered without gaps as it stands now; conflicts up to `settled` are settled."""
        numbers = {item.id: number for number, item in enumerate(self.items, 1)}
        judged = self.judged()
        data: dict[str, str] = {}
        label: str | None = None
        found = []
        for number, item in enumerate(self.items, 1):
            base: int | None = None
            conflict: Conflict | None = None
            clash: tuple[str, ...] = ()
            if item.version is not None:
                label = item.version.observation.label or label
                if item.id in judged:
                    position, conflict, clash = judged[item.id]
                    base = numbers[self.items[position].id] if conflict else number - 1
            data.update(_said(item))
            shown = {name: text for name, text in data.items() if name != "label"}
            resolved = conflict is not None and item.clock <= settled
            found.append(Step(number, item, label, shown, base, conflict, clash, resolved))
        return found

    def judged(self) -> dict[str, tuple[int, Conflict | None, tuple[str, ...]]]:
        """For each update: the place of the last fact that it had seen, its conflict, and the properties of that."""
        found = {}
        places = self._places()
        for place, item in enumerate(self.items):
            version = item.version
            if version is None or (version.number == 1 and not version.late) or version.observation.action in ("create", "row"):
                continue
            found[item.id] = self._judge(place, item, version, places)
        return found

    def _places(self) -> dict[tuple[str, int], int]:
        return {
            (next(iter(item.entities)), item.version.number): place
            for place, item in enumerate(self.items)
            if item.version is not None
        }

    def _judge(
        self, place: int, item: Item, version: Version, places: Mapping[tuple[str, int], int]
    ) -> tuple[int, Conflict | None, tuple[str, ...]]:
        entity, operation = next(iter(item.entities)), version.observation
        seen = self._seen(entity, place, version, places)
        known = self.tied(entity, self.items[seen].clock)
        together = self.tied(entity, item.clock)
        if not self._unseen(place, seen, known, together, operation):
            return max(seen, place - 1), ("soft" if version.forced else None), ()
        before = self._state(seen + 1, known)
        now = self._state(place, together)
        clash = tuple(
            sorted(
                name
                for name, text in _said(item).items()
                if name in now and self._differs(name, now[name], before.get(name)) and self._differs(name, now[name], text)
            )
        )
        return seen, ("hard" if clash else "soft"), clash

    def _unseen(
        self, place: int, seen: int, known: frozenset[str], together: frozenset[str], operation: Observation
    ) -> bool:
        """Whether the record had, at `place`, facts about its values that the sender of an update did not know."""
        start = seen + 1 if known == together else 0
        return any(
            _data(other) and other.entities & together and not _own(other, operation)
            and (number > seen or not other.entities & known)
            for number, other in enumerate(self.items[start:place], start)
        )  # fmt: skip

    def _seen(self, entity: str, place: int, version: Version, places: Mapping[tuple[str, int], int]) -> int:
        """The place of the last fact that the sender of an update had seen."""
        operation = version.observation
        number, first = operation.base_version or 0, places[(entity, 1)]
        if operation.official and number == 0:
            return place - 1
        if operation.branch_id and number != operation.trunk_version:
            # In the middle of a branch, or on an entity made offline: what grew there is known by the chain.
            if operation.trunk_version is None or version.base is None:
                return places.get((entity, version.base or 1), first)
            number = operation.trunk_version
        return self._last_with(entity, number, first, place)

    def _last_with(self, entity: str, number: int, first: int, place: int) -> int:
        """The last place before `place` at which the record of `entity` had no higher version than `number`."""
        counts = self._versions(entity)
        return next((at for at in range(place - 1, first, -1) if counts[at] <= number), first)

    def _versions(self, entity: str) -> list[int]:
        """The version that the record of an entity had after each fact."""
        if entity not in self._counts:
            counts: list[int] = []
            group, clock, count = frozenset({entity}), "", 0
            for at, item in enumerate(self.items):
                if any(clock < tie.clock <= item.clock for tie in self.ties):
                    group = self.tied(entity, item.clock)
                    count = sum(1 for other in self.items[:at] if other.entities & group)
                clock = item.clock
                count += bool(item.entities & group)
                counts.append(count)
            self._counts[entity] = counts
        return self._counts[entity]

    def _state(self, end: int, entities: Collection[str]) -> dict[str, str]:
        """The last word on each property among the first `end` facts about these entities."""
        found: dict[str, str] = {}
        for item in self.items[:end]:
            if item.entities & frozenset(entities):
                found.update(_said(item))
        return found

    def _differs(self, name: str, one: str, other: str | None) -> bool:
        if one == other:
            return False
        prop = self.register.properties.get(name)
        if prop is None or other is None:
            return True
        if prop.rule == "all":
            return False
        if prop.rule == "place" and (here := parse_position(one)) and (there := parse_position(other)):
            return distance_m(here, there) > prop.moved_m
        return True


def _own(other: Item, operation: Observation) -> bool:
    """Whether a fact is of the same offline branch, so that its sender knew it."""
    branch = operation.branch_id
    return bool(branch and other.version and other.version.observation.branch_id == branch)


def _data(item: Item) -> bool:
    return item.version is not None or isinstance(item.event, Pin)


def _said(item: Item) -> dict[str, str]:
    """What a fact says: the answered properties and the label of an operation, or an officer's pinned value."""
    if isinstance(item.event, Pin):
        return {item.event.property: item.event.value}
    if isinstance(item.event, Transition):
        return {item.event.property: item.event.to}
    if item.version is None:
        return {}
    operation = item.version.observation
    said = {name: statement.value for name, statement in operation.statements.items()}
    return said | ({"label": operation.label} if operation.label else {})


def judged_states(timeline: Timeline, states: Iterable[EntityState], resolved: str) -> dict[str, EntityState]:
    """The entities with their conflicts as the record sees them, settled up to the clock `resolved`."""
    verdicts = timeline.judged()
    found = {}
    for state in states:
        versions = tuple(
            dataclasses.replace(version, conflict=verdicts[key][1], conflicting=verdicts[key][2])
            if (key := version.observation.id) in verdicts
            else version
            for version in state.chain.versions
        )
        chain = dataclasses.replace(state.chain, versions=versions, resolved=max(resolved, state.chain.resolved))
        found[state.id] = dataclasses.replace(state, chain=chain)
    return found
