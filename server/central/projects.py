"""Projects, roles and the public configuration."""

from __future__ import annotations

from flask import Response

from server.central.bodies import read
from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity, public
from server.problems import Problem
from server.schemas.actors import RoleAnswer
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.schemas.projects import ProjectAnswer, ProjectChange, ProjectExtended, ProjectRequest, ProjectWhole
from server.services import project_forms, projects, roles
from server.services.identity import Verb


@routes.get("/projects")
@allow(Verb.PROJECT_READ)
@described(ProjectExtended, many=True, extended=True)
def list_projects() -> Response:
    """All projects that the actor works in; with counts and verbs when asked for extended metadata."""
    session, who = db.session(), identity()
    found = projects.visible(session, who)
    if extended():
        return as_json(ProjectExtended(many=True).dump([projects.extended(session, who, project) for project in found]))
    return as_json(ProjectAnswer(many=True).dump(found))


@routes.post("/projects")
@allow(Verb.PROJECT_MANAGE)
@described(ProjectAnswer, body=ProjectRequest)
def create_project() -> Response:
    """A new project."""
    body = read(ProjectRequest())
    return as_json(ProjectAnswer().dump(projects.create(db.session(), identity(), body["name"], body.get("description"))))


@routes.get("/projects/<project_id>")
@allow(Verb.PROJECT_READ)
@described(ProjectExtended, extended=True)
def show_project(project_id: int) -> Response:
    """One project."""
    session, who = db.session(), identity()
    project = projects.find(session, who, project_id)
    if extended():
        return as_json(ProjectExtended().dump(projects.extended(session, who, project)))
    return as_json(ProjectAnswer().dump(project))


@routes.patch("/projects/<project_id>")
@allow(Verb.PROJECT_MANAGE)
@described(ProjectAnswer, body=ProjectChange)
def change_project(project_id: int) -> Response:
    """Renames, describes or archives a project."""
    session, who = db.session(), identity()
    project = projects.find(session, who, project_id)
    return as_json(ProjectAnswer().dump(projects.change(session, who, project, read(ProjectChange()))))


@routes.put("/projects/<project_id>")
@allow(Verb.PROJECT_MANAGE)
@described(ProjectAnswer, body=ProjectWhole)
def replace_project(project_id: int) -> Response:
    """Replaces all that may change of a project; with `forms` also their states and who is assigned to each.

    501.2 unless `forms` names exactly the project's forms.
    """
    session, who = db.session(), identity()
    project, wish = projects.find(session, who, project_id), read(ProjectWhole())
    project_forms.replace(session, who, project, wish.pop("forms", None))
    # What is left out falls back to its default, which tells this apart from PATCH.
    return as_json(ProjectAnswer().dump(projects.change(session, who, project, {"description": None, "archived": None, **wish})))


@routes.delete("/projects/<project_id>")
@allow(Verb.PROJECT_MANAGE)
@described(SuccessAnswer)
def delete_project(project_id: int) -> Response:
    """Takes a project off the lists."""
    session, who = db.session(), identity()
    projects.delete(session, who, projects.find(session, who, project_id))
    return success()


@routes.get("/roles")
@allow(Verb.OWN_ACCOUNT)
@described(RoleAnswer, many=True)
def list_roles() -> Response:
    """The roles in ODK Central's words."""
    return as_json(RoleAnswer(many=True).dump(roles.ROLES))


@routes.get("/roles/<name>")
@allow(Verb.OWN_ACCOUNT)
@described(RoleAnswer)
def show_role(name: str) -> Response:
    """One role, by number or system name."""
    return as_json(RoleAnswer().dump(roles.find_role(name)))


@routes.get("/config/public")
@public
@described("application/json")
def public_config() -> Response:
    """The settings that everybody may read: this server has none of Central's."""
    return as_json([])


@routes.get("/config/<key>")
@allow(Verb.USER_MANAGE)
@described("application/json")
def show_config(key: str) -> Response:
    """One setting of ODK Central's: none is set here, so each is 404.1, as it is there while nobody has set it."""
    raise Problem("not_found", key=key)
