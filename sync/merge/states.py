"""The state of a record: what officers and reports said, in the order of the time they speak of, against the register's table.

A pure function of the record's observations and standing events, so that the order of arrival does not matter. What the
table does not allow is kept and told apart. Must not decide who may say it; the server does, before it writes the event.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.merge.facts import Observation, Transition
from sync.registers.states import States

# A report names a day and not the minute: what it says of a state counts at that day's end, or when it was received.
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One word on the state of a record. `fits` is false where the table had no such row at that moment.

    `id` is that of the event or observation; `party` who it was said as; `at` UTC; `before` the state it met.
    """

    id: str
    to: str
    at: dt.datetime
    party: str
    before: str | None
    fits: bool
    actor: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    observation: Observation | None = None


def _key(said: Observation | Transition) -> tuple[dt.datetime, str, str]:
    at = said.at if isinstance(said, Transition) else min(said.observed_at + _DAY, said.received_at)
    return at, said.clock, said.id


def steps(states: States, observations: Sequence[Observation], events: Sequence[Transition]) -> list[Step]:
    """Everything that was said about the state, oldest first. The first step is how the record began.

    What a report says again, and what it says of a beginning that is long past, is no step.
    """
    reported = [o for o in observations if not o.withdrawn and states.property in o.statements]
    every: list[Observation | Transition] = [*reported, *events]
    ordered = sorted(every, key=_key)
    began = min(observations, key=_key) if observations else None
    first = next((o for o in ordered if isinstance(o, Observation)), None)
    state = first.statements[states.property].value if first is not None else ""
    state = state if state in states.start else states.start[0]
    found = [Step(began.id, state, _key(began)[0], "report", None, True, observation=began)] if began is not None else []
    for said in ordered:
        step = _step(states, state, said)
        if step is None:
            continue
        state = step.to if step.fits else state
        found.append(step)
    return found


def _step(states: States, state: str, said: Observation | Transition) -> Step | None:
    at = _key(said)[0]
    if isinstance(said, Transition):
        row = states.move(state, said.to)
        fits = row is not None and said.party in row.who
        return Step(said.id, said.to, at, said.party, state, fits, said.actor, said.answers)
    to = said.statements[states.property].value
    if to == state or (to in states.start and states.move(state, to) is None):
        return None
    row = states.move(state, to)
    return Step(said.id, to, at, "report", state, row is not None and "report" in row.who, observation=said)


def standing(found: Sequence[Step]) -> Step | None:
    """The step that made the present state; None for a record that nothing was said of."""
    return next((step for step in reversed(found) if step.fits), None)


def answers(found: Sequence[Step]) -> dict[str, str]:
    """What was answered on the way to the present state, the last word on each."""
    said: dict[str, str] = {}
    for step in found:
        if step.fits:
            said.update(step.answers)
    return said
