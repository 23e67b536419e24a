"""What devices download: form list, form XML, manifest, media, and whether entities they hold are gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from flask import Response, request

from forms import openrosa
from forms.xmlsafe import encoding_of
from server.extensions import db
from server.gate import identity, identity_or_none
from server.models import Form
from server.openrosa.answers import document, media
from server.problems import Problem
from server.queries import device_forms, forms
from server.queries.device_forms import ListedForm
from server.schemas.described import XML, described
from server.schemas.openrosa import FormListQuery, IntegrityQuery, VersionQuery
from server.services import entity_lists, form_downloads, form_media
from server.services.authentication import token_hash
from server.services.form_catalogue import NO_VERSION
from server.services.forms import may_fill
from server.services.identity import Identity
from server.services.intake import STAFF

FORM_XML = "application/xml; charset={}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device's paths begin: under its key, under a user's project, or under the test of one draft."""

    root: str
    draft: bool = False
    version: str | None = None

    @classmethod
    def of_request(cls, project_id: int, token: str | None, draft_form_id: str | None = None) -> Address:
        """The address of this request: its own scheme, host, port and key, so that a phone comes back the way it came."""
        host = request.host_url.rstrip("/")
        if draft_form_id is not None:
            form = quote(draft_form_id, safe="")
            return cls(f"{host}/v1/test/{quote(token or '')}/projects/{project_id}/forms/{form}", draft=True)
        return cls.of_key(host, token, project_id) if token else cls(f"{host}/v1/projects/{project_id}")

    @classmethod
    def of_key(cls, host: str, token: str, project_id: int) -> Address:
        """The address under a device's key; host: scheme, host and port."""
        return cls(f"{host}/v1/key/{quote(token)}/projects/{project_id}")

    def of_form(self, form: ListedForm, current: bool = True) -> openrosa.FormListEntry:
        """A list entry with absolute addresses; manifestUrl only when the form expects files."""
        base = self._form(form.xml_form_id)
        asked = "" if current else f"?version={quote(form.version, safe='')}"
        return openrosa.FormListEntry(
            form_id=form.xml_form_id, name=form.title or form.xml_form_id, version=form.version, hash=form.md5,
            download_url=f"{base}.xml{asked}", manifest_url=f"{base}/manifest{asked}" if form.expects_files else None,
        )

    def media_file(self, xml_form_id: str, file: form_media.MediaFile) -> openrosa.ManifestEntry:
        """A manifest entry; entity lists tell where to ask about single entities."""
        integrity = f"{self.root}/datasets/{quote(file.dataset.name, safe='')}/integrity" if file.dataset else None
        url = f"{self._form(xml_form_id)}/attachments/{quote(file.name, safe='')}"
        if file.dataset:
            url += f"?md5={file.md5}"
        return openrosa.ManifestEntry(file.name, file.md5, url, file.type, integrity)

    def _form(self, xml_form_id: str) -> str:
        if self.draft:
            return f"{self.root}/draft"
        form = f"{self.root}/forms/{quote(xml_form_id, safe='')}"
        return form if self.version is None else f"{form}/versions/{quote(self.version, safe='')}"


def check_project(project_id: int) -> Identity:
    """Who asks, if the project is there and theirs. Raises Problem not_found, not_allowed."""
    who = identity()
    if who.project_id is not None and who.project_id != project_id:
        raise Problem("not_allowed")
    if forms.project(db.session(), project_id) is None:
        raise Problem("not_found")
    return who


@described("text/xml", query=FormListQuery)
def form_list(project_id: int, token: str | None = None) -> Response:
    """The open forms that this device may fill."""
    session, who = db.session(), check_project(project_id)
    address = Address.of_request(project_id, token)
    allowed = None if who.role in STAFF else forms.fillable_form_ids(session, project_id, who)
    listed = device_forms.open_forms(session, project_id, allowed)
    wanted = request.args.get("formID")
    if wanted is not None:
        listed = [form for form in listed if form.xml_form_id == wanted]
    current = {form.version_id for form in listed}
    if request.args.get("listAllVersions", "").lower() == "true":
        listed = device_forms.all_versions(session, [form.form_id for form in listed])
    entries = [address.of_form(form, form.version_id in current) for form in listed]
    return document(openrosa.form_list(entries), openrosa.CONTENT_TYPE)


@described(XML, query=VersionQuery)
def form_xml(project_id: int, form_id: str, token: str | None = None) -> Response:
    """The form as published, byte for byte. It is noted once that a device has it."""
    _form, version_id = _published(project_id, form_id)
    answer, who = _xml(version_id), identity()
    if token is not None and who.type == "field_key":
        form_downloads.note(db.session(), who.actor_id, token_hash(token), version_id)
    return answer


@described("text/xml", query=VersionQuery)
def manifest(project_id: int, form_id: str, token: str | None = None) -> Response:
    """The files that the form needs beside its XML."""
    form, version_id = _published(project_id, form_id)
    files = form_media.form_media(db.session(), project_id, version_id, identity())
    return _manifest(Address.of_request(project_id, token), form.xml_form_id, files)


