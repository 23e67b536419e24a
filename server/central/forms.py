"""Forms: list, show, create, change, delete; XLSForm, fields, versions and expected files of published versions.

The published XML and files lie at addresses that devices use too, so the OpenRosa door serves them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from flask import Response, current_app, request

from server.central.bodies import MAX_FORM, limited_body, read
from server.central.replies import as_json, disposition, extended, stream, success
from server.central.routes import routes
from server.config import Settings
from server.extensions import db
from server.gate import allow, identity
from server.models import Form, FormVersion
from server.problems import Problem
from server.queries import forms as form_queries
from server.schemas.forms import ExpectedFileAnswer, FormAnswer, FormChange, FormExtended
from server.services import form_catalogue as catalogue
from server.services import forms, media
from server.services.blobs import BlobStore
from server.services.identity import Verb
from server.services.odata_options import flag

FORM = "/projects/<project_id>/forms/<path:form_id>"
# The formats a form may come in, by Content-Type; the XLSForm formats are told apart by this name's ending.
_FORMATS = {
    "application/xml": "form.xml", "text/xml": "form.xml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "form.xlsx",
    "application/vnd.ms-excel": "form.xls", "text/csv": "form.csv", "text/markdown": "form.md",
}


def settings() -> Settings:
    """The settings of this server."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def uploaded_form() -> tuple[bytes, str, str | None]:
    """Body, file name (whose ending says the format) and form id to use if the file names none.

    Raises Problem unsupported_type for other formats and too_large above 100 MB.
    """
    fallback = unquote(request.headers.get("X-XlsForm-FormId-Fallback", ""))[:249] or None
    name = _FORMATS.get(request.mimetype)
    if name is None:
        raise Problem("unsupported_type", type=request.mimetype, allowable=", ".join(_FORMATS))
    if name != "form.xml" and fallback and not any(character in fallback for character in "/\\\x00"):
        name = fallback + name.removeprefix("form")
    return limited_body(MAX_FORM), name, fallback


def answer_form(form: Form, version: FormVersion) -> Response:
    """The form with this version as JSON, extended when the client asked for it."""
    if extended():
        rows = catalogue.extended(db.session(), identity(), form.project_id, [(form, version)])
        return as_json(FormExtended().dump(rows[0]))
    return as_json(FormAnswer().dump(catalogue.columns(form, version)))


def answer_xml(version: FormVersion) -> Response:
    """The form's XML, byte for byte."""
    response = Response(version.xml, content_type="application/xml")
    response.set_etag(version.md5)
    return response


def answer_source(version: FormVersion, suffix: str) -> Response:
    """The XLSForm as it was uploaded. Raises Problem not_found when the form came in another format."""
    if version.source_sha256 is None or not (version.source_name or "").lower().endswith(suffix):
        raise Problem("not_found")
    data = BlobStore(settings()).read(version.source_sha256)
    response = Response(data, content_type=_type_of(suffix))
    response.headers["Content-Disposition"] = disposition(version.source_name or f"form{suffix}")
    return response


def answer_file(version: FormVersion, name: str) -> Response:
    """An expected file's content: the uploaded bytes, or the entity list behind it."""
    file = media.form_file(db.session(), settings(), version, name, identity())
    response = stream(file.chunks, file.content_type, name)
    response.headers["Content-Length"] = str(file.size)
    response.set_etag(file.md5)
    return response


def _type_of(suffix: str) -> str:
    return next(kind for kind, name in _FORMATS.items() if name.endswith(suffix))


def _published(project_id: int, form_id: str, version: str | None = None) -> tuple[Form, FormVersion]:
    session = db.session()
    form = catalogue.find(session, identity(), project_id, form_id)
    return form, catalogue.published_version(session, form, version)


@routes.get("/projects/<project_id>/forms")
@allow(Verb.FORM_LIST)
def list_forms(project_id: int) -> Response:
    """Every form the actor may see."""
    session, who = db.session(), identity()
    rows = catalogue.listed(session, who, project_id)
    if extended():
        return as_json(FormExtended(many=True).dump(catalogue.extended(session, who, project_id, rows)))
    return as_json(FormAnswer(many=True).dump([catalogue.columns(form, version) for form, version in rows]))


@routes.post("/projects/<project_id>/forms")
@allow(Verb.FORM_PUBLISH)
def create_form(project_id: int) -> Response:
    """A new form as draft, or published with publish=true. 409.3 when the project has a form of that id."""
    session, who = db.session(), identity()
    data, name, fallback = uploaded_form()
    draft = forms.save_draft(
        session, settings(), project_id, data, name, who, ignore_warnings=flag(request.args.get("ignoreWarnings")),
        fallback_form_id=fallback, must_be_new=True,
    )
    form = session.get_one(Form, draft.form_id)
    if flag(request.args.get("publish")):
        draft = forms.publish_draft(session, form, who)
    return answer_form(form, draft)


