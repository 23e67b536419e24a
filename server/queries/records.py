"""Queries over the records of registers: lists with filters and keyset pages, points for maps, one record with all it rests on.

Every function that answers somebody takes a Scope; whoever sees only releases or only own reports gets no record.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true
from sqlalchemy.orm import Session

from server.models import CodeItem, Entity, Form, Observation, Post, Record, SubmissionSummary
from server.models.mission import Area
from server.queries import beyond_cell
from server.queries.scope import Scope
from sync.merge.faces import distance_m
from sync.merge.facts import Position

Sort = Literal["name", "stale", "fresh", "reports"]
SORTS: tuple[Sort, ...] = ("name", "stale", "fresh", "reports")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
POINTS_LIMIT = 20_000
# How far around a searched position a list looks, as a square; a degree of latitude is 111 km.
NEAR_KM = 5.0


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to. words: folded words that all must occur; equal: property -> code; near: within NEAR_KM of
    this position (WGS84 degrees)."""

    words: tuple[str, ...] = ()
    area: str | None = None
    equal: tuple[tuple[str, str], ...] = ()
    stale_before: dt.datetime | None = None
    contested: bool = False
    unplaced: bool = False
    near: tuple[float, float] | None = None


def in_scope(scope: Scope, project_id: int = 1) -> ColumnElement[bool]:
    """The condition on records that this scope sets."""
    if scope.released_only or scope.own_actor_id is not None:
        return false()
    own = Record.project_id == project_id
    if scope.outside_cell:
        own = and_(own, beyond_cell.of_records())
    return own if scope.sector_id is None else and_(own, Record.sector_id == scope.sector_id)


def _narrow(statement: Select[Any], scope: Scope, dataset: str, filters: Filters, project_id: int) -> Select[Any]:
    statement = statement.where(in_scope(scope, project_id), Record.dataset == dataset, Record.deleted_at.is_(None))
    for word in filters.words:
        statement = statement.where(Record.search.contains(word, autoescape=True))
    if filters.area:
        statement = statement.where(Record.area_code.startswith(filters.area, autoescape=True))
    for name, code in filters.equal:
        statement = statement.where(Record.data[name].as_string() == code)
    if filters.stale_before is not None:
        statement = statement.where(func.coalesce(Record.last_observed_at, EPOCH) < filters.stale_before)
    if filters.contested:
        statement = statement.where(or_(Record.contested.is_(True), Record.conflict.is_not(None)))
    if filters.unplaced:
        statement = statement.where(Record.lat.is_(None))
    if filters.near is not None:
        lat, lon = filters.near
        north = NEAR_KM / 111.2
        east = north / max(0.01, math.cos(math.radians(lat)))
        statement = statement.where(Record.lat.between(lat - north, lat + north), Record.lon.between(lon - east, lon + east))
    return statement


def count(session: Session, scope: Scope, dataset: str, filters: Filters, project_id: int = 1) -> int:
    """How many live records of the list the filters leave."""
    return session.scalar(_narrow(select(func.count()).select_from(Record), scope, dataset, filters, project_id)) or 0


def page(
    session: Session, scope: Scope, dataset: str, filters: Filters, sort: Sort, after: tuple[str, str] | None, limit: int,
    project_id: int = 1,
) -> Sequence[Record]:
    """One page in the given order, beginning after the (sort key, id) of the last row shown."""
    key, descending = _sort_key(sort)
    statement = _narrow(select(Record), scope, dataset, filters, project_id)
    if after is not None:
        bound = _bound(sort, after[0])
        beyond = key < bound if descending else key > bound
        statement = statement.where(or_(beyond, and_(key == bound, Record.id > after[1])))
    return session.scalars(statement.order_by(key.desc() if descending else key, Record.id).limit(limit)).all()


def _sort_key(sort: Sort) -> tuple[ColumnElement[Any], bool]:
    if sort == "name":
        return func.lower(Record.label), False
    if sort == "reports":
        return Record.observation_count.expression, True
    return func.coalesce(Record.last_observed_at, EPOCH), sort == "fresh"


