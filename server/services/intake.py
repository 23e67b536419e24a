"""The one way in for reports: decides stored, repeated or quarantined, writes facts and files in one transaction.

Commits before it returns, so an answered report survives a kill. It never waits for validation, merging or summaries.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from forms.encryption import ManifestIncomplete, is_manifest, read_manifest
from forms.submission import (
    ParsedSubmission,
    SubmissionXmlError,
    derived_instance_id,
    expected_files,
    parse_submission,
    without_answers,
)
from forms.xmlsafe import XmlRefused
from server.engines import is_full
from server.memory import LARGE, trim_after
from server.models import Attachment, FormVersion, Submission
from server.problems import Problem
from server.queries import submissions as queries
from server.queries.mission import server_id
from server.services import blobs, dictionaries, journal, quarantine
from server.services.definitions import definition_by_version_id
from server.services.documents import pack, xml_of
from server.services.holding import reason_to_hold
from server.services.identity import Identity, Verb
from server.services.quarantine import accept, reject
from server.services.turns import turn
from server.services.uploads import IncomingFile, StoredFile, Upload

__all__ = ["Receipt", "Sender", "accept", "add_file", "add_stored_file", "receive", "reject", "xml_of"]

STAFF = frozenset({"admin", "hq_officer", "officer"})
# How strict=1 answers what is quarantined otherwise: ODK Central's own refusals.
_REFUSALS = {
    "unknown_form": "not_found", "unknown_version": "no_form_version", "form_closed": "form_closed",
    "same_id_other_content": "xml_conflict", "edit_id_taken": "edit_id_taken", "unknown_deprecated": "not_found",
    "stale_edit": "stale_edit", "submission_deleted": "submission_deleted",
}
# No 0/O and 1/I: a receipt is read out over a radio.
RECEIPT_SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends and how. post_id: the post a radio or paper report is entered for; else the identity's own post counts.

    channel: openrosa | rest | radio | paper | field | import. identity None: the holder of a draft's test token. in_clear: the
    request could be read by others on its way (services.schemes.in_clear).
    """

    identity: Identity | None
    channel: str = "openrosa"
    post_id: int | None = None
    device_id: str | None = None
    user_agent: str | None = None
    in_clear: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a report. created is False when it was there already; reason is set in quarantine only."""

    number: str
    stored: bool
    created: bool
    reason: str | None
    fact_id: int
    instance_id: str
    root_instance_id: str
    xml_form_id: str

    @property
    def status(self) -> int:
        """201 for a stored report, 202 for one in quarantine."""
        return 201 if self.stored else 202


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One report under way, with everything decided from its own bytes.

    expected: the file names that its answers give, worked out early where the answers are let go before the files are kept.
    """

    project_id: int
    parsed: ParsedSubmission
    upload: Upload
    sender: Sender
    instance_id: str
    strict: bool
    draft: FormVersion | None
    expected: frozenset[str] | None = None

    @property
    def is_draft(self) -> bool:
        return self.draft is not None

    @property
    def form_id(self) -> str:
        return self.parsed.form_id

    @property
    def version(self) -> str:
        return self.parsed.version or ""

    @property
    def post_id(self) -> int | None:
        identity = self.sender.identity
        return self.sender.post_id if self.sender.post_id is not None else identity.post_id if identity else None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Where the report goes. same: it is there already; reason: why it is quarantined; root: the chain it belongs to."""

    root: str
    same: Submission | None = None
    reason: str | None = None
    current: str | None = None
    version_id: int | None = None


def receive(
    session: Session, upload: Upload, *, project_id: int, sender: Sender, strict: bool = False, draft: FormVersion | None = None,
    expected_form_id: str | None = None,
) -> Receipt:
    """Takes one POST of a report: stores it, adds its files to what is there, or quarantines it. Commits.

    Raises Problem xml_refused or unparseable (no report at all), missing_parameter (encrypted with an incomplete manifest),
    not_allowed (known form, sender may not fill it: nothing is stored), disk_full; with strict=True also what Central
    refuses instead of a quarantine; unexpected_value when the address names expected_form_id and the XML another form.
    """
    receipt = _receive(session, lambda: _arrive(upload, project_id, sender, strict, draft, expected_form_id))
    trim_after(len(upload.xml))
    return receipt


def _arrive(
    upload: Upload, project_id: int, sender: Sender, strict: bool, draft: FormVersion | None, expected_form_id: str | None
) -> _Arrival:
    parsed = _parse(upload.xml)
    if expected_form_id is not None and parsed.form_id != expected_form_id:
        raise Problem("unexpected_value", field="form ID", value=parsed.form_id, reason=f"the address is for {expected_form_id}.")
    _check_manifest(parsed, upload.xml)
    instance_id = parsed.instance_id or derived_instance_id(parsed.canonical_hash)
    return _Arrival(project_id, parsed, upload, sender, instance_id, strict, draft)


def _receive(session: Session, arrive: Callable[[], _Arrival]) -> Receipt:
    for attempt in range(_ATTEMPTS):
        try:
            # Nothing here keeps the arrival: what _take lets go of is free.
            return _take(session, arrive())
        except IntegrityError:
            # Somebody stored the same id, the same edit or (one in a billion) the same receipt just now: look again.
            session.rollback()
            if attempt == _ATTEMPTS - 1:
                raise
        except OperationalError as error:
            session.rollback()
            raise _as_problem(error) from error
        except BaseException:
            session.rollback()
            raise
    raise AssertionError("unreachable")


def _parse(xml: bytes) -> ParsedSubmission:
    try:
        return parse_submission(xml)
    except XmlRefused as error:
        raise Problem("xml_refused", reason=str(error)) from error
    except SubmissionXmlError as error:
        raise Problem("unparseable", reason=str(error)) from error


def _check_manifest(parsed: ParsedSubmission, xml: bytes) -> None:
    """An encrypted report that lacks what decrypting needs would be lost here: better that the phone keeps it (400.2)."""
    if parsed.encrypted or (b"base64EncryptedKey" in xml and is_manifest(parsed.root)):
        try:
            read_manifest(parsed)
        except ManifestIncomplete as missing:
            raise Problem("missing_parameter", field=missing.field) from missing


def _as_problem(error: OperationalError) -> Exception:
    if is_full(error):
        return Problem("disk_full")
    if "locked" in str(error.orig).lower():
        return Problem("unwell", reason="the database is busy")
    return error


def _take(session: Session, arrival: _Arrival) -> Receipt:
    known = queries.is_known(
        session, arrival.project_id, arrival.form_id, arrival.instance_id, arrival.parsed.deprecated_id, arrival.is_draft
    )
    verdict = _judge(session, arrival, known)
    if verdict.same is not None:
        return _repeat(session, arrival, verdict.same, verdict.version_id)
    if verdict.reason is not None and arrival.strict and verdict.reason in _REFUSALS:
        raise Problem(_REFUSALS[verdict.reason], version=arrival.version, expected=verdict.current)
    if len(arrival.upload.xml) > LARGE:
        # Before the commit, so that the worker does not build its tree while this one still stands.
        expected = _expected(session, arrival, verdict.version_id) if arrival.upload.files else None
        arrival = replace(arrival, parsed=without_answers(arrival.parsed), expected=expected)
        trim_after(len(arrival.upload.xml))
    return (_take_known(session, arrival, verdict) if known else None) or _store(session, arrival, verdict, known)


def _take_known(session: Session, arrival: _Arrival, verdict: _Verdict) -> Receipt | None:
    """What was sent before and quarantined: the same answer again, or stored now that the reason is gone."""
    for copy in queries.quarantined(session, arrival.project_id, arrival.form_id, arrival.instance_id, arrival.is_draft):
        if copy.canonical_hash != arrival.parsed.canonical_hash:
            continue
        decision = quarantine.decision_about(session, copy)
        if decision is not None and decision.accepted is not None:
            return _repeat(session, arrival, decision.accepted, verdict.version_id)
        if decision is not None or verdict.reason is not None:
            return _repeat(session, arrival, copy, verdict.version_id)
        # The reason is gone (the version was published since): the report is stored and the copy settled with it.
        return _settle(session, arrival, copy, verdict)
    return None


def _judge(session: Session, arrival: _Arrival, known: bool) -> _Verdict:
    identity, draft = arrival.sender.identity, arrival.draft
    version_id = draft.id if draft is not None else None
    reason: str | None = None
    if draft is None:
        form = queries.form_for_intake(
            session, arrival.project_id, arrival.form_id, arrival.version, identity.actor_id if identity else None,
            identity.post_id if identity else None,
        )
        if form is None or not form.published:
            return _Verdict(arrival.instance_id, reason="unknown_form")
        if not _may_send(identity, form.fillable):
            raise Problem("not_allowed")
        version_id = form.version_id
        reason = "form_closed" if form.state == "closed" else "unknown_version" if version_id is None else None
    if not known:
        reason = reason or reason_to_hold(arrival.parsed) or ("unknown_deprecated" if arrival.parsed.deprecated_id else None)
        return _Verdict(arrival.instance_id, reason=reason, version_id=version_id)
    return replace(_place(session, arrival, reason), version_id=version_id)


def _may_send(identity: Identity | None, fillable: bool) -> bool:
    if identity is None:
        return False
    return fillable or (identity.role in STAFF and identity.may(Verb.SUBMISSION_CREATE))


def _place(session: Session, arrival: _Arrival, reason: str | None) -> _Verdict:
    """Looks at what is there under this id and under the id that an edit replaces."""
    own, replaced = arrival.instance_id, arrival.parsed.deprecated_id
    there = queries.stored(
        session, arrival.project_id, arrival.form_id, [own] if replaced is None else [own, replaced], arrival.is_draft
    )
    same, parent = there.get(own), there.get(replaced) if replaced is not None else None
    about = same or parent
    if about is not None and quarantine.is_deleted(session, about):
        return _Verdict(about.root_instance_id, reason="submission_deleted")
    if same is not None:
        if same.canonical_hash == arrival.parsed.canonical_hash:
            return _Verdict(same.root_instance_id, same=same)
        return _Verdict(own, reason="edit_id_taken" if replaced else "same_id_other_content")
    reason = reason or reason_to_hold(arrival.parsed)
    if replaced is None or reason is not None:
        return _Verdict(parent.root_instance_id if parent else own, reason=reason)
    if parent is None:
        return _Verdict(own, reason="unknown_deprecated")
    versions = queries.chain(session, arrival.project_id, arrival.form_id, parent.root_instance_id, arrival.is_draft)
    if versions[-1].fact_id != parent.fact_id:
        return _Verdict(parent.root_instance_id, reason="stale_edit", current=versions[-1].instance_id)
    return _Verdict(parent.root_instance_id)


def _store(session: Session, arrival: _Arrival, verdict: _Verdict, known: bool) -> Receipt:
    identity, sender, parsed = arrival.sender.identity, arrival.sender, arrival.parsed
    origin = server_id(session)
    xml_sha256 = hashlib.sha256(arrival.upload.xml).hexdigest()
    # Before the first write: a file is made durable and a report packed without holding SQLite's only writer.
    files = [file.writer.commit() for file in arrival.upload.files]
    packed = pack(arrival.upload.xml, dictionaries.of_version(session, verdict.version_id))
    actor_id, actor_name = (identity.actor_id, identity.name) if identity else (None, None)
    with turn(session.get_bind()):
        fact_id = journal.append_quickly(
            session, kind="submission", payload_sha256=xml_sha256, server_id=origin, actor_id=actor_id, actor_name=actor_name,
        )
        receipt = Receipt(
            _new_receipt(), verdict.reason is None, True, verdict.reason, fact_id, arrival.instance_id, verdict.root,
            arrival.form_id,
        )
        queries.add_submission(session, {
            "fact_id": fact_id, "project_id": arrival.project_id, "xml_form_id": arrival.form_id, "form_version": arrival.version,
            "is_draft": arrival.is_draft, "instance_id": arrival.instance_id, "root_instance_id": verdict.root,
            "deprecated_id": parsed.deprecated_id, "instance_name": parsed.instance_name,
            "canonical_hash": parsed.canonical_hash, "xml": packed,
            "encrypted": parsed.encrypted, "disposition": "stored" if receipt.stored else "quarantined",
            "reason": verdict.reason, "receipt": receipt.number, "channel": sender.channel, "submitter_id": actor_id,
            "post_id": arrival.post_id, "device_id": sender.device_id, "user_agent": sender.user_agent,
            "sent_in_clear": sender.in_clear and not parsed.encrypted,
        })
        if files:
            _add_files(session, arrival, fact_id, origin, verdict.version_id)
        if known and receipt.stored:
            quarantine.take_up(session, session.get_one(Submission, fact_id))
        session.commit()
    return receipt


def _settle(session: Session, arrival: _Arrival, copy: Submission, verdict: _Verdict) -> Receipt:
    accepted = quarantine.settle(session, copy, root=verdict.root)
    receipt = _receipt(accepted, created=True)
    session.commit()
    return _repeat(session, arrival, accepted, verdict.version_id) if arrival.upload.files else receipt


def _repeat(session: Session, arrival: _Arrival, row: Submission, version_id: int | None) -> Receipt:
    """The report is there: only files that are new, or other than before, are added."""
    receipt = _receipt(row, created=False)
    if arrival.upload.files:
        known = {each.name: each.blob_sha256 for each in queries.attachments(session, [row.fact_id])}
        fresh = [file for file in arrival.upload.files if known.get(file.name) != file.writer.sha256]
        if fresh:
            for file in fresh:
                file.writer.commit()
            with turn(session.get_bind()):
                only_fresh = replace(arrival, upload=Upload(arrival.upload.xml, fresh))
                _add_files(session, only_fresh, row.fact_id, server_id(session), version_id)
                session.commit()
    return receipt


def _add_files(session: Session, arrival: _Arrival, submission_fact_id: int, origin: str, version_id: int | None) -> None:
    """Records the files of a report; their bytes are durable already."""
    identity = arrival.sender.identity
    expected = arrival.expected if arrival.expected is not None else _expected(session, arrival, version_id)
    for file in arrival.upload.files:
        stored = file.writer.commit()
        blobs.record(session, stored)
        fact_id = journal.append_quickly(
            session, kind="attachment", payload_sha256=stored.sha256, server_id=origin,
            actor_id=identity.actor_id if identity else None, actor_name=identity.name if identity else None,
        )
        session.add(Attachment(
            fact_id=fact_id, submission_fact_id=submission_fact_id, name=file.name, blob_sha256=stored.sha256,
            content_type=file.content_type, expected=expected is None or file.name in expected,
        ))
    session.flush()


def _expected(session: Session, arrival: _Arrival, version_id: int | None) -> frozenset[str] | None:
    """The file names that the answers give; None where the form is not known."""
    definition = definition_by_version_id(session, version_id)
    return None if definition is None else frozenset(expected_files(arrival.parsed, definition))


def add_file(
    session: Session, row: Submission, name: str, content_type: str, store: blobs.BlobStore, data: bytes | Iterable[bytes],
    identity: Identity,
) -> None:
    """Adds or replaces one file of a stored version outside a POST of the whole report (REST). The caller commits."""
    sender = Sender(identity, channel="rest")
    with Upload(b"") as upload:
        upload.add(store, name, data, content_type)
        parsed = parse_submission(xml_of(row))
        arrival = _Arrival(row.project_id, parsed, upload, sender, row.instance_id, False, None)
        form = queries.form_for_intake(session, row.project_id, row.xml_form_id, row.form_version, None, None)
        _add_files(session, arrival, row.fact_id, server_id(session), form.version_id if form else None)


def add_stored_file(
    session: Session, submission_fact_id: int, name: str, content_type: str, stored: blobs.StoredBlob, identity: Identity,
) -> None:
    """Adds a file that came on its own, in pieces, to a report of this sender. The caller commits.

    Raises Problem not_found when the report was purged meanwhile.
    """
    row = session.get_one(Submission, submission_fact_id)
    if not row.xml:
        raise Problem("not_found")
    upload = Upload(b"", [IncomingFile(name, content_type, StoredFile(stored))])
    parsed = parse_submission(xml_of(row))
    arrival = _Arrival(row.project_id, parsed, upload, Sender(identity), row.instance_id, False, None)
    form = queries.form_for_intake(session, row.project_id, row.xml_form_id, row.form_version, None, None)
    with turn(session.get_bind()):
        _add_files(session, arrival, row.fact_id, server_id(session), form.version_id if form else None)


def _receipt(row: Submission, created: bool) -> Receipt:
    return Receipt(
        row.receipt, row.disposition == "stored", created, row.reason, row.fact_id, row.instance_id, row.root_instance_id,
        row.xml_form_id,
    )


def _new_receipt() -> str:
    signs = [secrets.choice(RECEIPT_SIGNS) for _ in range(6)]
    return f"{''.join(signs[:3])}-{''.join(signs[3:])}"
