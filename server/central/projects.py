"""Projects, roles and the public configuration."""

from __future__ import annotations

from flask import Response

from server.central.bodies import read
from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity, public
from server.schemas.actors import RoleAnswer
from server.schemas.projects import ProjectAnswer, ProjectChange, ProjectExtended, ProjectRequest
from server.services import projects, roles
from server.services.identity import Verb


@routes.get("/projects")
@allow(Verb.PROJECT_READ)
def list_projects() -> Response:
    """All projects; with counts and verbs when asked for extended metadata."""
    session, who = db.session(), identity()
    found = [project for project in projects.visible(session) if who.project_id in {None, project.id}]
    if extended():
        return as_json(ProjectExtended(many=True).dump([projects.extended(session, who, project) for project in found]))
    return as_json(ProjectAnswer(many=True).dump(found))


@routes.post("/projects")
@allow(Verb.PROJECT_MANAGE)
def create_project() -> Response:
    """A new project."""
    body = read(ProjectRequest())
    return as_json(ProjectAnswer().dump(projects.create(db.session(), identity(), body["name"], body.get("description"))))


@routes.get("/projects/<project_id>")
@allow(Verb.PROJECT_READ)
def show_project(project_id: int) -> Response:
    """One project."""
    session, who = db.session(), identity()
    project = projects.find(session, who, project_id)
    if extended():
        return as_json(ProjectExtended().dump(projects.extended(session, who, project)))
    return as_json(ProjectAnswer().dump(project))


@routes.patch("/projects/<project_id>")
@allow(Verb.PROJECT_MANAGE)
def change_project(project_id: int) -> Response:
    """Renames, describes or archives a project."""
    session, who = db.session(), identity()
    project = projects.find(session, who, project_id)
    return as_json(ProjectAnswer().dump(projects.change(session, who, project, read(ProjectChange()))))


@routes.delete("/projects/<project_id>")
@allow(Verb.PROJECT_MANAGE)
def delete_project(project_id: int) -> Response:
    """Takes a project off the lists."""
    session, who = db.session(), identity()
    projects.delete(session, who, projects.find(session, who, project_id))
    return success()


@routes.get("/roles")
@allow(Verb.OWN_ACCOUNT)
def list_roles() -> Response:
    """The roles in ODK Central's words."""
    return as_json(RoleAnswer(many=True).dump(roles.ROLES))


@routes.get("/roles/<name>")
@allow(Verb.OWN_ACCOUNT)
def show_role(name: str) -> Response:
    """One role, by number or system name."""
    return as_json(RoleAnswer().dump(roles.find_role(name)))



@routes.get("/config/public")
@public
def public_config() -> Response:
    """The settings that everybody may read: this server has none of Central's."""
    return as_json([])


