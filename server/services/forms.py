"""Publishing forms: draft, publish, close; their expected files; the entity lists that a form declares.

A file is converted in a child process (forms.xlsform); nothing is stored unless the form is without errors.
"""

from __future__ import annotations

import hashlib
import mimetypes
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from forms.definition import parse
from forms.fields import FormDefinition
from forms.findings import Converted, Finding, FormRefused, ValidatorMissing, error, warning
from forms.version import with_version
from forms.xlsform import convert_in_child
from server.config import Settings
from server.models import Dataset, DatasetProperty, Form, FormAttachment, FormVersion
from server.problems import Problem
from server.queries import forms as queries
from server.queries.mission import server_id
from server.services import journal
from server.services.audits import audit
from server.services.blobs import BlobStore, StoredBlob
from server.services.identity import Identity, Verb

STATES = ("open", "closing", "closed")
MAX_CACHED = 128
_definitions: dict[tuple[int, str], FormDefinition] = {}


@dataclass(frozen=True)
class Outcome:
    """What publishing did: unchanged is True when the very same form stood there already."""

    form: Form
    version: FormVersion
    unchanged: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Upload:
    """A file that comes with a form. fallback: it lay in lists/ beside the form, see FormAttachment."""

    data: bytes
    content_type: str | None = None
    fallback: bool = False


def convert(data: bytes, filename: str, fallback_form_id: str | None = None, validate: bool = True) -> Converted:
    """Turns an uploaded XLSForm or XForm into a form. Raises Problem form_refused with every finding in details.

    validate=False leaves ODK Validate out: for shipped questionnaires, which the project's own tests put through it.
    """
    try:
        if not validate:
            return convert_in_child(data, filename, fallback_form_id, validate=False)
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


def refusal(findings: Iterable[Finding]) -> Problem:
    """The Problem that carries findings: details hold `count` and `findings` (dicts with sheet, row, column, advice)."""
    found = list(findings)
    return Problem(
        "form_refused", count=sum(each.level == "error" for each in found), findings=[each.as_dict() for each in found]
    )


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
        changed = _attach_all(session, settings, same[1], attachments or {})
        session.commit()
        return Outcome(*same, not changed, tuple(Finding.from_dict(each) for each in same[1].findings))
    converted = convert(data, filename, validate=validate)
    form = queries.form(session, project_id, converted.form_id)
    current = queries.version_by_id(session, form.current_version_id) if form else None
    sha256 = hashlib.sha256(converted.xml).hexdigest()
    if form is not None and current is not None and current.sha256 == sha256:
        changed = _attach_all(session, settings, current, attachments or {})
        session.commit()
        return Outcome(form, current, not changed, converted.findings)
    draft = _store_draft(session, settings, project_id, converted, data, filename, actor, ignore_warnings)
    form = _form_of(session, draft)
    _attach_all(session, settings, draft, attachments or {})
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
) -> FormVersion:
    """Stores the file as the form's draft, replacing an earlier draft, and commits. Same problems as `publish`.

    xml_form_id: the form it must be (a draft of another form is refused as unexpected_value).
    must_be_new: the project must not have a form of that id yet, else uniqueness.
    """
    converted = convert(data, filename, fallback_form_id or xml_form_id)
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
        created_by=actor.actor_id if actor else None,
        created_at=journal.now(),
    )
    _put_draft(session, form, draft)
    _expect_files(session, form, draft, definition_of(current))
    session.commit()
    return draft


def publish_draft(session: Session, form: Form, actor: Identity | None = None, version: str | None = None) -> FormVersion:
    """Makes the draft the published version and commits; earlier versions and their submissions stay valid.

    version: rewrites the version in the XML first (as Central does). Raises not_found without a draft and
    version_reused (409.6) when that version was published before.
    """
    draft = queries.version_by_id(session, form.draft_version_id)
    if draft is None:
        raise Problem("not_found")
    if version is not None and version != draft.version:
        _rename_version(draft, version)
    if queries.version(session, form.id, draft.version) is not None:
        raise Problem("version_reused", version=draft.version, form=form.xml_form_id)
    instant = journal.now()
    fact = journal.append(
        session,
        kind="form_version",
        payload_sha256=draft.sha256,
        server_id=server_id(session),
        pending=False,
        actor_id=actor.actor_id if actor else None,
        actor_name=actor.name if actor else None,
        received_at=instant,
    )
    draft.fact_id, draft.published_at, draft.published_by = fact.id, instant, actor.actor_id if actor else None
    form.current_version_id, form.draft_version_id, form.draft_token = draft.id, None, None
    form.updated_at = instant
    _declare_datasets(session, form, definition_of(draft))
    audit(session, actor, "form.update.publish", f"form:{form.xml_form_id}", {"version": draft.version})
    session.commit()
    return draft


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


def attach_file(
    session: Session, version: FormVersion, name: str, stored: StoredBlob, content_type: str | None = None, fallback: bool = False
) -> FormAttachment:
    """Fills an expected file with a stored blob; the caller commits. Raises not_found when the form expects no such name."""
    row = queries.attachment(session, version.id, name)
    if row is None:
        raise Problem("not_found")
    row.blob_sha256, row.content_type, row.dataset_name = stored.sha256, content_type or _content_type(name), None
    row.fallback, row.updated_at = fallback, journal.now()
    return row


