"""Queries over the mission's organisation: settings, sectors, areas, units, posts, code lists."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import MissionSetting


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


def server_id(session: Session) -> str:
    """This server's id (a UUID made by `init`, or now when there is none yet)."""
    found = setting(session, "server_id")
    if found is None:
        found = str(uuid.uuid4())
        put_setting(session, "server_id", found)
        session.flush()
    return str(found)
