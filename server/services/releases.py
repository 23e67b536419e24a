"""Decides what leaves: proposals, releases with the second person where one is needed, withholding, withdrawing, expiry.

A release is a separate record, made by an event that holds the snapshot itself; its source is never shown to partners.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from server.models import Fact, Record, Release
from server.problems import Problem
from server.queries import merge_facts, mission, records
from server.queries import releases as queries
from server.services import entries, folding, registers
from server.services.audits import audit
from server.services.identity import Identity, Verb
from server.services.journal import now, record_event
from server.services.summaries import zone_of
from sync import release as rules
from sync.registers import Register

BULK_LIMIT = 2000
# Facilities are to be confirmed every six months; what is released does not claim to hold for longer.
USUAL_DAYS = 183
WITHHOLD_REASONS = ("harm_people", "harm_source", "owner_refused", "not_confirmed", "mandate", "other")


@dataclass(frozen=True)
class Draft:
    """What would leave of one record: for each permitted audience its snapshot; why two persons are needed, if so.

    held: nothing leaves yet, because something goes on.
    """

    record: Record
    audiences: tuple[str, ...]
    leaving: dict[str, rules.Leaving]
    reasons: tuple[str, ...]
    reporters: frozenset[int]
    held: bool = False


@dataclass(frozen=True)
class Bulk:
    """What a release of many would do: at once, waiting for a second person, left out (not for this audience), held (something
    goes on).
    """

    audience: str
    now: tuple[Draft, ...]
    proposed: tuple[Draft, ...]
    left_out: int
    already: int
    held: int
    truncated: bool


def subject(project_id: int, dataset: str, record_id: str) -> str:
    """What a release event speaks of."""
    return f"{project_id}/{dataset}/{record_id}"


def draft(session: Session, identity: Identity, record: Record) -> Draft | None:
    """The record as it would leave, for who may propose or decide; None for others and for deleted records."""
    if not identity.may(Verb.RELEASE_PROPOSE, Verb.RELEASE_DECIDE) or record.deleted_at is not None:
        return None
    return _drafts(session, [record], record.dataset, record.project_id)[0]


def _drafts(session: Session, chosen: Sequence[Record], dataset: str, project_id: int) -> list[Draft]:
    rule = registers.register(session, dataset, project_id)
    spoken = registers.Words(session, rule, "en")
    origins = queries.origins(session, dataset, [record.id for record in chosen], project_id)
    zone = zone_of(session)
    return [
        replace(_draft(record, rule, spoken, *origins[record.id]), held=rules.held(rule, record.data, now(), zone))
        for record in chosen
    ]


def _draft(
    record: Record, rule: Register, spoken: registers.Words, markings: Collection[str | None], reporters: Collection[int],
) -> Draft:
    allowed = rules.audiences(record.sensitivity)
    substitute = _substitute(record, rule, spoken)
    place = (record.lat, record.lon)
    leaving = {
        audience: rules.leaving(rule, record.data, record.label, place, audience, record.sensitivity, substitute)
        for audience in allowed
    }
    reasons = rules.second_person(record.sensitivity, markings, urgently=rules.urgent(rule, record.data))
    return Draft(record, allowed, leaving, reasons, frozenset(reporters))


def _substitute(record: Record, rule: Register, spoken: registers.Words) -> str:
    """Instead of a name: the kind of thing and its area, in English."""
    match = rule.matching
    kinds = [name for name in ((match.group, match.type) if match else ()) if name]
    kind = next((text for name in kinds if (text := spoken.value(name, record.data.get(name)))), rule.label("en"))
    return f"{kind}, {spoken.area(record.area_code) or '?'}"


def expiry(zone: ZoneInfo, day: dt.date) -> dt.datetime:
    """The end of the last valid day, in mission time."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone).astimezone(dt.UTC)


def put_forward(
    session: Session, identity: Identity, record: Record, audience: str, until: dt.datetime, note: str = "",
) -> Release:
    """Releases the record to the audience, or proposes it where a second person must decide; folds and commits.

    Raises not_allowed, unexpected_value for an audience that its sensitivity forbids, invalid_input for a past day.
    """
    made = draft(session, identity, record)
    if made is None:
        raise Problem("not_allowed")
    _check(made, audience, until)
    numbers = _numbers(session, 1)
    fact = _put_forward(session, identity, made, audience, until, numbers[0], entries.optional("Note", note, 500))
    audit(session, identity, f"release.{_verb(identity, made)}", f"{record.dataset}/{record.id}", {"number": numbers[0]})
    folding.fold_now(session, [fact])
    session.commit()
    return _one(session, identity, numbers[0])


