"""The merge store in the database: `sync.store.MergeStore` over the tables of models.registers, in batches.

One instance serves one fold: what it has read it keeps until that is replaced. Must not judge or commit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from server.models import (
    BlockingKey,
    CandidatePair,
    Entity,
    Event,
    EventTarget,
    Fact,
    ReviewTask,
)
from server.models import Observation as ObservationRow
from server.models import Record as RecordRow
from server.queries import merge_rows as rows
from server.queries.merge_sectors import Sectors
from sync.merge.faces import Face
from sync.merge.facts import EventFact, Judgement, Observation, Report, Retraction
from sync.merge.matching import Match
from sync.merge.records import EntityState, Record
from sync.merge.review import Task
from sync.registers import Register
from sync.store import EntityKey

# Stays under the parameter limit of both databases even where a condition names two columns.
CHUNK = 400
_ENTITY_EVENTS = ("PIN", "CHOOSE", "DELETE", "RESTORE", "ENTITY", "FORCE", "RESOLVE", "STATE", "LAPSE")


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """The values without repetition, sorted, in lists that fit one statement."""
    ordered = sorted(set(values))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def _in_list(model: Any, register: str) -> ColumnElement[bool]:
    project_id, dataset = rows.split_key(register)
    return and_(model.project_id == project_id, model.dataset == dataset)


class SqlMergeStore:
    """Holds what merging knows in the tables; `registers` are the register files by list name."""

    def __init__(self, session: Session, registers: Mapping[str, Register]) -> None:
        self.session = session
        self.registers = registers
        self.sectors = Sectors(session)
        self._observations: dict[EntityKey, list[Observation]] = {}
        self._states: dict[str, tuple[str, int | None, str | None]] = {}
        self._new_faces: dict[EntityKey, Face | None] = {}
        self._matches: dict[EntityKey, dict[tuple[str, str], Match]] = {}
        self._entity_events: dict[str, list[EventFact]] = {}
        self._judgements: dict[str, dict[str, Judgement]] = {}

    def report_version(self, key: str) -> None:
        """The folding service hands in current versions only, so there is none to compare with."""
        return None

    def put_reports(self, reports: Sequence[Report]) -> list[EntityKey]:
        fact_ids = sorted({report.fact_id for report in reports if report.fact_id is not None})
        touched: list[EntityKey] = []
        for start in range(0, len(fact_ids), CHUNK):
            part = fact_ids[start : start + CHUNK]
            query = select(ObservationRow.project_id, ObservationRow.dataset, ObservationRow.entity_id)
            touched += [
                (rows.list_key(project_id, dataset), entity_id)
                for project_id, dataset, entity_id in self.session.execute(query.where(ObservationRow.fact_id.in_(part)))
            ]
            self.session.execute(delete(ObservationRow).where(ObservationRow.fact_id.in_(part)))
        new = [rows.observation_row(observation) for report in reports for observation in report.observations]
        if new:
            self.session.execute(insert(ObservationRow), new)
        for key in [*touched, *((o.register, o.entity_id) for report in reports for o in report.observations)]:
            self._observations.pop(key, None)
        return touched

    def put_event(self, event: EventFact) -> bool:
        """Indexes what the event speaks of. Known events are folded again, because that changes nothing."""
        for target in rows.targets_of(event):
            self._entity_events.pop(target, None)
            self._judgements.pop(target, None)
        fact_id = self.session.scalar(select(Fact.id).where(Fact.uuid == event.id))
        known = set(self.session.scalars(select(EventTarget.target).where(EventTarget.fact_id == fact_id)))
        new = [{"target": target, "fact_id": fact_id} for target in sorted(rows.targets_of(event) - known)]
        if new:
            self.session.execute(insert(EventTarget), new)
        return True

    def event(self, event_id: str) -> EventFact | None:
        indexed = select(EventTarget.fact_id).where(EventTarget.fact_id == Fact.id).exists()
        row = self.session.execute(
            select(Event, Fact).join(Fact, Fact.id == Event.fact_id).where(Fact.uuid == event_id, indexed)
        ).first()
        return rows.event_of(row[0], row[1]) if row else None

    def observations(self, register: str, entity_ids: Collection[str]) -> dict[str, list[Observation]]:
        missing = [entity for entity in entity_ids if (register, entity) not in self._observations]
        for entity in missing:
            self._observations[(register, entity)] = []
        for part in chunks(missing):
            query = select(ObservationRow).where(_in_list(ObservationRow, register), ObservationRow.entity_id.in_(part))
            for row in self.session.scalars(query.order_by(ObservationRow.hlc, ObservationRow.id)):
                self._observations[(register, row.entity_id)].append(rows.observation_of(row))
                self._states[row.id] = (row.state, row.version, row.problem)
                self.session.expunge(row)
        return {entity: self._observations[(register, entity)] for entity in entity_ids}

    def entities_of(self, observation_ids: Collection[str]) -> dict[str, EntityKey]:
        found: dict[str, EntityKey] = {}
        for part in chunks(observation_ids):
            query = select(ObservationRow.id, ObservationRow.project_id, ObservationRow.dataset, ObservationRow.entity_id)
            for row in self.session.execute(query.where(ObservationRow.id.in_(part))):
                found[row[0]] = (rows.list_key(row[1], row[2]), row[3])
        return found

    def judgements(self, observation_ids: Collection[str]) -> list[Judgement]:
        missing = [each for each in observation_ids if each not in self._judgements]
        self._judgements |= {each: {} for each in missing}
        for event in self._events_about(missing, ("JUDGE",)):
            if isinstance(event, Judgement):
                # The other side may not have been asked about yet: then this is not all that was said of it.
                for target in rows.targets_of(event) & self._judgements.keys():
                    self._judgements[target][event.id] = event
        return list({e.id: e for each in observation_ids for e in self._judgements[each].values()}.values())

    def entity_events(self, register: str, entity_ids: Collection[str]) -> list[EventFact]:
        targets = [rows.entity_target(register, entity) for entity in entity_ids]
        missing = [target for target in targets if target not in self._entity_events]
        self._entity_events |= {target: [] for target in missing}
        for event in self._events_about(missing, _ENTITY_EVENTS):
            for target in rows.targets_of(event):
                self._entity_events.setdefault(target, []).append(event)
        return [event for target in targets for event in self._entity_events[target]]

    def retractions(self, event_ids: Collection[str]) -> list[Retraction]:
        found: dict[str, Retraction] = {}
        wanted = set(event_ids)
        while wanted:
            events = self._events_about(wanted, ("RETRACT",))
            new = {e.id: e for e in events if isinstance(e, Retraction) and e.id not in found}
            found |= new
            wanted = set(new)
        return list(found.values())

    def _events_about(self, targets: Collection[str], types: tuple[str, ...]) -> list[EventFact]:
        found: dict[str, EventFact] = {}
        for part in chunks(targets):
            query = (
                select(Event, Fact)
                .join(Fact, Fact.id == Event.fact_id)
                .join(EventTarget, EventTarget.fact_id == Fact.id)
                .where(EventTarget.target.in_(part), Event.type.in_(types))
            )
            for event, fact in self.session.execute(query):
                known = rows.event_of(event, fact)
                if known is not None:
                    found[known.id] = known
        return list(found.values())

    def put_faces(self, register: str, faces: Mapping[str, tuple[Face | None, Iterable[str]]]) -> None:
        project_id, dataset = rows.split_key(register)
        for part in chunks(faces):
            self.session.execute(delete(BlockingKey).where(_in_list(BlockingKey, register), BlockingKey.entity_id.in_(part)))
        new = [
            {"dataset": dataset, "project_id": project_id, "key": key, "entity_id": entity}
            for entity, (face, keys) in faces.items()
            if face is not None
            for key in sorted(keys)
        ]
        if new:
            self.session.execute(insert(BlockingKey), new)
        self._new_faces |= {(register, entity): face for entity, (face, _) in faces.items()}

    def keep_faces(self, register: str, faces: Mapping[str, Face]) -> None:
        self._new_faces |= {(register, entity): face for entity, face in faces.items()}

    def faces_with_keys(self, register: str, keys: Collection[str]) -> dict[str, list[Face]]:
        filed: dict[str, list[str]] = {}
        for part in chunks(keys):
            query = select(BlockingKey.key, BlockingKey.entity_id)
            for key, entity in self.session.execute(
                query.where(_in_list(BlockingKey, register), BlockingKey.key.in_(part)).order_by(BlockingKey.entity_id)
            ):
                filed.setdefault(key, []).append(entity)
        faces = self.faces(register, {entity for entities in filed.values() for entity in entities})
        return {key: [faces[e] for e in entities if e in faces] for key, entities in filed.items()}

    def faces(self, register: str, entity_ids: Collection[str]) -> dict[str, Face]:
        found: dict[str, Face] = {}
        stored = []
        for entity in entity_ids:
            if (register, entity) not in self._new_faces:
                stored.append(entity)
            elif (face := self._new_faces[(register, entity)]) is not None:
                found[entity] = face
        for part in chunks(stored):
            query = select(Entity.id, Entity.face).where(_in_list(Entity, register), Entity.id.in_(part))
            found |= {entity: Face.from_json(entity, face) for entity, face in self.session.execute(query) if face}
        return found

    def matches(self, register: str, entity_ids: Collection[str]) -> list[Match]:
        self._load_matches(register, [e for e in entity_ids if (register, e) not in self._matches])
        found: dict[tuple[str, str], Match] = {}
        for entity in entity_ids:
            found |= self._matches[(register, entity)]
        return list(found.values())

    def _load_matches(self, register: str, entity_ids: Collection[str]) -> None:
        for entity in entity_ids:
            self._matches[(register, entity)] = {}
        wanted = set(entity_ids)
        table = CandidatePair.__table__.c
        columns = (table.a_id, table.b_id, table.score, table.certain, table.features)
        for part in chunks(entity_ids):
            for side in (table.a_id, table.b_id):
                query = select(*columns).where(_in_list(table, register), side.in_(part))
                for row in self.session.execute(query):
                    for entity in {row.a_id, row.b_id} & wanted:
                        self._matches[(register, entity)][(row.a_id, row.b_id)] = rows.match_of(*row)

    def put_matches(self, register: str, entity_ids: Collection[str], matches: Sequence[Match]) -> None:
        for part in chunks(entity_ids):
            either = or_(CandidatePair.a_id.in_(part), CandidatePair.b_id.in_(part))
            self.session.execute(delete(CandidatePair).where(_in_list(CandidatePair, register), either))
        if matches:
            self.session.execute(insert(CandidatePair), [rows.pair_row(register, match) for match in matches])
        self._matches.clear()

    def members(self, register: str, entity_ids: Collection[str]) -> set[str]:
        homes: set[str] = set()
        for part in chunks(entity_ids):
            query = select(Entity.record_id).where(_in_list(Entity, register), Entity.id.in_(part))
            homes |= {home for home in self.session.scalars(query) if home}
        found = set(entity_ids)
        for part in chunks(homes):
            query = select(Entity.id).where(_in_list(Entity, register), Entity.record_id.in_(part))
            found.update(self.session.scalars(query))
        return found

    def put_results(
        self,
        register: str,
        states: Mapping[str, EntityState],
        records: Sequence[Record],
        tasks: Sequence[Task],
        verdicts: Mapping[tuple[str, str], str],
    ) -> None:
        kept = self._kept_faces(register, states)
        for part in chunks(states):
            self.session.execute(delete(Entity).where(_in_list(Entity, register), Entity.id.in_(part)))
            self.session.execute(delete(RecordRow).where(_in_list(RecordRow, register), RecordRow.id.in_(part)))
            either = or_(ReviewTask.a_record.in_(part), ReviewTask.b_record.in_(part))
            self.session.execute(delete(ReviewTask).where(_in_list(ReviewTask, register), either))
        sectors = {record.id: self.sectors.of(record, states, self.registers.get(register)) for record in records}
        entities = [rows.entity_row(states[entity], record, kept.get(entity)) for record in records for entity in record.entities]
        self._insert(Entity, entities)
        self._insert(RecordRow, [rows.record_row(record, *sectors[record.id]) for record in records])
        self._insert(ReviewTask, [rows.task_row(task, sectors.get(task.a_record, (None, None))[1]) for task in tasks])
        self._mark_observations(states.values())
        self._mark_verdicts(register, states, verdicts)

    def _insert(self, model: Any, values: list[rows.Row]) -> None:
        if values:
            self.session.execute(insert(model), values)

    def _kept_faces(self, register: str, states: Mapping[str, EntityState]) -> dict[str, rows.Row | None]:
        matching = self.registers[register].matching if register in self.registers else None
        if matching is None:
            return {}
        kept: dict[str, rows.Row | None] = {}
        for part in chunks(states):
            query = select(Entity.id, Entity.face).where(_in_list(Entity, register), Entity.id.in_(part))
            kept |= {entity: face for entity, face in self.session.execute(query)}
        for entity in states:
            if (register, entity) in self._new_faces:
                face = self._new_faces[(register, entity)]
                kept[entity] = face.to_json(matching.words) if face else None
        return kept

    def _mark_observations(self, states: Iterable[EntityState]) -> None:
        """Writes state, version and problem of observations where they changed."""
        changed = []
        for state in states:
            for observation_id, now in rows.observation_states(state).items():
                if self._states.get(observation_id) != now:
                    self._states[observation_id] = now
                    changed.append({"key": observation_id, "state": now[0], "version": now[1], "problem": now[2]})
        if changed:
            table = ObservationRow.__table__
            statement = update(table).where(table.c.id == bindparam("key"))  # type: ignore[arg-type]
            self.session.connection().execute(
                statement.values(state=bindparam("state"), version=bindparam("version"), problem=bindparam("problem")),
                changed,
            )

    def _mark_verdicts(self, register: str, states: Mapping[str, EntityState], verdicts: Mapping[tuple[str, str], str]) -> None:
        for part in chunks(states):
            self.session.execute(
                update(CandidatePair)
                .where(_in_list(CandidatePair, register), CandidatePair.a_id.in_(part), CandidatePair.verdict.is_not(None))
                .values(verdict=None)
            )
        for (a, b), verdict in sorted(verdicts.items()):
            pair = and_(_in_list(CandidatePair, register), CandidatePair.a_id == a, CandidatePair.b_id == b)
            self.session.execute(update(CandidatePair).where(pair).values(verdict=verdict))
