"""The review queue: one question at a time, an officer's answer as one more fact, folded at once, and taking it back.

What a judgement does to records is merging's; here is who may answer, what an answer means for each kind of question,
and the next question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy.orm import Session

from server.models import Event, Fact, Record, ReviewTask
from server.problems import Problem
from server.queries import records
from server.queries import review as queries
from server.services import dossiers, entries, folding, merging, review_bulk
from server.services.dossiers import Decision
from server.services.identity import Identity
from sync.merge.facts import Verdict

Answer = Literal["same", "different", "unsure"]
ANSWERS: dict[str, tuple[Answer, ...]] = {
    "pair": ("same", "different", "unsure"), "disputed": ("same", "different"), "contested": ("different",),
    "proposal": ("same", "different"), "held": (),
}  # fmt: skip
OWN_DECISIONS = 12


@dataclass(frozen=True)
class Place:
    """A place in the queue, kept in the page's address: the worth and id of the task last shown."""

    worth: float
    task_id: str

    @classmethod
    def of(cls, task: ReviewTask) -> Place:
        return cls(task.worth, task.id)

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """Reads "worth~id"; None for anything else."""
        worth, tilde, task_id = text.partition("~")
        try:
            return cls(float(worth), task_id) if tilde else None
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.worth!r}~{self.task_id}"


def current(session: Session, identity: Identity, place: Place | None, kind: str | None = None) -> ReviewTask | None:
    """The task to show: the one after the place, from the beginning when there is none after it, or the first."""
    if place is not None:
        after = queries.neighbour(session, identity.scope, place.worth, place.task_id, forward=True, kind=kind)
        if after is not None:
            return after
    return queries.first_task(session, identity.scope, kind)


def before(session: Session, identity: Identity, place: Place, kind: str | None = None) -> ReviewTask | None:
    """The task before the place; the first one when there is none."""
    found = queries.neighbour(session, identity.scope, place.worth, place.task_id, forward=False, kind=kind)
    return found or queries.first_task(session, identity.scope, kind)


def task(session: Session, identity: Identity, task_id: str) -> ReviewTask:
    """An open task that this actor may answer. Raises not_found when it is answered already or not to be seen."""
    found = queries.task(session, identity.scope, task_id)
    if found is None:
        raise Problem("not_found")
    return found


def stamp(session: Session, asked: ReviewTask) -> str:
    """What a question looks like now: it changes when the question or one of its records does."""
    versions = queries.versions(session, asked)
    return " ".join([asked.id, *(f"{record}@{version}" for record, version in versions)])


def answer(session: Session, identity: Identity, task_id: str, said: str, note: str = "") -> Fact:
    """Stores the officer's answer, folds it and commits. Raises not_found, or unexpected_value for an answer that
    this kind of question does not take."""
    asked = task(session, identity, task_id)
    if said not in ANSWERS[asked.kind]:
        taken = ", ".join(ANSWERS[asked.kind]) or "none"
        raise Problem("unexpected_value", field="answer", value=said, reason=f"this question takes: {taken}.")
    reason = entries.optional("Reason", note, 500)
    fact = _ANSWERED[asked.kind](session, identity, asked, said, reason)
    folding.fold_now(session, [fact])
    session.commit()
    return fact


def _pair(session: Session, identity: Identity, asked: ReviewTask, said: str, reason: str | None) -> Fact:
    return merging.judge(session, identity, asked.a_observation or "", asked.b_observation or "", cast(Verdict, said), reason)


def _disputed(session: Session, identity: Identity, asked: ReviewTask, said: str, reason: str | None) -> Fact:
    """A second person decides, or one of the two comes round; who says again what he said settles nothing."""
    if said == own_side(session, identity, asked):
        raise Problem("state_conflict", reason="you said so already; somebody else decides, or you agree with the other.")
    return _pair(session, identity, asked, said, reason)


def own_side(session: Session, identity: Identity, asked: ReviewTask) -> str | None:
    """Which side this actor is on in a dispute: "same", "different", or None for a second person."""
    named = [str(asked.features[side]) for side in ("same", "different")]
    made = queries.events_by_uuid(session, named)
    return next((event.payload["verdict"] for fact, event in made if fact.actor_name == identity.name), None)


def _contested(session: Session, identity: Identity, asked: ReviewTask, _said: str, reason: str | None) -> Fact:
    """The suspended "same" is taken back; to uphold it, the "different" against it is taken back on the record's page."""
    target = str(asked.features["judgement"])
    _require_authority(session, identity, target)
    return merging.retract(session, identity, target, reason)


