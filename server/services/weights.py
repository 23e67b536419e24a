"""Weights of matching learnt from officers' judgements: learnt, shown with what they would change, put in force, taken back.

Each step is a fact with a name on it. Nothing is learnt or put in force by itself.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.models import Event, Fact
from server.problems import Problem
from server.queries import weights as queries
from server.queries.merge_rows import event_of, split_key
from server.queries.merge_store import SqlMergeStore
from server.queries.mission import server_id
from server.services import journal, merging
from server.services.audits import audit
from server.services.identity import Identity
from server.services.learnt_rules import ADOPT, PROPOSE, adopted
from sync.merge import judgements
from sync.merge.faces import Face
from sync.merge.facts import Judgement, Retraction
from sync.merge.features import compare
from sync.merge.learning import LEAST, LEAST_OF_EACH, Label, enough, learn
from sync.merge.matching import Model, load_model, model_of
from sync.merge.preview import Preview, outcome, preview
from sync.registers import Learnt

# A page waits for what it asks; more is for the console.
PAGE_OBSERVATIONS = 5_000
# So many examples of what would merge and split are kept with a proposal.
_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Proposal:
    """Weights that were learnt and wait for a decision, or were decided on. `told` is what its event says of it."""

    uuid: str
    version: str
    by: str | None
    at: dt.datetime
    told: Mapping[str, Any]
    in_force: bool


@dataclass(frozen=True, slots=True)
class State:
    """A register's weights: the version in force and who put it there, judgements so far, the last proposals, newest first."""

    register: str
    version: str
    shipped: str
    by: str | None
    at: dt.datetime | None
    judged: int
    same: int
    proposals: tuple[Proposal, ...]

    @property
    def enough(self) -> bool:
        """Whether weights can be learnt from what was judged."""
        return self.judged >= LEAST and min(self.same, self.judged - self.same) >= LEAST_OF_EACH


def matched_registers() -> list[str]:
    """The registers whose things are compared."""
    return sorted(name for name, register in merging.register_files().items() if register.matching is not None)


def _shipped(name: str) -> Model:
    """The weights that came with this release. Raises not_found for a register that compares nothing."""
    found = merging.register_files().get(name)
    if found is None or found.matching is None:
        raise Problem("not_found")
    return load_model(found.matching.model)


def state(session: Session, name: str) -> State:
    """What is in force for a register and what could be. Raises not_found for a register that compares nothing."""
    shipped = _shipped(name).version
    events = queries.rules_events(session, name)
    decided = adopted(events).get(name)
    rules = merging.registers(session)[name].matching
    version = model_of(rules).version if rules else shipped
    found = labels(session, name)
    proposals = [
        Proposal(fact.uuid, event.payload["version"], fact.actor_name, fact.received_at, event.payload,
                 version == event.payload["version"])
        for event, fact in reversed(events) if event.payload.get("action") == PROPOSE
    ]  # fmt: skip
    by, at = (decided[1].actor_name, decided[1].received_at) if decided else (None, None)
    return State(name, version, shipped, by, at, len(found), sum(label.same for label in found), tuple(proposals[:5]))


def labels(session: Session, name: str) -> list[Label]:
    """The pairs of living things of a register on which a "same" or "different" of officers stands, compared as they are now."""
    rules = merging.registers(session)
    told = [known for row in queries.events_of_types(session, ("JUDGE", "RETRACT")) if (known := event_of(*row)) is not None]
    retractions = [event for event in told if isinstance(event, Retraction)]
    said = [event for event in judgements.standing(told, retractions) if isinstance(event, Judgement)]
    home = SqlMergeStore(session, rules).entities_of({side for one in said for side in (one.a, one.b)})
    found: list[Label] = []
    for key in merging.lists_of(session, name):
        own = {observation: entity for observation, (register, entity) in home.items() if register == key}
        stored = queries.faces(session, *split_key(key)) if own else {}
        for (a, b), judgement in sorted(judgements.in_force(said, own).items()):
            if judgement.verdict == "unsure" or a not in stored or b not in stored:
                continue
            matching = rules[key].matching
            if matching is None:
                continue
            comparison = compare(Face.from_json(a, stored[a]), Face.from_json(b, stored[b]), matching.words)
            if not comparison.excluded:
                found.append(Label(f"{key}/{a}", f"{key}/{b}", comparison.levels, judgement.verdict == "same"))
    return found


