"""Turns the merging steps' values into table rows and back. No SQL here, and no judgement.

A list is named as merging names it: the dataset for project 1, "project/dataset" for other projects.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from server import models
from sync.merge.faces import LONGEST
from sync.merge.facts import (
    Choice,
    EventFact,
    Force,
    Judgement,
    Lapse,
    Observation,
    Pin,
    Position,
    Presence,
    Resolution,
    Retraction,
    Statement,
    Transition,
)
from sync.merge.matching import Match
from sync.merge.names import fold
from sync.merge.records import EntityState, Record
from sync.merge.review import Task

Row = dict[str, Any]
MERGING_EVENTS = frozenset({"JUDGE", "RETRACT", "PIN", "CHOOSE", "DELETE", "RESTORE", "FORCE", "RESOLVE", "STATE", "LAPSE"})


def list_key(project_id: int, dataset: str) -> str:
    """The name that merging has for an entity list."""
    return dataset if project_id == 1 else f"{project_id}/{dataset}"


def split_key(key: str) -> tuple[int, str]:
    """(project id, dataset) of a list's name; a dataset's own name holds no slash."""
    project, slash, dataset = key.partition("/")
    return (int(project), dataset) if slash else (1, key)


def entity_target(key: str, entity_id: str) -> str:
    """How an event names an entity in `event_targets`."""
    return f"{key}/{entity_id}"[:300]


def observation_row(observation: Observation) -> Row:
    """The row of an observation; state and version are written when its chain is known."""
    project_id, dataset = split_key(observation.register)
    place = observation.position
    return {
        "id": observation.id, "fact_id": observation.fact_id or 0, "project_id": project_id, "dataset": dataset,
        "entity_id": observation.entity_id[:300], "action": observation.action, "label": observation.label,
        "values": {name: said.value for name, said in observation.statements.items()},
        "observed_at": observation.observed_at, "received_at": observation.received_at, "hlc": observation.clock,
        "clock_flagged": observation.clock_flagged, "seen": observation.seen,
        "unit": observation.unit[:100] if observation.unit else None,
        "role": observation.role[:40] if observation.role else None, "post_id": observation.post_id,
        "actor_id": observation.actor_id, "source": observation.source,
        "lat": place.lat if place else None, "lon": place.lon if place else None,
        "accuracy_m": place.accuracy_m if place else None, "base_version": observation.base_version,
        "trunk_version": observation.trunk_version, "branch_id": observation.branch_id,
        "version": None, "state": "held", "problem": None,
        "details": {
            "data": dict(observation.data),
            "said": {name: [said.seen, said.question] for name, said in observation.statements.items()},
            "problem": observation.problem, "official": observation.official, "sensitivity": observation.sensitivity,
            "withdrawn": observation.withdrawn, "fault": observation.fault, "user_agent": observation.user_agent,
            "instead_of": observation.instead_of, **({"at_camp": True} if observation.at_camp else {}),
        },
    }  # fmt: skip


def observation_of(row: models.Observation) -> Observation:
    """The observation that a row holds."""
    details: Mapping[str, Any] = row.details or {}
    said = details.get("said", {})
    position = None if row.lat is None or row.lon is None else Position(row.lat, row.lon, row.accuracy_m)
    return Observation(
        id=row.id, register=list_key(row.project_id, row.dataset), entity_id=row.entity_id,
        action=row.action,  # type: ignore[arg-type]
        clock=row.hlc, observed_at=row.observed_at, received_at=row.received_at, label=row.label,
        data=details.get("data", {}),
        statements={name: Statement(text, *said.get(name, (None, None))) for name, text in row.values.items()},
        clock_flagged=row.clock_flagged, unit=row.unit, role=row.role, seen=row.seen, position=position,
        source=row.source, fact_id=row.fact_id or None, post_id=row.post_id, actor_id=row.actor_id,
        base_version=row.base_version, trunk_version=row.trunk_version, branch_id=row.branch_id,
        problem=details.get("problem"), official=bool(details.get("official")), sensitivity=details.get("sensitivity"),
        withdrawn=bool(details.get("withdrawn")), fault=details.get("fault"), user_agent=details.get("user_agent"),
        instead_of=details.get("instead_of"), at_camp=bool(details.get("at_camp")),
    )  # fmt: skip


def observation_states(state: EntityState) -> dict[str, tuple[str, int | None, str | None]]:
    """For each observation of an entity: state, version and the code of its problem."""
    applied = {version.observation.id: version.number for version in state.chain.versions}
    out: dict[str, tuple[str, int | None, str | None]] = {}
    for observation in state.observations:
        if observation.id in applied:
            out[observation.id] = ("applied", applied[observation.id], state.chain.notes.get(observation.id))
        elif state.chain.problems.get(observation.id) == "superseded":
            out[observation.id] = ("superseded", None, None)
        elif observation.problem:
            out[observation.id] = ("failed", None, observation.fault or "faulty_operation")
        elif observation.id in state.chain.problems:
            out[observation.id] = ("failed", None, state.chain.problems[observation.id])
        else:
            out[observation.id] = ("held", None, "waits_for_entity" if not state.exists else "waits_for_branch")
    return out


def entity_row(state: EntityState, record: Record, face: Row | None) -> Row:
    """The row of an existing entity that belongs to `record`."""
    project_id, dataset = split_key(state.register)
    current = state.chain.versions[-1]
    changed = [observation.received_at for observation in state.applied[1:]]
    return {
        "id": state.id, "project_id": project_id, "dataset": dataset, "record_id": record.id, "label": current.label,
        "data": dict(current.data), "version": current.number, "conflict": state.chain.conflict,
        "created_hlc": state.anchor.clock, "creator_id": state.anchor.actor_id, "created_at": state.anchor.received_at,
        "updated_at": max(changed, default=None), "deleted_at": record.deleted_at, "face": face,
    }  # fmt: skip


def record_row(record: Record, area_code: str | None, sector_id: int | None) -> Row:
    """The row of a record."""
    project_id, dataset = split_key(record.register)
    place = record.position
    names = (v for k, v in record.data.items() if "name" in k or k == "acronym")
    words = [text[:LONGEST] for text in (record.label, *record.aliases, *names)]
    row: Row = {
        "id": record.id, "project_id": project_id, "dataset": dataset, "label": record.label, "data": dict(record.data),
        "provenance": {name: dict(origin) for name, origin in record.provenance.items()},
        "aliases": list(record.aliases), "version": record.version, "conflict": record.conflict,
        "contested": record.contested, "entity_count": len(record.entities),
        "observation_count": record.observation_count, "lat": place.lat if place else None,
        "lon": place.lon if place else None, "area_code": area_code, "sector_id": sector_id,
        "sensitivity": record.sensitivity, "creator_id": record.creator_id, "created_at": record.created_at,
        "updated_at": record.updated_at, "deleted_at": record.deleted_at, "last_observed_at": record.last_observed_at,
        "search": " ".join(dict.fromkeys(fold(" ".join(words)).split())), "current": dict(record.current),
    }  # fmt: skip
    return {**row, "digest": _digest(row)}


def _digest(row: Row) -> int:
    """A number that stands for the whole content, small enough that a million of them can be summed in 64 bits."""
    text = json.dumps(row, sort_keys=True, default=str, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:5], "big")


def task_row(task: Task, sector_id: int | None) -> Row:
    """The row of a review task."""
    project_id, dataset = split_key(task.register)
    return {
        "id": task.id, "project_id": project_id, "dataset": dataset, "kind": task.kind,
        "a_observation": task.a_observation, "b_observation": task.b_observation, "a_record": task.a_record,
        "b_record": task.b_record, "score": task.score, "worth": task.worth, "features": dict(task.features),
        "sector_id": sector_id, "since": task.since,
    }  # fmt: skip


def pair_row(key: str, match: Match) -> Row:
    """The row of a compared pair."""
    project_id, dataset = split_key(key)
    return {
        "a_id": match.a, "b_id": match.b, "project_id": project_id, "dataset": dataset, "score": match.score,
        "certain": match.certain, "verdict": None, "features": {**match.features, "proposed": match.proposed},
    }  # fmt: skip


def match_of(a_id: str, b_id: str, score: float, certain: bool, features: Mapping[str, Any]) -> Match:
    """The compared pair that a row's columns describe."""
    shown = dict(features)
    proposed = bool(shown.pop("proposed", False))
    return Match(a_id, b_id, score, certain, proposed, shown)


