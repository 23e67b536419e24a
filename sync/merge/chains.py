"""An entity's chain of creates and updates, its versions and conflicts, as ODK Central judges them.

A pure function of the entity's operations and of officers' events about it: operations take effect in the order they
were received, offline branches in their own order whatever the order of arrival. A part that lacks its forerunner is
held until that arrives, or until an officer applies it anyway; nothing is forced by time. In lists with a register file
a base version may be the record's, higher than the chain's after a merge, and a late create takes in updates that came
before it; in plain lists both are faults, as in Central.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sync.merge.facts import EventFact, Force, Observation, Presence, Resolution

Conflict = Literal["soft", "hard"]
# Faults that an officer may overrule by applying the operation anyway.
FORCEABLE = frozenset({"no_entity", "no_version"})
AUTO_LABEL = "auto generated"


@dataclass(frozen=True, slots=True)
class Version:
    """One applied operation: the state after it, and what it disagreed about with updates it had not seen.

    `applied` is the clock at which it took effect: its own, or that of the part or the decision it had to wait for.
    `conflicting` names properties, and `label`. `forced`: an officer applied it; `late`: a create after its updates.
    """

    number: int
    observation: Observation
    label: str | None
    data: Mapping[str, str]
    base: int | None = None
    branch_base: int | None = None
    conflict: Conflict | None = None
    conflicting: tuple[str, ...] = ()
    applied: str = ""
    forced: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """The applied versions, oldest first; `held` wait for a part of their branch; `problems` maps observation to code.

    Codes: `already_exists`, `no_entity`, `no_version`, `no_label`, `deleted`, `superseded` (an edit of a report whose first
    version counts), or the operation's own. `notes` are codes of
    operations that were applied although one of the two actions they asked for failed. `resolved` is the clock of the
    last time an officer declared the conflicts settled.
    """

    versions: tuple[Version, ...] = ()
    held: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    resolved: str = ""

    @property
    def current(self) -> Version | None:
        """The newest version, or None for an entity that nothing has created."""
        return self.versions[-1] if self.versions else None

    @property
    def conflict(self) -> Conflict | None:
        """The worst conflict of the chain since they were last settled."""
        found = {version.conflict for version in self.versions if version.applied > self.resolved}
        return "hard" if "hard" in found else "soft" if "soft" in found else None


class _Builder:
    def __init__(self, lenient: bool) -> None:
        self.lenient = lenient
        self.versions: list[Version] = []
        self.problems: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self.waiting: list[Observation] = []
        self.refused: dict[str, Observation] = {}
        self.branches: dict[tuple[str, int], Version] = {}
        self.created = False
        self.deleted = False
        self.resolved = ""

    def take(self, item: Observation | EventFact) -> None:
        """Replays one operation or event."""
        if isinstance(item, Observation):
            self._operation(item, item.clock)
        elif isinstance(item, Force):
            self._force(item)
        elif isinstance(item, Resolution):
            self.resolved = item.clock
        elif isinstance(item, Presence):
            self.deleted = item.deleted and not self.lenient

    def _operation(self, operation: Observation, now: str) -> None:
        if operation.instead_of and self._holds(operation.instead_of):
            self.problems[operation.id] = "superseded"
        elif operation.problem:
            self.problems[operation.id] = operation.problem
        elif operation.action == "row" and self.versions:
            self._append(operation, self.versions[-1], now)
        elif operation.action == "update":
            self._update(operation, now)
        elif operation.action == "both" and self.versions:
            self._update(operation, now)
            self.notes[operation.id] = "create_exists"
        else:
            self._create(operation, now)
            if operation.action == "both":
                self.notes[operation.id] = "update_no_entity"

    def _holds(self, observation: str) -> bool:
        """Whether an operation was applied, or waits."""
        applied = (version.observation.id for version in self.versions)
        return observation in applied or any(op.id == observation for op in self.waiting)

    def _create(self, operation: Observation, now: str) -> None:
        if not operation.label:
            self.problems[operation.id] = "no_label"
        elif self.deleted:
            self.problems[operation.id] = "deleted"
        elif self.versions and self.created:
            self.problems[operation.id] = "already_exists"
        elif self.versions:
            self.created = True
            self._append(operation, self.versions[-1], now, late=True)
            self._drain(now)
        else:
            self.created = True
            self._first(operation, operation.label, now)
            self._drain(now)

    def _first(self, operation: Observation, label: str, now: str, forced: bool = False) -> None:
        data = {name: text for name, text in operation.data.items() if text or not self.lenient}
        base = operation.base_version if forced and operation.branch_id else None
        self._add(Version(1, operation, label, data, branch_base=base, applied=now, forced=forced))

    def _update(self, operation: Observation, now: str) -> None:
        base = "deleted" if self.deleted else self._base(operation)
        if isinstance(base, Version):
            self._append(operation, base, now)
            self._drain(now)
        elif base is None:
            self.waiting.append(operation)
        else:
            self.problems[operation.id] = base
            self.refused[operation.id] = operation

    def _drain(self, now: str) -> None:
        """Applies what has waited for what was just applied, in the order received and each branch on, until nothing fits."""
        if self.lenient:
            again = [op for op in self.refused.values() if self.problems.get(op.id) == "no_entity"]
            for operation in again:
                del self.problems[operation.id], self.refused[operation.id]
            self.waiting = sorted([*self.waiting, *again], key=_order)
        followers: dict[tuple[str | None, int], Observation] = {}
        for operation in self.waiting:
            followers.setdefault((operation.branch_id, operation.base_version or 0), operation)
        done: set[str] = set()
        progress = True
        while progress:
            progress = False
            for operation in self.waiting:
                following: Observation | None = operation
                while following is not None and following.id not in done:
                    base = self._base(following)
                    if not isinstance(base, Version):
                        break
                    self._append(following, base, now)
                    done.add(following.id)
                    progress = True
                    following = followers.get((following.branch_id, (following.base_version or 0) + 1))
        self.waiting = [operation for operation in self.waiting if operation.id not in done]

    def _base(self, operation: Observation) -> Version | str | None:
        """The version that the update was made on; a problem code; None when its branch lacks a part."""
        number, branch, made = operation.base_version or 0, operation.branch_id, self.versions
        if not made:
            return None if branch else "no_entity"
        if operation.official and number == 0:
            return made[-1]
        if number > len(made) and self.lenient and (not branch or number == operation.trunk_version):
            return made[-1]
        if branch and number != 1:
            if number == operation.trunk_version:
                return made[number - 1] if number <= len(made) else None
            return self.branches.get((branch, number - 1))
        if 1 <= number <= len(made):
            return made[number - 1]
        return made[0] if self.lenient else "no_version"

    def _force(self, event: Force) -> None:
        """Applies what is held or refused on top of the newest version; makes the entity when there is none."""
        operation = next((op for op in self.waiting if op.id == event.observation), None)
        if operation is not None:
            self.waiting.remove(operation)
        elif self.problems.get(event.observation) in FORCEABLE and event.observation in self.refused:
            operation = self.refused.pop(event.observation)
            del self.problems[operation.id]
        else:
            return
        if self.versions:
            self._append(operation, self.versions[-1], event.clock, forced=True)
        else:
            self._first(operation, operation.label or AUTO_LABEL, event.clock, forced=True)
        self._drain(event.clock)

    def _append(
        self, operation: Observation, base: Version, now: str, *, forced: bool = False, late: bool = False
    ) -> None:
        current = self.versions[-1]
        received = {**operation.data, **({"label": operation.label} if operation.label else {})}
        conflict, clash = self._judge(operation, received, base, late)
        self._add(
            Version(
                current.number + 1,
                operation,
                operation.label or current.label,
                {**current.data, **operation.data},
                base.number,
                operation.base_version if operation.branch_id else None,
                conflict,
                clash,
                now,
                forced,
                late,
            )
        )

    def _judge(
        self, operation: Observation, received: Mapping[str, str], base: Version, late: bool
    ) -> tuple[Conflict | None, tuple[str, ...]]:
        """What an update disagrees about with the updates since its base."""
        current = self.versions[-1]
        now = {**current.data, "label": current.label or ""}
        if late:
            clash = tuple(sorted(k for k, text in received.items() if k in now and now[k] != text))
            return ("hard" if clash else "soft"), clash
        if base.number != current.number:
            before = {**base.data, "label": base.label or ""}
            changed = {k: text for k, text in now.items() if before.get(k, "") != text}
            clash = tuple(sorted(k for k, text in received.items() if k in changed and changed[k] != text))
            return ("hard" if clash else "soft"), clash
        return ("soft" if self._interrupted(operation) else None), ()

    def _interrupted(self, operation: Observation) -> bool:
        """Whether another update came between the branch and the version it grew from."""
        if operation.branch_id is None:
            return False
        trunk = operation.trunk_version or 1
        later = reversed(self.versions[trunk:])
        return any(version.observation.branch_id != operation.branch_id for version in later)

    def _add(self, version: Version) -> None:
        self.versions.append(version)
        if version.branch_base is not None and version.observation.branch_id:
            self.branches.setdefault((version.observation.branch_id, version.branch_base), version)


def _order(item: Observation | EventFact) -> tuple[str, str]:
    return (item.clock, item.id)


def build_chain(operations: Iterable[Observation], *, lenient: bool, events: Iterable[EventFact] = ()) -> Chain:
    """The chain of one entity from all its operations and the standing events about it, in whatever order they are given.

    `lenient`: a base version beyond the chain counts as the newest (lists with a register file).
    """
    builder = _Builder(lenient)
    items: list[Observation | EventFact] = [*operations, *events]
    for item in sorted(items, key=_order):
        builder.take(item)
    held = tuple(op.id for op in builder.waiting)
    applied = {version.observation.id for version in builder.versions}
    notes = {key: code for key, code in builder.notes.items() if key in applied}
    return Chain(tuple(builder.versions), held, builder.problems, notes, builder.resolved)
