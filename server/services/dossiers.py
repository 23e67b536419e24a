"""One record with everything it rests on: each value with its source, everything ever said, what was merged and why.

Reads only. The rules that chose a value are sync.merge.golden's; here they are put beside the value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.models import Attachment, Entity, Event, Fact, Observation, Record, SubmissionSummary
from server.queries import records, review
from server.queries.merge_rows import entity_target, list_key
from server.services.identity import Identity
from server.services.journal import now
from server.services.registers import GUARDED, Words
from sync.merge.matching import reason
from sync.merge.positions import parse_position
from sync.merge.records import Record as PastRecord
from sync.registers import Register

PHOTOS = 12


@dataclass(frozen=True)
class Claim:
    """One property of a record: the value in force and its origin; times are UTC. rule: see sync.merge.golden."""

    name: str
    label: str
    value: str
    raw: str
    rule: str
    unit: str | None = None
    observed_at: dt.datetime | None = None
    received_at: dt.datetime | None = None
    seen: bool | None = None
    report: SubmissionSummary | None = None
    actor: str | None = None
    reason: str | None = None
    until: dt.datetime | None = None
    pin: str | None = None
    unconfirmed: str | None = None
    guarded: bool = False


@dataclass(frozen=True)
class Saying:
    """One observation as the history shows it; `values` are (property, label, value, in force)."""

    observation: Observation
    values: tuple[tuple[str, str, str, bool], ...]
    report: SubmissionSummary | None
    post: str | None


@dataclass(frozen=True)
class Part:
    """An entity merged into the record: the observation that created it, and why it is here, in one sentence."""

    entity: Entity
    label: str
    anchor: Observation | None
    why: str
    certain: bool


@dataclass(frozen=True)
class Decision:
    """An officer's event about the record; `standing` is false once it was taken back, or once its last day had passed."""

    fact: Fact
    event: Event
    standing: bool
    ended: bool = False


@dataclass(frozen=True)
class Dossier:
    """A record with its claims, history (newest first), parts, decisions, photos and the points of its small map."""

    record: Record
    rules: Register
    claims: tuple[Claim, ...]
    sayings: tuple[Saying, ...]
    parts: tuple[Part, ...]
    decisions: tuple[Decision, ...]
    photos: tuple[tuple[Attachment, SubmissionSummary], ...]
    points: Mapping[str, Any]


def dossier(session: Session, record: Record, rules: Register, spoken: Words, *, brief: bool = False) -> Dossier:
    """Everything about the record, which the caller has found within the reader's scope; brief: no parts, no decisions."""
    entities = records.entities(session, record.dataset, [record.id], record.project_id)
    said = records.observations(session, record.dataset, [entity.id for entity in entities], record.project_id)
    sources = {row.source for row in said if row.source}
    reports = records.reports_behind(session, sources, record.project_id)
    posts = records.post_names(session, {row.post_id for row in said if row.post_id})
    claims = tuple(_claim(name, record, spoken, reports) for name in _shown(rules, record))
    sayings = tuple(_saying(row, record, spoken, reports, posts) for row in said)
    parts = () if brief else _parts(session, record, entities, said, spoken)
    decisions = () if brief else _decisions(session, record, entities, said)
    photos = _photos(session, reports)
    return Dossier(record, rules, claims, sayings, parts, decisions, photos, _points(record, rules, sayings))


def claims_of(session: Session, record: Record, past: PastRecord, spoken: Words) -> tuple[Claim, ...]:
    """The claims of `record` as it was, each with the report behind it."""
    sources = {str(origin["source"]) for origin in past.provenance.values() if origin.get("source")}
    reports = records.reports_behind(session, sources, record.project_id)
    return tuple(_claim(name, past, spoken, reports) for name in _shown(spoken.register, past))


def _shown(rules: Register, record: Record | PastRecord) -> list[str]:
    """Properties in the register file's order, then what the data holds besides."""
    return [*rules.properties, *sorted(name for name in record.data if name not in rules.properties)]


def _claim(name: str, record: Record | PastRecord, spoken: Words, reports: Mapping[str, SubmissionSummary]) -> Claim:
    origin: Mapping[str, Any] = record.provenance.get(name) or {}
    raw = str(record.data.get(name) or "")
    prop = spoken.register.properties.get(name)
    waiting = origin.get("unconfirmed")
    return Claim(
        name, spoken.property_label(name), spoken.value(name, raw), raw, str(origin.get("rule", "")), origin.get("unit"),
        _time(origin.get("observed_at")), _time(origin.get("received_at")), origin.get("seen"),
        reports.get(str(origin.get("source"))), origin.get("actor"), origin.get("reason"), _time(origin.get("until")),
        origin.get("pin"), spoken.value(name, waiting["value"]) if waiting else None,
        prop is not None and prop.sensitivity in GUARDED,
    )  # fmt: skip


def _time(text: object) -> dt.datetime | None:
    return dt.datetime.fromisoformat(str(text)) if text else None


