"""The states of a register's records as its file tells them: from where to where, who, and what that needs.

Reads the `[states]` table of a register file; every fault is named. Must not know records or people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

if TYPE_CHECKING:
    from sync.registers.loader import _Faults

# cimic: an officer of the cell; approver: who decides for operations; requester, unit: the officer enters what they say;
# report: a report may say so; system: by itself after `after_days`.
Party = Literal["cimic", "approver", "requester", "unit", "report", "system"]
FieldType = Literal["text", "date", "datetime", "select_one", "unit", "record"]
_STATES = {"property", "start", "beyond_cell", "move", "field"}
_MOVE = {"from", "to", "who", "needs", "has", "after_days"}
_FIELD = {"name", "type", "labels", "list", "refuse", "when", "when_any", "register", "property"}


@dataclass(frozen=True, slots=True)
class StateField:
    """Something that is said when a state changes.

    `refuse`: codes that are no answer. `when`: it is asked only where all of these properties or earlier answers have one of
    these values; `when_any`: where any has. Type "record" is not typed in: a record of `register` must exist whose `property`
    names this one.
    """

    name: str
    type: FieldType
    labels: Mapping[str, str]
    code_list: str | None = None
    refuse: frozenset[str] = frozenset()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    when_any: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    register: str | None = None
    property: str | None = None

    def asked(self, known: Mapping[str, str]) -> bool:
        """Whether it is asked of a record of which this is known."""
        if not all(known.get(name) in codes for name, codes in self.when.items()):
            return False
        return not self.when_any or any(known.get(name) in codes for name, codes in self.when_any.items())

    def depends_on(self) -> set[str]:
        """The names that decide whether it is asked."""
        return {*self.when, *self.when_any}


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table. Each of `needs` is a choice of fields, of which one must be answered; each of `has` a choice of
    properties that the record must have already. `after_days`: it happens by itself after so many days in the old state."""

    sources: tuple[str, ...]
    to: str
    who: frozenset[Party]
    needs: tuple[tuple[str, ...], ...] = ()
    has: tuple[tuple[str, ...], ...] = ()
    after_days: int | None = None


@dataclass(frozen=True, slots=True)
class States:
    """The states of a register: `property` holds the present one; a record begins in the first of `start` unless the report
    that makes it says another of them. `beyond_cell`: the states in which a record is seen outside the cell (empty: all)."""

    property: str
    start: tuple[str, ...]
    moves: tuple[Move, ...]
    fields: Mapping[str, StateField]
    beyond_cell: tuple[str, ...] = ()

    def move(self, source: str, to: str) -> Move | None:
        """The row of the table that leads from one state to another, if there is one."""
        return next((move for move in self.moves if source in move.sources and move.to == to), None)

    def following(self, source: str) -> list[Move]:
        """The rows that lead on from a state, in the file's order."""
        return [move for move in self.moves if source in move.sources]


def _choices(listed: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(item.split("|")) for item in listed)


def _conditions(faults: _Faults, where: str, table: Mapping[str, Any], key: str) -> dict[str, tuple[str, ...]]:
    given = faults.get(where, table, key, dict, {})
    return {str(name): faults.texts(f"{where} {key}", given, name) for name in given}


def _field(faults: _Faults, table: Mapping[str, Any]) -> StateField:
    name = faults.get("states field", table, "name", str)
    where = f"states field {name or '?'}"
    faults.unknown(where, table, _FIELD)
    kind = faults.get(where, table, "type", str)
    faults.choice(where, kind, get_args(FieldType))
    if kind == "select_one" and not table.get("list"):
        faults.add(f"{where}: a select needs 'list'")
    if kind == "record" and not (table.get("register") and table.get("property")):
        faults.add(f"{where}: a record needs 'register' and 'property'")
    labels = faults.mapping(where, table, "labels")
    for language in ("en", "fr"):
        if not labels.get(language):
            faults.add(f"{where}: 'labels' lacks {language}")
    return StateField(
        name, cast(FieldType, kind), labels, table.get("list"), frozenset(faults.texts(where, table, "refuse")),
        _conditions(faults, where, table, "when"), _conditions(faults, where, table, "when_any"), table.get("register"),
        table.get("property"),
    )  # fmt: skip


def _move(faults: _Faults, table: Mapping[str, Any], fields: Mapping[str, StateField], properties: Mapping[str, Any]) -> Move:
    to = faults.get("states move", table, "to", str)
    where = f"states move to {to or '?'}"
    faults.unknown(where, table, _MOVE)
    who = faults.texts(where, table, "who")
    for party in who:
        faults.choice(f"{where} who", party, get_args(Party))
    if not who:
        faults.add(f"{where}: 'who' is missing")
    needs, has = _choices(faults.texts(where, table, "needs")), _choices(faults.texts(where, table, "has"))
    for used in {name for choice in needs for name in choice} - set(fields):
        faults.add(f"{where}: '{used}' is not a field of the states")
    for used in {name for choice in has for name in choice} - set(properties):
        faults.add(f"{where}: '{used}' is not a property of this register")
    days = table.get("after_days")
    if days is not None and not (isinstance(days, int) and days > 0 and "system" in who):
        faults.add(f"{where}: 'after_days' is a number of days above 0, and 'who' names the system")
    return Move(faults.texts(where, table, "from"), to, frozenset(cast(tuple[Party, ...], who)), needs, has, days)


def parse_states(faults: _Faults, table: Mapping[str, Any], properties: Mapping[str, Any]) -> States:
    """The `[states]` table of a register file with these properties; what is wrong is added to `faults`."""
    faults.unknown("states", table, _STATES)
    name = faults.get("states", table, "property", str)
    if name not in properties:
        faults.add(f"states: '{name}' is not a property of this register")
    start, beyond = faults.texts("states", table, "start"), faults.texts("states", table, "beyond_cell")
    if not start:
        faults.add("states: 'start' needs at least one state")
    listed = [_field(faults, item) for item in faults.get("states", table, "field", list, [])]
    fields = {item.name: item for item in listed}
    moves = tuple(_move(faults, item, fields, properties) for item in faults.get("states", table, "move", list))
    known = {*start, *(move.to for move in moves)}
    for used in {*beyond, *(source for move in moves for source in move.sources)} - known:
        faults.add(f"states: nothing leads to '{used}'")
    pairs = [(source, move.to) for move in moves for source in move.sources]
    for source, to in sorted({pair for pair in pairs if pairs.count(pair) > 1}):
        faults.add(f"states: two rows lead from '{source}' to '{to}'")
    return States(name, start, moves, fields, beyond)
