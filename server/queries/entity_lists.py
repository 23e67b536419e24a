"""Queries behind the lists that devices download: records of a register as columns, areas, units."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session

from server.models import Area, Entity, Form, FormAttachment, Record, Sector, Unit
from server.queries.areas import in_force


@dataclass(frozen=True)
class Audience:
    """What limits an actor's copy of a list. sector_id: of this sector or of none; areas: (property, codes), one of which or
    none at all the record has there; owner_id: with an entity of this actor's making; pairs: (property, value), one of which
    the record has, or None without such rules."""

    sector_id: int | None = None
    areas: tuple[str, tuple[str, ...]] | None = None
    owner_id: int | None = None
    pairs: tuple[tuple[str, str], ...] | None = None


def _visible(project_id: int, dataset: str, audience: Audience) -> ColumnElement[bool]:
    found = [Record.project_id == project_id, Record.dataset == dataset, Record.deleted_at.is_(None)]
    if audience.sector_id is not None:
        found.append(or_(Record.sector_id == audience.sector_id, Record.sector_id.is_(None)))
    if audience.areas is not None:
        name, codes = audience.areas
        area = Record.data[name].as_string()
        found.append(or_(area.is_(None), area == "", area.in_(codes)))
    if audience.owner_id is not None:
        found.append(
            select(Entity.id).where(
                Entity.project_id == Record.project_id, Entity.dataset == Record.dataset, Entity.record_id == Record.id,
                Entity.creator_id == audience.owner_id,
            ).exists()
        )
    if audience.pairs is not None:
        found.append(or_(false(), *(Record.data[name].as_string() == value for name, value in audience.pairs)))
    return and_(*found)


def stamp(session: Session, project_id: int, dataset: str, audience: Audience) -> tuple[Any, ...]:
    """Changes whenever the visible records change: each record's digest stands for all that it holds."""
    row = session.execute(
        select(func.count(), func.sum(Record.digest), func.max(Record.updated_at), func.max(Record.id))
        .where(_visible(project_id, dataset, audience))
    ).one()
    return tuple(row)


def rows(
    session: Session, project_id: int, dataset: str, audience: Audience
) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """(id, label, version, data) of the visible records, read in portions, in no particular order."""
    result = session.execute(
        select(Record.id, Record.label, Record.version, Record.data).where(_visible(project_id, dataset, audience))
        .execution_options(yield_per=1_000)
    )
    for row in result:
        yield row[0], row[1], row[2], row[3]


def known_entities(session: Session, project_id: int, dataset: str, ids: Collection[str]) -> dict[str, str | None]:
    """For each of these entity UUIDs that the server knows: the record it belongs to (None while it is held or deleted)."""
    found: dict[str, str | None] = {}
    wanted = list(ids)
    # SQLite takes at most 32,766 variables; a phone may ask for a whole list.
    for start in range(0, len(wanted), 10_000):
        result = session.execute(
            select(Entity.id, Entity.record_id, Entity.deleted_at).where(
                Entity.project_id == project_id, Entity.dataset == dataset, Entity.id.in_(wanted[start : start + 10_000])
            )
        )
        found.update({row[0]: None if row[2] is not None else row[1] for row in result})
    return found


def serving_forms(session: Session, project_id: int, dataset: str) -> set[int]:
    """The forms that are not closed and whose published version is served the list."""
    found = session.scalars(
        select(Form.id).join(FormAttachment, FormAttachment.form_version_id == Form.current_version_id)
        .where(
            Form.project_id == project_id, Form.deleted_at.is_(None), Form.state != "closed",
            FormAttachment.dataset_name == dataset,
        )
    )
    return set(found)


def all_entities(session: Session, project_id: int, dataset: str) -> list[str]:
    """The UUIDs of all entities that the list ever had, merged away and deleted ones too, in the order of making."""
    return list(session.scalars(
        select(Entity.id).where(Entity.project_id == project_id, Entity.dataset == dataset)
        .order_by(Entity.created_hlc, Entity.id)
    ))


def visible_records(session: Session, project_id: int, dataset: str, audience: Audience, ids: Collection[str]) -> set[str]:
    """Which of these record ids are in the list that is served."""
    wanted, found = list(ids), set()
    for start in range(0, len(wanted), 10_000):
        found |= set(session.scalars(
            select(Record.id).where(_visible(project_id, dataset, audience), Record.id.in_(wanted[start : start + 10_000]))
        ))
    return found


def area_and_below(session: Session, code: str) -> tuple[str, ...]:
    """The p-code with those of all areas inside it, in order."""
    inside = select(Area.code).where(Area.code == code).cte(recursive=True)
    inside = inside.union(select(Area.code).join(inside, Area.parent_code == inside.c.code))
    return tuple(sorted({code, *session.scalars(select(inside.c.code))}))


def areas(session: Session, level: int, day: dt.date) -> list[tuple[str, str, str, str]]:
    """(p-code, name, parent's p-code, boundary version) of the areas of a level that are in force on that day, by name."""
    result = session.execute(
        select(Area.code, Area.name, Area.parent_code, Area.cod_version)
        .where(Area.level == level, in_force(day)).order_by(Area.name, Area.code)
    )
    return [(row[0], row[1], row[2] or "", row[3]) for row in result]


def units(session: Session) -> list[tuple[str, str, str, str]]:
    """(code, name, sector code, day of rotating out) of all units, by name."""
    result = session.execute(
        select(Unit.code, Unit.name, Sector.code, Unit.rotation_out).outerjoin(Sector, Sector.id == Unit.sector_id)
        .order_by(Unit.name, Unit.code)
    )
    return [(row[0], row[1], row[2] or "", row[3].isoformat() if row[3] else "") for row in result]
