"""The states of requests, projects and whatever register has a table of states: who may change them, what that needs, undo.

A change is one event by the acting officer, checked against the register's table (sync.registers.states) before it is
written; sync.merge.states makes the state of all events. The approver is never somebody who handled the record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.models import Entity, Event, Fact, Record
from server.problems import Problem
from server.queries import lookups, merge_facts, records, review
from server.queries import states as queries
from server.queries.merge_rows import entity_target, event_of, list_key, observation_of
from server.queries.mission import server_id
from server.services import dossiers, entries, folding, journal, merging
from server.services.audits import audit
from server.services.identity import Identity, Verb
from server.services.journal import now
from server.services.registers import definitions
from server.services.times import stamp
from sync.merge import states as rules
from sync.merge.facts import Transition
from sync.merge.states import Step
from sync.registers import Move, Register, StateField, States

MAX_TEXT = 2000
# As whom somebody may speak, the nearest first. Requesters and units have no accounts of this server yet: the officer
# enters what they said, and the history says so.
_VERBS = {
    "approver": Verb.STATE_APPROVE, "cimic": Verb.STATE_MOVE, "unit": Verb.STATE_MOVE, "requester": Verb.STATE_MOVE,
    "system": Verb.STATE_MOVE,
}  # fmt: skip


@dataclass(frozen=True)
class History:
    """What was said about the state of a record, oldest first, and of which actors; the reports' senders."""

    table: States
    steps: tuple[Step, ...]
    actors: Mapping[str, int | None]
    reporters: frozenset[int]

    @property
    def state(self) -> str:
        """The present state."""
        found = rules.standing(self.steps)
        return found.to if found else self.table.start[0]

    @property
    def last(self) -> Step | None:
        """The step that made it."""
        return rules.standing(self.steps)

    def known(self, record: Record) -> dict[str, str]:
        """What is known of the record: its values, and over them what was answered on the way."""
        values = {name: str(value) for name, value in record.data.items() if value not in (None, "")}
        return values | rules.answers(self.steps)

    def handled_by(self) -> set[int]:
        """The actors who reported the record or moved it as officers of the cell."""
        moved = {self.actors.get(step.id) for step in self.steps if step.party not in ("approver", "report")}
        return set(self.reporters) | {actor for actor in moved if actor is not None}


@dataclass(frozen=True)
class Option:
    """A state that this actor may set now: as whom, what is asked (a choice of fields each), what the record lacks."""

    move: Move
    party: str
    asked: tuple[tuple[StateField, ...], ...]
    lacks: tuple[str, ...]

    def must(self, field: StateField) -> bool:
        """Whether this very field has to be answered, whatever else is."""
        own = {each.name for choice in self.asked for each in choice}
        return (field,) in self.asked and not field.depends_on() & own


def history(session: Session, record: Record, register: Register) -> History:
    """The states of the record so far. Raises not_found for a register without states."""
    if register.states is None:
        raise Problem("not_found")
    entities = records.entities(session, record.dataset, [record.id], record.project_id)
    said = records.observations(session, record.dataset, [each.id for each in entities], record.project_id)
    events = _events(session, record, entities)
    undone = dossiers.standing_retractions(session, [fact.uuid for fact, _event in events])
    changes = [
        change for fact, event in events
        if fact.uuid not in undone and isinstance(change := event_of(event, fact), Transition)
    ]
    steps = rules.steps(register.states, [observation_of(row) for row in said if row.state == "applied"], changes)
    reporters = frozenset(row.actor_id for row in said if row.actor_id is not None)
    return History(register.states, tuple(steps), {fact.uuid: fact.actor_id for fact, _event in events}, reporters)


def _events(session: Session, record: Record, entities: Sequence[Entity]) -> list[tuple[Fact, Event]]:
    key = list_key(record.project_id, record.dataset)
    return review.events_naming(session, [entity_target(key, each.id) for each in entities], ("STATE",))


def _party(who: Identity, move: Move) -> str | None:
    return next((party for party, verb in _VERBS.items() if party in move.who and who.may(verb)), None)


def options(who: Identity, record: Record, found: History) -> list[Option]:
    """The states that this actor may set now, in the order of the register's file."""
    if record.deleted_at is not None:
        return []
    known, listed = found.known(record), []
    for move in found.table.following(found.state):
        party = _party(who, move)
        if party is None or (party == "approver" and who.actor_id in found.handled_by()):
            continue
        names = {name for choice in move.needs for name in choice}
        choices = [tuple(found.table.fields[name] for name in choice) for choice in move.needs]
        asked = tuple(
            choice for choice in choices if any(field.asked(known) or field.depends_on() & names for field in choice)
        )
        lacks = tuple("|".join(choice) for choice in move.has if not any(known.get(name) for name in choice))
        listed.append(Option(move, party, asked, lacks))
    return listed


def change(
    session: Session, who: Identity, record: Record, register: Register, to: str, given: Mapping[str, str], zone: dt.tzinfo,
) -> Fact:  # fmt: skip
    """Sets the state, folds and commits. `given`: field to what was typed; times without a zone are in `zone`.

    Raises state_conflict when the table has no such row from the present state or the decider handled the record,
    not_allowed for somebody else's step, invalid_input for what is missing.
    """
    merge_facts.hold_queue(session)
    found = history(session, record, register)
    move = found.table.move(found.state, to)
    if move is None or record.deleted_at is not None:
        raise Problem("state_conflict", reason=f"nothing leads from {found.state} to {to}.")
    party = _party(who, move)
    if party is None:
        raise Problem("not_allowed")
    if party == "approver" and who.actor_id in found.handled_by():
        raise Problem("state_conflict", reason="whoever handled it does not decide on it.")
    known = found.known(record)
    for choice in move.has:
        if not any(known.get(name) for name in choice):
            named = " or ".join(register.properties[name].labels["en"] for name in choice)
            raise Problem("invalid_input", reason=f"The record lacks: {named}.", field=choice[0])
    answers = _answers(session, record, found.table, move, known, given, zone)
    fact = merging.move_state(
        session, who, record.project_id, record.dataset, record.id, found.table.property, found.state, to, party, answers
    )
    audit(session, who, "record.state", f"{record.dataset}/{record.id}", {"from": found.state, "to": to, "as": party})
    folding.fold_now(session, [fact])
    session.commit()
    return fact


