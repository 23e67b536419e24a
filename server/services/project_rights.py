"""What somebody was assigned in one project, beside what the own account gives: a manager or viewer of that project alone."""

from __future__ import annotations

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


def within(session: Session, who: Identity, project_id: int) -> Identity:
    """The actor as far as this project goes: with the verbs that were assigned there."""
    if who.type != "user" or who.role in _EVERYWHERE:
        return who
    roles = {row.role for row in queries.of_actor(session, who.actor_id) if row.project_id == project_id and row.form_id is None}
    found = "manager" if "manager" in roles else "viewer" if "viewer" in roles else None
    if found is None:
        return who
    # An officer of a sector stays in the sector as far as the mission's own project goes.
    whole = not (who.role == "officer" and project_id == MISSION)
    return replace(who, verbs=who.verbs | (MANAGER if found == "manager" else VIEWER), project_role=found, whole_project=whole)


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
