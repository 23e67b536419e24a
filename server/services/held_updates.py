"""What reports ask of entity lists and could not be done: what each waits for, and an officer's word to apply it anyway.

Nothing is applied by time alone: a held part waits until its forerunner comes, or until an officer decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.orm import Session

from server.models import Fact, Observation
from server.problems import Problem
from server.queries import held_updates as queries
from server.queries.held_updates import Waiting
from server.services import entries, folding, merging
from server.services.identity import Identity
from sync.merge.chains import FORCEABLE

MOST = 200
State = Literal["held", "failed"]
STATES: tuple[State, ...] = ("held", "failed")
Need = Literal["entity", "version", "part", "nothing"]


@dataclass(frozen=True)
class HeldUpdate:
    """An operation that was not applied. needs: what it waits for; number: of that version, or of the part of its branch."""

    waiting: Waiting
    needs: Need
    number: int

    @property
    def forceable(self) -> bool:
        """Whether an officer may apply it as it is."""
        return may_be_forced(self.waiting.observation)


def may_be_forced(row: Observation) -> bool:
    """Whether an officer may apply an operation anyway: a held one, or one that found no entity or version to stand on."""
    return row.state == "held" or (row.state == "failed" and row.problem in FORCEABLE)


def listed(session: Session, who: Identity, state: State) -> list[HeldUpdate]:
    """What is held or failed in the actor's scope."""
    return [_described(each) for each in queries.listed(session, who.scope, state, MOST)]


def count(session: Session, who: Identity, state: State) -> int:
    """How many there are in the actor's scope."""
    return queries.count(session, who.scope, state)


def one(session: Session, who: Identity, observation_id: str) -> HeldUpdate:
    """One of them. Raises not_found."""
    found = queries.one(session, who.scope, observation_id)
    if found is None:
        raise Problem("not_found")
    return _described(found)


def _described(waiting: Waiting) -> HeldUpdate:
    row = waiting.observation
    number = row.base_version or 0
    if row.state != "held":
        return HeldUpdate(waiting, "nothing", 0)
    if waiting.record is None:
        return HeldUpdate(waiting, "entity", 0)
    if number == row.trunk_version:
        return HeldUpdate(waiting, "version", number)
    return HeldUpdate(waiting, "part", number - (row.trunk_version or 1))


def apply_anyway(session: Session, who: Identity, observation_id: str, reason: str) -> Fact:
    """Applies it on top of what is there, folds that and commits; the reason is kept with the decision.

    Raises not_found, invalid_input without a reason, state_conflict for a fault that cannot be overruled.
    """
    found = one(session, who, observation_id)
    if not found.forceable:
        raise Problem("state_conflict", reason="this update is faulty by itself and cannot be applied")
    row = found.waiting.observation
    said = entries.text("Reason", reason, 500)
    fact = merging.force(session, who, row.project_id, row.dataset, row.entity_id, row.id, said)
    folding.fold_now(session, [fact])
    session.commit()
    return fact


def log_of_report(session: Session, fact_id: int) -> list[dict[str, Any]]:
    """What became of each entity that a report asked for, in ODK Central's words of the log: made, updated, held or why not."""
    found = []
    for index, (row, record_id) in enumerate(queries.of_report(session, fact_id)):
        named = {"uuid": row.entity_id, "dataset": row.dataset}
        if record_id is not None and record_id != row.entity_id:
            named["mergedInto"] = record_id
        entity: dict[str, Any] = {"entity": named, "index": index}
        if row.state == "applied":
            action = "entity.create" if row.version == 1 else "entity.update.version"
            found.append(_entry(row, action, {**entity, "version": row.version}))
        elif row.state == "held":
            told = {"branchId": row.branch_id, "baseVersion": row.base_version}
            found.append(_entry(row, "submission.backlog.hold", {**entity, **told}))
        problem = problem_of(row)
        if problem is not None:
            message = (row.details or {}).get("problem") or problem.message
            said = {"errorMessage": message, "problem": {"problemCode": problem.kind.code, "problemDetails": problem.details}}
            found.append(_entry(row, "entity.error", {**entity, **said}))
    return found


def _entry(row: Observation, action: str, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "actorId": row.actor_id, "action": action, "acteeId": row.source, "details": details, "loggedAt": row.received_at,
        "notes": None,
    }  # fmt: skip


def problem_of(row: Observation) -> Problem | None:
    """Why an operation, or one of its two actions, was not done; None for one without fault."""
    told: dict[str, Any] = {"uuid": row.entity_id, "dataset": row.dataset, "base": row.base_version or 0}
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "no_entity": ("no_entity", told), "update_no_entity": ("no_entity", told),
        "no_version": ("no_entity_version", told), "deleted": ("entity_deleted", told),
        "already_exists": ("uniqueness", {"fields": "uuid", "values": row.entity_id}),
        "create_exists": ("uniqueness", {"fields": "uuid", "values": row.entity_id}),
        "no_label": ("missing_parameter", {"field": "label"}), "no_id": ("missing_parameter", {"field": "uuid"}),
        "no_list": ("missing_parameter", {"field": "dataset"}), "other_list": ("no_dataset", told),
        "bad_id": ("invalid_type", {"expected": "valid version 4 UUID", "got": "another text", "field": "uuid"}),
        "not_permitted": ("entity_action", {"action": row.action}),
        "faulty_operation": ("invalid_entity", {"reason": str((row.details or {}).get("problem") or "")}),
    }  # fmt: skip
    if row.state == "held" or row.problem is None or row.problem not in made:
        return None
    name, details = made[row.problem]
    return Problem(name, **details)