def _answers(
    session: Session, record: Record, table: States, move: Move, known: Mapping[str, str], given: Mapping[str, str],
    zone: dt.tzinfo,
) -> dict[str, str]:  # fmt: skip
    """What was answered, checked. Raises invalid_input for what is missing or is no answer."""
    answers: dict[str, str] = {}
    for name in dict.fromkeys(name for choice in move.needs for name in choice):
        text = _answer(session, record, table.fields[name], given.get(name, ""), zone)
        if text:
            answers[name] = text
    whole = {**known, **answers}
    for choice in move.needs:
        due = [table.fields[name] for name in choice if table.fields[name].asked(whole)]
        if due and not any(answers.get(field.name) for field in due):
            named = " or ".join(field.labels["en"] for field in due)
            raise Problem("invalid_input", reason=f"{named}: fill this in.", field=due[0].labels["en"])
        for field in due:
            if answers.get(field.name) in field.refuse:
                reason = f"{field.labels['en']}: while this is {answers[field.name]}, it cannot go on."
                raise Problem("invalid_input", reason=reason, field=field.labels["en"])
    return answers


def _answer(session: Session, record: Record, field: StateField, typed: str, zone: dt.tzinfo) -> str:
    """One answer as it is kept: days and UTC times in ISO 8601, codes, ids; "" for none."""
    label = field.labels["en"]
    if field.type == "record":
        ids = [each.id for each in records.entities(session, record.dataset, [record.id], record.project_id)]
        return queries.naming(session, record.project_id, field.register or "", field.property or "", ids) or ""
    text = entries.text(label, " ".join(typed.split()), MAX_TEXT, required=False)
    if not text:
        return ""
    if field.type == "date":
        return str(entries.day(label, text))
    if field.type == "datetime":
        return _instant(label, text, zone)
    known = records.code_labels(session, [field.code_list]) if field.code_list else {}
    if field.type == "select_one" and (field.code_list or "", text) not in known:
        raise Problem("invalid_input", reason=f"{label}: {text!r} is not in the list.", field=label)
    if field.type == "unit" and text not in lookups.unit_names(session, [text]):
        raise Problem("invalid_input", reason=f"{label}: there is no unit {text!r}.", field=label)
    return text


def _instant(label: str, text: str, zone: dt.tzinfo) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Problem("invalid_input", reason=f"{label}: write it as 2026-11-22T14:30.", field=label) from error
    return stamp(moment if moment.tzinfo else moment.replace(tzinfo=zone)) or ""


def undo(session: Session, who: Identity, record: Record, register: Register, event_uuid: str) -> None:
    """Takes the last change back, by somebody who could have made it; folds and commits.

    What did not fit when it arrived can be taken off at any time. Raises not_found for another event, state_conflict for a
    change on which others stand already, not_allowed.
    """
    merge_facts.hold_queue(session)
    found = history(session, record, register)
    step = next((step for step in found.steps if step.id == event_uuid and step.observation is None), None)
    if step is None:
        raise Problem("not_found")
    if not may_undo(who, found, step):
        if found.last is not None and step.fits and step.id != found.last.id:
            raise Problem("state_conflict", reason="only the last change can be taken back.")
        raise Problem("not_allowed")
    audit(session, who, "record.state.undo", f"{record.dataset}/{record.id}", {"from": step.before, "to": step.to})
    folding.fold_now(session, [merging.retract(session, who, event_uuid)])
    session.commit()


def may_undo(who: Identity, found: History, step: Step) -> bool:
    """Whether this actor can take this step back: his own side's, and the last one unless it never fitted."""
    verb = _VERBS.get(step.party)
    mine = step.observation is None and verb is not None and who.may(verb)
    return mine and (not step.fits or found.last is step)


def close_due(session: Session) -> list[Fact]:
    """Makes the changes that happen by themselves after some days (rule C.4: feedback is closed after 14). The caller commits.

    One that an officer took back is not made again.
    """
    made = []
    for register in definitions().values():
        for move in register.states.moves if register.states else ():
            if move.after_days is None:
                continue
            before = now() - dt.timedelta(days=move.after_days)
            kept = register.states.property if register.states else ""
            for record in queries.in_states(session, register.name, kept, move.sources):
                made += _close(session, record, register, move, before)
    return made


def _close(session: Session, record: Record, register: Register, move: Move, before: dt.datetime) -> list[Fact]:
    found = history(session, record, register)
    entities = records.entities(session, record.dataset, [record.id], record.project_id)
    tried = any(event.payload.get("as") == "system" for _fact, event in _events(session, record, entities))
    if tried or found.last is None or found.last.at > before or found.state not in move.sources:
        return []
    payload: dict[str, Any] = {
        "authority": 0, "reason": None, "project_id": record.project_id, "dataset": record.dataset, "entity": record.id,
        "property": found.table.property, "from": found.state, "to": move.to, "as": "system", "answers": {},
    }  # fmt: skip
    return [
        journal.record_event(
            session, type="STATE", subject=record.id, payload=payload, server_id=server_id(session), actor_id=None,
            actor_name=None,
        )
    ]  # fmt: skip
