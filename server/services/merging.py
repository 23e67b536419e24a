"""Merging on the server: turns stored facts into what `sync.merge` folds, and officers' decisions into facts.

`fold` is one of the worker's folders. The actions add one event each; the caller folds it (services.folding.fold_now)
and commits. Rules live in `sync`, SQL in queries.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from forms.entities import EntityOperation, operations
from forms.fields import FormDefinition
from server.models import Event, Fact, Submission
from server.problems import Problem
from server.queries import merge_facts as queries
from server.queries import submissions as reports
from server.queries import weights
from server.queries.merge_rows import event_of, list_key, split_key
from server.queries.merge_store import SqlMergeStore
from server.queries.mission import server_id
from server.queries.summaries import touched_roots
from server.queries.weights import RULES
from server.services import journal
from server.services.documents import definition_for, parsed
from server.services.identity import Identity
from server.services.learnt_rules import ADOPT, learnt
from server.services.summaries import zone_of
from sync.merge import observations
from sync.merge.engine import Engine
from sync.merge.facts import Action, Position, Report, Verdict
from sync.merge.facts import Fact as MergeFact
from sync.merge.observations import Answers, ReportContext
from sync.merge.positions import parse_position
from sync.registers import Register, load_registers

Key = tuple[int, str, bool, str]
_FILES: dict[str, Register] = {}
# An officer's word is not overruled by a lower one; a later one of the same rank stands.
AUTHORITY = {"admin": 3, "hq_officer": 2, "officer": 1}


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
    made: list[MergeFact] = list(_reports(session, touched_roots(session, ids), rules))
    for event, fact in queries.events(session, ids):
        known = _written(event, fact) if event.type == "ENTITY" else event_of(event, fact)
        if known is not None:
            made.append(known)
        if event.type == RULES and event.payload.get("action") == ADOPT and event.subject is not None:
            _compare_again(session, event.subject)
    if made:
        Engine(SqlMergeStore(session, rules), rules).fold(made)


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


def reports_known(
    session: Session, keys: Collection[Key], rules: Mapping[str, Register], known_until: dt.datetime
) -> list[Report]:
    """What these reports said of things by that moment (UTC), later versions and decisions left out."""
    return _reports(session, keys, rules, known_until)


def _reports(
    session: Session, keys: Collection[Key], rules: Mapping[str, Register], known_until: dt.datetime | None = None
) -> list[Report]:
    """What the current versions of these reports say of things; `known_until`: what they said by then (UTC)."""
    live = [key for key in keys if not key[2]]
    versions: dict[Key, list[Submission]] = {}
    envelopes: dict[int, Fact] = {}
    for row, fact in reports.roots_of(session, live):
        if known_until is not None and fact.received_at > known_until:
            continue
        versions.setdefault((row.project_id, row.xml_form_id, row.is_draft, row.root_instance_id), []).append(row)
        envelopes[row.fact_id] = fact
    decisions = _decisions(session, [key[3] for key in versions], known_until)
    units = queries.post_units(session, {row.post_id for rows in versions.values() for row in rows if row.post_id})
    zone, held_back, camps = zone_of(session), queries.approval_lists(session), _camps(session)
    found = []
    definitions: dict[tuple[int, str, str], FormDefinition | None] = {}
    for key, rows in versions.items():
        ordered = reports.in_order(rows)
        form = (key[0], key[1], ordered[-1].form_version)
        if form not in definitions:
            definitions[form] = definition_for(session, ordered[-1])
        state = decisions.get((key[0], key[1], key[3]), _Decision())
        context = dataclasses.replace(_context(key, ordered, envelopes, units, zone, state), camps=camps)
        report = _report(ordered[-1], definitions[form], context, rules, state, held_back)
        if len(ordered) > 1:
            every = [
                _report(row, definition_for(session, row), _as_of(context, row, envelopes), rules, state, held_back)
                for row in ordered
            ]
            report = dataclasses.replace(report, observations=observations.first_word(report, every, rules))
        found.append(report)
    return found


def _camps(session: Session) -> dict[str, Position]:
    return {unit: place for unit, text in queries.camps(session).items() if (place := parse_position(text)) is not None}


def _as_of(context: ReportContext, row: Submission, envelopes: Mapping[int, Fact]) -> ReportContext:
    """The context of one version of a report, as if it were a report of its own."""
    envelope = envelopes[row.fact_id]
    return dataclasses.replace(
        context, key=f"{context.key}@{row.instance_id}", clock=envelope.hlc, received_at=envelope.received_at,
        user_agent=row.user_agent,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Decision:
    """What officers decided about a report: its review state, and whether it is deleted."""

    review: str | None = None
    deleted: bool = False


def _decisions(
    session: Session, roots: Sequence[str], known_until: dt.datetime | None = None
) -> dict[tuple[int, str, str], _Decision]:
    found: dict[tuple[int, str, str], _Decision] = {}
    for event, fact in reports.deciding_events(session, roots, ("REVIEW", "DELETE", "RESTORE")):
        payload, later = event.payload, known_until is not None and fact.received_at > known_until
        if later or "xml_form_id" not in payload or event.subject is None:
            continue
        key = (int(payload.get("project_id", 1)), str(payload["xml_form_id"]), event.subject)
        before = found.get(key, _Decision())
        if event.type == "REVIEW":
            found[key] = dataclasses.replace(before, review=payload.get("state"))
        else:
            found[key] = dataclasses.replace(before, deleted=event.type == "DELETE")
    return found


def _context(
    key: Key,
    ordered: Sequence[Submission],
    envelopes: Mapping[int, Fact],
    units: Mapping[int, str],
    zone: dt.tzinfo,
    state: _Decision,
) -> ReportContext:
    original, current = ordered[0], ordered[-1]
    envelope = envelopes[original.fact_id]
    return ReportContext(
        form_id=key[1],
        key=f"{key[0]}:{key[1]}:{key[3]}",
        source=key[3],
        version=(envelopes[current.fact_id].hlc, current.instance_id),
        clock=envelope.hlc,
        received_at=envelope.received_at,
        zone=zone,
        unit=units.get(original.post_id or 0),
        fact_id=original.fact_id,
        post_id=original.post_id,
        actor_id=original.submitter_id,
        withdrawn=state.deleted or state.review == "rejected",
        user_agent=original.user_agent,
    )


def _report(
    row: Submission,
    definition: FormDefinition | None,
    context: ReportContext,
    rules: Mapping[str, Register],
    state: _Decision,
    held_back: Collection[tuple[int, str]],
) -> Report:
    # A form without entities says nothing of things, and most forms have none.
    submission = parsed(row) if definition is not None and definition.entity_blocks else None
    if submission is None or definition is None:
        return Report(context.key, context.version, (), context.fact_id)
    asked = [
        dataclasses.replace(allowed, dataset=list_key(row.project_id, operation.dataset))
        for operation in operations(submission, definition)
        if (allowed := _allowed(operation, row.project_id, state, held_back)) is not None
    ]
    return observations.observations(asked, Answers.of(submission, definition), context, rules)


def _allowed(
    operation: EntityOperation, project_id: int, state: _Decision, held_back: Collection[tuple[int, str]]
) -> EntityOperation | None:
    """A list that asks for approval takes new entities only from approved reports; updates it takes at once, as Central does."""
    if (project_id, operation.dataset) not in held_back or state.review == "approved" or operation.action == "update":
        return operation
    return dataclasses.replace(operation, action="update") if operation.action == "both" else None


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
