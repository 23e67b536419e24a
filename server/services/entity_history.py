"""How a record became what it is, version by version, in ODK Central's words: sources, conflicts, differences, log.

Worked out from the facts when asked, by the very steps that make the record. Changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from server.models import Actor, Dataset, Event, Record
from server.queries import entity_history as queries
from server.queries.merge_rows import list_key
from server.queries.merge_store import SqlMergeStore
from server.services import merging
from sync.merge.engine import Engine
from sync.merge.facts import Judgement, Lapse, Observation, Pin, Presence, Retraction
from sync.merge.timeline import Step

_EVENTS = {Judgement: "merge", Pin: "pin", Presence: "presence", Retraction: "retract", Lapse: "lapse"}


@dataclass(frozen=True)
class EntityVersion:
    """One version of a record. `redirected`: the id that its sender named, when that lives on in this record.

    `made`: when the record was. `withheld`: what of a person nobody is shown, the name that a phone gave it too (rule C.9).
    """

    step: Step
    label: str
    data: Mapping[str, str]
    actor: Actor | None
    source: Mapping[str, Any]
    user_agent: str | None
    notes: str | None
    redirected: str | None
    made: dt.datetime
    withheld: frozenset[str] = frozenset()

    @property
    def number(self) -> int:
        return self.step.number

    @property
    def updates(self) -> bool:
        """Whether it changed an entity that was there."""
        return self.step.observation is not None and self.step.observation.action != "create"

    @property
    def at(self) -> dt.datetime:
        """When it was received or decided."""
        observation, event = self.step.observation, self.step.item.event
        return observation.received_at if observation is not None else event.at if event is not None else self.made

    @property
    def received(self) -> dict[str, str]:
        """What its sender said: properties, and the label when there was one."""
        said, event = self.step.observation, self.step.item.event
        if said is not None:
            told = {**said.data, **({"label": said.label} if said.label else {})}
        else:
            told = {event.property: event.value} if isinstance(event, Pin) else {}
        return {name: text for name, text in told.items() if name not in self.withheld}

    @property
    def shown(self) -> dict[str, str]:
        """Label and data, as differences are taken of."""
        return {"label": self.label, **self.data}


def versions(session: Session, dataset: Dataset, record: Record) -> list[EntityVersion]:
    """Every version of a record, oldest first; the last shows the record as it is."""
    rules = merging.registers(session)
    key = list_key(dataset.project_id, dataset.name)
    steps = Engine(SqlMergeStore(session, rules), rules).history(key, record.id)
    register = rules.get(key)
    persons = register is not None and register.consent is not None
    withheld = register.withheld(record.data) | {"label"} if register is not None and persons else frozenset()
    return _told(session, dataset.project_id, record, steps, withheld)


def _told(
    session: Session, project_id: int, record: Record, steps: Sequence[Step], withheld: frozenset[str]
) -> list[EntityVersion]:
    facts = queries.facts(session, [s.observation.fact_id for s in steps if s.observation and s.observation.fact_id])
    said = queries.facts_by_uuid(session, [s.item.id for s in steps if s.observation is None])
    senders = {each.actor_id for each in (*facts.values(), *said.values()) if each.actor_id}
    senders |= {s.observation.actor_id for s in steps if s.observation and s.observation.actor_id}
    actors = queries.actors(session, senders)
    events = queries.events(session, list(facts))
    reports = queries.reports(session, project_id, list(facts))
    found = []
    for step in steps:
        observation = step.observation
        if observation is None:
            fact = said.get(step.item.id)
            actor, event = actors.get(fact.actor_id or 0) if fact else None, None
            source: dict[str, Any] = {"event": {"action": _EVENTS.get(type(step.item.event), "decision")}}
        else:
            actor, event = actors.get(observation.actor_id or 0), events.get(observation.fact_id or 0)
            source = _source(observation, event, reports.get(observation.fact_id or 0))
        last = step is steps[-1]
        label = record.label if last or "label" in withheld else step.label or record.label
        data = {name: text for name, text in (record.data if last else step.data).items() if name not in withheld}
        found.append(EntityVersion(
            step, label, data, actor,
            source, observation.user_agent if observation else None, event.payload.get("notes") if event else None,
            observation.entity_id if observation and observation.entity_id != record.id else None,
            record.created_at, withheld,
        ))
    return found


def _source(observation: Observation, event: Event | None, form_id: str | None) -> dict[str, Any]:
    if event is not None:
        return dict(event.payload.get("source") or {})
    return {"submission": {"instanceId": observation.source, "xmlFormId": form_id}}


@dataclass(frozen=True)
class Judged:
    """A version with what tells an officer whether to keep it (see ODK Central's conflict summary)."""

    version: EntityVersion
    base_diff: tuple[str, ...]
    server_diff: tuple[str, ...]
    last_good: bool
    relevant: bool


def judged(found: Sequence[EntityVersion]) -> list[Judged]:
    """The versions with what each changed against its base and against its forerunner, and the last one without conflict."""
    open_ones = [each for each in found if each.step.conflict and not each.step.resolved]
    good = open_ones[0].number - 1 if open_ones else 0
    bases = {each.step.base for each in found if good and each.number > good}
    last_good = good or (found[-1].number if found else 0)
    return [
        Judged(
            each, _differing(each, _numbered(found, each.step.base)), _differing(each, _numbered(found, each.number - 1)),
            each.number == last_good, bool(good) and (each.number >= good or each.number in bases),
        )
        for each in found
    ]


def _numbered(found: Sequence[EntityVersion], number: int | None) -> EntityVersion | None:
    return found[number - 1] if number and 1 <= number <= len(found) else None


def _differing(version: EntityVersion, other: EntityVersion | None) -> tuple[str, ...]:
    if other is None:
        return ()
    return tuple(name for name, text in version.received.items() if other.shown.get(name) != text)


def differences(found: Sequence[EntityVersion]) -> list[list[dict[str, Any]]]:
    """For each version after the first, the properties that it changed."""
    return [
        [
            {"old": before.shown.get(name), "new": text, "propertyName": name}
            for name, text in after.shown.items()
            if before.shown.get(name) != text
        ]
        for before, after in pairwise(found)
    ]


def log(session: Session, dataset: Dataset, record: Record) -> list[dict[str, Any]]:
    """What happened to the record, newest first: versions from reports and the API, and what was done to it by officers."""
    found = versions(session, dataset, record)
    rows = [
        {
            "actor": each.actor, "action": "entity.create" if each.number == 1 else "entity.update.version", "at": each.at,
            "details": {
                "entity": {"uuid": record.id, "dataset": dataset.name}, "version": each.number, "source": dict(each.source),
                **({"redirectedFrom": each.redirected} if each.redirected else {}),
            },
            "notes": each.notes,
        }
        for each in found
        if each.step.observation is not None
    ]
    rows += [
        {"actor": actor, "action": audit.action, "at": audit.logged_at, "details": audit.details, "notes": audit.notes}
        for audit, actor in queries.audits(session, [f"entity:{dataset.name}/{each}" for each in queries.ids(session, record)])
        if audit.action not in ("entity.create", "entity.update.version")
    ]
    return sorted(rows, key=lambda row: row["at"], reverse=True)

