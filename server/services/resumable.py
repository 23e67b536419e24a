"""Files of a report that arrive in pieces over a poor link: begun, continued after a cut, attached when whole, given up.

The report itself comes first (it is small, and urgent words do not wait for photos); each large file follows on its own.
Pieces lie in the blob store's own file system, so that the finished file is moved and not copied.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import ResumableUpload, Submission
from server.problems import Problem
from server.queries import resumable as queries
from server.queries.submissions import attachments
from server.services import envelopes, intake, pieces, sealing_key
from server.services.blobs import BlobStore, BlobWriter, StoredBlob
from server.services.identity import Identity
from server.services.journal import now
from server.services.pieces import Checksum
from server.services.uploads import Readable, safe_name

KEPT = dt.timedelta(days=7)
MAX_TEXT = 255
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sender wants to send: to which report, under which name, how long, and the SHA-256 of all of it if known.

    sealed: it comes in an envelope of the field app, which is opened when it is whole; length and SHA-256 are the envelope's.
    """

    form_id: str
    instance_id: str
    name: str
    length: int
    content_type: str = "application/octet-stream"
    sha256: str | None = None
    sealed: bool = False


def begin(session: Session, settings: Settings, who: Identity, project_id: int, wanted: Wanted) -> ResumableUpload:
    """Makes an upload, or finds the one begun before for the same file (known by its SHA-256), and commits.

    Raises Problem not_found when the sender has not sent that report, too_large, invalid_input, disk_full.
    """
    if wanted.length > settings.max_body:
        raise Problem("too_large", limit=settings.max_body)
    if wanted.sha256 is not None and not _SHA256.fullmatch(wanted.sha256):
        raise Problem("invalid_input", reason="sha256: say 64 hexadecimal digits.", field="sha256")
    report = queries.report_of_sender(session, project_id, wanted.form_id, wanted.instance_id, who.actor_id)
    if report is None or not report.xml:
        raise Problem("upload_without_report", instance_id=wanted.instance_id)
    # A sender whose first answer was lost asks again, perhaps while the first request is still at work: both find one upload.
    queries.hold_report(session, report.fact_id)
    name = safe_name(wanted.name)
    kind = envelopes.CONTENT_TYPE if wanted.sealed else wanted.content_type
    if wanted.sha256 is not None:
        begun = queries.same(session, report.fact_id, name, wanted.length, wanted.sha256)
        if begun is not None and begun.expires_at > now():
            return begun
    row = ResumableUpload(
        id=secrets.token_urlsafe(24), actor_id=who.actor_id, project_id=project_id, submission_fact_id=report.fact_id,
        name=name, content_type=kind[:MAX_TEXT], length=wanted.length, sha256=wanted.sha256,
        created_at=now(), expires_at=now() + KEPT,
    )
    if wanted.sha256 is not None and _is_attached(session, row, wanted.sha256):
        row.blob_sha256 = wanted.sha256
    else:
        pieces.create(BlobStore(settings).pieces_path(row.id))
    session.add(row)
    session.commit()
    return row


def find(session: Session, who: Identity, project_id: int, upload_id: str) -> ResumableUpload:
    """An upload of this sender. Raises Problem not_found, upload_gone when it has expired."""
    row = queries.upload(session, project_id, who.actor_id, upload_id)
    if row is None:
        raise Problem("not_found")
    if row.expires_at <= now():
        raise Problem("upload_gone")
    return row


def offset(settings: Settings, row: ResumableUpload) -> int:
    """How many bytes are here. Raises Problem upload_gone when the pieces are lost."""
    if row.blob_sha256 is not None:
        return row.length
    store = BlobStore(settings)
    come = pieces.size(store.pieces_path(row.id))
    if come is None and row.sha256 is not None and store.exists(row.sha256):
        # The server was killed between keeping the whole file and writing that down: `finish` does the rest.
        return row.length
    if come is None:
        raise Problem("upload_gone")
    return come