GOES_ON = "the operation goes on; state from which time on this may be released, or wait until that time."


def _check(made: Draft, audience: str, until: dt.datetime) -> None:
    if made.held:
        raise Problem("state_conflict", reason=GOES_ON)
    if audience not in made.audiences:
        allowed = ", ".join(made.audiences)
        raise Problem("unexpected_value", field="audience", value=audience, reason=f"its sensitivity allows: {allowed}.")
    if until <= now():
        raise Problem("invalid_input", reason="Valid until: name a day that is not over.", field="Valid until")


def _verb(identity: Identity, made: Draft) -> str:
    return "propose" if made.reasons or not identity.may(Verb.RELEASE_DECIDE) else "release"


def _numbers(session: Session, count: int) -> list[str]:
    """The next numbers of the year. The queue is held until the commit, so that nobody else takes the same ones."""
    merge_facts.hold_queue(session)
    year = now().year
    first = queries.last_number(session, year) + 1
    return [f"REL-{year}-{number:04d}" for number in range(first, first + count)]


def _put_forward(
    session: Session, identity: Identity, made: Draft, audience: str, until: dt.datetime, number: str, note: str | None,
) -> Fact:
    leaving, record = made.leaving[audience], made.record
    payload = {
        "number": number, "project_id": record.project_id, "dataset": record.dataset, "record": record.id,
        "audience": audience, "precision": leaving.precision, "label": leaving.label, "data": leaving.data,
        "lat": leaving.lat, "lon": leaving.lon, "area": record.area_code, "sector_id": record.sector_id,
        "valid_until": until.isoformat(), "reasons": list(made.reasons), "reporters": sorted(made.reporters), "note": note,
    }  # fmt: skip
    type = "RELEASE" if _verb(identity, made) == "release" else "PROPOSE"
    return _event(session, identity, type, record.project_id, record.dataset, record.id, payload)


def _event(
    session: Session, identity: Identity, type: str, project_id: int, dataset: str, record_id: str, payload: dict[str, Any],
) -> Fact:
    return record_event(
        session, type=type, subject=subject(project_id, dataset, record_id), payload=payload,
        server_id=mission.server_id(session), actor_id=identity.actor_id, actor_name=identity.name,
    )  # fmt: skip


def _one(session: Session, identity: Identity, number: str) -> Release:
    found = queries.release(session, identity.scope, number)
    if found is None:
        raise Problem("not_found")
    return found


def decide(session: Session, identity: Identity, number: str, verdict: str, note: str = "") -> Release:
    """The second person's word on a proposal: "release" or "withhold" (with a reason); folds and commits.

    Raises state_conflict when it is not proposed any more, or when the decider proposed it or sent one of its reports.
    """
    row = _one(session, identity, number)
    if not identity.may(Verb.RELEASE_DECIDE):
        raise Problem("not_allowed")
    if row.state != "proposed":
        raise Problem("state_conflict", reason="this is not waiting for a decision any more.")
    if verdict == "release":
        _require_second(session, identity, row)
        _require_free(session, row)
    elif verdict != "withhold":
        raise Problem("unexpected_value", field="decision", value=verdict, reason="it is release or withhold.")
    said = entries.text("Reason", note, 500) if verdict == "withhold" else entries.optional("Note", note, 500)
    return _say(session, identity, row, "RELEASE" if verdict == "release" else "WITHHOLD", said)


def _require_second(session: Session, identity: Identity, row: Release) -> None:
    proposal = queries.events_of(session, [subject(row.project_id, row.dataset, row.record_id)])
    reporters = {
        actor for _fact, event in proposal if event.payload.get("number") == row.number
        for actor in event.payload.get("reporters", ())
    }
    if identity.actor_id == row.proposed_by_id or identity.actor_id in reporters:
        raise Problem("state_conflict", reason="a second person must decide: not who proposed or reported it.")
    if row.valid_until is not None and row.valid_until <= now():
        raise Problem("state_conflict", reason="its day has passed; propose it anew.")


def _require_free(session: Session, row: Release) -> None:
    record_id = records.survivor_id(session, row.dataset, row.record_id, row.project_id) or row.record_id
    record = session.get(Record, (record_id, row.project_id, row.dataset))
    rule = registers.register(session, row.dataset, row.project_id)
    if record is not None and rules.held(rule, record.data, now(), zone_of(session)):
        raise Problem("state_conflict", reason=GOES_ON)