def _saying(
    row: Observation, record: Record, spoken: Words, reports: Mapping[str, SubmissionSummary], posts: Mapping[int, str],
) -> Saying:
    order = {name: place for place, name in enumerate(spoken.register.properties)}
    names = sorted(set(row.values) - spoken.register.withheld(record.data), key=lambda name: (order.get(name, len(order)), name))
    values = tuple(
        (
            name, spoken.property_label(name), spoken.value(name, row.values[name]),
            (record.provenance.get(name) or {}).get("observation") == row.id,
        )
        for name in names
    )
    return Saying(row, values, reports.get(row.source or ""), posts.get(row.post_id or 0))


def anchor_of(entity_id: str, said: Sequence[Observation]) -> Observation | None:
    """The observation that created an entity: judgements about the entity are made on it."""
    own = [row for row in said if row.entity_id == entity_id and row.state == "applied"]
    return min(own, key=lambda row: (row.version or 0, row.hlc, row.id), default=None)


def _parts(
    session: Session, record: Record, entities: Sequence[Entity], said: Sequence[Observation], spoken: Words,
) -> tuple[Part, ...]:
    if len(entities) < 2:
        return ()
    pairs = review.pairs_among(session, record.dataset, [entity.id for entity in entities], record.project_id)
    parts = []
    for entity in entities:
        mine = [pair for pair in pairs if entity.id in (pair.a_id, pair.b_id)]
        best = max(mine, key=lambda pair: (pair.verdict == "same", pair.certain, pair.score), default=None)
        # Of a pair that was never proposed nothing is told: an officer has said that they are the same.
        why = reason(best.features, spoken.language) if best is not None and best.features else ""
        # What a phone called a person may hold the name.
        label = record.label if spoken.register.consent is not None else entity.label or entity.id
        parts.append(Part(entity, label, anchor_of(entity.id, said), why, best is not None and best.certain))
    return tuple(parts)


def _decisions(
    session: Session, record: Record, entities: Sequence[Entity], said: Sequence[Observation],
) -> tuple[Decision, ...]:
    key = list_key(record.project_id, record.dataset)
    named = [row.id for row in said] + [entity_target(key, entity.id) for entity in entities]
    events = review.events_naming(session, named, ("JUDGE", "PIN", "CHOOSE", "DELETE", "RESTORE", "FORCE", "RESOLVE", "LAPSE"))
    retracted = standing_retractions(session, [fact.uuid for fact, _event in events])
    taken = [(fact, event, fact.uuid in retracted) for fact, event in reversed(events)]
    return tuple(Decision(fact, event, not back, back and _over(event)) for fact, event, back in taken)


def _over(event: Event) -> bool:
    until = _time(event.payload.get("until")) if event.type == "PIN" else None
    return until is not None and until <= now()


def standing_retractions(session: Session, uuids: Sequence[str]) -> set[str]:
    """Which of these events are taken back by a retraction that itself stands and has the authority for it."""
    events = {fact.uuid: event for fact, event in review.events_by_uuid(session, uuids)}
    against = review.events_naming(session, uuids, ("RETRACT",))
    if not against:
        return set()
    undone = standing_retractions(session, [fact.uuid for fact, _event in against])
    return {
        target for fact, event in against
        if fact.uuid not in undone and (target := str(event.payload["target"])) in events
        and int(event.payload.get("authority", 0)) >= int(events[target].payload.get("authority", 0))
    }


def _photos(
    session: Session, reports: Mapping[str, SubmissionSummary],
) -> tuple[tuple[Attachment, SubmissionSummary], ...]:
    by_fact = {report.current_fact_id: report for report in reports.values()}
    if not by_fact:
        return ()
    return tuple((file, by_fact[file.submission_fact_id]) for file in review.photos(session, by_fact.keys(), PHOTOS))


def _points(record: Record, rules: Register, sayings: Sequence[Saying]) -> Mapping[str, Any]:
    """The kept position and every observed one around it, with stated accuracies, as GeoJSON; a warning has the circle to keep
    away from instead."""
    features = []
    for saying in sayings:
        row = saying.observation
        place = next((found for text in row.values.values() if (found := parse_position(str(text)))), None)
        lat, lon = (row.lat, row.lon) if row.lat is not None else (place.lat, place.lon) if place else (None, None)
        if lat is not None and lon is not None:
            features.append(point(lat, lon, "observation", row.unit or "", row.accuracy_m))
    if record.lat is not None and record.lon is not None:
        circle = rules.warning.metres if rules.warning is not None and rules.warning.stands(record.data) else None
        features.append(point(record.lat, record.lon, "kept", record.label, circle))
    return {"type": "FeatureCollection", "features": features}


def point(lat: float, lon: float, state: str, title: str, accuracy_m: float | None = None) -> dict[str, Any]:
    """A GeoJSON point as the map island draws it."""
    return {
        "type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {"state": state, "title": title, "accuracy_m": accuracy_m},
    }


def find(session: Session, identity: Identity, dataset: str, record_id: str, project_id: int = 1) -> Record | None:
    """The record within the actor's scope, or None."""
    return records.record(session, identity.scope, dataset, record_id, project_id)
