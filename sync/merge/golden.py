"""Survivorship: the one value of each property of a record, and where it came from.

Pinned, then the register file's rule (seen over told, latest observed, most trusted source, better accuracy, id).
Positions are never averaged and a patrol's reading never moves a known place. A pure function of the observations and
officers' events of one cluster. Must not merge anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync.merge.faces import distance_m
from sync.merge.facts import Choice, Lapse, Observation, Pin, Position, Statement
from sync.merge.features import MENDED_M, mended
from sync.merge.positions import as_geopoint, parse_position
from sync.registers import Property, Register


@dataclass(frozen=True, slots=True)
class Said:
    """One statement with the observation that made it."""

    observation: Observation
    statement: Statement

    @property
    def seen(self) -> bool:
        """Whether the observer saw it himself; an officer's own writing counts as seen."""
        return bool(self.statement.seen) or self.observation.official


@dataclass(frozen=True, slots=True)
class Proposal:
    """A value that an officer should decide on: what `said` proposes for `property` against the value in force.

    `standing` said what is in force. `mistake`: a known one explains the distance (swapped, minutes), in one of the two.
    """

    property: str
    said: Said
    current: str
    distance_m: float | None = None
    standing: Said | None = None
    mistake: str | None = None


@dataclass(frozen=True, slots=True)
class Surviving:
    """The value in force of one property, the rule that chose it, and what it beat."""

    value: str
    rule: str
    said: Said | None = None
    pin: Pin | None = None


@dataclass(frozen=True, slots=True)
class Golden:
    """A record's values with their origin, every other name it goes by, and open proposals."""

    values: Mapping[str, Surviving]
    aliases: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    unconfirmed: Mapping[str, Said] = field(default_factory=dict)


def _order(said: Said, register: Register) -> tuple[Any, ...]:
    """Sorts statements from weakest to strongest: latest observed, most trusted source, better accuracy, then id."""
    observation = said.observation
    trust = register.trust.index(observation.role) if observation.role in register.trust else len(register.trust)
    accuracy = observation.position.accuracy_m if observation.position else None
    return (
        observation.observed_at,
        -trust,
        -(accuracy if accuracy is not None else float("inf")),
        observation.clock if observation.official else "",
        observation.id,
    )


def _latest(said: Sequence[Said], register: Register) -> tuple[Said, str]:
    """Seen beats told, unless what was told is newer by more than the register's days; then the latest observed."""
    best = max(said, key=lambda s: _order(s, register))
    seen = [s for s in said if s.seen]
    if best.seen or not seen:
        return best, "latest"
    best_seen = max(seen, key=lambda s: _order(s, register))
    window = dt.timedelta(days=register.told_days)
    if best.statement.seen is False and best.observation.observed_at - best_seen.observation.observed_at <= window:
        return best_seen, "seen_over_told"
    return best, "latest"


def _service(said: Sequence[Said], prop: Property, register: Register) -> tuple[Said, str, Said | None]:
    """Follows the statements in the order of observation: worse is taken at once, better only when seen.

    Returns the one in force, the rule, and a newer better one that nobody has seen yet.
    """
    ranks = {code: rank for rank, code in enumerate(prop.order)}
    ordered = sorted(said, key=lambda s: _order(s, register))
    current, waiting = ordered[0], None
    for later in ordered[1:]:
        better = ranks.get(later.statement.value, 0) < ranks.get(current.statement.value, 0)
        if better and not later.seen:
            waiting = later
        else:
            current, waiting = later, None
    return current, "service" if waiting else "latest", waiting


def _place(said: Sequence[Said], prop: Property, choices: Mapping[str, Choice]) -> tuple[Said, str, tuple[Proposal, ...]]:
    """The position last accepted by an officer, else the first that was stated for the record's own thing.

    A reading more than `moved_m` away from it that no officer has answered, and newer than it, is a proposal. What was read
    in the reporter's camp stands only while nothing else was read, and proposes nothing.
    """
    by_arrival = sorted(said, key=lambda s: (s.observation.clock, s.observation.id))
    measured = [s for s in by_arrival if not s.observation.at_camp]
    accepted = [s for s in by_arrival if s.observation.official]
    chosen = [s for s in by_arrival if (c := choices.get(s.observation.id)) is not None and c.accept]
    if chosen:
        current, rule = max(chosen, key=lambda s: choices[s.observation.id].rank), "chosen"
        newer = [s for s in accepted if s.observation.clock > choices[current.observation.id].clock]
        current, rule = (newer[-1], "official") if newer else (current, rule)
    elif accepted:
        current, rule = accepted[-1], "official"
    else:
        current, rule = (measured[0], "first") if measured else (by_arrival[0], "camp")
    open_ones = [s for s in measured if s.observation.id not in choices and not s.observation.official]
    newer_ones = [s for s in open_ones if s.observation.clock > current.observation.clock]
    readings = [place for s in measured if (place := parse_position(s.statement.value))]
    proposals = [found for s in newer_ones if (found := _moved(s, current, prop, readings)) is not None]
    # Only the newest reading is asked about; a second patrol at the new place replaces the first one's question.
    return current, rule, tuple(proposals[-1:])


