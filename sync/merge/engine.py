"""Folds facts into records: only what a fact touches is worked out again, and always by the same batch algorithm.

The result depends on the set of facts alone: any order, any grouping and folding twice give the same records and tasks.
Must not know where facts come from or how results are kept; it speaks to a `sync.store.MergeStore`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from sync.merge.blocking import own_keys, search_keys, worth_comparing
from sync.merge.chains import build_chain
from sync.merge.clustering import cluster, components
from sync.merge.faces import Face, face_of, same_look
from sync.merge.facts import (
    ABOUT_ENTITIES,
    Choice,
    EventFact,
    Fact,
    Force,
    Judgement,
    Lapse,
    Observation,
    Pin,
    Presence,
    Report,
    Resolution,
    Retraction,
    Transition,
)
from sync.merge.judgements import Links, Pair, disputes, in_force, links, pair_of, standing
from sync.merge.matching import DIGITS, Match, match
from sync.merge.records import EntityState, Record, make_record
from sync.merge.review import Task, contested_tasks, disputed_tasks, held_task, pair_tasks, proposal_task
from sync.merge.timeline import Step, Tie, Timeline, chain_steps, judged_states
from sync.registers import Matching, Register, plain_register
from sync.store import EntityKey, MergeStore


class Engine:
    """Merges with the given register files; a list without one is kept as ODK Central keeps it."""

    def __init__(self, store: MergeStore, registers: Mapping[str, Register]) -> None:
        self.store = store
        self.registers = registers

    def register(self, name: str) -> Register:
        """The register file of a list, or the plain rules."""
        return self.registers.get(name) or plain_register(name)

    def fold(self, facts: Iterable[Fact]) -> set[EntityKey]:
        """Takes in facts (in any order, known ones too) and brings records and tasks up to date.

        Returns every entity whose record may have changed.
        """
        reported, touched = self._take(facts)
        return self.refresh(touched, reported)

    def take_in(self, facts: Iterable[Fact]) -> None:
        """Keeps what facts say and leaves records as they are; `refresh` of every entity has to follow."""
        self._take(facts)

    def refresh(self, touched: Iterable[EntityKey], reported: Iterable[EntityKey]) -> set[EntityKey]:
        """Makes the records and tasks of these entities anew, once each; only `reported` ones need to be compared.

        Returns every entity whose record may have changed.
        """
        everything, compared = set(touched), set(reported)
        changed: set[EntityKey] = set()
        for name in sorted({register for register, _ in everything}):
            dirty = {entity for register, entity in everything if register == name}
            fresh = {entity for register, entity in compared if register == name}
            changed |= {(name, entity) for entity in self._refresh(self.register(name), dirty, fresh)}
        return changed

    def _take(self, facts: Iterable[Fact]) -> tuple[set[EntityKey], set[EntityKey]]:
        """Keeps what facts say. Returns the entities that reports speak of, and those and the ones that events are about."""
        reports: dict[str, Report] = {}
        events: list[EventFact] = []
        for fact in facts:
            if not isinstance(fact, Report):
                if self.store.put_event(fact):
                    events.append(fact)
            elif fact.key not in reports or reports[fact.key].version <= fact.version:
                reports[fact.key] = fact
        reported = self._take_reports(list(reports.values()))
        touched = set(reported)
        for event in events:
            touched |= self._subjects(event)
        return reported, touched

    def _take_reports(self, reports: Sequence[Report]) -> set[EntityKey]:
        new = []
        for report in reports:
            known = self.store.report_version(report.key)
            if known is None or known < report.version:
                new.append(report)
        touched = set(self.store.put_reports(new))
        return touched | {(o.register, o.entity_id) for report in new for o in report.observations}

    def _subjects(self, event: EventFact) -> set[EntityKey]:
        """The entities that an event speaks of; an event that has not arrived yet, or an unknown thing, gives none."""
        if isinstance(event, Judgement):
            return set(self.store.entities_of([event.a, event.b]).values())
        if isinstance(event, Retraction):
            target = self.store.event(event.target)
            return self._subjects(target) if target is not None else set()
        return {(event.register, event.entity_id)}

    def _refresh(self, register: Register, dirty: set[str], fresh: set[str]) -> set[str]:
        """Rebuilds what the dirty entities take part in. Only `fresh` ones need new comparisons."""
        seeds = self.store.members(register.name, dirty)
        if register.matching is not None:
            for old in self.store.matches(register.name, fresh):
                seeds |= {old.a, old.b}
            states = self._states(register, fresh)
            faces = {e: face_of(e, s.applied, register) if s.exists else None for e, s in states.items()}
            known = self.store.faces(register.name, list(fresh))
            alike = {e: face for e, face in faces.items() if face and e in known and same_look(face, known[e])}
            self._compare(register, register.matching, {e: face for e, face in faces.items() if e not in alike})
            self._compare_again(register, register.matching, alike)
        whole = self._reach(register, seeds)
        work = Work(register, self.store, self._states(register, whole))
        records: list[Record] = []
        tasks: list[Task] = []
        for part in work.parts():
            made, asked = work.results(part)
            records += made
            tasks += asked
        verdicts = {pair: judgement.verdict for pair, judgement in work.in_force.items()}
        self.store.put_results(register.name, work.states, records, tasks, verdicts)
        return whole

    def history(self, name: str, entity_id: str) -> list[Step]:
        """Every version of the record that holds this entity, oldest first; empty when there is none. Changes nothing."""
        register = self.register(name)
        whole = self._reach(register, self.store.members(name, {entity_id}))
        return Work(register, self.store, self._states(register, whole)).history(entity_id)

    def as_of(self, name: str, entity_id: str, observed_until: dt.datetime) -> Record | None:
        """The record that holds this entity, of what had been observed until then (UTC); None when nothing had. Changes nothing.

        What belongs together is as known now, and pins and deletions count from when they were made; an accepted
        proposal counts from when it was observed.
        """
        register = self.register(name)
        whole = self._reach(register, self.store.members(name, {entity_id}))
        return Work(register, self.store, self._states(register, whole)).as_of(entity_id, observed_until)

    def together(self, name: str, entity_id: str) -> tuple[list[Observation], list[EventFact]]:
        """Everything that bears on the record of this entity: what was said of all that it is compared with, and events."""
        register = self.register(name)
        whole = self._reach(register, self.store.members(name, {entity_id}))
        work = Work(register, self.store, self._states(register, whole))
        return [o for state in work.states.values() for o in state.observations], [*work.events, *work.retractions]

    def _states(self, register: Register, entity_ids: Iterable[str]) -> dict[str, EntityState]:
        wanted = sorted(entity_ids)
        found = self.store.observations(register.name, wanted)
        said = self._said(register, wanted)
        return {
            entity: EntityState(
                entity, register.name,
                build_chain(operations, lenient=not register.plain, events=said.get(entity, ())), tuple(operations),
            )
            for entity, operations in found.items()
        }  # fmt: skip

    def _said(self, register: Register, entity_ids: Sequence[str]) -> dict[str, list[EventFact]]:
        """The standing events by entity that decide which operations apply."""
        events = self.store.entity_events(register.name, entity_ids)
        found: dict[str, list[EventFact]] = {}
        for event in standing(events, self.store.retractions([e.id for e in events])):
            if isinstance(event, Force | Resolution | Presence):
                found.setdefault(event.entity_id, []).append(event)
        return found

    def _compare_again(self, register: Register, matching: Matching, faces: Mapping[str, Face]) -> None:
        """Tells anew how long ago and by whom, for things that look as they did: what is like them stays what it was."""
        self.store.keep_faces(register.name, faces)
        old = self.store.matches(register.name, list(faces))
        others = self.store.faces(register.name, sorted({end for pair in old for end in (pair.a, pair.b)}))
        self.store.put_matches(register.name, list(faces), [match(others[pair.a], others[pair.b], matching) for pair in old])

    def _compare(self, register: Register, matching: Matching, faces: Mapping[str, Face | None]) -> None:
        """Files the faces of entities anew and compares each with everything that shares a key."""
        filed = {e: (face, own_keys(face) if face else frozenset[str]()) for e, face in faces.items()}
        self.store.put_faces(register.name, filed)
        wanted = {e: search_keys(face) for e, face in faces.items() if face}
        index = self.store.faces_with_keys(register.name, sorted(frozenset[str]().union(*wanted.values())))
        found: dict[Pair, Match] = {}
        for entity_id, keys in wanted.items():
            face = faces[entity_id]
            others = {other.id: other for key in keys for other in index.get(key, ())}
            for other in others.values():
                pair = pair_of(entity_id, other.id)
                if face is None or other.id == entity_id or pair in found:
                    continue
                if worth_comparing(face, other):
                    found[pair] = match(face, other, matching)
        # A pair that nobody is asked about counts as 0 in average linkage, and keeps components small.
        kept = [m for _, m in sorted(found.items()) if m.proposed]
        self.store.put_matches(register.name, list(faces), kept)

    def _reach(self, register: Register, seeds: set[str]) -> set[str]:
        """The entities that compared pairs or judgements (retracted ones too) connect with the seeds."""
        if register.plain:
            return seeds
        whole: set[str] = set()
        edge = set(seeds)
        while edge:
            whole |= edge
            near: set[str] = set()
            for pair in self.store.matches(register.name, edge):
                near |= {pair.a, pair.b}
            near |= self._judged_with(register, edge)
            edge = near - whole
        return whole

    def _judged_with(self, register: Register, entity_ids: set[str]) -> set[str]:
        own = [o.id for found in self.store.observations(register.name, sorted(entity_ids)).values() for o in found]
        named = {side for j in self.store.judgements(own) for side in (j.a, j.b)}
        keys = self.store.entities_of(sorted(named)).values()
        return {entity for name, entity in keys if name == register.name}


class Work:
    """Everything known about a set of whole components, fetched once, and the records and tasks it leads to."""

    def __init__(self, register: Register, store: MergeStore, states: Mapping[str, EntityState]) -> None:
        self.register = register
        self.states = dict(states)
        self.entity_of = {o.id: s.id for s in states.values() for o in s.observations}
        self.matches = store.matches(register.name, list(states)) if register.matching else []
        judgements = store.judgements(list(self.entity_of))
        events: list[EventFact] = [*judgements, *store.entity_events(register.name, list(states))]
        self.events = sorted(events, key=lambda e: (e.clock, e.id))
        self.retractions = store.retractions([e.id for e in events])
        standing_events = standing(self.events, self.retractions)
        self.said = [e for e in standing_events if not isinstance(e, Judgement)]
        said = [e for e in standing_events if isinstance(e, Judgement)]
        self.in_force, self.disputes = in_force(said, self.entity_of), disputes(said, self.entity_of)

    def parts(self) -> list[tuple[str, ...]]:
        """The connected components, with judgements of any standing as edges."""
        edges: list[Pair] = [(m.a, m.b) for m in self.matches]
        for event in self.events:
            if isinstance(event, Judgement) and (ends := self._ends(event)):
                edges.append(ends)
        return components(self.states, edges)

    def _ends(self, judgement: Judgement) -> Pair | None:
        a, b = self.entity_of.get(judgement.a), self.entity_of.get(judgement.b)
        return pair_of(a, b) if a and b and a != b else None

    def results(self, part: Sequence[str]) -> tuple[list[Record], list[Task]]:
        """The records and tasks of one component."""
        inside = set(part)
        states = {entity: self.states[entity] for entity in part}
        alive = [entity for entity in part if states[entity].exists]
        found = links({pair: j for pair, j in self.in_force.items() if set(pair) <= set(alive)})
        near = [m for m in self.matches if m.a in inside and m.b in inside]
        records = [self._record(c, found, near) for c in self._clusters(alive, near, found)]
        states = {entity: self.states[entity] for entity in part}
        tasks = pair_tasks(records, near, found, states)
        tasks += contested_tasks(records, found.suspended, self.entity_of, self.register)
        tasks += disputed_tasks(records, {pair: d for pair, d in self.disputes.items() if set(pair) <= set(alive)}, states)
        tasks += [proposal_task(r, p) for r in records if not r.deleted_at for p in r.proposals]
        tasks += [held_task(s) for s in states.values() if s.chain.held]
        return records, tasks

    def _clusters(self, alive: Sequence[str], near: Sequence[Match], found: Links) -> list[tuple[str, ...]]:
        matching = self.register.matching
        threshold = matching.link_from if matching else 1.0
        scores = {(m.a, m.b): live_score(m, threshold) for m in near}
        return cluster(alive, scores, threshold, found.must, found.cannot)

    def history(self, entity_id: str) -> list[Step]:
        """Every version of the record that holds the entity."""
        entities, near = self._home(entity_id)
        if not entities:
            return []
        if self.register.plain:
            return chain_steps(self.states[entity_id])
        settled = max((e.clock for e in self._about(set(entities)) if isinstance(e, Resolution)), default="")
        return self._timeline(entities, near).steps(settled)

    def as_of(self, entity_id: str, observed_until: dt.datetime) -> Record | None:
        """The record that holds the entity, of what had been observed until then; None when nothing had."""
        entities, _near = self._home(entity_id)
        members = [state for e in entities if (state := self.states[e].until(observed_until)).chain.versions]
        if not members:
            return None
        dated = (Pin, Presence, Transition, Lapse)
        about = [e for e in self._about(set(entities)) if e.at <= observed_until or not isinstance(e, dated)]
        return make_record(members, self.register, about, sum(len(state.chain.versions) for state in members))

    def _home(self, entity_id: str) -> tuple[tuple[str, ...], list[Match]]:
        """The entities of the record that holds this one, and the compared pairs around it; empty when it does not exist."""
        part = next((part for part in self.parts() if entity_id in part), ())
        alive = [entity for entity in part if self.states[entity].exists]
        if entity_id not in alive:
            return (), []
        inside = set(part)
        near = [m for m in self.matches if m.a in inside and m.b in inside]
        found = links({pair: j for pair, j in self.in_force.items() if set(pair) <= set(alive)})
        return next(c for c in self._clusters(alive, near, found) if entity_id in c), near

    def _record(self, entities: Sequence[str], found: Links, near: Sequence[Match]) -> Record:
        inside = set(entities)
        contested = any(inside & {self.entity_of.get(j.a), self.entity_of.get(j.b)} for j in found.suspended)
        about = self._about(inside)
        last: Step | None
        if self.register.plain:
            count = len(self.states[entities[0]].chain.versions)
            last = chain_steps(self.states[entities[0]])[-1]
        else:
            count = len(self._facts_of(inside))
            last = self._judge(entities, near, about)
        members = [self.states[entity] for entity in entities]
        return make_record(members, self.register, about, count, contested, last)

    def _judge(self, entities: Sequence[str], near: Sequence[Match], about: Sequence[EventFact]) -> Step | None:
        """Judges the conflicts of a record's updates against all that it consists of; returns its last operation."""
        members = [self.states[entity] for entity in entities]
        timeline = self._timeline(entities, near)
        settled = max((e.clock for e in about if isinstance(e, Resolution)), default="")
        if any(len(state.chain.versions) > 1 for state in members):
            self.states.update(judged_states(timeline, members, settled))
        inside = set(entities)
        own = [step for step in timeline.steps() if step.observation is not None and step.item.entities & inside]
        return own[-1] if own else None

    def _timeline(self, entities: Sequence[str], near: Sequence[Match]) -> Timeline:
        inside = set(entities)
        same = [e for e in self.events if isinstance(e, Judgement) and e.verdict == "same"]
        ties = [Tie(e.clock, *pair) for e in same if (pair := self._ends(e))]
        for alike in near:
            if alike.certain and alike.a in inside and alike.b in inside:
                clocks = [self.states[entity].chain.versions[0].applied for entity in (alike.a, alike.b)]
                ties.append(Tie(max(clocks), alike.a, alike.b))
        tied = self._tied(inside)
        return Timeline(self.register, [self.states[entity] for entity in sorted(tied)], ties, self._events_of(tied))

    def _about(self, entities: set[str]) -> list[EventFact]:
        return [e for e in self.said if isinstance(e, ABOUT_ENTITIES) and e.entity_id in entities]

    def _tied(self, entities: set[str]) -> set[str]:
        """These entities and all that a "same" once tied to them: what they count never grows less."""
        tied = set(entities)
        same = [e for e in self.events if isinstance(e, Judgement) and e.verdict == "same"]
        grown = True
        while grown:
            ends = [set(pair) for judgement in same if (pair := self._ends(judgement))]
            new = {entity for pair in ends if pair & tied for entity in pair} - tied
            tied |= new
            grown = bool(new)
        return tied

    def _facts_of(self, entities: set[str]) -> list[str]:
        """The ids of all facts ever applied to these entities or to any that was tied to them: so a version only grows."""
        tied = self._tied(entities)
        operations = [version.observation.id for entity in tied for version in self.states[entity].chain.versions]
        return operations + [event.id for event, _ in self._events_of(tied)]

    def _events_of(self, entities: set[str]) -> list[tuple[EventFact, set[str]]]:
        """The counted events about these entities and what took them back, with the entities that each concerns."""
        found = {e.id: (e, self._named(e)) for e in self.events if self._concerns(e, entities)}
        taken: list[tuple[EventFact, set[str]]] = [(r, found[r.target][1]) for r in self.retractions if r.target in found]
        return [*found.values(), *taken]

    def _named(self, event: EventFact) -> set[str]:
        if isinstance(event, Judgement):
            return set(self._ends(event) or ())
        return {event.entity_id} if isinstance(event, ABOUT_ENTITIES) else set()

    def _concerns(self, event: EventFact, entities: set[str]) -> bool:
        if isinstance(event, Judgement):
            return event.verdict != "unsure" and bool(set(self._ends(event) or ()) & entities)
        return isinstance(event, Pin | Choice | Presence | Transition | Lapse) and event.entity_id in entities


def live_score(pair: Match, threshold: float) -> float:
    """What a pair counts for on the live server: a certain one links, any other stays just under the threshold."""
    return 1.0 if pair.certain else round(min(pair.score, threshold - 0.01), DIGITS)