def _bound(sort: Sort, text: str) -> Any:
    if sort == "name":
        return text
    return int(text) if sort == "reports" else dt.datetime.fromisoformat(text)


def cursor(record: Record, sort: Sort) -> tuple[str, str]:
    """The (sort key, id) of a record, for the address of the next page."""
    if sort == "name":
        return record.label.lower(), record.id
    if sort == "reports":
        return str(record.observation_count), record.id
    return (record.last_observed_at or EPOCH).isoformat(), record.id


def placed(session: Session, scope: Scope, dataset: str, filters: Filters, project_id: int = 1) -> Iterator[Record]:
    """The records that have a position, for the map; at most POINTS_LIMIT, by id."""
    statement = _narrow(select(Record), scope, dataset, filters, project_id)
    there = statement.where(Record.lat.is_not(None), Record.lon.is_not(None))
    yield from session.scalars(there.order_by(Record.id).limit(POINTS_LIMIT).execution_options(yield_per=500))


def chosen(session: Session, scope: Scope, dataset: str, filters: Filters, limit: int, project_id: int = 1) -> Sequence[Record]:
    """The records that the filters leave, by name, up to a limit: what an officer releases in one step."""
    statement = _narrow(select(Record), scope, dataset, filters, project_id)
    return session.scalars(statement.order_by(func.lower(Record.label), Record.id).limit(limit)).all()


def around(
    session: Session, scope: Scope, dataset: str, place: tuple[float, float], metres: float, project_id: int = 1
) -> list[tuple[Record, float]]:
    """The live records of a list within so many metres of a place (WGS84 degrees), each with its distance, nearest first."""
    lat, lon = place
    north = metres / 111_200
    east = north / max(0.01, math.cos(math.radians(lat)))
    found = session.scalars(
        select(Record).where(
            in_scope(scope, project_id), Record.dataset == dataset, Record.deleted_at.is_(None),
            Record.lat.between(lat - north, lat + north), Record.lon.between(lon - east, lon + east),
        )
    )
    here = Position(lat, lon)
    far = [(row, distance_m(here, Position(row.lat, row.lon))) for row in found if row.lat is not None and row.lon is not None]
    return sorted((pair for pair in far if pair[1] <= metres), key=lambda pair: (pair[1], pair[0].id))


def counts(
    session: Session, scope: Scope, stale_before: dt.datetime, project_id: int = 1,
) -> dict[str, tuple[int, int, int, int]]:
    """For each list: live records, records with a position, not confirmed since then, contested."""
    stale = func.coalesce(Record.last_observed_at, EPOCH) < stale_before
    rows = session.execute(
        select(
            Record.dataset, func.count(), func.count(Record.lat), func.count().filter(stale),
            func.count().filter(Record.contested.is_(True)),
        ).where(in_scope(scope, project_id), Record.deleted_at.is_(None)).group_by(Record.dataset)
    )
    return {name: (int(total), int(there), int(old), int(torn)) for name, total, there, old, torn in rows}


def record(session: Session, scope: Scope, dataset: str, record_id: str, project_id: int = 1) -> Record | None:
    """One record, deleted ones too; None outside the scope."""
    return session.scalar(
        select(Record).where(in_scope(scope, project_id), Record.dataset == dataset, Record.id == record_id)
    )


def survivor_id(session: Session, dataset: str, entity_id: str, project_id: int = 1) -> str | None:
    """The record that an entity belongs to now (a losing id redirects for ever)."""
    return session.scalar(
        select(Entity.record_id).where(Entity.project_id == project_id, Entity.dataset == dataset, Entity.id == entity_id)
    )


