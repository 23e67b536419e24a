"""Files of form versions: read them, fill, link and empty them on drafts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Form, FormVersion
from server.problems import Problem
from server.queries import forms as queries
from server.queries import submissions as blob_queries
from server.services import entity_lists, form_files
from server.services.blobs import CHUNK, BlobStore, record
from server.services.identity import Identity


@dataclass(frozen=True)
class Content:
    """A file to send: its bytes in pieces, size in bytes, MD5 and type."""

    chunks: Iterator[bytes]
    size: int
    md5: str
    content_type: str


def stored_file(session: Session, settings: Settings, sha256: str, content_type: str | None) -> Content:
    """A stored file. Raises Problem not_found when it is not there (purged)."""
    blob = blob_queries.blob(session, sha256)
    store = BlobStore(settings)
    if blob is None or not store.exists(sha256):
        raise Problem("not_found")
    return Content(store.chunks(sha256), blob.size, blob.md5, content_type or "application/octet-stream")


def form_file(session: Session, settings: Settings, version: FormVersion, name: str, who: Identity) -> Content:
    """What is served under that name: the entity list it is linked to, or an uploaded file. Raises Problem not_found."""
    row = queries.attachment(session, version.id, name)
    form = session.get_one(Form, version.form_id)
    dataset = queries.dataset(session, form.project_id, row.dataset_name) if row and row.dataset_name else None
    if dataset is not None:
        listed = entity_lists.dataset_csv(session, dataset, who)
        return Content(iter([listed.data]), len(listed.data), listed.md5, "text/csv; charset=utf-8")
    if row is None or row.blob_sha256 is None:
        raise Problem("not_found")
    return stored_file(session, settings, row.blob_sha256, row.content_type)


def fill_form_file(
    session: Session, settings: Settings, draft: FormVersion, name: str, body: IO[bytes], content_type: str | None
) -> None:
    """Streams a file into a draft's expected file, and commits. Raises not_found for a name that the form does not expect."""
    if queries.attachment(session, draft.id, name) is None:
        raise Problem("not_found")
    stored = BlobStore(settings).put(pieces(body))
    record(session, stored)
    form_files.attach_file(session, draft, name, stored, content_type)
    session.commit()


def link_form_file(session: Session, form: Form, draft: FormVersion, name: str, linked: bool) -> None:
    """Serves the project's entity list `name` (without .csv) under that name, or no longer, and commits."""
    row = queries.attachment(session, draft.id, name)
    dataset = name.removesuffix(".csv")
    if row is None or (linked and queries.dataset(session, form.project_id, dataset) is None):
        raise Problem("not_found")
    if linked:
        form_files.link_dataset(session, draft, name, dataset)
    else:
        row.dataset_name = None
    session.commit()


def empty_form_file(session: Session, draft: FormVersion, name: str) -> None:
    """Takes the uploaded file away from a draft's expected file, and commits."""
    row = queries.attachment(session, draft.id, name)
    if row is None or row.blob_sha256 is None:
        raise Problem("not_found")
    row.blob_sha256, row.content_type = None, None
    session.commit()


def pieces(body: IO[bytes]) -> Iterator[bytes]:
    """The body in pieces of 64 kB."""
    while piece := body.read(CHUNK):
        yield piece
