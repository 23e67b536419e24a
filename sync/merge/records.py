"""Makes the record of a cluster: values, provenance, version, name, position and times, ready to be stored and shown.

A pure function of the cluster's entities and events. Must not decide which entities belong together.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sync.merge import states
from sync.merge.chains import Chain, Conflict
from sync.merge.facts import Choice, EventFact, Lapse, Observation, Pin, Position, Presence, Statement, Transition
from sync.merge.golden import Golden, Proposal, Said, Surviving, survive
from sync.merge.positions import parse_position
from sync.registers import Register

LEVELS = ("low", "moderate", "high", "severe")


@dataclass(frozen=True, slots=True)
class EntityState:
    """An entity with its chain."""

    id: str
    register: str
    chain: Chain
    observations: tuple[Observation, ...]

    @property
    def exists(self) -> bool:
        """Whether something created it, and not every report of it was rejected."""
        return any(not version.observation.withdrawn for version in self.chain.versions)

    @property
    def anchor(self) -> Observation:
        """The observation that created it; judgements of the entity are made on this one."""
        return self.chain.versions[0].observation

    @property
    def applied(self) -> tuple[Observation, ...]:
        """Its applied observations in chain order."""
        return tuple(version.observation for version in self.chain.versions)


    def until(self, moment: dt.datetime) -> EntityState:
        """The entity with only what had been observed by then."""
        versions = tuple(v for v in self.chain.versions if v.observation.observed_at <= moment and not v.observation.withdrawn)
        return dataclasses.replace(self, chain=dataclasses.replace(self.chain, versions=versions))


class LastStep(Protocol):
    """The newest operation on a record, as its history tells it."""

    @property
    def observation(self) -> Observation | None: ...
    @property
    def base(self) -> int | None: ...
    @property
    def conflict(self) -> Conflict | None: ...
    @property
    def conflicting(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Record:
    """The golden record of a cluster. `id` is the entity whose create was received first; the other entities' ids redirect.

    `data` maps property to value; `provenance` maps property to plain data about its origin (times ISO 8601).
    `current` tells of the last operation: who, when, with what, on which version, in conflict about which properties.
    """

    id: str
    register: str
    label: str
    data: Mapping[str, str]
    provenance: Mapping[str, Mapping[str, Any]]
    aliases: tuple[str, ...]
    entities: tuple[str, ...]
    version: int
    conflict: Conflict | None
    contested: bool
    observation_count: int
    position: Position | None
    created_at: dt.datetime
    updated_at: dt.datetime | None
    deleted_at: dt.datetime | None
    last_observed_at: dt.datetime
    creator_id: int | None
    sensitivity: str
    proposals: tuple[Proposal, ...] = ()
    current: Mapping[str, Any] = field(default_factory=dict)


def survivor_id(entities: Sequence[EntityState]) -> str:
    """The entity whose create was received first (clock, then id), so that a late old report cannot rename a record."""
    return min(entities, key=lambda e: (e.anchor.clock, e.id)).id


def iso(moment: dt.datetime) -> str:
    """UTC, ISO 8601, milliseconds, `Z`."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def origin(survivor: Surviving) -> dict[str, Any]:
    """Where a value comes from, as plain data."""
    out: dict[str, Any] = {"rule": survivor.rule}
    if survivor.pin is not None:
        pin = survivor.pin
        out |= {"pin": pin.id, "actor": pin.actor, "reason": pin.reason, "pinned_at": iso(pin.at)}
        out["until"] = iso(pin.until) if pin.until else None
    if survivor.said is not None:
        observation, statement = survivor.said.observation, survivor.said.statement
        out |= {
            "observation": observation.id,
            "entity": observation.entity_id,
            "source": observation.source,
            "fact_id": observation.fact_id,
            "unit": observation.unit,
            "role": observation.role,
            "observed_at": iso(observation.observed_at),
            "received_at": iso(observation.received_at),
            "clock_flagged": observation.clock_flagged,
            "seen": statement.seen,
            "question": statement.question,
            "original": statement.value,
        }
    return out


