"""The properties of one app user, public link or collector, which access rules of entity lists speak of."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from server.central.bodies import read
from server.central.replies import as_json
from server.central.routes import routes
from server.config import Settings
from server.extensions import db
from server.gate import allow, identity
from server.problems import Problem
from server.schemas.actors import AppUserAnswer, AppUserWithProperties
from server.schemas.datasets import ActorValues, AppUserProperties
from server.schemas.described import described
from server.services import access, app_users, projects
from server.services.identity import Verb

ACTOR = "/projects/<project_id>/actors/<actor_id>/properties"


@routes.patch("/projects/<project_id>/app-users/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
@described(AppUserWithProperties, body=AppUserProperties)
def change_app_user(project_id: int, actor_id: int) -> Response:
    """Sets properties of an app user (null takes one away), and its name."""
    session, who, body = db.session(), identity(), read(AppUserProperties())
    settings: Settings = current_app.config["SETTINGS"]
    app_users.one(session, settings, project_id, actor_id)
    access.set_values(session, who, project_id, actor_id, body["properties"] or {})
    if body.get("displayName") is not None:
        app_users.rename(session, settings, who, actor_id, body["displayName"])
    session.commit()
    shown: dict[str, Any] = AppUserAnswer().dump(app_users.one(session, settings, project_id, actor_id))
    return as_json({**shown, "properties": _values(project_id, actor_id)})


@routes.get(ACTOR)
@allow(Verb.DEVICE_MANAGE)
@described(ActorValues)
def show_actor_properties(project_id: int, actor_id: int) -> Response:
    """The properties of an app user, a public link or a person."""
    _check(project_id, actor_id)
    return as_json({"properties": _values(project_id, actor_id)})


@routes.patch(ACTOR)
@allow(Verb.DEVICE_MANAGE)
@described(ActorValues, body=ActorValues)
def change_actor_properties(project_id: int, actor_id: int) -> Response:
    """Sets properties of an app user, a public link or a person; null takes one away."""
    _check(project_id, actor_id)
    access.set_values(db.session(), identity(), project_id, actor_id, read(ActorValues())["properties"])
    db.session().commit()
    return as_json({"properties": _values(project_id, actor_id)})


def _check(project_id: int, actor_id: int) -> None:
    projects.find(db.session(), identity(), project_id)
    if not access.actor_exists(db.session(), actor_id):
        raise Problem("not_found")


def _values(project_id: int, actor_id: int) -> dict[str, str]:
    return access.values(db.session(), project_id, [actor_id]).get(actor_id, {})
