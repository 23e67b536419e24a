"""The file in which the field app hands over reports that could not be sent: read envelope by envelope, each taken in as if sent.

Every envelope holds its device's key, so a report counts for that device and its post, also when the device was shut out since:
no report of an enrolled device is refused. One whose key nobody knows counts for whoever brings the file. Twice is once.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.orm import Session

from forms.submission import SubmissionXmlError
from forms.xmlsafe import MAX_BYTES, XmlRefused
from server.config import Settings
from server.problems import Problem
from server.queries import accounts, resumable
from server.queries.submissions import attachments
from server.services import envelopes, intake, sealing_key
from server.services.authentication import token_hash
from server.services.blobs import BlobStore, StoredBlob
from server.services.envelopes import Inside, Readable
from server.services.identity import APP_USER_VERBS, Identity
from server.services.intake import Sender
from server.services.uploads import Upload

MAGIC: Final = b"FPQUEUE1\n"
_LENGTH: Final = 8
MAX_UNREADABLE: Final = 100


@dataclass(slots=True)
class Brought:
    """What a file brought. new, known: reports; quarantined: of the new ones; files: photos and the like, new or known;
    strangers: reports of a device that is not known here; unreadable: (number of the envelope from 1, why); cut: the file
    ends in the middle of an envelope.
    """

    new: int = 0
    known: int = 0
    quarantined: int = 0
    files: int = 0
    strangers: int = 0
    cut: bool = False
    receipts: list[str] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)


class _Part(io.RawIOBase):
    """So many bytes of a stream, and then its end."""

    def __init__(self, stream: Readable, length: int) -> None:
        self._stream, self.left = stream, length
        self.short = False

    def read(self, size: int = -1, /) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        piece = self._stream.read(wanted) if wanted else b""
        self.left -= len(piece)
        self.short = self.short or (wanted > 0 and not piece)
        return piece

    def drain(self) -> None:
        while self.left and self.read(1 << 20):
            pass


def take_in(session: Session, settings: Settings, stream: Readable, bringer: Identity, project_id: int = 1) -> Brought:
    """Takes in an export file and commits report by report. What is whole is kept whatever comes after it.

    Raises Problem envelope_damaged for a file that is none, sealing_key_lost.
    """
    if stream.read(len(MAGIC)) != MAGIC:
        raise Problem("envelope_damaged", reason="it is no file of the field app.")
    brought, number = Brought(), 0
    while head := _exactly(stream, _LENGTH):
        number += 1
        if len(head) < _LENGTH:
            brought.cut = True
            break
        part = _Part(stream, int.from_bytes(head, "big"))
        try:
            _one(session, settings, part, bringer, project_id, brought)
        except (Problem, SubmissionXmlError, XmlRefused) as problem:
            session.rollback()
            if isinstance(problem, Problem) and problem.kind.name == "sealing_key_lost":
                raise
            if not part.short and len(brought.unreadable) < MAX_UNREADABLE:
                brought.unreadable.append((number, str(problem)))
        part.drain()
        if part.short:
            brought.cut = True
            break
    return brought


def _exactly(stream: Readable, size: int) -> bytes:
    found = b""
    while len(found) < size and (piece := stream.read(size - len(found))):
        found += piece
    return found


def _one(session: Session, settings: Settings, part: _Part, bringer: Identity, project_id: int, brought: Brought) -> None:
    inside, content = envelopes.opened(part, sealing_key.private(session, settings))
    device = _device(session, inside.token)
    who = device or bringer
    project = device.project_id if device is not None and device.project_id is not None else project_id
    if inside.kind == "file":
        store = BlobStore(settings)
        with store.writer() as writer:
            for piece in content:
                writer.write(piece)
            writer.finish()
            _attach(session, writer.commit(), inside, who, project)
        brought.files += 1
        return
    if inside.size > MAX_BYTES:
        raise Problem("too_large", limit=MAX_BYTES)
    xml = b"".join(content)
    receipt = intake.receive(session, Upload(xml), project_id=project, sender=Sender(who, "import"))
    brought.new += receipt.created
    brought.known += not receipt.created
    brought.quarantined += receipt.created and not receipt.stored
    brought.strangers += device is None
    brought.receipts.append(receipt.number)


def _attach(session: Session, stored: StoredBlob, inside: Inside, who: Identity, project_id: int) -> None:
    report = resumable.report_of_sender(session, project_id, inside.form_id, inside.instance_id, who.actor_id)
    if report is None:
        raise Problem("upload_without_report", instance_id=inside.instance_id)
    known = {each.name: each.blob_sha256 for each in attachments(session, [report.fact_id])}
    if known.get(inside.name) != stored.sha256:
        media = inside.type or "application/octet-stream"
        intake.add_stored_file(session, report.fact_id, inside.name, media, stored, who)
    session.commit()


def _device(session: Session, token: str) -> Identity | None:
    """The device with that key, shut out or not; None when nobody knows the key."""
    found = accounts.app_user_by_token(session, token_hash(token))
    if found is None:
        return None
    app_user, actor, _route_class = found
    return Identity(
        actor_id=actor.id, name=actor.display_name, type="field_key", role="app_user", how="key", verbs=APP_USER_VERBS,
        post_id=app_user.post_id, project_id=app_user.project_id,
    )
