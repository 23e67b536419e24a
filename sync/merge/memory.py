"""A merge store in dictionaries: for tests, and for checking what a database holds against a fresh rebuild."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sync.merge.faces import Face
from sync.merge.facts import ABOUT_ENTITIES, EventFact, Judgement, Observation, Report, Retraction
from sync.merge.matching import Match
from sync.merge.records import EntityState, Record
from sync.merge.review import Task
from sync.store import EntityKey


@dataclass
class MemoryStore:
    """Holds everything that `sync.store.MergeStore` asks for. `records` and `tasks` are the results, by (register, id)."""

    reports: dict[str, Report] = field(default_factory=dict)
    events: dict[str, EventFact] = field(default_factory=dict)
    records: dict[EntityKey, Record] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    states: dict[EntityKey, EntityState] = field(default_factory=dict)
    _by_entity: dict[EntityKey, dict[str, Observation]] = field(default_factory=dict)
    _by_id: dict[str, EntityKey] = field(default_factory=dict)
    _faces: dict[EntityKey, Face] = field(default_factory=dict)
    _filed: dict[EntityKey, frozenset[str]] = field(default_factory=dict)
    _index: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _matches: dict[EntityKey, dict[str, Match]] = field(default_factory=dict)
    _home: dict[EntityKey, str] = field(default_factory=dict)

    def report_version(self, key: str) -> tuple[str, str] | None:
        known = self.reports.get(key)
        return known.version if known else None

    def put_reports(self, reports: Sequence[Report]) -> list[EntityKey]:
        return [key for report in reports for key in self._put_report(report)]

    def _put_report(self, report: Report) -> list[EntityKey]:
        old = self.reports.get(report.key)
        touched = []
        for observation in old.observations if old else ():
            key = (observation.register, observation.entity_id)
            self._by_entity[key].pop(observation.id, None)
            self._by_id.pop(observation.id, None)
            touched.append(key)
        for observation in report.observations:
            key = (observation.register, observation.entity_id)
            self._by_entity.setdefault(key, {})[observation.id] = observation
            self._by_id[observation.id] = key
        self.reports[report.key] = report
        return touched

    def put_event(self, event: EventFact) -> bool:
        if event.id in self.events:
            return False
        self.events[event.id] = event
        return True

    def event(self, event_id: str) -> EventFact | None:
        return self.events.get(event_id)

    def observations(self, register: str, entity_ids: Collection[str]) -> dict[str, list[Observation]]:
        return {e: list(self._by_entity.get((register, e), {}).values()) for e in entity_ids}

    def entities_of(self, observation_ids: Collection[str]) -> dict[str, EntityKey]:
        return {o: self._by_id[o] for o in observation_ids if o in self._by_id}

    def judgements(self, observation_ids: Collection[str]) -> list[Judgement]:
        wanted = set(observation_ids)
        return [e for e in self.events.values() if isinstance(e, Judgement) and (e.a in wanted or e.b in wanted)]

    def entity_events(self, register: str, entity_ids: Collection[str]) -> list[EventFact]:
        wanted = set(entity_ids)
        return [
            e
            for e in self.events.values()
            if isinstance(e, ABOUT_ENTITIES) and e.register == register and e.entity_id in wanted
        ]

    def retractions(self, event_ids: Collection[str]) -> list[Retraction]:
        found: dict[str, Retraction] = {}
        wanted = set(event_ids)
        while wanted:
            new = [e for e in self.events.values() if isinstance(e, Retraction) and e.target in wanted and e.id not in found]
            found |= {e.id: e for e in new}
            wanted = {e.id for e in new}
        return list(found.values())

    def put_faces(self, register: str, faces: Mapping[str, tuple[Face | None, Iterable[str]]]) -> None:
        for entity_id, (face, keys) in faces.items():
            entity = (register, entity_id)
            for key in self._filed.pop(entity, frozenset()):
                self._index[(register, key)].discard(entity_id)
            self._faces.pop(entity, None)
            if face is not None:
                self._faces[entity] = face
                self._filed[entity] = frozenset(keys)
                for key in self._filed[entity]:
                    self._index.setdefault((register, key), set()).add(entity_id)

    def keep_faces(self, register: str, faces: Mapping[str, Face]) -> None:
        self._faces |= {(register, entity_id): face for entity_id, face in faces.items()}

    def faces(self, register: str, entity_ids: Collection[str]) -> dict[str, Face]:
        return {e: self._faces[(register, e)] for e in entity_ids if (register, e) in self._faces}

    def faces_with_keys(self, register: str, keys: Collection[str]) -> dict[str, list[Face]]:
        return {k: [self._faces[(register, e)] for e in sorted(self._index.get((register, k), ()))] for k in keys}

    def matches(self, register: str, entity_ids: Collection[str]) -> list[Match]:
        found = {(m.a, m.b): m for e in entity_ids for m in self._matches.get((register, e), {}).values()}
        return list(found.values())

    def put_matches(self, register: str, entity_ids: Collection[str], matches: Sequence[Match]) -> None:
        for entity_id in entity_ids:
            for other in self._matches.pop((register, entity_id), {}):
                self._matches.get((register, other), {}).pop(entity_id, None)
        for match in matches:
            self._matches.setdefault((register, match.a), {})[match.b] = match
            self._matches.setdefault((register, match.b), {})[match.a] = match

    def members(self, register: str, entity_ids: Collection[str]) -> set[str]:
        homes = {self._home[(register, e)] for e in entity_ids if (register, e) in self._home}
        found = set(entity_ids)
        for home in homes:
            found.update(self.records[(register, home)].entities)
        return found

    def put_results(
        self,
        register: str,
        states: Mapping[str, EntityState],
        records: Sequence[Record],
        tasks: Sequence[Task],
        verdicts: Mapping[tuple[str, str], str],
    ) -> None:
        for entity_id, state in states.items():
            self.records.pop((register, entity_id), None)
            self._home.pop((register, entity_id), None)
            self.states[(register, entity_id)] = state
        gone = [t for t in self.tasks.values() if t.register == register and (t.a_record in states or t.b_record in states)]
        for task in gone:
            del self.tasks[task.id]
        for record in records:
            self.records[(register, record.id)] = record
            for entity in record.entities:
                self._home[(register, entity)] = record.id
        self.tasks |= {task.id: task for task in tasks}
