"""Forms: list, show, create, change, delete; XLSForm, fields, versions and expected files of every stage.

The published XML and files lie at addresses that devices use too, so the OpenRosa door serves them.
"""

from __future__ import annotations

from urllib.parse import unquote

from flask import Response, current_app, request

from server.central.bodies import MAX_FORM, limited_body, read
from server.central.replies import as_json, disposition, extended, stream, success
from server.central.routes import routes
from server.central.stages import DRAFTED, FORM, OF_OLD, PUBLISHED, of_form
from server.config import Settings
from server.extensions import db
from server.gate import allow, identity
from server.models import Form, FormVersion
from server.problems import Problem
from server.queries import forms as form_queries
from server.schemas.base import SuccessAnswer
from server.schemas.described import EXCEL, FORM_FILES, OLD_EXCEL, XML, described
from server.schemas.forms import (
    DatasetDiffAnswer,
    ExpectedFileAnswer,
    FieldAnswer,
    FieldsQuery,
    FormAnswer,
    FormChange,
    FormExtended,
    FormListQuery,
    FormUploadQuery,
)
from server.services import form_catalogue as catalogue
from server.services import form_datasets, forms, media
from server.services.blobs import BlobStore
from server.services.definitions import definition_of
from server.services.identity import Verb
from server.services.odata_options import flag

__all__ = ["FORM", "settings"]

FORMS = "/projects/<project_id>/forms"
# The formats a form may come in, by Content-Type; the XLSForm formats are told apart by this name's ending.
_FORMATS = {
    XML: "form.xml", "text/xml": "form.xml", EXCEL: "form.xlsx", OLD_EXCEL: "form.xls", "text/csv": "form.csv",
    "text/markdown": "form.md",
}
# What curl and others say when nobody told them what they send: then the first bytes decide.
_UNTOLD = {"", "application/octet-stream", "application/x-www-form-urlencoded", "text/plain"}
_MAGIC = ((b"PK\x03\x04", "form.xlsx"), (b"\xd0\xcf\x11\xe0", "form.xls"))


def settings() -> Settings:
    """The settings of this server."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def uploaded_form() -> tuple[bytes, str, str | None]:
    """Body, file name (whose ending says the format) and form id to use if the file names none.

    Raises Problem unsupported_type for other formats and too_large above 100 MB.
    """
    fallback = unquote(request.headers.get("X-XlsForm-FormId-Fallback", ""))[:249] or None
    if request.mimetype not in _FORMATS and request.mimetype not in _UNTOLD:
        raise Problem("unsupported_type", type=request.mimetype, allowable=", ".join(_FORMATS))
    data = limited_body(MAX_FORM)
    name = _FORMATS.get(request.mimetype) or next((name for magic, name in _MAGIC if data.startswith(magic)), "form.xml")
    if name != "form.xml" and fallback and not any(character in fallback for character in "/\\\x00"):
        name = fallback + name.removeprefix("form")
    return data, name, fallback


def answer_form(form: Form, version: FormVersion) -> Response:
    """The form with this version as JSON, extended when the client asked for it."""
    if extended():
        rows = catalogue.extended(db.session(), identity(), form.project_id, [(form, version)])
        return as_json(FormExtended().dump(rows[0]))
    return as_json(FormAnswer().dump(catalogue.columns(form, version)))


def answer_forms(project_id: int, rows: list[tuple[Form, FormVersion]]) -> Response:
    """Several of them."""
    if extended():
        return as_json(FormExtended(many=True).dump(catalogue.extended(db.session(), identity(), project_id, rows)))
    return as_json(FormAnswer(many=True).dump([catalogue.columns(form, version) for form, version in rows]))


@routes.get(FORMS)
@allow(Verb.FORM_LIST)
@described(FormExtended, many=True, query=FormListQuery, extended=True)
def list_forms(project_id: int) -> Response:
    """Every form the actor may see; deleted=true: the deleted ones instead, for whoever may restore them."""
    session, who = db.session(), identity()
    if flag(request.args.get("deleted")):
        return answer_forms(project_id, catalogue.deleted(session, who, project_id))
    return answer_forms(project_id, catalogue.listed(session, who, project_id))


@routes.post(FORMS)
@allow(Verb.FORM_PUBLISH)
@described(FormExtended, body=FORM_FILES, query=FormUploadQuery, extended=True)
def create_form(project_id: int) -> Response:
    """A new form as draft, or published with publish=true. 409.3 when the project has a form of that id."""
    session, who = db.session(), identity()
    data, name, fallback = uploaded_form()
    draft = forms.save_draft(
        session, settings(), project_id, data, name, who, ignore_warnings=flag(request.args.get("ignoreWarnings")),
        fallback_form_id=fallback, must_be_new=True, lenient=True, strict=request.args.get("strict") in {"1", "true"},
    )
    form = session.get_one(Form, draft.form_id)
    if flag(request.args.get("publish")):
        draft = forms.publish_draft(session, form, who)
    return answer_form(form, draft)


@routes.get(FORM)
@allow(Verb.FORM_READ)
@described(FormExtended, extended=True)
def show_form(project_id: int, form_id: str) -> Response:
    """One form: as it is published, or its draft while nothing is."""
    session = db.session()
    form = catalogue.find(session, identity(), project_id, form_id)
    return answer_form(form, catalogue.shown_version(session, form))


@routes.patch(FORM)
@allow(Verb.FORM_PUBLISH)
@described(FormExtended, body=FormChange, extended=True)
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
@described(SuccessAnswer)
def delete_form(project_id: int, form_id: str) -> Response:
    """Takes a form off all lists; nothing that came in on it is lost."""
    session, who = db.session(), identity()
    catalogue.delete(session, who, catalogue.find(session, who, project_id, form_id))
    return success()


@routes.post(f"{FORMS}/<number>/restore")
@allow(Verb.FORM_PUBLISH)
@described(FormExtended, extended=True)
def restore_form(project_id: int, number: int) -> Response:
    """Brings a deleted form back, by its number."""
    session = db.session()
    form = catalogue.restore(session, identity(), project_id, number)
    return answer_form(form, catalogue.shown_version(session, form))


@of_form("", DRAFTED, OF_OLD)
@described(FormExtended, extended=True)
def show_form_version(form: Form, version: FormVersion) -> Response:
    """A form's draft, or one of its versions ("___": the one without a name)."""
    return answer_form(form, version)


