"""What the field app is told about the post it belongs to: names, the duty phone, the key to seal to, returns that are due."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Actor, Post, Project
from server.queries import mission
from server.services import returns, sealing_key
from server.services.identity import Identity
from server.services.journal import now


def facts(session: Session, settings: Settings, who: Identity, project_id: int) -> dict[str, Any]:
    """A JSON object for one device; times are ISO 8601 in UTC, sizes in bytes."""
    actor, project = session.get_one(Actor, who.actor_id), session.get(Project, project_id)
    post = session.get(Post, who.post_id) if who.post_id is not None else None
    key_id, spki = sealing_key.public(session, settings)
    phone = (post.duty_phone if post else None) or mission.setting(session, "duty_phone")
    return {
        "mission": str(mission.setting(session, "mission_name") or ""), "project": project.name if project else "",
        "label": actor.display_name, "post": post.name if post else "", "dutyPhone": phone, "serverTime": _text(now()),
        "sealingKey": {"id": key_id, "spki": spki}, "maxBody": settings.max_body,
        "returnsDue": _due(session, replace(who, sector_id=post.sector_id), _zone(session, settings)) if post else [],
    }


def _zone(session: Session, settings: Settings) -> ZoneInfo:
    name = mission.setting(session, "time_zone")
    try:
        return ZoneInfo(str(name)) if name else settings.time_zone
    except (KeyError, ValueError):
        return settings.time_zone


def _due(session: Session, who: Identity, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The returns of the device's own post that a reminder is in force for, the most urgent first."""
    found = []
    for board in returns.reminding_boards(session, who, zone):
        for row, reminder in board.reminders:
            if row.post.id != who.post_id:
                continue
            due = dt.datetime.combine(reminder.due, dt.time(23, 59), zone)
            found.append({
                "form": board.xml_form_id, "title": {"en": board.title, "fr": board.title}, "period": str(board.month),
                "dueAt": _text(due), "state": "late" if reminder.is_over else "due",
            })  # fmt: skip
    return sorted(found, key=lambda each: str(each["dueAt"]))


def _text(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