def propose(session: Session, who: Identity, name: str, most: int | None = PAGE_OBSERVATIONS) -> Fact:
    """Learns weights from the judgements so far and keeps them as a proposal, with figures and what they would change.

    `most`: with more observations than this it is refused (the page); None for any number (the console).
    Raises not_found, and unexpected_value when there are too few judgements or too many observations. The caller folds and
    commits.
    """
    shipped = _shipped(name)
    found = labels(session, name)
    if not enough(found):
        raise Problem("unexpected_value", field="judgements", value=len(found),
                      reason="at least 200 are needed, 20 of either kind.")  # fmt: skip
    count = sum(queries.observation_count(session, *split_key(key)) for key in merging.lists_of(session, name))
    if most is not None and count > most:
        raise Problem("unexpected_value", field="observations", value=count,
                      reason="too many for a page; use `fieldpost weights learn` on the server.")  # fmt: skip
    learning = learn(found, shipped)
    number = 1 + sum(event.payload.get("action") == PROPOSE for event, _ in queries.rules_events(session, name))
    own = Learnt(f"{shipped.version}+{learning.count}.{number}", learning.bias, learning.weights)
    payload = {
        "action": PROPOSE, "version": own.version, "based_on": shipped.version, "bias": own.bias, "weights": dict(own.weights),
        "count": learning.count, "same": learning.same, "before": dataclasses.asdict(learning.before),
        "after": dataclasses.asdict(learning.after), "would": _told(what_if(session, name, own)),
    }  # fmt: skip
    fact = _event(session, who, name, payload)
    audit(session, who, "rules.propose", name, {"register": name, "version": own.version})
    return fact


def what_if(session: Session, name: str, own: Learnt | None) -> Preview:
    """What these weights (None: the shipped ones) would merge and split, over all lists of a register. Changes nothing."""
    rules = merging.registers(session)
    found = []
    for key in merging.lists_of(session, name):
        rule = rules[key]
        store = SqlMergeStore(session, rules)
        known = store.observations(key, queries.entity_ids(session, *split_key(key)))
        observations = [one for each in known.values() for one in each]
        events = [*store.judgements([one.id for one in observations]), *store.entity_events(key, list(known))]
        events += store.retractions([event.id for event in events])
        other = dataclasses.replace(rule, matching=dataclasses.replace(rule.matching, learnt=own)) if rule.matching else rule
        found.append(preview(outcome(rule, observations, events), outcome(other, observations, events)))
    return Preview(
        tuple(group for one in found for group in one.merged), tuple(group for one in found for group in one.split),
        (sum(one.questions[0] for one in found), sum(one.questions[1] for one in found)),
    )  # fmt: skip


def _told(found: Preview) -> dict[str, Any]:
    return {
        "merge": len(found.merged), "split": len(found.split), "questions": list(found.questions),
        "merges": [list(group) for group in found.merged[:_EXAMPLES]],
        "splits": [list(group) for group in found.split[:_EXAMPLES]],
    }  # fmt: skip


def adopt(session: Session, who: Identity, name: str, proposal: str | None) -> Fact:
    """Puts the weights of a proposal (the uuid of its fact) in force; None puts the shipped ones in force again.

    Folding this fact puts the register's reports back on the queue, so that its records follow. Raises not_found for a
    proposal that there is not. The caller folds and commits.
    """
    payload: dict[str, Any] = {"action": ADOPT, "version": _shipped(name).version, "weights": None}
    if proposal is not None:
        told = _proposed(session, name, proposal).payload
        payload = {"action": ADOPT, "proposal": proposal, **{key: told[key] for key in ("version", "bias", "weights")}}
    fact = _event(session, who, name, payload)
    audit(session, who, "rules.adopt", name, {"register": name, "version": payload["version"]})
    return fact


def _proposed(session: Session, name: str, uuid: str) -> Event:
    for event, fact in queries.rules_events(session, name):
        if fact.uuid == uuid and event.payload.get("action") == PROPOSE:
            return event
    raise Problem("not_found")


def _event(session: Session, who: Identity, name: str, payload: dict[str, Any]) -> Fact:
    said = {"authority": merging.AUTHORITY.get(who.role, 0), **payload}
    return journal.record_event(
        session, type=queries.RULES, subject=name, payload=said, server_id=server_id(session), actor_id=who.actor_id,
        actor_name=who.name,
    )  # fmt: skip
