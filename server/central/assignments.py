"""Assignments: who has which role on the site, in a project or on a form. One set of views for all three."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flask import Response

from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.central.stages import FORM
from server.extensions import db
from server.gate import allow, identity
from server.schemas.actors import ActorAnswer, AssignmentAnswer, AssignmentExtended, FormAssignmentAnswer, FormAssignmentExtended
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.services import assignments, projects
from server.services import form_catalogue as catalogue
from server.services.assignments import Target
from server.services.identity import Verb
from server.services.roles import find_role

View = Callable[..., Response]
PROJECT = "/projects/<project_id>"
_TARGETS = (("site", "", Verb.USER_MANAGE), ("project", PROJECT, Verb.DEVICE_MANAGE), ("form", FORM, Verb.DEVICE_MANAGE))


def on_every_target(suffix: str, method: str = "GET") -> Callable[[View], View]:
    """The view at the site's, every project's and every form's assignments; it gets the target."""

    def add(view: View) -> View:
        @functools.wraps(view)
        def at_target(project_id: int | None = None, form_id: str | None = None, **values: Any) -> Response:
            return view(_target(project_id, form_id), **values)

        for name, base, verb in _TARGETS:
            marked = allow(verb)(functools.wraps(view)(functools.partial(at_target)))
            routes.add_url_rule(f"{base}/assignments{suffix}", f"{name}_{view.__name__}", marked, methods=[method])
        return view

    return add


def _target(project_id: int | None, form_id: str | None) -> Target:
    session, who = db.session(), identity()
    if project_id is None:
        return Target()
    project = projects.find(session, who, project_id)
    return Target(project, catalogue.find(session, who, project_id, form_id) if form_id is not None else None)


@on_every_target("")
@described(AssignmentExtended, many=True, extended=True)
def list_assignments(target: Target) -> Response:
    """Who has which role here; with the people when asked for extended metadata."""
    schema = AssignmentExtended(many=True) if extended() else AssignmentAnswer(many=True)
    return as_json(schema.dump(assignments.listed(db.session(), target)))


@on_every_target("/<role>")
@described(ActorAnswer, many=True)
def list_actors(target: Target, role: str) -> Response:
    """Those who have this role here; the role by number or system name."""
    found = assignments.listed(db.session(), target, find_role(role))
    return as_json(ActorAnswer(many=True).dump([each.actor for each in found]))


@on_every_target("/<role>/<actor_id>", "POST")
@described(SuccessAnswer)
def assign(target: Target, role: str, actor_id: int) -> Response:
    """Gives somebody a role here; pyODK names the role of app users 2. On the site it becomes the account's own role."""
    assignments.assign(db.session(), identity(), find_role(role), actor_id, target)
    return success()


@on_every_target("/<role>/<actor_id>", "DELETE")
@described(SuccessAnswer)
def unassign(target: Target, role: str, actor_id: int) -> Response:
    """Takes a role back."""
    assignments.unassign(db.session(), identity(), find_role(role), actor_id, target)
    return success()


@routes.get(f"{PROJECT}/assignments/forms")
@allow(Verb.DEVICE_MANAGE)
@described(FormAssignmentExtended, many=True, extended=True)
def list_assignments_by_form(project_id: int) -> Response:
    """What is assigned, form by form."""
    return _by_form(project_id)


@routes.get(f"{PROJECT}/assignments/forms/<role>")
@allow(Verb.DEVICE_MANAGE)
@described(FormAssignmentExtended, many=True, extended=True)
def list_assignments_of_role_by_form(project_id: int, role: str) -> Response:
    """What is assigned in one role, form by form."""
    return _by_form(project_id, role)


def _by_form(project_id: int, role: str | None = None) -> Response:
    project = projects.find(db.session(), identity(), project_id)
    found = assignments.listed_by_form(db.session(), project, find_role(role) if role is not None else None)
    schema = FormAssignmentExtended(many=True) if extended() else FormAssignmentAnswer(many=True)
    return as_json(schema.dump(found))
