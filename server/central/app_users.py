"""App users (devices) of a project."""

from __future__ import annotations

from flask import Response, current_app

from server.central.bodies import read
from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.config import Settings
from server.extensions import db
from server.gate import allow, identity
from server.schemas.actors import AppUserAnswer, AppUserExtended, AppUserRequest
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.services import app_users, devices, projects
from server.services.identity import Verb


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


@routes.get("/projects/<project_id>/app-users")
@allow(Verb.DEVICE_MANAGE)
@described(AppUserExtended, many=True, extended=True)
def list_app_users(project_id: int) -> Response:
    """Every app user with its token (null: revoked)."""
    session = db.session()
    projects.find(session, identity(), project_id)
    schema = AppUserExtended(many=True) if extended() else AppUserAnswer(many=True)
    return as_json(schema.dump(app_users.listed(session, _settings(), project_id)))


@routes.post("/projects/<project_id>/app-users")
@allow(Verb.DEVICE_MANAGE)
@described(AppUserAnswer, body=AppUserRequest)
def create_app_user(project_id: int) -> Response:
    """A new app user with its token."""
    session, who = db.session(), identity()
    projects.find(session, who, project_id)
    wish = read(AppUserRequest())
    made = app_users.create(session, _settings(), who, project_id, wish["displayName"], wish.get("postId"))
    return as_json(AppUserAnswer().dump(made))


@routes.delete("/projects/<project_id>/app-users/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
@described(SuccessAnswer)
def delete_app_user(project_id: int, actor_id: int) -> Response:
    """Takes an app user off the list and shuts its key out."""
    session, who = db.session(), identity()
    app_users.one(session, _settings(), project_id, actor_id)
    devices.delete(session, who, actor_id)
    return success()


@routes.get("/app-users/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
@described(AppUserAnswer)
def show_app_user(actor_id: int) -> Response:
    """One app user."""
    return as_json(AppUserAnswer().dump(app_users.one(db.session(), _settings(), None, actor_id)))


@routes.patch("/app-users/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
@described(AppUserAnswer, body=AppUserRequest)
def rename_app_user(actor_id: int) -> Response:
    """Gives an app user another name."""
    name = read(AppUserRequest())["displayName"]
    return as_json(AppUserAnswer().dump(app_users.rename(db.session(), _settings(), identity(), actor_id, name)))


@routes.delete("/app-users/<actor_id>")
@allow(Verb.DEVICE_MANAGE)
@described(SuccessAnswer)
def delete_app_user_of_any_project(actor_id: int) -> Response:
    """Takes an app user off the list and shuts its key out."""
    session = db.session()
    app_users.one(session, _settings(), None, actor_id)
    devices.delete(session, identity(), actor_id)
    return success()