def withdraw(session: Session, identity: Identity, number: str, reason: str) -> Release:
    """Takes a release back: it leaves the partners' feeds and a tombstone stays; folds and commits."""
    row = _one(session, identity, number)
    if not identity.may(Verb.RELEASE_DECIDE):
        raise Problem("not_allowed")
    if row.state not in {"released", "proposed"}:
        raise Problem("state_conflict", reason="only what is released or proposed can be withdrawn.")
    return _say(session, identity, row, "WITHDRAW", entries.text("Reason", reason, 500))


def _say(session: Session, identity: Identity, row: Release, type: str, note: str | None) -> Release:
    payload = {
        "number": row.number, "project_id": row.project_id, "dataset": row.dataset, "record": row.record_id, "note": note
    }  # fmt: skip
    fact = _event(session, identity, type, row.project_id, row.dataset, row.record_id, payload)
    audit(session, identity, f"release.{type.lower()}", f"{row.dataset}/{row.record_id}", {"number": row.number})
    folding.fold_now(session, [fact])
    session.commit()
    session.expire_all()
    return _one(session, identity, row.number)


def of_record(session: Session, identity: Identity, record: Record) -> Sequence[Release]:
    """Every release made of the record or of a part of it, latest first; nothing for who may not see releases."""
    if not identity.may(Verb.RELEASE_READ):
        return []
    parts = {entity.id for entity in records.entities(session, record.dataset, [record.id], record.project_id)}
    return queries.of_records(session, identity.scope, record.dataset, parts | {record.id}, record.project_id)


def bulk(session: Session, identity: Identity, dataset: str, filters: records.Filters, audience: str) -> Bulk:
    """What releasing this part of a register to the audience would do. Raises not_allowed."""
    if not identity.may(Verb.RELEASE_PROPOSE):
        raise Problem("not_allowed")
    chosen = list(records.chosen(session, identity.scope, dataset, filters, BULK_LIMIT + 1))
    made = _drafts(session, chosen[:BULK_LIMIT], dataset, 1)
    out = queries.of_records(session, identity.scope, dataset, [one.id for one in chosen])
    standing = {
        (row.record_id, row.audience): row for row in out
        if row.state in {"released", "proposed"} and (row.valid_until is None or row.valid_until > now())
    }
    free = [one for one in made if not one.held]
    permitted = [one for one in free if audience in one.audiences]
    fresh = [one for one in permitted if not _unchanged(standing.get((one.record.id, audience)), one.leaving[audience])]
    alone = [one for one in fresh if _verb(identity, one) == "release"]
    waiting = [one for one in fresh if _verb(identity, one) == "propose"]
    return Bulk(
        audience, tuple(alone), tuple(waiting), len(free) - len(permitted), len(permitted) - len(fresh), len(made) - len(free),
        len(chosen) > BULK_LIMIT,
    )  # fmt: skip


def _unchanged(row: Release | None, leaving: rules.Leaving) -> bool:
    """Whether the very same is out, or proposed, already: nothing to release anew."""
    if row is None:
        return False
    return (row.label, row.data, row.lat, row.lon) == (leaving.label, leaving.data, leaving.lat, leaving.lon)


def put_forward_many(
    session: Session, identity: Identity, dataset: str, filters: records.Filters, audience: str, until: dt.datetime,
    expected: int,
) -> Bulk:
    """Releases or proposes all that `bulk` shows, folds and commits.

    `expected` is the number of records that the officer saw in the preview; state_conflict when it is another by now.
    """
    if until <= now():
        raise Problem("invalid_input", reason="Valid until: name a day that is not over.", field="Valid until")
    shown = bulk(session, identity, dataset, filters, audience)
    every = [*shown.now, *shown.proposed]
    if len(every) != expected:
        raise Problem("state_conflict", reason=f"the list has {len(every)} records now, the preview had {expected}.")
    if not every:
        raise Problem("state_conflict", reason="there is nothing new to release.")
    numbers = _numbers(session, len(every))
    facts = [
        _put_forward(session, identity, one, audience, until, number, None)
        for one, number in zip(every, numbers, strict=True)
    ]
    said = {"audience": audience, "rows": len(every), "first": numbers[0], "last": numbers[-1]}
    audit(session, identity, "release.bulk", dataset, said)
    folding.fold_now(session, facts)
    session.commit()
    return shown