@of_form(".xml", DRAFTED, OF_OLD)
@described(XML)
def show_form_xml(form: Form, version: FormVersion) -> Response:
    """The XForm, byte for byte."""
    response = Response(version.xml, content_type=XML)
    response.set_etag(version.md5)
    return response


@of_form(".xlsx")
@described(EXCEL)
def show_form_xlsx(form: Form, version: FormVersion) -> Response:
    """The XLSForm that it was made from."""
    return _source(version, ".xlsx")


@of_form(".xls")
@described(OLD_EXCEL)
def show_form_xls(form: Form, version: FormVersion) -> Response:
    """The same, when it came in the old format."""
    return _source(version, ".xls")


def _source(version: FormVersion, suffix: str) -> Response:
    if version.source_sha256 is None or not (version.source_name or "").lower().endswith(suffix):
        raise Problem("not_found")
    data = BlobStore(settings()).read(version.source_sha256)
    response = Response(data, content_type=EXCEL if suffix == ".xlsx" else OLD_EXCEL)
    response.headers["Content-Disposition"] = disposition(version.source_name or f"form{suffix}")
    return response


@of_form("/fields")
@described(FieldAnswer, many=True, query=FieldsQuery)
def list_fields(form: Form, version: FormVersion) -> Response:
    """The questions in form order; odata=true writes names as OData does."""
    return as_json(catalogue.fields(definition_of(version), flag(request.args.get("odata"))))


@of_form("/dataset-diff", PUBLISHED, DRAFTED)
@described(DatasetDiffAnswer, many=True)
def list_dataset_changes(form: Form, version: FormVersion) -> Response:
    """The entity lists that the form writes, and what of them it adds."""
    return as_json(DatasetDiffAnswer(many=True).dump(form_datasets.changes(db.session(), form, version)))


@of_form("/attachments")
@described(ExpectedFileAnswer, many=True)
def list_form_files(form: Form, version: FormVersion) -> Response:
    """The files that the form expects, and which of them are there."""
    return as_json(ExpectedFileAnswer(many=True).dump(catalogue.expected_files(db.session(), version)))


@of_form("/attachments/<path:name>", DRAFTED, OF_OLD)
@described("*/*")
def show_form_file(form: Form, version: FormVersion, name: str) -> Response:
    """An expected file's content: the uploaded bytes, or the entity list behind it."""
    file = media.form_file(db.session(), settings(), version, name, identity())
    response = stream(file.chunks, file.content_type, name)
    response.headers["Content-Length"] = str(file.size)
    response.set_etag(file.md5)
    return response


@routes.get(f"{FORM}/versions")
@allow(Verb.FORM_READ)
@described(FormExtended, many=True, extended=True)
def list_versions(project_id: int, form_id: str) -> Response:
    """Every published version, newest first."""
    session = db.session()
    form = catalogue.find(session, identity(), project_id, form_id)
    return answer_forms(project_id, [(form, version) for version in form_queries.versions(session, form.id)])