def event_of(event: models.Event, fact: models.Fact) -> EventFact | None:
    """The merging event that a stored event is; None for one that merging does not know (such as a report's deletion)."""
    payload = event.payload
    shared: Row = {
        "id": fact.uuid, "clock": fact.hlc, "at": fact.received_at, "authority": int(payload.get("authority", 0)),
        "actor": fact.actor_name, "reason": payload.get("reason"),
    }  # fmt: skip
    if event.type == "JUDGE":
        return Judgement(**shared, a=payload["a"], b=payload["b"], verdict=payload["verdict"])
    if event.type == "RETRACT":
        return Retraction(**shared, target=payload["target"])
    if event.type == "ENTITY" and payload.get("action") in ("delete", "restore"):
        key = list_key(int(payload.get("project_id", 1)), payload["dataset"])
        return Presence(**shared, register=key, entity_id=payload["uuid"], deleted=payload["action"] == "delete")
    if "dataset" not in payload or event.type not in MERGING_EVENTS:
        return None
    about: Row = {
        "register": list_key(int(payload.get("project_id", 1)), payload["dataset"]), "entity_id": payload["entity"]
    }  # fmt: skip
    if event.type == "PIN":
        return Pin(**shared, **about, property=payload["property"], value=payload["value"], until=_until(payload))
    if event.type == "CHOOSE":
        return Choice(
            **shared, **about, property=payload["property"], observation=payload["observation"],
            accept=bool(payload["accept"]),
        )  # fmt: skip
    if event.type == "FORCE":
        return Force(**shared, **about, observation=payload["observation"])
    if event.type == "RESOLVE":
        return Resolution(**shared, **about)
    if event.type == "STATE":
        return Transition(
            **shared, **about, property=payload["property"], to=payload["to"], party=payload["as"], answers=payload["answers"]
        )
    if event.type == "LAPSE":
        return Lapse(**shared, **about, since=dt.datetime.fromisoformat(payload["since"]))
    return Presence(**shared, **about, deleted=event.type == "DELETE")


def _until(payload: Row) -> dt.datetime | None:
    return dt.datetime.fromisoformat(payload["until"]) if payload.get("until") else None


def targets_of(event: EventFact) -> set[str]:
    """What an event is looked up by."""
    if isinstance(event, Judgement):
        return {event.a, event.b}
    if isinstance(event, Retraction):
        return {event.target}
    return {entity_target(event.register, event.entity_id)}
