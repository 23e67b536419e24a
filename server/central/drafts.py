"""Drafts of forms: upload, look, attach files, publish, throw away."""

from __future__ import annotations

from flask import Response, request

from server.central.bodies import read
from server.central.forms import FORM, answer_fields, answer_file, answer_form, answer_source, answer_xml, settings, uploaded_form
from server.central.replies import as_json, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.models import Form, FormVersion
from server.schemas.forms import ExpectedFileAnswer, ExpectedFileChange
from server.services import form_catalogue as catalogue
from server.services import forms, media
from server.services.identity import Verb
from server.services.odata_options import flag

DRAFT = f"{FORM}/draft"


def _draft(project_id: int, form_id: str) -> tuple[Form, FormVersion]:
    session = db.session()
    form = catalogue.find(session, identity(), project_id, form_id)
    return form, catalogue.draft_version(session, form)


@routes.post(DRAFT)
@allow(Verb.FORM_PUBLISH)
def save_draft(project_id: int, form_id: str) -> Response:
    """A new draft from the body; without a body a copy of the published version."""
    session, who = db.session(), identity()
    form = catalogue.find(session, who, project_id, form_id)
    if not request.mimetype or (request.content_length == 0):
        forms.draft_from_published(session, form, who)
        return success()
    data, name, fallback = uploaded_form()
    forms.save_draft(
        session, settings(), project_id, data, name, who, xml_form_id=form.xml_form_id,
        ignore_warnings=flag(request.args.get("ignoreWarnings")), fallback_form_id=fallback,
    )
    return success()


@routes.get(DRAFT)
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def show_draft(project_id: int, form_id: str) -> Response:
    """The draft."""
    return answer_form(*_draft(project_id, form_id))


@routes.delete(DRAFT)
@allow(Verb.FORM_PUBLISH)
def delete_draft(project_id: int, form_id: str) -> Response:
    """Throws the draft away; a form that was never published goes with it."""
    session, who = db.session(), identity()
    forms.delete_draft(session, catalogue.find(session, who, project_id, form_id), who)
    return success()


@routes.get(f"{DRAFT}.xml")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def show_draft_xml(project_id: int, form_id: str) -> Response:
    """The draft's XForm."""
    return answer_xml(_draft(project_id, form_id)[1])


@routes.get(f"{DRAFT}.xlsx")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def show_draft_xlsx(project_id: int, form_id: str) -> Response:
    """The XLSForm that the draft was made from."""
    return answer_source(_draft(project_id, form_id)[1], ".xlsx")


@routes.post(f"{DRAFT}/publish")
@allow(Verb.FORM_PUBLISH)
def publish_draft(project_id: int, form_id: str) -> Response:
    """Publishes the draft; `version` renames it first, a version used before is 409.6."""
    session, who = db.session(), identity()
    forms.publish_draft(session, catalogue.find(session, who, project_id, form_id), who, request.args.get("version") or None)
    return success()


@routes.get(f"{DRAFT}/fields")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def list_draft_fields(project_id: int, form_id: str) -> Response:
    """The draft's questions."""
    return answer_fields(_draft(project_id, form_id)[1])


@routes.get(f"{DRAFT}/attachments")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def list_draft_files(project_id: int, form_id: str) -> Response:
    """The files that the draft expects."""
    return as_json(ExpectedFileAnswer(many=True).dump(catalogue.expected_files(db.session(), _draft(project_id, form_id)[1])))


@routes.get(f"{DRAFT}/attachments/<path:name>")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def show_draft_file(project_id: int, form_id: str, name: str) -> Response:
    """One of those files."""
    return answer_file(_draft(project_id, form_id)[1], name)


@routes.post(f"{DRAFT}/attachments/<path:name>")
@allow(Verb.FORM_PUBLISH)
def upload_draft_file(project_id: int, form_id: str, name: str) -> Response:
    """Fills an expected file with the body, streamed to disk; 404.1 when the draft expects no such name."""
    version = _draft(project_id, form_id)[1]
    media.fill_form_file(db.session(), settings(), version, name, request.stream, request.mimetype or None)
    return _file(version, name)


@routes.patch(f"{DRAFT}/attachments/<path:name>")
@allow(Verb.FORM_PUBLISH)
def link_draft_file(project_id: int, form_id: str, name: str) -> Response:
    """Serves the entity list of that name under it (dataset: true), or no longer."""
    form, version = _draft(project_id, form_id)
    media.link_form_file(db.session(), form, version, name, read(ExpectedFileChange())["dataset"])
    return _file(version, name)


@routes.delete(f"{DRAFT}/attachments/<path:name>")
@allow(Verb.FORM_PUBLISH)
def empty_draft_file(project_id: int, form_id: str, name: str) -> Response:
    """Takes an uploaded file off the draft again."""
    media.empty_form_file(db.session(), _draft(project_id, form_id)[1], name)
    return success()


def _file(version: FormVersion, name: str) -> Response:
    shown = ExpectedFileAnswer().dump(catalogue.expected_file(db.session(), version, name))
    return as_json({"success": True, **shown})
