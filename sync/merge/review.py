"""The open questions that merging leaves to officers: pairs, disputed and contested judgements, proposals, held offline chains.

A task's id depends only on what it asks, so every server derives the same one; a decision is one more fact, and the task
is simply not derived again. Must not decide anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sync.merge.facts import Judgement, derived_id
from sync.merge.golden import Proposal
from sync.merge.judgements import Dispute, Links, pair_of
from sync.merge.matching import Match
from sync.merge.records import EntityState, Record
from sync.registers import Register

TaskKind = Literal["pair", "disputed", "contested", "proposal", "held"]


@dataclass(frozen=True, slots=True)
class Task:
    """One question. `a_observation` and `b_observation` are what a judgement names; `worth` orders the queue."""

    id: str
    register: str
    kind: TaskKind
    a_record: str
    b_record: str | None
    a_observation: str | None
    b_observation: str | None
    score: float
    worth: float
    features: Mapping[str, Any]
    since: dt.datetime


def _newest_clock(record: Record, states: Mapping[str, EntityState]) -> str:
    return max(o.clock for entity in record.entities for o in states[entity].applied)


def pair_tasks(
    records: Sequence[Record],
    matches: Sequence[Match],
    links: Links,
    states: Mapping[str, EntityState],
) -> list[Task]:
    """One task per pair of records that some compared pair proposes, asked on the best pair.

    None where an officer said "different" or "unsure" and nothing new has come since, or where a record is deleted.
    After "unsure" any later report is new; after "different" only a thing first reported later that certainly is like
    one of each record, so that the neighbours' own further reports ask nothing again.
    """
    home = {entity: record for record in records for entity in record.entities}
    apart = _apart(home, links)
    parked = _parked(home, links, states)
    best: dict[tuple[str, str], Match] = {}
    for match in sorted(matches, key=lambda m: (-m.score, m.a, m.b)):
        a, b = home.get(match.a), home.get(match.b)
        if a is None or b is None or a.id == b.id or not match.proposed or a.deleted_at or b.deleted_at:
            continue
        pair = pair_of(a.id, b.id)
        if pair not in parked and (pair not in apart or _is_new(match, apart[pair], states)):
            best.setdefault(pair, match)
    return [_pair_task(match, home, states) for _, match in sorted(best.items())]


def _apart(home: Mapping[str, Record], links: Links) -> dict[tuple[str, str], str]:
    """The pairs of records that an officer called different, with the clock of the last time."""
    found: dict[tuple[str, str], str] = {}
    for (a, b), judgement in links.cannot.items():
        if a in home and b in home:
            pair = pair_of(home[a].id, home[b].id)
            found[pair] = max(found.get(pair, ""), judgement.clock)
    return found


def _is_new(match: Match, decided: str, states: Mapping[str, EntityState]) -> bool:
    """Whether a pair is evidence that nobody had when the two were called different."""
    return match.certain and max(states[match.a].anchor.clock, states[match.b].anchor.clock) > decided


def _parked(home: Mapping[str, Record], links: Links, states: Mapping[str, EntityState]) -> set[tuple[str, str]]:
    parked: set[tuple[str, str]] = set()
    for (a, b), judgement in links.unsure.items():
        if a in home and b in home:
            newest = max(_newest_clock(home[a], states), _newest_clock(home[b], states))
            if newest <= judgement.clock:
                parked.add(pair_of(home[a].id, home[b].id))
    return parked


def _pair_task(match: Match, home: Mapping[str, Record], states: Mapping[str, EntityState]) -> Task:
    a, b = states[match.a], states[match.b]
    worth = match.score * len(home[match.a].entities) * len(home[match.b].entities)
    return Task(
        id=derived_id("pair", a.register, a.anchor.id, b.anchor.id),
        register=a.register,
        kind="pair",
        a_record=home[match.a].id,
        b_record=home[match.b].id,
        a_observation=a.anchor.id,
        b_observation=b.anchor.id,
        score=match.score,
        worth=round(worth, 6),
        features=match.features,
        since=max(a.anchor.received_at, b.anchor.received_at),
    )


def contested_tasks(
    records: Sequence[Record],
    suspended: Sequence[Judgement],
    entity_of: Mapping[str, str],
    register: Register,
) -> list[Task]:
    """One task per "same" that is suspended because it would break a "different"."""
    home = {entity: record.id for record in records for entity in record.entities}
    tasks = []
    for judgement in suspended:
        a, b = home.get(entity_of.get(judgement.a, "")), home.get(entity_of.get(judgement.b, ""))
        if a is None or b is None:
            continue
        tasks.append(
            Task(
                id=derived_id("contested", register.name, judgement.id),
                register=register.name,
                kind="contested",
                a_record=a,
                b_record=b,
                a_observation=judgement.a,
                b_observation=judgement.b,
                score=1.0,
                worth=2.0,
                features={"judgement": judgement.id, "actor": judgement.actor, "reason": judgement.reason},
                since=judgement.at,
            )
        )
    return tasks


def disputed_tasks(
    records: Sequence[Record], disputes: Mapping[tuple[str, str], Dispute], states: Mapping[str, EntityState]
) -> list[Task]:
    """One task per pair of records about which two persons disagree: a second person decides, before anything else."""
    home = {entity: record for record in records for entity in record.entities}
    found: dict[tuple[str, str], Task] = {}
    for (first, second), dispute in sorted(disputes.items(), key=lambda item: (item[1].different.rank, item[0])):
        a, b = home[first], home[second]
        if a.id == b.id or a.deleted_at or b.deleted_at:
            continue
        found[pair_of(a.id, b.id)] = Task(
            id=derived_id("disputed", a.register, states[first].anchor.id, states[second].anchor.id),
            register=a.register,
            kind="disputed",
            a_record=a.id,
            b_record=b.id,
            a_observation=states[first].anchor.id,
            b_observation=states[second].anchor.id,
            score=1.0,
            worth=3.0,
            features={"same": dispute.same.id, "different": dispute.different.id},
            since=max(dispute.same.at, dispute.different.at),
        )
    return [task for _, task in sorted(found.items())]


def proposal_task(record: Record, proposal: Proposal) -> Task:
    """The question whether a value that a report proposes (such as another position) should be taken."""
    observation, standing = proposal.said.observation, proposal.standing
    return Task(
        id=derived_id("proposal", record.register, proposal.property, observation.id),
        register=record.register,
        kind="proposal",
        a_record=record.id,
        b_record=None,
        a_observation=observation.id,
        b_observation=None,
        score=0.5,
        worth=0.5,
        features={
            "property": proposal.property,
            "proposed": proposal.said.statement.value,
            "current": proposal.current,
            "distance_m": None if proposal.distance_m is None else round(proposal.distance_m),
            "observed": observation.observed_at.date().isoformat(),
            "current_observed": None if standing is None else standing.observation.observed_at.date().isoformat(),
            "mistake": proposal.mistake,
        },
        since=observation.received_at,
    )


def held_task(state: EntityState) -> Task:
    """An offline chain that waits for a part which has not arrived; asked on the entity itself."""
    held = sorted(o.id for o in state.observations if o.id in state.chain.held)
    waiting = [o for o in state.observations if o.id in state.chain.held]
    return Task(
        id=derived_id("held", state.register, state.id),
        register=state.register,
        kind="held",
        a_record=state.id,
        b_record=None,
        a_observation=held[0],
        b_observation=None,
        score=0.0,
        worth=0.1,
        features={"held": held},
        since=min(o.received_at for o in waiting),
    )
