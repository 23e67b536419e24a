"""Public links of a form: a key that fills it without an account, as ?st=KEY or /v1/key/KEY/."""

from __future__ import annotations

from flask import Response

from server.central.bodies import read
from server.central.forms import settings
from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.central.stages import FORM
from server.extensions import db
from server.gate import allow, identity
from server.models import Form
from server.schemas.actors import PublicLinkAnswer, PublicLinkChange, PublicLinkExtended, PublicLinkRequest
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.services import form_catalogue as catalogue
from server.services import public_links
from server.services.identity import Verb

LINKS = f"{FORM}/public-links"
LINK = f"{LINKS}/<actor_id>"


def _form(project_id: int, form_id: str) -> Form:
    return catalogue.find(db.session(), identity(), project_id, form_id)


@routes.get(LINKS)
@allow(Verb.DEVICE_MANAGE)
@described(PublicLinkExtended, many=True, extended=True)
def list_public_links(project_id: int, form_id: str) -> Response:
    """Every link to the form with its token (null: revoked)."""
    schema = PublicLinkExtended(many=True) if extended() else PublicLinkAnswer(many=True)
    return as_json(schema.dump(public_links.listed(db.session(), settings(), _form(project_id, form_id))))


@routes.post(LINKS)
@allow(Verb.DEVICE_MANAGE)
@described(PublicLinkAnswer, body=PublicLinkRequest)
def create_public_link(project_id: int, form_id: str) -> Response:
    """A new link with its token."""
    body, form = read(PublicLinkRequest()), _form(project_id, form_id)
    made = public_links.create(db.session(), settings(), identity(), form, body["displayName"], body["once"])
    return as_json(PublicLinkAnswer().dump(made))


@routes.patch(LINK)
@allow(Verb.DEVICE_MANAGE)
@described(PublicLinkAnswer, body=PublicLinkChange)
def change_public_link(project_id: int, form_id: str, actor_id: int) -> Response:
    """Renames a link, or says whether it is meant for one report a visitor."""
    form, changes = _form(project_id, form_id), read(PublicLinkChange())
    return as_json(PublicLinkAnswer().dump(public_links.change(db.session(), settings(), identity(), form, actor_id, changes)))


@routes.delete(LINK)
@allow(Verb.DEVICE_MANAGE)
@described(SuccessAnswer)
def delete_public_link(project_id: int, form_id: str, actor_id: int) -> Response:
    """Takes a link off the list and shuts its key out; what came by it stays."""
    public_links.delete(db.session(), identity(), _form(project_id, form_id), actor_id)
    return success()