def go_on(
    session: Session, settings: Settings, who: Identity, row: ResumableUpload, at: int, stream: Readable,
    checksum: Checksum | None,
) -> int:
    """Takes one piece that begins at byte `at`; the last one attaches the file to its report. Commits; returns the offset.

    Raises what `pieces.append` raises, checksum_mismatch when the whole is not what was announced (it is thrown away), and
    upload_offset.
    """
    come = offset(settings, row)
    if at != come:
        raise Problem("upload_offset", offset=come, got=at)
    if row.blob_sha256 is None and come < row.length:
        upload_id, path, most = row.id, BlobStore(settings).pieces_path(row.id), row.length
        # A piece may take minutes to come in: the database is not held meanwhile.
        session.commit()
        come = pieces.append(path, at, most, stream, checksum)
        row = find(session, who, row.project_id, upload_id)
        row.expires_at = now() + KEPT
        session.commit()
    if come == row.length:
        finish(session, settings, who, row)
    return come


def finish(session: Session, settings: Settings, who: Identity, row: ResumableUpload) -> None:
    """Keeps the whole file under its hash, attaches it to its report and commits. A second call changes nothing."""
    store = BlobStore(settings)
    with pieces.held(store.pieces_path(row.id)) as here:
        session.refresh(row)
        if row.blob_sha256 is not None:
            return
        if row.content_type == envelopes.CONTENT_TYPE and here:
            return _finish_sealed(session, settings, who, store, row)
        stored = _keep(session, settings, store, row) if here else _kept_before(store, row)
        if not _is_attached(session, row, stored.sha256):
            intake.add_stored_file(session, row.submission_fact_id, row.name, row.content_type, stored, who)
        row.blob_sha256 = stored.sha256
        session.commit()


def _finish_sealed(session: Session, settings: Settings, who: Identity, store: BlobStore, row: ResumableUpload) -> None:
    """Opens the envelope and attaches what is in it; the pieces go only after that is durable, so a kill loses nothing."""
    path = store.pieces_path(row.id)
    report = session.get_one(Submission, row.submission_fact_id)
    try:
        with path.open("rb") as file, store.writer() as writer:
            inside, content = envelopes.opened(file, sealing_key.private(session, settings))
            if inside.kind != "file" or inside.instance_id != report.instance_id:
                raise Problem("envelope_damaged", reason="it belongs to another report.")
            for piece in content:
                writer.write(piece)
            writer.finish()
            stored = writer.commit()
    except Problem as problem:
        if problem.kind.name == "envelope_damaged":
            # The sender begins anew with the envelope as it is on the phone.
            give_up(session, settings, row)
        raise
    intake.add_stored_file(session, row.submission_fact_id, row.name, inside.type or "application/octet-stream", stored, who)
    row.blob_sha256 = stored.sha256
    session.commit()
    path.unlink(missing_ok=True)


def _keep(session: Session, settings: Settings, store: BlobStore, row: ResumableUpload) -> StoredBlob:
    with BlobWriter(store, store.pieces_path(row.id)) as writer:
        if row.sha256 is not None and writer.sha256 != row.sha256:
            # Leaving the block throws the pieces away; the sender begins anew.
            give_up(session, settings, row)
            raise Problem("checksum_mismatch")
        if row.sha256 is None:
            # Written down first, so that a kill before the last commit loses nothing.
            row.sha256 = writer.sha256
            session.commit()
        return writer.commit()


def _kept_before(store: BlobStore, row: ResumableUpload) -> StoredBlob:
    if row.sha256 is None or not store.exists(row.sha256):
        raise Problem("upload_gone")
    return store.describe(row.sha256)


def give_up(session: Session, settings: Settings, row: ResumableUpload) -> None:
    """Forgets an upload and its pieces, and commits; a file that was attached stays."""
    path = BlobStore(settings).pieces_path(row.id)
    session.delete(row)
    session.commit()
    path.unlink(missing_ok=True)


def expire(session: Session, settings: Settings, at: dt.datetime | None = None) -> int:
    """Forgets what nobody went on with for a week (default: as of now); commits each and returns how many."""
    gone = queries.expired(session, at or now())
    for row in gone:
        give_up(session, settings, row)
    return len(gone)


def forget_report(session: Session, store: BlobStore, submission_fact_id: int) -> None:
    """Throws away what is under way to a report that is being purged; the caller commits."""
    for row in queries.of_report(session, submission_fact_id):
        store.pieces_path(row.id).unlink(missing_ok=True)
        session.delete(row)


def _is_attached(session: Session, row: ResumableUpload, sha256: str) -> bool:
    known = {each.name: each.blob_sha256 for each in attachments(session, [row.submission_fact_id])}
    return known.get(row.name) == sha256