def _moved(other: Said, current: Said, prop: Property, readings: Sequence[Position]) -> Proposal | None:
    """What another reading proposes against the one in force: nothing near it, and nothing when it is plainly mistaken.

    A known mistake (latitude and longitude changed over, minutes typed as decimals) may be in either of the two. Where more
    readings are near the one in force, the other is the mistaken one and moves nothing.
    """
    here, there = parse_position(current.statement.value), parse_position(other.statement.value)
    if here is None or there is None:
        return None
    metres = distance_m(here, there)
    if metres <= prop.moved_m:
        return None
    mistake = mended(here, there)[1]
    if mistake is not None and _near(here, readings) > _near(there, readings):
        return None
    return Proposal(prop.name, other, current.statement.value, metres, current, mistake)


def _near(place: Position, readings: Sequence[Position]) -> int:
    return sum(distance_m(place, other) <= MENDED_M for other in readings)


def _usable(said: Sequence[Said], prop: Property) -> list[Said]:
    usable = [s for s in said if s.statement.value not in prop.no_statement]
    if prop.rule == "place":
        usable = [s for s in usable if parse_position(s.statement.value)]
    return usable


def _pinned(pins: Sequence[Pin], said: Sequence[Said]) -> Pin | None:
    """The strongest standing pin; one with an end gives way to a report observed after that end."""
    for pin in sorted(pins, key=lambda p: p.rank, reverse=True):
        if pin.until is None or not any(s.observation.observed_at > pin.until for s in said):
            return pin
    return None


def _value(prop: Property, statement: Statement) -> str:
    if prop.rule == "place":
        place = parse_position(statement.value)
        if place is not None and statement.question is not None and len(statement.value.split()) == 1:
            return as_geopoint(place)
    return statement.value


def survive(
    observations: Sequence[Observation],
    register: Register,
    pins: Sequence[Pin] = (),
    choices: Sequence[Choice] = (),
    lapses: Sequence[Lapse] = (),
) -> Golden:
    """The surviving values of one cluster's applied observations, with standing pins, choices and lapses only."""
    values: dict[str, Surviving] = {}
    proposals: list[Proposal] = []
    unconfirmed: dict[str, Said] = {}
    for prop in register.properties.values():
        said = _usable([Said(o, o.statements[prop.name]) for o in observations if prop.name in o.statements], prop)
        pin = _pinned([p for p in pins if p.property == prop.name], said)
        answers = {c.observation: c for c in sorted(choices, key=lambda c: c.rank) if c.property == prop.name}
        if said:
            survivor, more, waiting = _by_rule(said, prop, register, answers)
            values[prop.name] = survivor
            proposals += more
            if waiting is not None:
                unconfirmed[prop.name] = waiting
        if pin is not None:
            values[prop.name] = Surviving(pin.value, "pinned", values[prop.name].said if said else None, pin)
    if register.consent is not None and _lapsed(register.consent, observations, register, pins, lapses):
        values.pop(register.consent, None)
    for name in register.withheld({name: survivor.value for name, survivor in values.items()}):
        values.pop(name, None)
        unconfirmed.pop(name, None)
    return Golden(values, _aliases(observations, register, values), tuple(proposals), unconfirmed)


def _lapsed(
    consent: str, observations: Sequence[Observation], register: Register, pins: Sequence[Pin], lapses: Sequence[Lapse]
) -> bool:
    """Whether nobody has confirmed the person since the last lapse: no report, and no officer about consent, name or number."""
    if not lapses:
        return False
    own = {consent, *register.personal}
    confirmed = [o.observed_at for o in observations] + [p.at for p in pins if p.property in own]
    return max(confirmed) <= max(lapse.since for lapse in lapses)


def _by_rule(
    said: Sequence[Said], prop: Property, register: Register, choices: Mapping[str, Choice]
) -> tuple[Surviving, tuple[Proposal, ...], Said | None]:
    proposals: tuple[Proposal, ...] = ()
    waiting: Said | None = None
    if prop.rule == "all":
        ordered = sorted(said, key=lambda s: _order(s, register))
        texts = dict.fromkeys(s.statement.value.strip() for s in ordered if s.statement.value.strip())
        return Surviving("; ".join(texts), "all", ordered[-1]), (), None
    if prop.rule == "place":
        current, rule, proposals = _place(said, prop, choices)
    elif prop.rule == "service":
        current, rule, waiting = _service(said, prop, register)
    else:
        current, rule = _latest(said, register)
    return Surviving(_value(prop, current.statement), rule, current), proposals, waiting


def _aliases(observations: Sequence[Observation], register: Register, values: Mapping[str, Surviving]) -> tuple[str, ...]:
    """Every name that was ever stated, except the one in force, sorted."""
    name = register.label_property
    keys = [name, *(register.matching.aliases if register.matching else ())]
    stated = {o.statements[key].value.strip() for key in keys if key for o in observations if key in o.statements}
    current = values[name].value if name is not None and name in values else None
    return tuple(sorted(text for text in stated if text and text != current))
