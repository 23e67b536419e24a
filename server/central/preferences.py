"""What a person's client wants remembered: for the whole site, or for one project."""

from __future__ import annotations

from flask import Response

from server.central.bodies import read
from server.central.replies import success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.schemas.actors import PreferenceRequest
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.services import preferences, projects
from server.services.identity import Verb

_SITE = "/user-preferences/site/<name>"
_PROJECT = "/user-preferences/project/<project_id>/<name>"


@routes.put(_SITE)
@allow(Verb.OWN_ACCOUNT)
@described(SuccessAnswer, body=PreferenceRequest)
def put_site_preference(name: str) -> Response:
    """Remembers a value for the whole site."""
    preferences.put(db.session(), identity(), preferences.SITE, name, read(PreferenceRequest())["propertyValue"])
    return success()


@routes.delete(_SITE)
@allow(Verb.OWN_ACCOUNT)
@described(SuccessAnswer)
def delete_site_preference(name: str) -> Response:
    """Forgets it."""
    preferences.delete(db.session(), identity(), preferences.SITE, name)
    return success()


@routes.put(_PROJECT)
@allow(Verb.OWN_ACCOUNT)
@described(SuccessAnswer, body=PreferenceRequest)
def put_project_preference(project_id: int, name: str) -> Response:
    """Remembers a value for one project."""
    project = projects.find(db.session(), identity(), project_id)
    preferences.put(db.session(), identity(), project.id, name, read(PreferenceRequest())["propertyValue"])
    return success()


@routes.delete(_PROJECT)
@allow(Verb.OWN_ACCOUNT)
@described(SuccessAnswer)
def delete_project_preference(project_id: int, name: str) -> Response:
    """Forgets it."""
    project = projects.find(db.session(), identity(), project_id)
    preferences.delete(db.session(), identity(), project.id, name)
    return success()
