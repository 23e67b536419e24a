"""Projects: find, make, rename, archive, delete. Project 1 is the mission's own and stays."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from server.models import Project
from server.problems import Problem
from server.queries import forms as form_queries
from server.queries import projects as queries
from server.services import entries, project_rights
from server.services.audits import audit
from server.services.identity import Identity, Verb
from server.services.journal import now
from server.services.project_rights import MISSION
from server.services.roles import central_verbs


def find(session: Session, who: Identity, project_id: int) -> Project:
    """The project. Raises Problem not_found, and not_allowed for whoever has no business in it."""
    project = form_queries.project(session, project_id)
    if project is None:
        raise Problem("not_found")
    if not project_rights.sees(session, who, project_id):
        raise Problem("not_allowed")
    return project


def visible(session: Session, who: Identity) -> list[Project]:
    """Every live project that the actor may know of."""
    return project_rights.visible(session, who, list(queries.projects(session)))


def extended(session: Session, who: Identity, project: Project) -> dict[str, Any]:
    """The project's columns with counts and the actor's verbs, as the extended answer shows them.

    Who may not read submissions or manage devices gets no hint of how many there are.
    """
    counts = asdict(queries.counts(session, project.id))
    if not who.may(Verb.SUBMISSION_READ):
        counts |= {"last_submission": None, "last_entity": None}
    return {**_columns(project), **counts, "verbs": central_verbs(who)}


def create(session: Session, who: Identity, name: str, description: str | None) -> Project:
    """A new project, committed."""
    # The number is given here: project 1 was made with a number of its own, which PostgreSQL's sequence does not see.
    number = queries.next_number(session)
    project = Project(id=number, name=entries.text("name", name), description=_text(description), created_at=now())
    session.add(project)
    session.flush()
    audit(session, who, "project.create", f"project/{project.id}", {"name": project.name})
    session.commit()
    return project


def change(session: Session, who: Identity, project: Project, changes: dict[str, Any]) -> Project:
    """Changes name, description, archived or cleanPhotos, and commits."""
    if "name" in changes:
        project.name = entries.text("name", changes["name"])
    if "description" in changes:
        project.description = _text(changes["description"])
    if "archived" in changes:
        project.archived = bool(changes["archived"])
    if "cleanPhotos" in changes:
        project.clean_photos = changes["cleanPhotos"]
    project.updated_at = now()
    audit(session, who, "project.update", f"project/{project.id}", {key: changes[key] for key in sorted(changes)})
    session.commit()
    return project


def delete(session: Session, who: Identity, project: Project) -> None:
    """Takes a project away from all lists and commits; its facts stay. Raises state_conflict for the mission's own."""
    if project.id == MISSION:
        raise Problem("state_conflict", reason="project 1 is the mission's own project.")
    project.deleted_at = now()
    audit(session, who, "project.delete", f"project/{project.id}")
    session.commit()


def _text(description: str | None) -> str | None:
    return description.strip() or None if description else None


def _columns(project: Project) -> dict[str, Any]:
    return {column.key: getattr(project, column.key) for column in Project.__table__.columns}
