"""The obvious questions of the review queue, put together so that an officer decides many at once; one undo takes all back.

Nothing is decided here by itself: what is shown ticked waits for the officer's word.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.models import Fact, Record, ReviewTask
from server.problems import Problem
from server.queries import records
from server.queries import review as queries
from server.services import folding, merging
from server.services.identity import Identity

# Obvious: one name, one type and this near (twice the register's certain distance, for phones under trees), or a score
# that is wrong in about one of a hundred cases (docs/matching.md, probabilities).
NEAR_M, SURE = 50, 0.99
# Levels that tell two neighbours of one name apart, such as "primary" and "secondary" or "1" and "2".
DOUBTS = frozenset({
    "kind_clash", "type_differs", "number_clash", "number_one", "qualifier_clash", "qualifier_one", "phone_differs",
    "code_differs",
})  # fmt: skip
LOOKED_AT, MOST = 400, 50


@dataclass(frozen=True)
class Group:
    """Records that would become one, and the questions whose answer "same" does it, the likeliest first."""

    records: tuple[Record, ...]
    tasks: tuple[ReviewTask, ...]


def is_obvious(task: ReviewTask) -> bool:
    """Whether a question about a pair hardly needs an officer's look."""
    levels = set(task.features.get("levels", ()))
    if task.kind != "pair" or levels & DOUBTS:
        return False
    distance = task.features.get("distance_m")
    near = distance is not None and distance <= NEAR_M
    return (near and {"equal", "type_same"} <= levels) or task.score >= SURE


def groups(session: Session, identity: Identity) -> list[Group]:
    """The obvious questions as groups of records that would become one; at most `MOST` questions."""
    found = [task for task in queries.likeliest_pairs(session, identity.scope, LOOKED_AT) if is_obvious(task)][:MOST]
    seen = records.records_by_id(session, identity.scope, {one for task in found for one in _ends(task)})
    made: list[tuple[set[str], list[ReviewTask]]] = []
    for task in found:
        ends = _ends(task)
        touched = [one for one in made if one[0] & ends]
        made = [one for one in made if not one[0] & ends]
        made.append((ends.union(*(one[0] for one in touched)), [*(old for one in touched for old in one[1]), task]))
    whole = [one for one in made if one[0] <= seen.keys()]
    return [Group(tuple(seen[name] for name in sorted(names)), tuple(tasks)) for names, tasks in whole]


def _ends(task: ReviewTask) -> set[str]:
    return {one for one in (task.a_record, task.b_record) if one is not None}


def join(session: Session, identity: Identity, task_ids: Collection[str]) -> Sequence[Fact]:
    """Answers "same" to these questions as one batch, folds and commits. What is no longer open or obvious is left out.

    Raises unexpected_value for more than `MOST` questions.
    """
    if len(task_ids) > MOST:
        raise Problem("unexpected_value", field="task", value=str(len(task_ids)), reason=f"at most {MOST} at once.")
    asked = [task for task in queries.tasks_named(session, identity.scope, task_ids) if is_obvious(task)]
    batch = str(uuid.uuid4())
    pairs = [(task.a_observation or "", task.b_observation or "") for task in asked]
    facts = [merging.judge(session, identity, a, b, "same", batch=batch) for a, b in pairs]
    if facts:
        folding.fold_now(session, facts)
    session.commit()
    return facts
