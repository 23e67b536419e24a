"""Forms as ODK Central lists them: which one an actor sees, its attributes, fields, expected files; delete and restore."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from forms.fields import FormDefinition
from server.models import Form, FormAttachment, FormVersion
from server.problems import Problem
from server.queries import assignments, form_lists
from server.queries import forms as queries
from server.services import projects
from server.services.audits import audit
from server.services.identity import Identity, Verb
from server.services.journal import now
from server.services.odata_values import identifier

NO_VERSION = "___"
"""How an address names the version of a form that has none."""


def find(session: Session, who: Identity, project_id: int, xml_form_id: str) -> Form:
    """The form. Raises Problem not_found, also for forms that this actor may neither read about nor fill."""
    projects.find(session, who, project_id)
    form = queries.form(session, project_id, xml_form_id)
    if form is None or not _may_see(session, who, form):
        raise Problem("not_found")
    return form


def shown_version(session: Session, form: Form) -> FormVersion:
    """The published version, or the draft while none is published."""
    version = queries.version_by_id(session, form.current_version_id or form.draft_version_id)
    if version is None:
        raise Problem("not_found")
    return version


def published_version(session: Session, form: Form, name: str | None = None) -> FormVersion:
    """The current published version, or the one of that name ("___" or "": without one). Raises Problem not_found."""
    if name is None:
        version = queries.version_by_id(session, form.current_version_id)
    else:
        version = queries.version(session, form.id, "" if name == NO_VERSION else name)
    if version is None:
        raise Problem("not_found")
    return version


def draft_version(session: Session, form: Form) -> FormVersion:
    """The draft. Raises Problem not_found when there is none."""
    version = queries.version_by_id(session, form.draft_version_id)
    if version is None:
        raise Problem("not_found")
    return version


def listed(session: Session, who: Identity, project_id: int) -> list[tuple[Form, FormVersion]]:
    """The forms that the actor may see, each with the version it shows."""
    projects.find(session, who, project_id)
    return [(form, version) for form, version in form_lists.with_versions(session, project_id) if _may_see(session, who, form)]


def deleted(session: Session, who: Identity, project_id: int) -> list[tuple[Form, FormVersion]]:
    """The deleted forms, for whoever may restore them; else none."""
    projects.find(session, who, project_id)
    return list(form_lists.with_versions(session, project_id, deleted=True)) if who.may(Verb.FORM_PUBLISH) else []


def _may_see(session: Session, who: Identity, form: Form) -> bool:
    if who.may(Verb.SUBMISSION_READ):
        return True
    # Whoever only fills forms is shown the published ones that are theirs, or that they were given to look at.
    if form.current_version_id is None:
        return False
    if form.id in queries.fillable_form_ids(session, form.project_id, who):
        return True
    return form.id in assignments.forms_of(session, who.actor_id, form.project_id)


def columns(form: Form, version: FormVersion) -> dict[str, Any]:
    """The attributes of a form with a version, as every answer shows them."""
    return {
        "project_id": form.project_id, "id": form.id, "xml_form_id": form.xml_form_id, "name": version.title,
        "version": version.version, "hash": version.md5, "sha": hashlib.sha1(version.xml, usedforsecurity=False).hexdigest(),
        "sha256": version.sha256, "state": form.state, "created_at": form.created_at, "updated_at": form.updated_at,
        "published_at": version.published_at, "deleted_at": form.deleted_at,
        "draft_token": form.draft_token if version.published_at is None else None,
        "source_type": _source_type(version), "key_id": version.key_id,
    }


def extended(session: Session, who: Identity, project_id: int, rows: list[tuple[Form, FormVersion]]) -> list[dict[str, Any]]:
    """The same with counts and makers."""
    counts = form_lists.counts(session, who.scope, project_id) if who.may(Verb.SUBMISSION_READ) else {}
    makers = form_lists.actor_names(session, {form.created_by for form, _version in rows if form.created_by})
    found = []
    for form, version in rows:
        count = counts.get(form.xml_form_id, form_lists.FormCounts())
        maker = makers.get(form.created_by or 0)
        found.append({
            **columns(form, version), "submissions": count.submissions, "last_submission": count.last_submission,
            "review_states": count.review_states, "created_by": maker,
        })
    return found


@dataclass(frozen=True)
class ExpectedFile:
    """A file that a form version expects and what there is of it; hash is an MD5."""

    name: str
    type: str
    hash: str | None
    exists: bool
    blob_exists: bool
    dataset_exists: bool
    updated_at: Any


def expected_files(session: Session, version: FormVersion) -> list[ExpectedFile]:
    """What the version expects, by name."""
    rows = queries.attachments(session, version.id)
    return _as_files(session, list(rows))


def expected_file(session: Session, version: FormVersion, name: str) -> ExpectedFile:
    """One expected file. Raises Problem not_found when the form expects no such name."""
    row = queries.attachment(session, version.id, name)
    if row is None:
        raise Problem("not_found")
    return _as_files(session, [row])[0]


def _as_files(session: Session, rows: list[FormAttachment]) -> list[ExpectedFile]:
    blobs = form_lists.blobs(session, {row.blob_sha256 for row in rows if row.blob_sha256})
    return [
        ExpectedFile(
            row.name, row.type, blobs[row.blob_sha256].md5 if row.blob_sha256 in blobs else None,
            bool(row.blob_sha256 or row.dataset_name), bool(row.blob_sha256), bool(row.dataset_name), row.updated_at,
        )
        for row in rows
    ]


def fields(definition: FormDefinition, odata: bool = False) -> list[dict[str, Any]]:
    """The questions and groups in form order; odata: names as OData writes them."""
    def named(path: str) -> str:
        return "/".join(identifier(step) if step else "" for step in path.split("/")) if odata else path

    return [
        {
            "path": named(field.path), "name": identifier(field.name) if odata else field.name, "type": field.type,
            "binary": True if field.binary else None, "order": field.order,
            "selectMultiple": True if field.select_multiple else None,
        }
        for field in definition.fields
    ]


def delete(session: Session, who: Identity, form: Form) -> None:
    """Takes a form off all lists and commits; its versions and submissions stay."""
    form.deleted_at = now()
    audit(session, who, "form.delete", f"form:{form.xml_form_id}")
    session.commit()


def restore(session: Session, who: Identity, project_id: int, form_id: int) -> Form:
    """Brings a deleted form back by its number, and commits. Raises Problem not_found."""
    form = form_lists.deleted_form(session, project_id, form_id)
    if form is None:
        raise Problem("not_found")
    form.deleted_at, form.updated_at = None, now()
    audit(session, who, "form.restore", f"form:{form.xml_form_id}")
    session.commit()
    return form


_SOURCES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xls": "application/vnd.ms-excel",
}


def _source_type(version: FormVersion) -> str | None:
    name = (version.source_name or "").lower()
    return next((kind for suffix, kind in _SOURCES.items() if name.endswith(suffix)), None)
