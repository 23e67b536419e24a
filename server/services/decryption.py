"""Unlocks encrypted reports for good and locks them again. Each is an event, so that the journal says who read what.

Unlocking stores the report in clear beside its ciphertext: from then on it is reviewed, merged and exported as any other
(docs/security.md). Locking lets what is in clear go; the ciphertext stays as it came.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from forms.encryption import Manifest, Signature, Undecryptable, check_signature
from server.config import Settings
from server.models import DecryptedFile, Decryption, EncryptionKey, Fact, Submission, SubmissionSummary
from server.problems import Problem
from server.queries import decrypted as queries
from server.queries import purging
from server.queries import submissions as versions
from server.queries.mission import server_id
from server.services import blobs, folding, journal, thumbnails
from server.services.audits import audit
from server.services.blobs import BlobStore, StoredBlob
from server.services.documents import pack
from server.services.identity import Identity
from server.services.sealed import ClearFile, Opened, files_of, manifest_of, open_report

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Outcome:
    """What unlocking a batch did: how many reports are in clear now, and why the others are not (problem by receipt)."""

    unlocked: int
    refused: Mapping[str, Problem]


def unlock(
    session: Session, settings: Settings, who: Identity, report: SubmissionSummary, key: EncryptionKey, private: RSAPrivateKey
) -> None:
    """Unlocks every encrypted version of a report, folds it in and commits; files that came since then are decrypted too.

    Raises Problem undecryptable, encrypted_file_missing, held_back (nothing is stored then), state_conflict when nothing
    in it is encrypted.
    """
    facts = _unlock_one(session, settings, who, report, key, private)
    folding.fold_now(session, facts)
    session.commit()


def unlock_many(
    session: Session, settings: Settings, who: Identity, reports: Sequence[SubmissionSummary], key: EncryptionKey,
    private: RSAPrivateKey,
) -> Outcome:
    """Unlocks these reports one after the other, each committed by itself; one that cannot be unlocked stops no other."""
    refused: dict[str, Problem] = {}
    for report in reports:
        receipt = report.receipt
        try:
            unlock(session, settings, who, report, key, private)
        except Problem as problem:
            session.rollback()
            refused[receipt] = problem
    return Outcome(len(reports) - len(refused), refused)


def lock(session: Session, settings: Settings, who: Identity, report: SubmissionSummary) -> None:
    """Lets everything in clear go and commits: the report is off exports and its statements are out of the records.

    Raises Problem state_conflict when nothing is unlocked.
    """
    found = [each for row in _versions(session, report) if (each := queries.decryption_of(session, row.fact_id)) is not None]
    if not found:
        raise Problem("state_conflict", reason="the report is locked")
    gone = [sha256 for each in found for sha256 in queries.empty(session, each, journal.now())]
    session.expire_all()
    fact = _event(session, who, report, "LOCK", {"files": len(gone)})
    audit(session, who, "submission.lock", _actee(report), {"receipt": report.receipt})
    folding.fold_now(session, [fact])
    session.commit()
    _delete(session, settings, gone)


def _unlock_one(
    session: Session, settings: Settings, who: Identity, report: SubmissionSummary, key: EncryptionKey, private: RSAPrivateKey
) -> list[Fact]:
    facts: list[Fact] = []
    store = BlobStore(settings)
    encrypted = [row for row in _versions(session, report) if row.encrypted]
    if not encrypted:
        raise Problem("state_conflict", reason="the report is not encrypted")
    for row in encrypted:
        fact = _unlock_version(session, store, who, report, row, key, private)
        facts += [fact] if fact is not None else []
    return facts


def _versions(session: Session, report: SubmissionSummary) -> Sequence[Submission]:
    return versions.chain(session, report.project_id, report.xml_form_id, report.root_instance_id, report.is_draft)


def _unlock_version(
    session: Session, store: BlobStore, who: Identity, report: SubmissionSummary, row: Submission, key: EncryptionKey,
    private: RSAPrivateKey,
) -> Fact | None:
    """Stores one version in clear. None: it is so already, with all files that came."""
    manifest, files = manifest_of(row), files_of(session, row)
    before = queries.decryption_of(session, row.fact_id)
    if manifest is None:
        raise Problem("undecryptable")
    arrived = sum(name in files for name in manifest.media_files)
    if before is not None and len(queries.clear_files(session, [row.fact_id])) >= arrived:
        return None
    if manifest.xml_file not in files:
        raise Problem("encrypted_file_missing")
    try:
        opened = open_report(store, manifest, files, private)
    except Undecryptable as error:
        raise Problem("undecryptable") from error
    if opened.held is not None:
        raise Problem("held_back", marking=opened.held)
    return _store(session, store, who, report, row, key, private, manifest, opened, before)


def _store(
    session: Session, store: BlobStore, who: Identity, report: SubmissionSummary, row: Submission, key: EncryptionKey,
    private: RSAPrivateKey, manifest: Manifest, opened: Opened, before: Decryption | None,
) -> Fact:
    # Before the first write: files are decrypted and made durable without holding SQLite's only writer.
    stored = dict(_files_in_clear(store, opened.media))
    digests = {name: blob.md5 for name, (_file, blob) in stored.items()}
    digests[manifest.xml_file] = hashlib.md5(opened.xml, usedforsecurity=False).hexdigest()
    signature = _signature(private, manifest, opened, digests)
    xml_sha256 = hashlib.sha256(opened.xml).hexdigest()
    if before is not None:
        queries.empty(session, before, journal.now())
        session.expire_all()
    fact = _event(session, who, report, "DECRYPT", {
        "submission": versions.fact_uuid(session, row.fact_id), "key_id": key.id, "signature": signature,
        "xml_sha256": xml_sha256, "files": {file.name: blob.sha256 for file, blob in stored.values()},
    })
    session.add(Decryption(
        fact_id=fact.id, submission_fact_id=row.fact_id, key_id=key.id, instance_name=opened.parsed.instance_name,
        xml=pack(opened.xml), xml_sha256=xml_sha256, signature=signature, locked_at=None,
    ))
    try:
        session.flush()
    except IntegrityError as error:
        session.rollback()
        raise Problem("state_conflict", reason="somebody unlocked the report just now") from error
    for file, blob in stored.values():
        blobs.record(session, blob)
        session.add(DecryptedFile(
            decryption_fact_id=fact.id, submission_fact_id=row.fact_id, name=file.name, blob_sha256=blob.sha256,
            content_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        ))
    audit(session, who, "submission.decrypt", _actee(report), {
        "receipt": report.receipt, "keyId": key.id, "signature": signature, "files": len(stored),
    })
    session.flush()
    return fact


def _files_in_clear(store: BlobStore, media: Mapping[str, ClearFile]) -> Iterator[tuple[str, tuple[ClearFile, StoredBlob]]]:
    """Every file that can be decrypted, stored; a damaged one is left out and spoils the signature."""
    for name, file in media.items():
        try:
            yield name, (file, store.put(file.chunks(store)))
        except Undecryptable:
            continue


def _signature(private: RSAPrivateKey, manifest: Manifest, opened: Opened, digests: dict[str, str]) -> Signature:
    if (opened.parsed.form_id, opened.parsed.instance_id) != (manifest.form_id, manifest.instance_id):
        return "bad"
    if any(name not in opened.media for name in manifest.media_files):
        # What has not arrived cannot be compared; it is once the files are here and the report is unlocked again.
        return "none"
    return check_signature(private, manifest, digests)


def _event(session: Session, who: Identity, report: SubmissionSummary, type: str, said: dict[str, object]) -> Fact:
    payload = {"project_id": report.project_id, "xml_form_id": report.xml_form_id, "is_draft": report.is_draft, **said}
    return journal.record_event(
        session, type=type, subject=report.root_instance_id, payload=payload, server_id=server_id(session),
        actor_id=who.actor_id, actor_name=who.name,
    )


def _actee(report: SubmissionSummary) -> str:
    return f"form:{report.xml_form_id}"


def _delete(session: Session, settings: Settings, hashes: Iterable[str]) -> None:
    """After the commit: a crash in between leaves files that nothing names, never names of files that are gone."""
    store = BlobStore(settings)
    for sha256 in set(hashes):
        if not purging.is_needed(session, sha256):
            store.delete(sha256)
            thumbnails.forget(settings, sha256)
