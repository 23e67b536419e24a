"""What somebody was assigned in one project or on one form of it, beside what the own account gives.

A manager or viewer of a project has that project alone; one of a form has what lies below the form's address, and sees of the
rest of the project only that there is this form.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy.orm import Session

from server.models import Project
from server.queries import assignments as queries
from server.services.identity import ROLES, Identity, Verb

MISSION = 1
"""The mission's own project: all who work for the mission see it, and its roles come with accounts."""
_EVERYWHERE = {"admin", "hq_officer"}
# Who sees other projects only when something in them was assigned.
_BY_ASSIGNMENT = {"collector", "observer"}
VIEWER = frozenset({
    Verb.PROJECT_READ, Verb.FORM_LIST, Verb.FORM_READ, Verb.SUBMISSION_READ, Verb.DATASET_READ, Verb.EXPORT,
})
MANAGER = ROLES["hq_officer"] - {Verb.MISSION_MANAGE, Verb.RELEASE_DECIDE, Verb.RELEASE_PROPOSE, Verb.RELEASE_READ}


VIEWER_OF_FORM = VIEWER - {Verb.DATASET_READ}
# Lists of entities belong to the project: whoever manages one form of it changes reports, not records.
MANAGER_OF_FORM = VIEWER_OF_FORM | {
    Verb.FORM_PUBLISH, Verb.DEVICE_MANAGE, Verb.SUBMISSION_CREATE, Verb.SUBMISSION_EDIT, Verb.SUBMISSION_REVIEW,
}


def within(session: Session, who: Identity, project_id: int, xml_form_id: str | None = None) -> Identity:
    """The actor as far as this project goes, or this form of it: with the verbs that were assigned there."""
    if who.type != "user" or who.role in _EVERYWHERE:
        return who
    given = queries.roles_of(session, who.actor_id, project_id, xml_form_id)
    on_project, on_form = _greatest(given.on_project), _greatest(given.on_form)
    if on_project is None and on_form is None:
        return who
    verbs = who.verbs
    if on_project is not None:
        verbs |= MANAGER if on_project == "manager" else VIEWER
    if on_form is not None:
        verbs |= MANAGER_OF_FORM if on_form == "manager" else VIEWER_OF_FORM
    found = "manager" if "manager" in {on_project, on_form} else "viewer"
    # An officer of a sector stays in the sector as far as the mission's own project goes.
    whole = not (who.role == "officer" and project_id == MISSION)
    return replace(who, verbs=verbs, project_role=found, whole_project=whole)


def _greatest(roles: Collection[str]) -> str | None:
    return next((role for role in ("manager", "viewer") if role in roles), None)


def sees(session: Session, who: Identity, project_id: int) -> bool:
    """Whether this actor may know of the project at all."""
    if who.project_id is not None:
        return who.project_id == project_id
    if who.role not in _BY_ASSIGNMENT or project_id == MISSION:
        return True
    return any(row.project_id == project_id for row in queries.of_actor(session, who.actor_id))


def visible(session: Session, who: Identity, projects: list[Project]) -> list[Project]:
    """Those of the projects that this actor may know of."""
    return [project for project in projects if sees(session, who, project.id)]