@routes.get(FORM)
@allow(Verb.FORM_READ)
def show_form(project_id: int, form_id: str) -> Response:
    """One form."""
    session = db.session()
    form = catalogue.find(session, identity(), project_id, form_id)
    return answer_form(form, catalogue.shown_version(session, form))


@routes.patch(FORM)
@allow(Verb.FORM_PUBLISH)
def change_form(project_id: int, form_id: str) -> Response:
    """Opens, closes a form; "closing" takes late reports but is not listed any more."""
    session, who = db.session(), identity()
    form = catalogue.find(session, who, project_id, form_id)
    changes = read(FormChange())
    if "state" in changes:
        forms.set_state(session, form, changes["state"], who)
    return answer_form(form, catalogue.shown_version(session, form))


@routes.delete(FORM)
@allow(Verb.FORM_PUBLISH)
def delete_form(project_id: int, form_id: str) -> Response:
    """Takes a form off all lists; nothing that came in on it is lost."""
    session, who = db.session(), identity()
    catalogue.delete(session, who, catalogue.find(session, who, project_id, form_id))
    return success()


@routes.post("/projects/<project_id>/forms/<number>/restore")
@allow(Verb.FORM_PUBLISH)
def restore_form(project_id: int, number: int) -> Response:
    """Brings a deleted form back, by its number."""
    session = db.session()
    form = catalogue.restore(session, identity(), project_id, number)
    return answer_form(form, catalogue.shown_version(session, form))


@routes.get(f"{FORM}.xlsx")
@allow(Verb.FORM_READ)
def show_form_xlsx(project_id: int, form_id: str) -> Response:
    """The XLSForm that the published version was made from."""
    return answer_source(_published(project_id, form_id)[1], ".xlsx")


@routes.get(f"{FORM}.xls")
@allow(Verb.FORM_READ)
def show_form_xls(project_id: int, form_id: str) -> Response:
    """The same, when it came in the old format."""
    return answer_source(_published(project_id, form_id)[1], ".xls")


@routes.get(f"{FORM}/fields")
@allow(Verb.FORM_READ)
def list_fields(project_id: int, form_id: str) -> Response:
    """The questions of the published version."""
    return answer_fields(_published(project_id, form_id)[1])


def answer_fields(version: FormVersion) -> Response:
    """The questions of a version; odata=true writes names as OData does."""
    return as_json(catalogue.fields(forms.definition_of(version), flag(request.args.get("odata"))))


@routes.get(f"{FORM}/attachments")
@allow(Verb.FORM_READ)
def list_form_files(project_id: int, form_id: str) -> Response:
    """The files that the published version expects."""
    version = _published(project_id, form_id)[1]
    return as_json(ExpectedFileAnswer(many=True).dump(catalogue.expected_files(db.session(), version)))


@routes.get(f"{FORM}/versions")
@allow(Verb.FORM_READ)
def list_versions(project_id: int, form_id: str) -> Response:
    """Every published version, newest first."""
    session = db.session()
    form = catalogue.find(session, identity(), project_id, form_id)
    rows: list[dict[str, Any]] = [catalogue.columns(form, version) for version in form_queries.versions(session, form.id)]
    return as_json(FormAnswer(many=True).dump(rows))


@routes.get(f"{FORM}/versions/<version>")
@allow(Verb.FORM_READ)
def show_version(project_id: int, form_id: str, version: str) -> Response:
    """One published version; "___" is the one without a name. The ending .xml or .xlsx asks for the file."""
    for suffix in (".xml", ".xlsx", ".xls"):
        if version.endswith(suffix):
            found = _published(project_id, form_id, version.removesuffix(suffix))[1]
            return answer_xml(found) if suffix == ".xml" else answer_source(found, suffix)
    return answer_form(*_published(project_id, form_id, version))


@routes.get(f"{FORM}/versions/<version>/fields")
@allow(Verb.FORM_READ)
def list_version_fields(project_id: int, form_id: str, version: str) -> Response:
    """The questions of one version."""
    return answer_fields(_published(project_id, form_id, version)[1])


@routes.get(f"{FORM}/versions/<version>/attachments")
@allow(Verb.FORM_READ)
def list_version_files(project_id: int, form_id: str, version: str) -> Response:
    """The files that one version expects."""
    found = _published(project_id, form_id, version)[1]
    return as_json(ExpectedFileAnswer(many=True).dump(catalogue.expected_files(db.session(), found)))


@routes.get(f"{FORM}/versions/<version>/attachments/<path:name>")
@allow(Verb.FORM_READ)
def show_version_file(project_id: int, form_id: str, version: str, name: str) -> Response:
    """One of those files."""
    return answer_file(_published(project_id, form_id, version)[1], name)
