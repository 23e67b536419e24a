"""An entity's chain of creates and updates, its versions and conflicts, as ODK Central judges them.

The chain is a pure function of the entity's observations: creates first, then updates in the order they were received,
offline branches in their own order whatever the order of arrival (a part that lacks its forerunner is held).
In lists with a register file a base version may be the record's, which is higher than the chain's after a merge;
there a base beyond the chain counts as its newest version. In plain lists it is a fault, as in Central.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sync.merge.facts import Observation

Conflict = Literal["soft", "hard"]


@dataclass(frozen=True, slots=True)
class Version:
    """One applied operation: the state after it, and what it disagreed about with updates it had not seen."""

    number: int
    observation: Observation
    label: str | None
    data: Mapping[str, str]
    base: int | None = None
    branch_base: int | None = None
    conflict: Conflict | None = None
    conflicting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """The applied versions, oldest first; `held` wait for a part of their branch; `problems` maps observation to code.

    Codes: `already_exists`, `no_entity`, `no_version`, `no_label`, or the operation's own.
    """

    versions: tuple[Version, ...] = ()
    held: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def current(self) -> Version | None:
        """The newest version, or None for an entity that nothing has created."""
        return self.versions[-1] if self.versions else None

    @property
    def conflict(self) -> Conflict | None:
        """The worst conflict of the chain."""
        found = {version.conflict for version in self.versions}
        return "hard" if "hard" in found else "soft" if "soft" in found else None


class _Builder:
    def __init__(self, lenient: bool) -> None:
        self.lenient = lenient
        self.versions: list[Version] = []
        self.problems: dict[str, str] = {}
        self.waiting: list[Observation] = []

    def create(self, operation: Observation) -> None:
        if self.versions:
            self.problems[operation.id] = "already_exists"
        elif not operation.label:
            self.problems[operation.id] = "no_label"
        else:
            data = {name: text for name, text in operation.data.items() if text}
            self.versions.append(Version(1, operation, operation.label, data))

    def update(self, operation: Observation) -> None:
        base = self._base(operation)
        if isinstance(base, str):
            self.problems[operation.id] = base
        elif base is None:
            self.waiting.append(operation)
        else:
            self._apply(operation, base)
            waiting, self.waiting = self.waiting, []
            for other in waiting:
                self.update(other)

    def _base(self, operation: Observation) -> Version | str | None:
        """The version that the update was made on; a problem code; None when its branch lacks a part."""
        number = operation.base_version or 0
        if operation.official and number == 0:
            return self.versions[-1]
        if operation.branch_id and number != operation.trunk_version:
            if operation.trunk_version is None and number == 1:
                return self.versions[0]
            before = [v for v in self.versions if v.observation.branch_id == operation.branch_id]
            return next((v for v in before if v.branch_base == number - 1), None)
        if number > len(self.versions) and self.lenient:
            return self.versions[-1]
        if not 1 <= number <= len(self.versions):
            return self.versions[0] if self.lenient else "no_version"
        return self.versions[number - 1]

    def _apply(self, operation: Observation, base: Version) -> None:
        current = self.versions[-1]
        conflict: Conflict | None = None
        clash: tuple[str, ...] = ()
        if base.number != current.number:
            changed = {k for k, text in current.data.items() if base.data.get(k, "") != text}
            clash = tuple(sorted(k for k in operation.data if k in changed and operation.data[k] != current.data.get(k, "")))
            label_clash = operation.label and current.label not in (base.label, operation.label)
            conflict = "hard" if clash or label_clash else "soft"
        data = {**current.data, **operation.data}
        branch_base = operation.base_version if operation.branch_id else None
        self.versions.append(
            Version(
                current.number + 1,
                operation,
                operation.label or current.label,
                data,
                base.number,
                branch_base,
                conflict,
                clash,
            )
        )


def build_chain(operations: Iterable[Observation], *, lenient: bool) -> Chain:
    """The chain of one entity from all its operations, in whatever order they are given.

    `lenient`: a base version beyond the chain counts as the newest (lists with a register file).
    """
    builder = _Builder(lenient)
    usable = []
    for operation in sorted(operations, key=lambda op: (op.clock, op.id)):
        if operation.problem:
            builder.problems[operation.id] = operation.problem
        else:
            usable.append(operation)
    starts = [op for op in usable if op.action == "create"] or [op for op in usable if op.action == "both"][:1]
    for operation in starts:
        builder.create(operation)
    started = {op.id for op in starts}
    updates = [op for op in usable if op.id not in started]
    if not builder.versions:
        return Chain((), tuple(op.id for op in updates), builder.problems)
    for operation in updates:
        builder.update(operation)
    return Chain(tuple(builder.versions), tuple(op.id for op in builder.waiting), builder.problems)