def make_record(
    entities: Sequence[EntityState],
    register: Register,
    events: Sequence[EventFact],
    facts_counted: int,
    contested: bool = False,
    last: LastStep | None = None,
) -> Record:
    """The record of `entities` (all existing) with the standing `events` about them.

    `facts_counted`: operations and events ever applied to entities that were tied to these; it becomes the version.
    `last` is the newest operation.
    """
    record_id = survivor_id(entities)
    observations = [o for entity in entities for o in entity.applied]
    pins = [e for e in events if isinstance(e, Pin)]
    choices = [e for e in events if isinstance(e, Choice)]
    lapses = [e for e in events if isinstance(e, Lapse)]
    golden = _central(entities) if register.plain else survive(observations, register, pins, choices, lapses)
    data = {name: survivor.value for name, survivor in golden.values.items()}
    provenance = {name: _provenance(golden, name) for name in golden.values}
    if register.states is not None:
        kept = register.states.property
        found = states.standing(states.steps(register.states, observations, [e for e in events if isinstance(e, Transition)]))
        if found is not None:
            data[kept], provenance[kept] = found.to, _of_state(found)
    if register.warning is not None:
        kept = register.warning.property
        data.pop(kept, None), provenance.pop(kept, None)
        if register.warning.stands(data):
            data[kept], provenance[kept] = str(register.warning.metres), {"rule": "warning"}
    created = min(o.received_at for o in (entity.anchor for entity in entities))
    changed = [o.received_at for o in observations if o.id != _first(entities).id] + [e.at for e in events]
    return Record(
        id=record_id,
        register=register.name,
        label=_label(entities, register, golden),
        data=data,
        provenance=provenance,
        aliases=golden.aliases,
        entities=tuple(sorted(entity.id for entity in entities)),
        version=facts_counted,
        conflict=_worst([entity.chain.conflict for entity in entities]),
        contested=contested,
        observation_count=len(observations),
        position=_position(register, data),
        created_at=created,
        updated_at=max(changed, default=None),
        deleted_at=_deleted_at(entities, events),
        last_observed_at=max(o.observed_at for o in observations),
        creator_id=_first(entities).actor_id,
        sensitivity=_sensitivity(register, observations),
        proposals=golden.proposals,
        current=_current(last),
    )


def _of_state(step: states.Step) -> dict[str, Any]:
    """Where a state comes from: the report that began or changed it, or the officer who did."""
    if step.observation is not None:
        said = Said(step.observation, Statement(step.to, step.observation.seen))
        return origin(Surviving(step.to, "state", said))
    return {"rule": "state", "actor": step.actor, "pinned_at": iso(step.at), "event": step.id}


def _current(last: LastStep | None) -> dict[str, Any]:
    if last is None or last.observation is None:
        return {}
    said = last.observation
    return {
        "creator_id": said.actor_id,
        "created_at": iso(said.received_at),
        "user_agent": said.user_agent,
        "base_version": last.base,
        "conflicting": list(last.conflicting) if last.conflict else None,
        "branch_id": said.branch_id,
        "trunk_version": said.trunk_version,
        "branch_base_version": said.base_version if said.branch_id else None,
    }


def _first(entities: Sequence[EntityState]) -> Observation:
    return min((entity.anchor for entity in entities), key=lambda o: (o.clock, o.entity_id))


def _provenance(golden: Golden, name: str) -> dict[str, Any]:
    out = origin(golden.values[name])
    if name in golden.unconfirmed:
        said = golden.unconfirmed[name]
        out["unconfirmed"] = {
            "value": said.statement.value,
            **origin(Surviving(said.statement.value, "told", said)),
        }
    return out


def _central(entities: Sequence[EntityState]) -> Golden:
    """A plain list's values: the chain's own, the last update of each property in force."""
    values: dict[str, Surviving] = {}
    from_chain = entities[0].chain.versions
    for version in from_chain:
        for name, text in version.observation.data.items():
            from_statement = version.observation.statements.get(name)
            said = _said(version.observation, text, from_statement is not None)
            if text or name in values:
                values[name] = Surviving(text, "last_update", said)
    return Golden(values)


def _said(observation: Observation, text: str, stated: bool) -> Said:
    return Said(observation, Statement(text, observation.seen if stated else None))


def _label(entities: Sequence[EntityState], register: Register, golden: Golden) -> str:
    """The value of the label property: as the report labelled it, or the officer's own words when pinned.

    In a register of persons it is the value alone: what a phone labels may hold the name, and labels go to every device.
    """
    survivor = golden.values.get(register.label_property or "")
    if survivor is not None and register.consent is not None:
        return survivor.value
    if survivor is not None and survivor.pin is not None:
        return survivor.value
    if survivor is not None and survivor.said is not None and survivor.said.observation.label:
        return survivor.said.observation.label
    first = next(entity for entity in entities if entity.id == survivor_id(entities))
    if register.consent is not None:
        return first.id
    current = first.chain.current
    return (current.label if current else None) or first.id


def _sensitivity(register: Register, observations: Sequence[Observation]) -> str:
    """The highest of the register's level and of what the reports say, so that merging never widens who may see."""
    stated = [o.sensitivity for o in observations if o.sensitivity in LEVELS]
    return max([register.sensitivity, *stated], key=lambda level: LEVELS.index(level or "low"))


def _worst(conflicts: Sequence[Conflict | None]) -> Conflict | None:
    return "hard" if "hard" in conflicts else "soft" if "soft" in conflicts else None


def _position(register: Register, data: Mapping[str, str]) -> Position | None:
    keys = [p.name for p in register.properties.values() if p.type == "geopoint"] or ["geometry"]
    return next((place for key in keys if key in data and (place := parse_position(data[key]))), None)


def _deleted_at(entities: Sequence[EntityState], events: Sequence[EventFact]) -> dt.datetime | None:
    """When the record was deleted. A thing that is reported anew after that makes the record live again."""
    last = max((e for e in events if isinstance(e, Presence)), key=lambda e: (e.clock, e.id), default=None)
    if last is None or not last.deleted or any(entity.anchor.clock > last.clock for entity in entities):
        return None
    return last.at
