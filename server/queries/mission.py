"""Queries over the mission's organisation: settings, sectors, areas, units, posts, duties, return plans, code lists."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, not_, or_, select
from sqlalchemy.orm import Session

from server.models import Actor, AppUser, Area, CodeItem, FormDuty, MissionSetting, Post, ReturnPlan, Sector, Unit, User


def setting(session: Session, key: str, default: Any = None) -> Any:
    """The value of a mission setting, or `default`."""
    row = session.get(MissionSetting, key)
    return default if row is None else row.value


def put_setting(session: Session, key: str, value: Any) -> None:
    """Writes a mission setting; the caller commits."""
    row = session.get(MissionSetting, key)
    if row is None:
        session.add(MissionSetting(key=key, value=value))
    else:
        row.value = value


def all_settings(session: Session) -> dict[str, Any]:
    """Every mission setting by key."""
    return {row.key: row.value for row in session.scalars(select(MissionSetting))}


# Built once and read past the ORM: every stored report asks this.
_SERVER_ID = select(MissionSetting.value).where(MissionSetting.key == "server_id")


def server_id(session: Session) -> str:
    """This server's id (a UUID made by `init`, or now when there is none yet)."""
    found = session.connection().execute(_SERVER_ID).scalar() or setting(session, "server_id")
    if found is None:
        found = str(uuid.uuid4())
        put_setting(session, "server_id", found)
        session.flush()
    return str(found)


def sectors(session: Session) -> Sequence[Sector]:
    """All sectors, by code."""
    return session.scalars(select(Sector).order_by(Sector.code)).all()


def sector_by_code(session: Session, code: str) -> Sector | None:
    """The sector with this code, in any case of letters."""
    return session.scalar(select(Sector).where(func.lower(Sector.code) == code.strip().lower()))


def sector_use(session: Session, sector_id: int) -> int:
    """How many areas, units, posts and users hang on the sector."""
    total = 0
    for model in (Area, Unit, Post, User):
        total += session.scalar(select(func.count()).select_from(model).where(model.sector_id == sector_id)) or 0
    return total


def areas(session: Session, level: int | None = None, parent_code: str | None = None) -> Sequence[Area]:
    """Administrative areas by name, of one level or under one parent when asked."""
    statement = select(Area).order_by(Area.level, Area.name, Area.code)
    if level is not None:
        statement = statement.where(Area.level == level)
    if parent_code is not None:
        statement = statement.where(Area.parent_code == parent_code)
    return session.scalars(statement).all()


def area_counts(session: Session) -> dict[int, int]:
    """How many areas there are of each level."""
    rows = session.execute(select(Area.level, func.count()).group_by(Area.level).order_by(Area.level))
    return {int(level): int(count) for level, count in rows}


def units(session: Session) -> Sequence[Unit]:
    """All units, by name."""
    return session.scalars(select(Unit).order_by(Unit.name)).all()


def posts(session: Session, *, closed: bool = False, type: str | None = None) -> Sequence[Post]:
    """Posts by code; closed ones only when asked."""
    statement = select(Post).order_by(Post.code)
    if not closed:
        statement = statement.where(Post.closed_at.is_(None))
    if type is not None:
        statement = statement.where(Post.type == type)
    return session.scalars(statement).all()


def post_by_code(session: Session, code: str) -> Post | None:
    """The post with this code, in any case of letters."""
    return session.scalar(select(Post).where(func.lower(Post.code) == code.strip().lower()))


def post_types(session: Session) -> list[str]:
    """The types that open posts have, sorted."""
    return list(session.scalars(select(Post.type).where(Post.closed_at.is_(None)).distinct().order_by(Post.type)))


def form_duties(session: Session, project_id: int = 1) -> Sequence[FormDuty]:
    """Which types of post fill which form."""
    return session.scalars(
        select(FormDuty).where(FormDuty.project_id == project_id).order_by(FormDuty.xml_form_id, FormDuty.post_type)
    ).all()


def delete_form_duties(session: Session, project_id: int, xml_form_id: str) -> None:
    """Takes a form away from every type of post; the caller commits."""
    session.execute(delete(FormDuty).where(FormDuty.project_id == project_id, FormDuty.xml_form_id == xml_form_id))


def return_plans(session: Session) -> Sequence[ReturnPlan]:
    """Which types of post owe which return."""
    return session.scalars(select(ReturnPlan).order_by(ReturnPlan.xml_form_id, ReturnPlan.post_type)).all()


def return_plan(session: Session, xml_form_id: str, post_type: str, rhythm: str) -> ReturnPlan | None:
    """The plan of this form for this type of post in this rhythm."""
    return session.scalar(
        select(ReturnPlan).where(
            ReturnPlan.xml_form_id == xml_form_id, ReturnPlan.post_type == post_type, ReturnPlan.rhythm == rhythm
        )
    )


def device_count(session: Session) -> int:
    """Devices that hold a live token."""
    return session.scalar(select(func.count()).select_from(AppUser).where(AppUser.revoked_at.is_(None))) or 0


def code_items(session: Session, list_name: str) -> Sequence[CodeItem]:
    """The codes of a list in their order, retired ones too."""
    return session.scalars(
        select(CodeItem).where(CodeItem.list_name == list_name).order_by(CodeItem.sort, CodeItem.code)
    ).all()


def offered_codes(session: Session, list_name: str, day: dt.date) -> Sequence[CodeItem]:
    """The codes of a list that may be chosen on that day, in their order."""
    return session.scalars(
        select(CodeItem).where(CodeItem.list_name == list_name, offered(day)).order_by(CodeItem.sort, CodeItem.code)
    ).all()


def ended_codes(session: Session, lists: Collection[str], day: dt.date) -> set[tuple[str, str]]:
    """(list, code) of the codes that may not be chosen on that day."""
    rows = session.execute(
        select(CodeItem.list_name, CodeItem.code).where(CodeItem.list_name.in_(lists), not_(offered(day)))
    )
    return {(name, code) for name, code in rows}


def code_exists(session: Session, code: str) -> bool:
    """Whether any list has this code."""
    return session.scalar(select(func.count()).select_from(CodeItem).where(CodeItem.code == code)) != 0


def offered(day: dt.date) -> ColumnElement[bool]:
    """The condition that a code may be chosen on that day: begun, and not ended (valid_to is the first day without it)."""
    begun = or_(CodeItem.valid_from.is_(None), CodeItem.valid_from <= day)
    return and_(begun, or_(CodeItem.valid_to.is_(None), CodeItem.valid_to > day))


def all_code_items(session: Session) -> dict[tuple[str, str], CodeItem]:
    """Every code of every list by (list, code)."""
    return {(item.list_name, item.code): item for item in session.scalars(select(CodeItem))}


def code_lists(session: Session) -> dict[str, int]:
    """The names of all code lists with how many codes each has."""
    rows = session.execute(select(CodeItem.list_name, func.count()).group_by(CodeItem.list_name).order_by(CodeItem.list_name))
    return {str(name): int(count) for name, count in rows}


def code_item(session: Session, list_name: str, code: str) -> CodeItem | None:
    """One code of a list."""
    return session.scalar(select(CodeItem).where(CodeItem.list_name == list_name, CodeItem.code == code))


def user_count(session: Session) -> int:
    """People with an account that is not deleted."""
    return session.scalar(
        select(func.count()).select_from(User).join(Actor, Actor.id == User.actor_id).where(Actor.deleted_at.is_(None))
    ) or 0