def _proposal(session: Session, identity: Identity, asked: ReviewTask, said: str, reason: str | None) -> Fact:
    return merging.choose(
        session, identity, asked.project_id, asked.dataset, asked.a_record, str(asked.features["property"]),
        asked.a_observation or "", said == "same", reason,
    )  # fmt: skip


_ANSWERED: dict[str, Callable[[Session, Identity, ReviewTask, str, str | None], Fact]] = {
    "pair": _pair, "disputed": _disputed, "contested": _contested, "proposal": _proposal,
}  # fmt: skip


def _require_authority(session: Session, identity: Identity, event_uuid: str) -> Event:
    found = queries.events_by_uuid(session, [event_uuid])
    if not found:
        raise Problem("not_found")
    _fact, event = found[0]
    if merging.AUTHORITY.get(identity.role, 0) < int(event.payload.get("authority", 0)):
        raise Problem("state_conflict", reason="this was decided at a higher level, which alone can take it back.")
    return event


def undo(session: Session, identity: Identity, event_uuid: str, reason: str | None = None) -> ReviewTask | None:
    """Takes a decision back, folds and commits; returns the question that is open again because of it, if there is one.

    Own decisions always; others' where every record that they speak of is in the scope.
    Raises not_found outside that, and state_conflict when it is taken back already or was made at a higher level.
    """
    found = queries.events_by_uuid(session, [event_uuid])
    if not found or found[0][1].type not in {"JUDGE", "CHOOSE", "PIN", "DELETE", "RESTORE", "FORCE", "RESOLVE"}:
        raise Problem("not_found")
    fact, event = found[0]
    if fact.actor_id != identity.actor_id and not _may_touch(session, identity, event):
        raise Problem("not_found")
    _require_authority(session, identity, event_uuid)
    if dossiers.standing_retractions(session, [event_uuid]):
        raise Problem("state_conflict", reason="this decision is taken back already.")
    together = _decided_with(session, identity, fact, event)
    folding.fold_now(session, [merging.retract(session, identity, one, reason) for one in together])
    session.commit()
    named = {"JUDGE": ("a", "b"), "CHOOSE": ("observation",)}.get(event.type, ())
    return queries.task_asking(session, identity.scope, [str(event.payload[key]) for key in named]) if named else None


def _decided_with(session: Session, identity: Identity, fact: Fact, event: Event) -> list[str]:
    """The events that go back with this one: the actor's own batch as far as it still stands, else the one alone."""
    batch = event.payload.get("batch")
    if not batch or fact.actor_id != identity.actor_id:
        return [fact.uuid]
    uuids = [one.uuid for one, _event in queries.batch_of(session, identity.actor_id, str(batch))]
    retracted = dossiers.standing_retractions(session, uuids)
    return [one for one in uuids if one not in retracted]


def _may_touch(session: Session, identity: Identity, event: Event) -> bool:
    named = queries.records_named(session, event)
    seen = records.records_by_id(session, identity.scope, named)
    return bool(named) and set(named) == set(seen)


def own_decisions(session: Session, identity: Identity) -> list[Decision]:
    """What this actor decided of late, newest first, with whether it still stands; a batch counts as one."""
    made, batches = [], set()
    for fact, event in queries.decisions_of(session, identity.actor_id, 2 * OWN_DECISIONS + review_bulk.MOST):
        batch = event.payload.get("batch")
        if event.type != "RETRACT" and (batch is None or batch not in batches):
            made.append((fact, event))
            batches.add(batch)
    made = made[:OWN_DECISIONS]
    retracted = dossiers.standing_retractions(session, [fact.uuid for fact, _event in made])
    return [Decision(fact, event, fact.uuid not in retracted) for fact, event in made]


def last_standing(session: Session, identity: Identity) -> Decision | None:
    """The decision that the key "undo" takes back."""
    return next((one for one in own_decisions(session, identity) if one.standing), None)


def split(session: Session, identity: Identity, record: Record, entity_id: str, reason: str) -> Sequence[Fact]:
    """The entity is a thing of its own: judges it different from every other part, folds and commits."""
    entities = records.entities(session, record.dataset, [record.id], record.project_id)
    said = records.observations(session, record.dataset, [one.id for one in entities], record.project_id)
    anchors = {one.id: dossiers.anchor_of(one.id, said) for one in entities}
    own = anchors.pop(entity_id, None)
    others = [anchor for anchor in anchors.values() if anchor is not None]
    if own is None or not others:
        raise Problem("state_conflict", reason="this part is not, or is alone, in the record.")
    why = entries.text("Reason", reason, 500)
    facts = [merging.judge(session, identity, own.id, other.id, "different", why) for other in others]
    folding.fold_now(session, facts)
    session.commit()
    return facts
