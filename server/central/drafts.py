"""Changing drafts of forms: upload, attach files, publish, throw away. They are read as published forms are."""

from __future__ import annotations

from flask import Response, request

from server.central.bodies import read
from server.central.forms import settings, uploaded_form
from server.central.replies import as_json, success
from server.central.routes import routes
from server.central.stages import DRAFT, DRAFTED
from server.extensions import db
from server.gate import allow, identity
from server.models import FormVersion
from server.problems import Problem
from server.schemas.base import SuccessAnswer
from server.schemas.described import FORM_FILES, described
from server.schemas.forms import DraftUploadQuery, ExpectedFileAnswer, ExpectedFileChange, PublishQuery
from server.services import form_catalogue as catalogue
from server.services import forms, media
from server.services.identity import Verb
from server.services.odata_options import flag

FILE = f"{DRAFT}/attachments/<path:name>"


@routes.post(DRAFT)
@allow(Verb.FORM_PUBLISH)
@described(SuccessAnswer, body=FORM_FILES, optional=True, query=DraftUploadQuery)
def save_draft(project_id: int, form_id: str) -> Response:
    """A new draft from the body; without a body a copy of the published version."""
    session, who = db.session(), identity()
    form = catalogue.find(session, who, project_id, form_id)
    if request.content_length == 0 or (not request.mimetype and request.content_length is None):
        forms.draft_from_published(session, form, who)
        return success()
    data, name, fallback = uploaded_form()
    forms.save_draft(
        session, settings(), project_id, data, name, who, xml_form_id=form.xml_form_id,
        ignore_warnings=flag(request.args.get("ignoreWarnings")), fallback_form_id=fallback, lenient=True,
        strict=request.args.get("strict") in {"1", "true"},
    )
    return success()


@routes.delete(DRAFT)
@allow(Verb.FORM_PUBLISH)
@described(SuccessAnswer)
def delete_draft(project_id: int, form_id: str) -> Response:
    """Throws the draft away. 409.7 while nothing is published: then the form as a whole can be deleted, or its draft replaced."""
    session, who = db.session(), identity()
    form = catalogue.find(session, who, project_id, form_id)
    if form.current_version_id is None:
        raise Problem("no_published_version")
    forms.delete_draft(session, form, who)
    return success()


@routes.post(f"{DRAFT}/publish")
@allow(Verb.FORM_PUBLISH)
@described(SuccessAnswer, query=PublishQuery)
def publish_draft(project_id: int, form_id: str) -> Response:
    """Publishes the draft; `version` renames it first, a version used before is 409.6."""
    session, who = db.session(), identity()
    forms.publish_draft(session, catalogue.find(session, who, project_id, form_id), who, request.args.get("version") or None)
    return success()


@routes.post(FILE)
@allow(Verb.FORM_PUBLISH)
@described(ExpectedFileAnswer, body="*/*")
def upload_draft_file(project_id: int, form_id: str, name: str) -> Response:
    """Fills an expected file with the body, streamed to disk; 404.1 when the draft expects no such name."""
    version = DRAFTED.find(project_id, form_id)[1]
    media.fill_form_file(db.session(), settings(), version, name, request.stream, request.mimetype or None)
    return _file(version, name)


@routes.patch(FILE)
@allow(Verb.FORM_PUBLISH)
@described(ExpectedFileAnswer, body=ExpectedFileChange)
def link_draft_file(project_id: int, form_id: str, name: str) -> Response:
    """Serves the entity list of that name under it (dataset: true), or no longer."""
    form, version = DRAFTED.find(project_id, form_id)
    media.link_form_file(db.session(), form, version, name, read(ExpectedFileChange())["dataset"])
    return _file(version, name)


@routes.delete(FILE)
@allow(Verb.FORM_PUBLISH)
@described(SuccessAnswer)
def empty_draft_file(project_id: int, form_id: str, name: str) -> Response:
    """Takes an uploaded file off the draft again."""
    media.empty_form_file(db.session(), DRAFTED.find(project_id, form_id)[1], name)
    return success()


def _file(version: FormVersion, name: str) -> Response:
    shown = ExpectedFileAnswer().dump(catalogue.expected_file(db.session(), version, name))
    return as_json({"success": True, **shown})
