"""What merging folds: observations of things, and the events of officers about them.

Frozen values with stable ids. `clock` is the hybrid logical clock as sortable text, so facts of all servers have one
order. Must not hold anything that a rebuild from the stored facts could not make again.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NAMESPACE = uuid.UUID("5d0c1cf0-6a0e-5f0e-9d0b-0f1e1d905701")
BEGINNING = dt.datetime.min.replace(tzinfo=dt.UTC)
Verdict = Literal["same", "different", "unsure"]
# "row": stated by the register file, not by the form; it makes its entity or adds to it, and can be in conflict with nothing.
Action = Literal["create", "update", "both", "row"]


def derived_id(*parts: str) -> str:
    """A UUID (version 5) that depends on `parts` only, so that every server derives the same one."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))


@dataclass(frozen=True, slots=True)
class Position:
    """A place in WGS 84 degrees with the stated accuracy in metres (None: not stated)."""

    lat: float
    lon: float
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What an observation says of one property: the original text, and whether it was seen (None: not said)."""

    value: str
    seen: bool | None = None
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing as one report describes it.

    `data` is the entity operation's own text per property (chains work on it, empty texts included); `statements` holds
    only what was answered. Times are UTC; `source` is the root instanceID, `fact_id` the server's number of the fact.
    `official` marks an officer's own writing through the API: it counts as seen, and it may move a known place.
    `withdrawn`: an officer rejected the report; it stays in the chain, but states nothing.
    `at_camp`: the position was read in the camp of the reporting unit, so it hardly is that of the thing.
    `problem` is set when the operation itself was faulty: such an observation is kept and never applied.
    `fault` is the code of that problem. `user_agent` is the client that sent it.
    `instead_of`: an edit of the report, which counts only when that observation could not be applied (plain lists).
    """

    id: str
    register: str
    entity_id: str
    action: Action
    clock: str
    observed_at: dt.datetime
    received_at: dt.datetime
    label: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    statements: Mapping[str, Statement] = field(default_factory=dict)
    clock_flagged: bool = False
    unit: str | None = None
    role: str | None = None
    seen: bool | None = None
    position: Position | None = None
    source: str | None = None
    fact_id: int | None = None
    post_id: int | None = None
    actor_id: int | None = None
    base_version: int | None = None
    trunk_version: int | None = None
    branch_id: str | None = None
    problem: str | None = None
    official: bool = False
    withdrawn: bool = False
    sensitivity: str | None = None
    user_agent: str | None = None
    fault: str | None = None
    instead_of: str | None = None
    at_camp: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one version of a report (or one import row, or one API write) says; replaces older versions of it.

    `key` names the report on every server. `version` is (clock, instanceID) of that version: the highest one stands,
    whatever arrives when. `fact_id` is this server's number of the original.
    """

    key: str
    version: tuple[str, str]
    observations: tuple[Observation, ...]
    fact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What all events share. `authority` ranks officers: a higher one is not overruled by a lower one."""

    id: str
    clock: str
    at: dt.datetime
    authority: int = 0
    actor: str | None = None
    reason: str | None = None

    @property
    def rank(self) -> tuple[int, str, str]:
        """The order in which events outrank each other: authority, then clock, then id."""
        return (self.authority, self.clock, self.id)


@dataclass(frozen=True, slots=True)
class Judgement(Event):
    """Two observations are of the same thing, of different things, or the officer cannot tell."""

    a: str = ""
    b: str = ""
    verdict: Verdict = "unsure"


@dataclass(frozen=True, slots=True)
class Retraction(Event):
    """Takes an event back, as if it had never been made; a retraction can be retracted too."""

    target: str = ""


@dataclass(frozen=True, slots=True)
class Pin(Event):
    """An officer's value for a property of the record that holds `entity_id`.

    It stands above every report, until a report observed after `until` says otherwise (None: for ever).
    """

    register: str = ""
    entity_id: str = ""
    property: str = ""
    value: str = ""
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Choice(Event):
    """An officer takes or refuses the proposal that an observation made for a property (such as a new position)."""

    register: str = ""
    entity_id: str = ""
    property: str = ""
    observation: str = ""
    accept: bool = True


@dataclass(frozen=True, slots=True)
class Presence(Event):
    """An entity is deleted or restored; the latest such event that is not retracted stands."""

    register: str = ""
    entity_id: str = ""
    deleted: bool = True


@dataclass(frozen=True, slots=True)
class Force(Event):
    """An officer applies an operation that is held, or that found no entity or version to stand on, as it is."""

    register: str = ""
    entity_id: str = ""
    observation: str = ""


@dataclass(frozen=True, slots=True)
class Resolution(Event):
    """An officer declares the conflicts of an entity so far settled."""

    register: str = ""
    entity_id: str = ""


@dataclass(frozen=True, slots=True)
class Transition(Event):
    """The record that holds `entity_id` passes into another state of `property` (see sync.merge.states).

    `party`: as whom it was said, as the register file names them; `answers`: what the change needed, field to text.
    """

    register: str = ""
    entity_id: str = ""
    property: str = ""
    to: str = ""
    party: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lapse(Event):
    """Nobody confirmed a person's record since `since`: consent counts no longer, until somebody does (rule C.9).

    The passing of time as a fact, so that a rebuild gives the same records whenever it is run.
    """

    register: str = ""
    entity_id: str = ""
    since: dt.datetime = BEGINNING


EventFact = Judgement | Retraction | Pin | Choice | Presence | Force | Resolution | Transition | Lapse
Fact = Report | EventFact
ABOUT_ENTITIES = (Pin, Choice, Presence, Force, Resolution, Transition, Lapse)
"""The events that name one entity."""
