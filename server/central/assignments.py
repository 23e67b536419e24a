"""Assignments: who has which role on the site, a project or a form."""

from __future__ import annotations

from flask import Response

from server.central.replies import as_json, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.problems import Problem
from server.schemas.actors import AssignmentAnswer
from server.services import app_users, form_catalogue, projects
from server.services.identity import Verb
from server.services.roles import find_role


@routes.get("/assignments")
@allow(Verb.USER_MANAGE)
def list_site_assignments() -> Response:
    """The administrators."""
    return as_json(AssignmentAnswer(many=True).dump(app_users.site_assignments(db.session())))


@routes.get("/assignments/<role>")
@allow(Verb.USER_MANAGE)
def list_site_assignments_of_role(role: str) -> Response:
    """The ids of those who have this role on the whole site."""
    wanted = find_role(role)
    return as_json([row.actor_id for row in app_users.site_assignments(db.session()) if row.role_id == wanted.id])


@routes.route("/assignments/<role>/<actor_id>", methods=["POST", "DELETE"])
@allow(Verb.USER_MANAGE)
def refuse_site_assignment(role: str, actor_id: int) -> Response:
    """Site-wide roles belong to accounts here and are changed there."""
    raise Problem(
        "unexpected_value", field="roleId", value=find_role(role).system,
        reason=f"people get roles with their account (PATCH /v1/users/{actor_id}), not by assignment.",
    )


@routes.get("/projects/<project_id>/assignments")
@allow(Verb.DEVICE_MANAGE)
def list_project_assignments(project_id: int) -> Response:
    """Who has a role in the project."""
    session = db.session()
    projects.find(session, identity(), project_id)
    return as_json(app_users.project_assignments(session, project_id))


@routes.get("/projects/<project_id>/assignments/forms")
@allow(Verb.DEVICE_MANAGE)
def list_assignments_by_form(project_id: int) -> Response:
    """What is assigned, form by form."""
    session = db.session()
    projects.find(session, identity(), project_id)
    return as_json(app_users.project_assignments(session, project_id, forms=True))


@routes.get("/projects/<project_id>/assignments/forms/<role>")
@allow(Verb.DEVICE_MANAGE)
def list_assignments_of_role_by_form(project_id: int, role: str) -> Response:
    """What is assigned in one role, form by form."""
    session = db.session()
    projects.find(session, identity(), project_id)
    wanted = find_role(role).id
    return as_json([row for row in app_users.project_assignments(session, project_id, forms=True) if row["roleId"] == wanted])


@routes.get("/projects/<project_id>/assignments/<role>")
@allow(Verb.DEVICE_MANAGE)
def list_project_assignments_of_role(project_id: int, role: str) -> Response:
    """The ids of those who have this role in the project."""
    session = db.session()
    projects.find(session, identity(), project_id)
    wanted = find_role(role).id
    return as_json([row["actorId"] for row in app_users.project_assignments(session, project_id) if row["roleId"] == wanted])


@routes.post("/projects/<project_id>/assignments/<role>/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
def assign_project(project_id: int, role: str, actor_id: int) -> Response:
    """Lets somebody fill all forms of the project."""
    session, who = db.session(), identity()
    projects.find(session, who, project_id)
    app_users.assign(session, who, find_role(role), actor_id, project_id, None)
    return success()


@routes.delete("/projects/<project_id>/assignments/<role>/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
def unassign_project(project_id: int, role: str, actor_id: int) -> Response:
    """Takes that right back."""
    session, who = db.session(), identity()
    projects.find(session, who, project_id)
    app_users.unassign(session, who, find_role(role), actor_id, project_id, None)
    return success()


@routes.get("/projects/<project_id>/forms/<path:form_id>/assignments")
@allow(Verb.DEVICE_MANAGE)
def list_form_assignments(project_id: int, form_id: str) -> Response:
    """Who was assigned to the form."""
    session = db.session()
    return as_json(app_users.form_assignments(session, form_catalogue.find(session, identity(), project_id, form_id)))


@routes.get("/projects/<project_id>/forms/<path:form_id>/assignments/<role>")
@allow(Verb.DEVICE_MANAGE)
def list_form_assignments_of_role(project_id: int, form_id: str, role: str) -> Response:
    """The ids of those who were assigned to the form in this role."""
    session, wanted = db.session(), find_role(role).id
    rows = app_users.form_assignments(session, form_catalogue.find(session, identity(), project_id, form_id))
    return as_json([row["actorId"] for row in rows if row["roleId"] == wanted])


@routes.post("/projects/<project_id>/forms/<path:form_id>/assignments/<role>/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
def assign_form(project_id: int, form_id: str, role: str, actor_id: int) -> Response:
    """Lets somebody fill the form; pyODK names the role 2."""
    session, who = db.session(), identity()
    form = form_catalogue.find(session, who, project_id, form_id)
    app_users.assign(session, who, find_role(role), actor_id, project_id, form)
    return success()


@routes.delete("/projects/<project_id>/forms/<path:form_id>/assignments/<role>/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
def unassign_form(project_id: int, form_id: str, role: str, actor_id: int) -> Response:
    """Takes that right back."""
    session, who = db.session(), identity()
    form = form_catalogue.find(session, who, project_id, form_id)
    app_users.unassign(session, who, find_role(role), actor_id, project_id, form)
    return success()