def link_dataset(session: Session, version: FormVersion, name: str, dataset_name: str) -> FormAttachment:
    """Serves an entity list under an expected file's name; the caller commits."""
    row = queries.attachment(session, version.id, name)
    if row is None:
        raise Problem("not_found")
    row.blob_sha256, row.dataset_name, row.fallback, row.updated_at = None, dataset_name, False, journal.now()
    return row


def ensure_dataset(
    session: Session,
    project_id: int,
    name: str,
    properties: Mapping[str, Iterable[str]] | Iterable[str] = (),
    register: str | None = None,
) -> Dataset:
    """The entity list of that name, made if need be, with at least these properties; expected files of that name are linked.

    properties: names, or names with the form ids that write them. The caller commits.
    """
    instant = journal.now()
    dataset = queries.dataset(session, project_id, name)
    if dataset is None:
        dataset = Dataset(project_id=project_id, name=name, register=register, created_at=instant, published_at=instant)
        session.add(dataset)
        session.flush()
    elif register and dataset.register is None:
        dataset.register = register
    known = {row.name: row for row in queries.properties(session, dataset.id)}
    wanted = properties if isinstance(properties, Mapping) else dict.fromkeys(properties, ())
    for property_name, form_ids in wanted.items():
        known_one = known.get(property_name)
        if known_one is None:
            session.add(DatasetProperty(dataset_id=dataset.id, name=property_name, forms=sorted(form_ids), published_at=instant))
        elif not set(form_ids) <= set(known_one.forms):
            known_one.forms = sorted({*known_one.forms, *form_ids})
    for row in queries.unlinked_attachments(session, project_id, f"{name}.csv"):
        row.dataset_name, row.updated_at = name, instant
    session.flush()
    return dataset


def may_fill(session: Session, form: Form, who: Identity) -> bool:
    """Whether this actor may send reports on the form: staff by role, devices and collectors by duty or assignment."""
    if who.type == "field_key" and who.project_id != form.project_id:
        return False
    if who.role in {"admin", "hq_officer", "officer"}:
        return who.may(Verb.SUBMISSION_CREATE)
    return form.id in queries.fillable_form_ids(session, form.project_id, who)


def definition_of(version: FormVersion) -> FormDefinition:
    """The version's definition; kept per process, because every submission asks for it."""
    key = (version.id, version.sha256)
    found = _definitions.get(key)
    if found is None:
        if len(_definitions) >= MAX_CACHED:
            _definitions.clear()
        found = _definitions[key] = _read_definition(version)
    return found


def _read_definition(version: FormVersion) -> FormDefinition:
    try:
        return FormDefinition.from_json(version.definition)
    except (ValueError, KeyError, TypeError):
        # Written by an older release: the XML is the truth, the JSON only its cache.
        return parse(version.xml)


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
    if converted.findings and not ignore_warnings:
        raise Problem("form_warnings", count=len(converted.findings), findings=[each.as_dict() for each in converted.findings])
    definition = parse(converted.xml)
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
    _put_draft(session, form, draft)
    _expect_files(session, form, draft, definition)
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


def _expect_files(session: Session, form: Form, version: FormVersion, definition: FormDefinition) -> None:
    """One row per file the form expects; files of the present version are carried over by name, lists linked by name."""
    carried = {row.name: row for row in queries.attachments(session, form.current_version_id)} if form.current_version_id else {}
    instant = journal.now()
    for expected in definition.attachments:
        row = FormAttachment(form_version_id=version.id, name=expected.filename, type=expected.type)
        old = carried.get(expected.filename)
        stem = expected.filename.removesuffix(".csv")
        if old is not None and (old.blob_sha256 or old.dataset_name):
            row.blob_sha256, row.content_type, row.dataset_name = old.blob_sha256, old.content_type, old.dataset_name
            row.fallback, row.updated_at = old.fallback, instant
        elif stem != expected.filename and queries.dataset(session, form.project_id, stem) is not None:
            row.dataset_name, row.updated_at = stem, instant
        session.add(row)
    session.flush()


def _declare_datasets(session: Session, form: Form, definition: FormDefinition) -> None:
    for block in definition.entity_blocks:
        ensure_dataset(session, form.project_id, block.dataset, {name: (form.xml_form_id,) for _path, name in block.save_to})


def _attach_all(session: Session, settings: Settings, version: FormVersion, uploads: Mapping[str, Upload]) -> bool:
    """Attaches the uploads that the form expects; names it does not expect are refused unless they merely lay beside it."""
    changed = False
    store = BlobStore(settings)
    for name, upload in uploads.items():
        row = queries.attachment(session, version.id, name)
        if row is None:
            if upload.fallback:
                continue
            raise refusal(
                [error("unexpected_attachment", f"The form expects no file named {name}.", "Check the name in the form.")]
            )
        if upload.fallback and (row.dataset_name or (row.blob_sha256 and not row.fallback)):
            continue
        stored = store.put_bytes(session, upload.data)
        if row.blob_sha256 != stored.sha256:
            attach_file(session, version, name, stored, upload.content_type, upload.fallback)
            changed = True
    return changed


def _rename_version(draft: FormVersion, version: str) -> None:
    draft.xml = with_version(draft.xml, version)
    draft.version = version
    draft.md5 = hashlib.md5(draft.xml, usedforsecurity=False).hexdigest()
    draft.sha256 = hashlib.sha256(draft.xml).hexdigest()
    draft.definition = parse(draft.xml).to_json()


def _content_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
