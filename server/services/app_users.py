"""App users of a project as ODK Central lists them, over services.devices, and who may fill which form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Assignment, Form
from server.problems import Problem
from server.queries import assignments as queries
from server.queries import devices as device_queries
from server.services import devices
from server.services.audits import audit
from server.services.identity import Identity
from server.services.roles import ASSIGNABLE, CentralRole, central_role, find_role


@dataclass(frozen=True)
class Assigned:
    """Who has which role."""

    actor_id: int
    role_id: int


def listed(session: Session, settings: Settings, project_id: int) -> list[dict[str, Any]]:
    """Every app user of the project; the token is null once it is revoked."""
    return [_shown(settings, device) for device in device_queries.devices(session, project_id)]


def create(session: Session, settings: Settings, who: Identity, project_id: int, name: str) -> dict[str, Any]:
    """A new app user of no post, committed, with its token."""
    device, _token = devices.create_device(session, settings, who, name=name, project_id=project_id)
    return _shown(settings, device)


def one(session: Session, settings: Settings, project_id: int | None, actor_id: int) -> dict[str, Any]:
    """One app user. Raises Problem not_found."""
    device = device_queries.device(session, actor_id)
    if device is None or (project_id is not None and device.app_user.project_id != project_id):
        raise Problem("not_found")
    return _shown(settings, device)


def _shown(settings: Settings, device: device_queries.Device) -> dict[str, Any]:
    app_user, actor = device.app_user, device.actor
    return {
        "id": actor.id, "type": actor.type, "display_name": actor.display_name, "created_at": actor.created_at,
        "updated_at": actor.updated_at, "deleted_at": actor.deleted_at, "project_id": app_user.project_id,
        "token": devices.token_of(settings, app_user), "last_used": app_user.last_seen_at,
        "created_by": None if app_user.created_by is None else {"id": app_user.created_by, "displayName": device.maker},
    }


def site_assignments(session: Session) -> list[Assigned]:
    """The administrators, as ODK Central's assignments on "/"."""
    return [Assigned(actor_id, 1) for actor_id, role in queries.people(session) if role == "admin"]


def project_assignments(session: Session, project_id: int, forms: bool = False) -> list[dict[str, Any]]:
    """Who has a role in the project: people by their account's role, and what was assigned. forms: form by form."""
    if forms:
        return [
            {"actorId": row.actor_id, "xmlFormId": xml_form_id, "roleId": find_role(row.role).id}
            for row, xml_form_id in queries.form_assignments(session, project_id)
        ]
    roles = ((actor_id, central_role(role)) for actor_id, role in queries.people(session) if role != "admin")
    found = [(actor_id, role.id) for actor_id, role in roles if role]
    found += [(row.actor_id, find_role(row.role).id) for row in queries.assignments(session, project_id, None)]
    return [{"actorId": actor_id, "roleId": role_id} for actor_id, role_id in dict.fromkeys(found)]


def form_assignments(session: Session, form: Form) -> list[dict[str, Any]]:
    """Who was assigned to this form."""
    return [
        {"actorId": row.actor_id, "roleId": find_role(row.role).id}
        for row in queries.assignments(session, form.project_id, form.id)
    ]


def assign(session: Session, who: Identity, role: CentralRole, actor_id: int, project_id: int, form: Form | None) -> None:
    """Lets an app user or data collector fill a form, or all forms of the project, and commits; twice is once.

    Raises Problem not_found for an unknown actor and unexpected_value for a role that is not given by assignment here.
    """
    if role.system not in ASSIGNABLE:
        raise Problem(
            "unexpected_value", field="roleId", value=role.system,
            reason="people get this role with their account (PATCH /v1/users/ID), not by assignment.",
        )
    if not queries.actor_exists(session, actor_id, project_id):
        raise Problem("not_found")
    form_id = form.id if form else None
    if queries.assignment(session, actor_id, role.system, project_id, form_id) is None:
        session.add(Assignment(actor_id=actor_id, role=role.system, project_id=project_id, form_id=form_id))
        audit(session, who, "assignment.create", _actee(project_id, form), {"actorId": actor_id, "role": role.system})
    session.commit()


def unassign(session: Session, who: Identity, role: CentralRole, actor_id: int, project_id: int, form: Form | None) -> None:
    """Takes such a right back and commits. Raises Problem not_found when there is none."""
    row = queries.assignment(session, actor_id, role.system, project_id, form.id if form else None)
    if row is None:
        raise Problem("not_found")
    session.delete(row)
    audit(session, who, "assignment.delete", _actee(project_id, form), {"actorId": actor_id, "role": role.system})
    session.commit()


def _actee(project_id: int, form: Form | None) -> str:
    return f"form:{form.xml_form_id}" if form else f"project/{project_id}"
