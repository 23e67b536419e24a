"""App users of a project as ODK Central lists them, over services.devices."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from server.config import Settings
from server.problems import Problem
from server.queries import devices as device_queries
from server.services import devices
from server.services.identity import Identity


def listed(session: Session, settings: Settings, project_id: int) -> list[dict[str, Any]]:
    """Every app user of the project; the token is null once it is revoked."""
    return [_shown(settings, device) for device in device_queries.devices(session, project_id)]


def create(
    session: Session, settings: Settings, who: Identity, project_id: int, name: str, post_id: int | None = None
) -> dict[str, Any]:
    """A new app user, of a post or of none, committed, with its token. Raises Problem not_found for an unknown post."""
    device, _token = devices.create_device(session, settings, who, name=name, post_id=post_id, project_id=project_id)
    return _shown(settings, device)


def one(session: Session, settings: Settings, project_id: int | None, actor_id: int) -> dict[str, Any]:
    """One app user. Raises Problem not_found."""
    device = device_queries.device(session, actor_id)
    if device is None or (project_id is not None and device.app_user.project_id != project_id):
        raise Problem("not_found")
    return _shown(settings, device)


def rename(session: Session, settings: Settings, who: Identity, actor_id: int, name: str) -> dict[str, Any]:
    """Gives an app user another name, and commits. Raises Problem not_found."""
    device = device_queries.device(session, actor_id)
    if device is None:
        raise Problem("not_found")
    devices.rename(session, who, actor_id, name, device.app_user.post_id)
    return one(session, settings, None, actor_id)


def _shown(settings: Settings, device: device_queries.Device) -> dict[str, Any]:
    app_user, actor = device.app_user, device.actor
    return {
        "id": actor.id, "type": actor.type, "display_name": actor.display_name, "created_at": actor.created_at,
        "updated_at": actor.updated_at, "deleted_at": actor.deleted_at, "project_id": app_user.project_id,
        "token": devices.token_of(settings, app_user), "post_id": app_user.post_id, "last_used": app_user.last_seen_at,
        "created_by": None if app_user.created_by is None else {"id": app_user.created_by, "display_name": device.maker},
    }