@described("text/xml")
def version_manifest(project_id: int, form_id: str, version: str) -> Response:
    """The files that one published version needs ("___": the one without a name), for clients with an account."""
    form, _current = _published(project_id, form_id)
    session = db.session()
    version_id = device_forms.published_version_id(session, form.id, "" if version == NO_VERSION else version)
    if version_id is None:
        raise Problem("not_found")
    files = form_media.form_media(session, project_id, version_id, identity())
    return _manifest(replace(Address.of_request(project_id, None), version=version), form.xml_form_id, files)


@described("*/*")
def attachment(project_id: int, form_id: str, name: str, token: str | None = None) -> Response:
    """One file of a form."""
    _form, version_id = _published(project_id, form_id)
    return _media(form_media.form_media_file(db.session(), project_id, version_id, name, identity(), request.args.get("md5")))


@described("text/xml", query=IntegrityQuery)
def integrity(project_id: int, name: str, token: str | None = None) -> Response:
    """Which of the entities that a device holds are gone from its list; `id` names them, comma-separated, else all."""
    who, session = check_project(project_id), db.session()
    dataset = forms.dataset(session, project_id, name)
    if dataset is not None and not entity_lists.may_ask(session, dataset, who):
        raise Problem("not_allowed")
    return _integrity(project_id, name)


@described("text/xml")
def draft_form_list(project_id: int, form_id: str, token: str) -> Response:
    """The list that holds the draft under test alone."""
    version = _draft(project_id, form_id, token)
    entry = Address.of_request(project_id, token, form_id).of_form(version)
    return document(openrosa.form_list([entry]), openrosa.CONTENT_TYPE)


@described(XML)
def draft_xml(project_id: int, form_id: str, token: str) -> Response:
    """The draft, byte for byte."""
    return _xml(_draft(project_id, form_id, token).version_id)


@described("text/xml")
def draft_manifest(project_id: int, form_id: str, token: str) -> Response:
    """The files that the draft needs."""
    version = _draft(project_id, form_id, token)
    files = form_media.form_media(db.session(), project_id, version.version_id, identity_or_none())
    return _manifest(Address.of_request(project_id, token, form_id), form_id, files)


@described("*/*")
def draft_attachment(project_id: int, form_id: str, name: str, token: str) -> Response:
    """One file of the draft."""
    version = _draft(project_id, form_id, token)
    announced = request.args.get("md5")
    return _media(form_media.form_media_file(db.session(), project_id, version.version_id, name, identity_or_none(), announced))


@described("text/xml", query=IntegrityQuery)
def draft_integrity(project_id: int, form_id: str, name: str, token: str) -> Response:
    """As `integrity`, for whoever tests a draft."""
    _draft(project_id, form_id, token)
    return _integrity(project_id, name)


def draft_form(project_id: int, form_id: str, token: str) -> Form:
    """The form whose draft the token opens. Raises Problem not_found."""
    found = forms.form_by_draft_token(db.session(), token)
    if found is None or found.project_id != project_id or found.xml_form_id != form_id or found.draft_version_id is None:
        raise Problem("not_found")
    return found


def _draft(project_id: int, form_id: str, token: str) -> ListedForm:
    version = device_forms.listed_version(db.session(), draft_form(project_id, form_id, token).draft_version_id or 0)
    if version is None:
        raise Problem("not_found")
    return version


def _published(project_id: int, form_id: str) -> tuple[Form, int]:
    """The form and the version asked for (the current one by default). Raises Problem not_found, not_allowed."""
    session, who = db.session(), check_project(project_id)
    form = forms.form(session, project_id, form_id)
    if form is None or form.current_version_id is None:
        raise Problem("not_found")
    if not may_fill(session, form, who):
        raise Problem("not_allowed")
    asked = request.args.get("version")
    version_id = form.current_version_id if asked is None else device_forms.published_version_id(session, form.id, asked)
    if version_id is None:
        raise Problem("not_found")
    return form, version_id


def _xml(version_id: int) -> Response:
    listed, data = device_forms.listed_version(db.session(), version_id), device_forms.xml(db.session(), version_id)
    if listed is None or data is None:
        raise Problem("not_found")
    return document(data, FORM_XML.format(encoding_of(data)), listed.md5)


def _manifest(address: Address, form_id: str, files: list[form_media.MediaFile]) -> Response:
    entries = [address.media_file(form_id, file) for file in files]
    return document(openrosa.manifest(entries), openrosa.CONTENT_TYPE)


def _media(file: form_media.MediaFile | None) -> Response:
    if file is None:
        raise Problem("not_found")
    return media(file)


def _integrity(project_id: int, name: str) -> Response:
    session = db.session()
    dataset = forms.dataset(session, project_id, name)
    if dataset is None:
        raise Problem("not_found")
    asked = [each.strip().lower() for part in request.args.getlist("id") for each in part.split(",") if each.strip()]
    found = entity_lists.gone(session, dataset, identity_or_none(), asked or None)
    return document(openrosa.integrity(openrosa.IntegrityEntry(*each) for each in found), openrosa.CONTENT_TYPE)
