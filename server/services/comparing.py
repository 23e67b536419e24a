"""Puts the question of a review task so that an officer can decide it at a glance: two sides, differences, map, the reason.

Reads only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.models import Observation, Record, ReviewTask
from server.queries import records, review
from server.services import dossiers, registers
from server.services.dossiers import Claim, Dossier
from server.services.identity import Identity
from server.services.registers import Words
from server.services.review import own_side
from sync.merge.faces import distance_m
from sync.merge.facts import Position
from sync.merge.matching import reason, weights_by_part
from sync.merge.positions import parse_position

# So many earlier decisions stand beside a question; the record's page has all.
MOST_EARLIER = 6


@dataclass(frozen=True)
class Line:
    """One property of both sides; `same` is None where one side says nothing."""

    label: str
    a: Claim | None
    b: Claim | None
    same: bool | None


@dataclass(frozen=True)
class Question:
    """What is asked: the reason in one sentence, one or two sides, their lines, and the map's points."""

    kind: str
    register: str
    why: str
    a: Dossier | None
    b: Dossier | None
    lines: tuple[Line, ...]
    points: Mapping[str, Any]
    distance_m: int | None
    words: Words
    proposed: str = ""
    current: str = ""
    property_label: str = ""
    said: Observation | None = None
    opposing: tuple[dossiers.Decision, ...] = ()
    decided: dossiers.Decision | None = None
    own_side: str | None = None
    weights: tuple[float, float, float] | None = None
    earlier: tuple[dossiers.Decision, ...] = ()


def question(session: Session, identity: Identity, task: ReviewTask, language: str) -> Question:
    """The task as a question in the reader's language; what the reader may not see is not in it."""
    rules = registers.register(session, task.dataset, task.project_id)
    spoken = registers.words(session, identity, rules, language)
    sides = [_side(session, identity, task, record_id, spoken) for record_id in (task.a_record, task.b_record)]
    a, b = sides
    proposal = _proposed(session, task, spoken) if task.kind == "proposal" else {}
    points = _points(a, b, proposal.get("said"), task)
    return Question(
        kind=task.kind, register=rules.label(language), why=_why(task, language), a=a, b=b,
        lines=_lines(a, b) if a and b else (), points=points, distance_m=_distance(points), words=spoken,
        earlier=_earlier(session, task, a, b),
        weights=weights_by_part(task.features) if task.features.get("weights") else None, **proposal,
        **(_contest(session, task, a, b) if task.kind == "contested" else {}),
        **(_dispute(session, identity, task) if task.kind == "disputed" else {}),
    )  # fmt: skip


def _side(session: Session, identity: Identity, task: ReviewTask, record_id: str | None, spoken: Words) -> Dossier | None:
    found: Record | None = None
    if record_id is not None:
        found = records.record(session, identity.scope, task.dataset, record_id, task.project_id)
    # Only a contested question needs the officers' decisions; the others are to answer at once.
    brief = task.kind != "contested"
    return dossiers.dossier(session, found, spoken.register, spoken, brief=brief) if found else None


def _why(task: ReviewTask, language: str) -> str:
    return reason(task.features, language) if task.kind == "pair" and "levels" in task.features else ""


def _lines(a: Dossier, b: Dossier) -> tuple[Line, ...]:
    left, right = ({claim.name: claim for claim in side.claims} for side in (a, b))
    lines = []
    for name in dict.fromkeys([*left, *right]):
        one, other = left.get(name), right.get(name)
        values = [claim.raw.strip().casefold() for claim in (one, other) if claim is not None and claim.raw]
        if values:
            label = (one or other).label if one or other else name  # type: ignore[union-attr]
            lines.append(Line(label, one, other, values[0] == values[1] if len(values) == 2 else None))
    return tuple(lines)


def _points(a: Dossier | None, b: Dossier | None, said: Observation | None, task: ReviewTask) -> Mapping[str, Any]:
    features = []
    for state, side in (("a", a), ("b", b)):
        if side is not None and side.record.lat is not None and side.record.lon is not None:
            features.append(dossiers.point(side.record.lat, side.record.lon, state, side.record.label, _accuracy(side)))
    there = parse_position(str(task.features.get("proposed", ""))) if said is not None else None
    if said is not None and there is not None:
        features.append(dossiers.point(there.lat, there.lon, "b", said.unit or "", there.accuracy_m))
    return {"type": "FeatureCollection", "features": features}


def _accuracy(side: Dossier) -> float | None:
    stated = [saying.observation.accuracy_m for saying in side.sayings if saying.observation.accuracy_m]
    return min(stated) if stated else None


def _distance(points: Mapping[str, Any]) -> int | None:
    places = [feature["geometry"]["coordinates"] for feature in points["features"]]
    if len(places) != 2:
        return None
    return round(distance_m(Position(places[0][1], places[0][0]), Position(places[1][1], places[1][0])))


def _proposed(session: Session, task: ReviewTask, spoken: Words) -> dict[str, Any]:
    name = str(task.features["property"])
    said = records.observation(session, task.a_observation or "")
    return {
        "proposed": spoken.value(name, task.features["proposed"]), "current": spoken.value(name, task.features["current"]),
        "property_label": spoken.property_label(name), "said": said,
    }  # fmt: skip


def _dispute(session: Session, identity: Identity, task: ReviewTask) -> dict[str, Any]:
    """Who said the same and who different, and on which side the reader is."""
    made = {event.payload["verdict"]: dossiers.Decision(fact, event, standing=True) for fact, event in review.events_by_uuid(
        session, [str(task.features["same"]), str(task.features["different"])]
    )}
    opposing = tuple(made[side] for side in ("different",) if side in made)
    return {"decided": made.get("same"), "opposing": opposing, "own_side": own_side(session, identity, task)}


def _earlier(session: Session, task: ReviewTask, a: Dossier | None, b: Dossier | None) -> tuple[dossiers.Decision, ...]:
    """What officers said before about either side of the question, latest first: whoever decides sees who decided what."""
    if task.kind not in ("pair", "disputed"):
        return ()
    said = [saying.observation.id for side in (a, b) if side is not None for saying in side.sayings]
    named = {one for one in (task.a_observation, task.b_observation, *said) if one is not None}
    made = review.events_naming(session, named, ("JUDGE",))[-MOST_EARLIER:]
    if not made:
        return ()
    retracted = dossiers.standing_retractions(session, [fact.uuid for fact, _event in made])
    return tuple(dossiers.Decision(fact, event, fact.uuid not in retracted) for fact, event in reversed(made))


def _contest(session: Session, task: ReviewTask, a: Dossier | None, b: Dossier | None) -> dict[str, Any]:
    made = review.events_by_uuid(session, [str(task.features["judgement"])])
    against = {
        one.fact.uuid: one for side in (a, b) if side is not None for one in side.decisions
        if one.standing and one.event.type == "JUDGE" and one.event.payload["verdict"] == "different"
    }
    return {
        "decided": dossiers.Decision(*made[0], standing=True) if made else None, "opposing": tuple(against.values()),
    }  # fmt: skip
