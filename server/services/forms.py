"""Publishing forms: draft, publish, close.

A file is converted in a child process (forms.xlsform); nothing is stored unless the form is without errors.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from forms.definition import parse
from forms.fields import FormDefinition
from forms.findings import Converted, Finding, FormRefused, ValidatorMissing, warning
from forms.version import with_version
from forms.xlsform import convert_in_child
from server.config import Settings
from server.models import Form, FormVersion
from server.problems import Problem
from server.queries import forms as queries
from server.queries.mission import server_id
from server.services import form_keys, journal
from server.services.audits import audit
from server.services.blobs import BlobStore
from server.services.definitions import definition_of
from server.services.form_datasets import check_names, declare_datasets
from server.services.form_files import Upload, attach_all, expect_files
from server.services.form_findings import refusal
from server.services.identity import Identity, Verb

STATES = ("open", "closing", "closed")
# Warnings that never keep a form back: reports on it are told apart by their content (conformance 93).
_TOLD_ONLY = {"missing-meta"}


@dataclass(frozen=True)
class Outcome:
    """What publishing did: unchanged is True when the very same form stood there already."""

    form: Form
    version: FormVersion
    unchanged: bool
    findings: tuple[Finding, ...]


def convert(
    data: bytes, filename: str, fallback_form_id: str | None = None, validate: bool = True, lenient: bool = False
) -> Converted:
    """Turns an uploaded XLSForm or XForm into a form. Raises Problem form_refused with every finding in details.

    validate=False leaves ODK Validate out: for shipped questionnaires, which the project's own tests put through it.
    lenient: see `forms.xlsform.convert`; ODK Validate, which cannot be lenient, is left out as well.
    """
    try:
        if lenient or not validate:
            return convert_in_child(data, filename, fallback_form_id, validate=False, lenient=lenient)
        return _convert_and_validate(data, filename, fallback_form_id)
    except FormRefused as refused:
        raise refusal(refused.findings) from refused


def _convert_and_validate(data: bytes, filename: str, fallback_form_id: str | None) -> Converted:
    """Without Java a form can be published all the same, and its findings say that ODK Validate did not see it."""
    try:
        return convert_in_child(data, filename, fallback_form_id, validate=True)
    except ValidatorMissing as missing:
        converted = convert_in_child(data, filename, fallback_form_id, validate=False)
        unseen = warning("not_validated", str(missing), "Install Java and publish again, or test the form on a phone first.")
        return replace(converted, findings=(*converted.findings, unseen))


def publish(
    session: Session,
    settings: Settings,
    project_id: int,
    data: bytes,
    filename: str,
    attachments: Mapping[str, Upload] | None = None,
    actor: Identity | None = None,
    ignore_warnings: bool = True,
    validate: bool = True,
) -> Outcome:
    """Draft and publish in one step and commit. The same bytes again change nothing. validate: see `convert`.

    Raises Problem form_refused (nothing is stored), form_warnings, version_reused, field_type_changed, not_found.
    """
    same = queries.published_from(session, project_id, hashlib.sha256(data).hexdigest())
    if same is not None:
        changed = attach_all(session, settings, same[1], attachments or {})
        session.commit()
        return Outcome(*same, not changed, tuple(Finding.from_dict(each) for each in same[1].findings))
    converted = convert(data, filename, validate=validate)
    form = queries.form(session, project_id, converted.form_id)
    current = queries.version_by_id(session, form.current_version_id) if form else None
    sha256 = hashlib.sha256(converted.xml).hexdigest()
    if form is not None and current is not None and current.sha256 == sha256:
        changed = attach_all(session, settings, current, attachments or {})
        session.commit()
        return Outcome(form, current, not changed, converted.findings)
    draft = _store_draft(session, settings, project_id, converted, data, filename, actor, ignore_warnings)
    form = _form_of(session, draft)
    attach_all(session, settings, draft, attachments or {})
    version = publish_draft(session, form, actor)
    return Outcome(form, version, False, converted.findings)


def save_draft(
    session: Session,
    settings: Settings,
    project_id: int,
    data: bytes,
    filename: str,
    actor: Identity | None = None,
    xml_form_id: str | None = None,
    ignore_warnings: bool = True,
    fallback_form_id: str | None = None,
    must_be_new: bool = False,
    lenient: bool = False,
    strict: bool = False,
) -> FormVersion:
    """Stores the file as the form's draft, replacing an earlier draft, and commits. Same problems as `publish`.

    xml_form_id: the form it must be (a draft of another form is refused as unexpected_value).
    must_be_new: the project must not have a form of that id yet, else uniqueness. lenient: see `convert`; as scripts made
    for ODK Central expect it, which publishes what other clients than ODK Collect understand. strict: refuses what ODK
    Central refuses and is only told here, a form without meta (form_refused).
    """
    converted = convert(data, filename, fallback_form_id or xml_form_id, lenient=lenient)
    if strict and (refused := [each for each in converted.findings if each.code in _TOLD_ONLY]):
        raise Problem("form_refused", count=len(refused), findings=[each.as_dict() for each in refused])
    if must_be_new and queries.form(session, project_id, converted.form_id) is not None:
        raise Problem("uniqueness", fields="projectId, xmlFormId", values=f"{project_id}, {converted.form_id}")
    if xml_form_id is not None and converted.form_id != xml_form_id:
        raise Problem("unexpected_value", field="form id", value=converted.form_id, reason=f"this is the form '{xml_form_id}'.")
    draft = _store_draft(session, settings, project_id, converted, data, filename, actor, ignore_warnings)
    session.commit()
    return draft


def draft_from_published(session: Session, form: Form, actor: Identity | None = None) -> FormVersion:
    """A draft that is a copy of the published version, and commits. Raises Problem not_found if none is published."""
    current = queries.version_by_id(session, form.current_version_id)
    if current is None:
        raise Problem("not_found")
    _drop_draft(session, form)
    draft = FormVersion(
        form_id=form.id,
        version=current.version,
        title=current.title,
        xml=current.xml,
        md5=current.md5,
        sha256=current.sha256,
        definition=current.definition,
        findings=current.findings,
        source_sha256=current.source_sha256,
        source_name=current.source_name,
        key_id=current.key_id,
        created_by=actor.actor_id if actor else None,
        created_at=journal.now(),
    )
    _put_draft(session, form, draft)
    expect_files(session, form, draft, definition_of(current))
    session.commit()
    return draft


def publish_draft(session: Session, form: Form, actor: Identity | None = None, version: str | None = None) -> FormVersion:
    """Makes the draft the published version and commits; earlier versions and their submissions stay valid.

    version: rewrites the version in the XML first (as Central does). Raises not_found without a draft,
    version_reused (409.6) when that version was published before, and unexpected_value for one that no XML can hold.
    """
    draft = queries.version_by_id(session, form.draft_version_id)
    if draft is None:
        raise Problem("not_found")
    if version is not None and version != draft.version:
        _rename_version(draft, version)
    if queries.version(session, form.id, draft.version) is not None:
        raise Problem("version_reused", version=draft.version, form=form.xml_form_id)
    form.draft_version_id, form.draft_token = None, None
    make_current(session, form, draft, actor)
    session.commit()
    return draft


def make_current(session: Session, form: Form, version: FormVersion, actor: Identity | None) -> None:
    """Publishes a version that is not published yet; from then on it is a fact. The caller commits."""
    instant = journal.now()
    fact = journal.append(
        session,
        kind="form_version",
        payload_sha256=version.sha256,
        server_id=server_id(session),
        pending=False,
        actor_id=actor.actor_id if actor else None,
        actor_name=actor.name if actor else None,
        received_at=instant,
    )
    version.fact_id, version.published_at, version.published_by = fact.id, instant, actor.actor_id if actor else None
    form.current_version_id, form.updated_at = version.id, instant
    declare_datasets(session, form, definition_of(version))
    audit(session, actor, "form.update.publish", f"form:{form.xml_form_id}", {"version": version.version})


def delete_draft(session: Session, form: Form, actor: Identity | None = None) -> None:
    """Throws the draft away and commits; a form that was never published goes with it."""
    if form.draft_version_id is None:
        raise Problem("not_found")
    _drop_draft(session, form)
    if form.current_version_id is None:
        form.deleted_at = journal.now()
    audit(session, actor, "form.update.draft.delete", f"form:{form.xml_form_id}", None)
    session.commit()


def set_state(session: Session, form: Form, state: str, actor: Identity | None = None) -> None:
    """open: listed and taken; closing: not listed, still taken; closed: reports go to quarantine. Commits."""
    if state not in STATES:
        raise Problem("unexpected_value", field="state", value=state, reason=f"it is one of {', '.join(STATES)}.")
    form.state, form.updated_at = state, journal.now()
    audit(session, actor, "form.update", f"form:{form.xml_form_id}", {"state": state})
    session.commit()


def may_fill(session: Session, form: Form, who: Identity) -> bool:
    """Whether this actor may send reports on the form: staff by role, devices and collectors by duty or assignment."""
    if who.project_id is not None and who.project_id != form.project_id:
        return False
    if who.role in {"admin", "hq_officer", "officer"} or who.project_role == "manager":
        return who.may(Verb.SUBMISSION_CREATE)
    return form.id in queries.fillable_form_ids(session, form.project_id, who)


def _to_confirm(converted: Converted, filename: str) -> list[Finding]:
    """The warnings that somebody has to wave through: of a spreadsheet all. Of a ready XForm, which nobody can mend in a
    sheet, what concerns entities; the others are kept with the version."""
    ready = filename.lower().endswith(".xml")
    return [each for each in converted.findings if not ready or each.code.startswith("entit")]


def _store_draft(
    session: Session,
    settings: Settings,
    project_id: int,
    converted: Converted,
    data: bytes,
    filename: str,
    actor: Identity | None,
    ignore_warnings: bool,
) -> FormVersion:
    if queries.project(session, project_id) is None:
        raise Problem("not_found")
    if not ignore_warnings and (found := _to_confirm(converted, filename)):
        raise Problem("form_warnings", count=len(found), findings=[each.as_dict() for each in found])
    definition = parse(converted.xml)
    check_names(session, project_id, definition)
    instant = journal.now()
    form = queries.form(session, project_id, converted.form_id) or _revived(session, project_id, converted.form_id)
    if form is None:
        form = Form(
            project_id=project_id,
            xml_form_id=converted.form_id,
            state="open",
            created_by=actor.actor_id if actor else None,
            created_at=instant,
        )
        session.add(form)
        session.flush()
    _refuse_changed_types(session, form, definition)
    _drop_draft(session, form)
    source = BlobStore(settings).put_bytes(session, data)
    draft = FormVersion(
        form_id=form.id,
        version=converted.version,
        title=converted.title,
        xml=converted.xml,
        md5=hashlib.md5(converted.xml, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(converted.xml).hexdigest(),
        definition=definition.to_json(),
        findings=[each.as_dict() for each in converted.findings],
        source_sha256=source.sha256,
        source_name=filename,
        created_by=actor.actor_id if actor else None,
        created_at=instant,
    )
    form_keys.apply(session, form, draft, definition)
    _put_draft(session, form, draft)
    expect_files(session, form, draft, definition)
    audit(session, actor, "form.update.draft.set", f"form:{form.xml_form_id}", {"version": draft.version})
    return draft


def _revived(session: Session, project_id: int, xml_form_id: str) -> Form | None:
    """A deleted form of that id begins anew as a draft: its old versions stay readable, none of them is current."""
    form = queries.deleted_form(session, project_id, xml_form_id)
    if form is not None:
        form.deleted_at, form.current_version_id, form.state = None, None, "open"
    return form


def _put_draft(session: Session, form: Form, draft: FormVersion) -> None:
    session.add(draft)
    session.flush()
    form.draft_version_id, form.draft_token = draft.id, secrets.token_hex(32)
    form.updated_at = journal.now()


def _drop_draft(session: Session, form: Form) -> None:
    old = queries.version_by_id(session, form.draft_version_id)
    if old is None:
        return
    for row in queries.attachments(session, old.id):
        session.delete(row)
    session.flush()
    session.delete(old)
    form.draft_version_id, form.draft_token = None, None
    session.flush()


def _form_of(session: Session, version: FormVersion) -> Form:
    form = session.get(Form, version.form_id)
    if form is None:
        raise Problem("not_found")
    return form


def _refuse_changed_types(session: Session, form: Form, definition: FormDefinition) -> None:
    """A question that keeps its path must keep its type, or old and new answers could not stand in one column (400.17)."""
    kinds = {field.path: field.type for field in definition.fields}
    for version in queries.versions(session, form.id):
        for field in definition_of(version).fields:
            new = kinds.get(field.path)
            if new is not None and new != field.type and {new, field.type} != {"string", "unknown"}:
                raise Problem("field_type_changed", path=field.path, old=field.type, new=new)


# Letters that XML cannot hold: controls but tab and line ends, halves of characters, and two that are none.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _rename_version(draft: FormVersion, version: str) -> None:
    most = FormVersion.version.type.length
    if len(version) > most or _NOT_IN_XML.search(version):
        reason = f"it has at most {most} characters, and none that XML cannot hold."
        raise Problem("unexpected_value", field="version", value=version[:100], reason=reason)
    draft.xml = with_version(draft.xml, version)
    draft.version = version
    draft.md5 = hashlib.md5(draft.xml, usedforsecurity=False).hexdigest()
    draft.sha256 = hashlib.sha256(draft.xml).hexdigest()
    draft.definition = parse(draft.xml).to_json()
