"""Merging on the server: turns stored facts into what `sync.merge` folds, and officers' decisions into facts.

`fold` is one of the worker's folders. The actions add one event each; the caller folds it (services.folding.fold_now)
and commits. Rules live in `sync`, SQL in queries.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from server.models import Event, Fact
from server.problems import Problem
from server.queries import merge_facts as queries
from server.queries import submissions as reports
from server.queries import weights
from server.queries.merge_rows import event_of, list_key, split_key
from server.queries.merge_store import SqlMergeStore
from server.queries.mission import server_id
from server.queries.summaries import EVENT_TYPES, touched_roots
from server.queries.weights import RULES
from server.services import journal
from server.services.identity import Identity
from server.services.learnt_rules import ADOPT, learnt
from server.services.merge_reports import KEPT_OUT, reported
from sync.merge import observations
from sync.merge.engine import Engine
from sync.merge.facts import Action, Report, Verdict
from sync.merge.facts import Fact as MergeFact
from sync.registers import Register, load_registers
from sync.store import EntityKey

_FILES: dict[str, Register] = {}
# An officer's word is not overruled by a lower one; a later one of the same rank stands.
# What an approver decided nobody but an approver takes back.
AUTHORITY = {"approver": 4, "admin": 3, "hq_officer": 2, "officer": 1}


def register_files() -> dict[str, Register]:
    """The register files that come with this release, by name; read once."""
    if not _FILES:
        _FILES.update(load_registers())
    return _FILES


def registers(session: Session) -> dict[str, Register]:
    """The register file of each list, by the name merging has for it: project 1's by their names, others as set.

    Weights that the mission has put in force stand in place of the file's.
    """
    files = dict(register_files())
    for name, own in learnt(session).items():
        known = files.get(name)
        if known is not None and known.matching is not None:
            files[name] = dataclasses.replace(known, matching=dataclasses.replace(known.matching, learnt=own))
    found = dict(files)
    for project_id, dataset, name in queries.datasets_with_registers(session):
        key = list_key(project_id, dataset)
        if name in files:
            found[key] = dataclasses.replace(files[name], name=key)
    return found


def fold(session: Session, facts: Collection[Fact]) -> None:
    """Brings observations, entities, records and review tasks up to date with these facts. The caller commits."""
    ids = [fact.id for fact in facts if fact.kind in ("submission", "event")]
    if not ids:
        return
    rules = registers(session)
    events = queries.events(session, ids)
    for event, _fact in events:
        if event.type == RULES and event.payload.get("action") == ADOPT and event.subject is not None:
            _compare_again(session, event.subject)
    made = _said(session, ids, events, rules)
    if made:
        Engine(SqlMergeStore(session, rules), rules).fold(made)


def take_in(session: Session, reports: Collection[Report], facts: Collection[Fact]) -> None:
    """Keeps what reports, read already, and the events among facts say of things, and makes no records.

    A rebuild does that once for each thing when all is taken in. What events say of reports is in the reports.
    """
    said = [*reports, *_told(queries.events(session, [fact.id for fact in facts if fact.kind == "event"]))]
    if said:
        rules = registers(session)
        Engine(SqlMergeStore(session, rules), rules).take_in(said)


def make_records(session: Session, entities: Collection[EntityKey]) -> None:
    """Compares these entities and makes their records and review tasks from what was taken in. The caller commits."""
    rules = registers(session)
    Engine(SqlMergeStore(session, rules), rules).refresh(entities, entities)


def _said(
    session: Session, ids: Collection[int], events: Sequence[tuple[Event, Fact]], rules: Mapping[str, Register]
) -> list[MergeFact]:
    """What facts say, as merging knows it."""
    of_reports = len(events) < len(ids) or any(event.type in EVENT_TYPES for event, _fact in events)
    return [*(reported(session, touched_roots(session, ids), rules) if of_reports else ()), *_told(events)]


def _told(events: Sequence[tuple[Event, Fact]]) -> Iterator[MergeFact]:
    """What events say of things and of other events."""
    for event, fact in events:
        known = _written(event, fact) if event.type == "ENTITY" else event_of(event, fact)
        if known is not None:
            yield known


def lists_of(session: Session, register: str) -> list[str]:
    """The lists that go by a register file, as merging names them."""
    named = queries.datasets_with_registers(session)
    return sorted({register} | {list_key(project_id, dataset) for project_id, dataset, name in named if name == register})


def _compare_again(session: Session, register: str) -> None:
    """Puts the reports of a register's lists back on the queue: its weights have changed, and every pair is scored anew.

    A few at a time, as a rebuild is, so that nothing waits for it; until the queue is empty pages show some of both.
    """
    for key in lists_of(session, register):
        queries.put_back(session, weights.fact_ids(session, *split_key(key)))


def _written(event: Event, fact: Fact) -> MergeFact | None:
    """An entity written through the API: a report of one observation, or its deletion or restoring."""
    if event.payload.get("action") in ("delete", "restore"):
        return event_of(event, fact)
    payload = event.payload
    key = list_key(int(payload.get("project_id", 1)), payload["dataset"])
    action: Action = "update" if payload["action"] == "update" else "create"
    data = {str(name): "" if text is None else str(text) for name, text in (payload.get("data") or {}).items()}
    observation = observations.official_observation(
        fact.uuid, key, payload["uuid"], action, fact.hlc, fact.received_at, data, payload.get("label"), fact.actor_id,
        fact.id, payload.get("base_version"), fact.observed_at, payload.get("user_agent"),
    )  # fmt: skip
    return Report(f"event:{fact.uuid}", (fact.hlc, fact.uuid), (observation,), fact.id)


def _record(
    session: Session, identity: Identity, type: str, subject: str | None, reason: str | None, payload: Mapping[str, Any]
) -> Fact:
    said = {"authority": AUTHORITY.get(identity.role, 0), "reason": reason, **payload}
    return journal.record_event(
        session, type=type, subject=subject, payload=said, server_id=server_id(session), actor_id=identity.actor_id,
        actor_name=identity.name,
    )  # fmt: skip


def pass_over(session: Session, identity: Identity, project_id: int, dataset: str, root_fact_ids: Collection[int]) -> None:
    """These reports, by their first facts, waited for approval and shall make no entities in this list. The caller commits."""
    for row in reports.by_facts(session, root_fact_ids):
        payload = {"project_id": project_id, "xml_form_id": row.xml_form_id, "dataset": dataset}
        _record(session, identity, KEPT_OUT, row.root_instance_id, None, payload)


def judge(
    session: Session, identity: Identity, a_observation: str, b_observation: str, verdict: Verdict,
    reason: str | None = None, batch: str | None = None,
) -> Fact:  # fmt: skip
    """Two observations are of the same thing, of different things, or nobody can tell ("unsure").

    `batch` names what was decided in one go, and is taken back in one go.
    Raises Problem unexpected_value for another verdict or one observation named twice.
    """
    if verdict not in ("same", "different", "unsure"):
        raise Problem("unexpected_value", field="verdict", value=verdict, reason="it is one of same, different, unsure.")
    if a_observation == b_observation:
        raise Problem("unexpected_value", field="b", value=b_observation, reason="it is the same observation.")
    payload = {"a": a_observation, "b": b_observation, "verdict": verdict, **({"batch": batch} if batch else {})}
    return _record(session, identity, "JUDGE", a_observation, reason, payload)


def retract(session: Session, identity: Identity, event_uuid: str, reason: str | None = None) -> Fact:
    """Takes back an event (a judgement, a pin, a choice, a deletion), by the uuid of its fact.

    It counts only against events of the same or a lower authority.
    """
    return _record(session, identity, "RETRACT", event_uuid, reason, {"target": event_uuid})


def pin(
    session: Session, identity: Identity, project_id: int, dataset: str, record_id: str, property: str, value: str,
    reason: str, until: dt.datetime | None = None,
) -> Fact:  # fmt: skip
    """An officer's own value for a property of a record, above every report until a report observed after `until`.

    Raises Problem unexpected_value when the register has no such property.
    """
    rule = registers(session).get(list_key(project_id, dataset))
    if rule is None or property not in rule.properties:
        raise Problem("unexpected_value", field="property", value=property, reason="the register has no such property.")
    payload = {
        "project_id": project_id, "dataset": dataset, "entity": record_id, "property": property, "value": value,
        "until": until.isoformat() if until else None,
    }  # fmt: skip
    return _record(session, identity, "PIN", record_id, reason, payload)


def choose(
    session: Session, identity: Identity, project_id: int, dataset: str, record_id: str, property: str,
    observation: str, accept: bool, reason: str | None = None,
) -> Fact:  # fmt: skip
    """Takes or refuses what an observation proposes for a property (a review task of kind `proposal`)."""
    payload = {
        "project_id": project_id, "dataset": dataset, "entity": record_id, "property": property,
        "observation": observation, "accept": accept,
    }  # fmt: skip
    return _record(session, identity, "CHOOSE", record_id, reason, payload)


def set_presence(
    session: Session, identity: Identity, project_id: int, dataset: str, record_id: str, *, deleted: bool,
    reason: str | None = None,
) -> Fact:  # fmt: skip
    """Deletes or restores a record (its facts stay)."""
    payload = {"project_id": project_id, "dataset": dataset, "entity": record_id}
    return _record(session, identity, "DELETE" if deleted else "RESTORE", record_id, reason, payload)


def force(
    session: Session, identity: Identity, project_id: int, dataset: str, entity_id: str, observation: str, reason: str
) -> Fact:
    """Applies an operation that is held, or that found no entity or version to stand on, as it is."""
    payload = {"project_id": project_id, "dataset": dataset, "entity": entity_id, "observation": observation}
    return _record(session, identity, "FORCE", entity_id, reason, payload)


def resolve(
    session: Session, identity: Identity, project_id: int, dataset: str, record_id: str, reason: str | None = None
) -> Fact:
    """Declares the conflicts of a record so far settled."""
    payload = {"project_id": project_id, "dataset": dataset, "entity": record_id}
    return _record(session, identity, "RESOLVE", record_id, reason, payload)


def move_state(
    session: Session, identity: Identity, project_id: int, dataset: str, record_id: str, property: str, before: str, to: str,
    party: str, answers: Mapping[str, str],
) -> Fact:  # fmt: skip
    """A record passes from one state into another, said as `party` with these answers (services.states checks both)."""
    payload = {
        "project_id": project_id, "dataset": dataset, "entity": record_id, "property": property, "from": before, "to": to,
        "as": party, "answers": dict(answers),
    }  # fmt: skip
    return _record(session, identity, "STATE", record_id, None, payload)


def write_entity(
    session: Session, identity: Identity, project_id: int, dataset: str, uuid: str, action: str,
    label: str | None, data: Mapping[str, str], base_version: int | None = None, how: Mapping[str, Any] | None = None,
) -> Fact:  # fmt: skip
    """Creates or updates an entity as an officer's own word: it counts as seen and may move a known place.

    `how`: the client (user_agent), the file it came from (source) and the client's note (notes).
    """
    payload = {
        "project_id": project_id, "dataset": dataset, "uuid": uuid, "action": action, "label": label,
        "data": dict(data), "base_version": base_version, **(how or {}),
    }  # fmt: skip
    return _record(session, identity, "ENTITY", uuid, None, payload)
