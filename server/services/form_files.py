"""The files that a form version expects: one row each, filled by an upload or linked to an entity list."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from forms.fields import FormDefinition
from forms.findings import error
from server.config import Settings
from server.models import Form, FormAttachment, FormVersion
from server.problems import Problem
from server.queries import forms as queries
from server.services import journal
from server.services.blobs import BlobStore, StoredBlob
from server.services.form_findings import refusal


@dataclass(frozen=True)
class Upload:
    """A file that comes with a form. fallback: it lay in lists/ beside the form, see FormAttachment."""

    data: bytes
    content_type: str | None = None
    fallback: bool = False


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


def expect_files(session: Session, form: Form, version: FormVersion, definition: FormDefinition) -> None:
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


def attach_all(session: Session, settings: Settings, version: FormVersion, uploads: Mapping[str, Upload]) -> bool:
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


def _content_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
