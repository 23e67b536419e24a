"""Names behind codes and ids that answers hold: areas, units, records, posts, senders. For showing, in one query each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Actor, Area, CodeItem, Entity, Observation, Post, Record, Sector, Unit


def _pairs(session: Session, statement: Any) -> dict[Any, str]:
    return {row[0]: row[1] for row in session.execute(statement)}


def area_names(session: Session, codes: Collection[str]) -> dict[str, str]:
    """p-code -> name."""
    return _pairs(session, select(Area.code, Area.name).where(Area.code.in_(codes))) if codes else {}


def unit_names(session: Session, codes: Collection[str] | None = None) -> dict[str, str]:
    """unit code -> name, of these codes or all, by name."""
    statement = select(Unit.code, Unit.name).order_by(Unit.name)
    if codes is not None:
        statement = statement.where(Unit.code.in_(codes))
    return _pairs(session, statement)


def sector_names(session: Session) -> dict[int, str]:
    """sector id -> name, by name."""
    return _pairs(session, select(Sector.id, Sector.name).order_by(Sector.name))


def actor_names(session: Session, ids: Collection[int]) -> dict[int, str]:
    """actor id -> display name, deleted ones as well."""
    return _pairs(session, select(Actor.id, Actor.display_name).where(Actor.id.in_(ids))) if ids else {}


def post_names(session: Session, ids: Collection[int]) -> dict[int, str]:
    """post id -> name."""
    return _pairs(session, select(Post.id, Post.name).where(Post.id.in_(ids))) if ids else {}


def entity_labels(session: Session, ids: Collection[str], project_id: int = 1) -> dict[str, str]:
    """entity id -> the label of the record it belongs to, else its own."""
    if not ids:
        return {}
    rows = session.execute(
        select(Entity.id, Record.label, Entity.label)
        .outerjoin(Record, (Record.id == Entity.record_id) & (Record.project_id == Entity.project_id))
        .where(Entity.id.in_(ids), Entity.project_id == project_id)
    )
    return {each: record or own or each for each, record, own in rows}


def code_labels(session: Session, lists: Collection[str], language: str) -> dict[str, dict[str, str]]:
    """list name -> code -> label in the language."""
    found: dict[str, dict[str, str]] = {}
    if not lists:
        return found
    for item in session.scalars(
        select(CodeItem).where(CodeItem.list_name.in_(lists)).order_by(CodeItem.list_name, CodeItem.sort)
    ):
        found.setdefault(item.list_name, {})[item.code] = (item.label_fr if language == "fr" else item.label_en) or item.label_en
    return found


def records_touched(session: Session, root_instance_id: str, project_id: int = 1) -> list[tuple[Observation, Record | None]]:
    """The observations a report made, each with the record it went into (None while it waits or failed)."""
    rows = session.execute(
        select(Observation, Record)
        .outerjoin(
            Entity,
            (Entity.id == Observation.entity_id)
            & (Entity.project_id == Observation.project_id)
            & (Entity.dataset == Observation.dataset),
        )
        .outerjoin(
            Record,
            (Record.id == Entity.record_id) & (Record.project_id == Entity.project_id) & (Record.dataset == Entity.dataset),
        )
        .where(Observation.source == root_instance_id, Observation.project_id == project_id, Observation.state != "superseded")
        .order_by(Observation.id)
    )
    return [(row[0], row[1]) for row in rows]