def labels_of_entities(session: Session, dataset: str, ids: Collection[str], project_id: int = 1) -> dict[str, str]:
    """The names of the records that these entities belong to now, by entity id."""
    found: dict[str, str] = {}
    wanted = sorted(ids)
    own = and_(Record.project_id == Entity.project_id, Record.dataset == Entity.dataset, Record.id == Entity.record_id)
    listed = select(Entity.id, Record.label).join(Record, own).where(Entity.project_id == project_id, Entity.dataset == dataset)
    for start in range(0, len(wanted), 400):
        rows = session.execute(listed.where(Entity.id.in_(wanted[start : start + 400])))
        found |= {entity: label for entity, label in rows}
    return found


def records_by_id(session: Session, scope: Scope, ids: Collection[str], project_id: int = 1) -> dict[str, Record]:
    """Several records of any list by id, those in the scope."""
    rows = session.scalars(select(Record).where(in_scope(scope, project_id), Record.id.in_(ids)))
    return {row.id: row for row in rows}


def entities(session: Session, dataset: str, record_ids: Collection[str], project_id: int = 1) -> Sequence[Entity]:
    """The entities that make up these records, the first created first."""
    return session.scalars(
        select(Entity).where(Entity.project_id == project_id, Entity.dataset == dataset, Entity.record_id.in_(record_ids))
        .order_by(Entity.created_hlc)
    ).all()


def observations(session: Session, dataset: str, entity_ids: Collection[str], project_id: int = 1) -> Sequence[Observation]:
    """Everything that was said about these entities, newest observation first."""
    return session.scalars(
        select(Observation).where(
            Observation.project_id == project_id, Observation.dataset == dataset, Observation.entity_id.in_(entity_ids),
        ).order_by(Observation.observed_at.desc(), Observation.hlc.desc())
    ).all()


def observation(session: Session, observation_id: str) -> Observation | None:
    """One observation by id."""
    return session.get(Observation, observation_id)


def reports_behind(session: Session, sources: Collection[str], project_id: int = 1) -> dict[str, SubmissionSummary]:
    """The reports with these root instanceIDs."""
    # The index begins with the form: without naming it, every report of the mission would be looked at.
    forms = session.scalars(select(Form.xml_form_id).where(Form.project_id == project_id)).all()
    rows = session.scalars(
        select(SubmissionSummary).where(
            SubmissionSummary.project_id == project_id, SubmissionSummary.xml_form_id.in_(forms),
            SubmissionSummary.root_instance_id.in_(sources),
            SubmissionSummary.is_draft.is_(False),
        )
    )
    return {row.root_instance_id: row for row in rows}


def post_names(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Names of posts by id."""
    if not ids:
        return {}
    return {post_id: name for post_id, name in session.execute(select(Post.id, Post.name).where(Post.id.in_(ids)))}


def code_labels(session: Session, lists: Collection[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """(list, code) -> (English, French) label, retired codes too."""
    rows = session.execute(
        select(CodeItem.list_name, CodeItem.code, CodeItem.label_en, CodeItem.label_fr)
        .where(CodeItem.list_name.in_(lists)).order_by(CodeItem.list_name, CodeItem.sort, CodeItem.code)
    )
    return {(name, code): (english, french or english) for name, code, english, french in rows}


def area_names(session: Session, codes: Collection[str] | None = None) -> dict[str, str]:
    """Names of areas by p-code; all of them when no codes are given, by level and name."""
    narrowed = true() if codes is None else Area.code.in_(codes)
    rows = session.execute(select(Area.code, Area.name).where(narrowed).order_by(Area.level, Area.name))
    return {code: name for code, name in rows}


def areas_in_use(session: Session, scope: Scope, dataset: str, project_id: int = 1) -> list[str]:
    """The area codes that live records of the list have."""
    rows = session.scalars(
        select(Record.area_code).where(
            in_scope(scope, project_id), Record.dataset == dataset, Record.deleted_at.is_(None), Record.area_code.is_not(None),
        ).distinct().order_by(Record.area_code)
    )
    return [code for code in rows if code]
