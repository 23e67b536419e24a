"""Queries over what encrypted reports say in clear, as long as they are unlocked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.models import Attachment, DecryptedFile, Decryption

CHUNK = 400
_UNLOCKED = Decryption.locked_at.is_(None)


@dataclass(frozen=True, slots=True)
class Clear:
    """An encrypted report in clear. xml: packed, as `Submission.xml`; signature: good | bad | none."""

    xml: bytes
    signature: str


def decryption_of(session: Session, submission_fact_id: int) -> Decryption | None:
    """What the report says in clear, while it is unlocked."""
    return session.scalar(select(Decryption).where(Decryption.submission_fact_id == submission_fact_id, _UNLOCKED))


def clear_of(session: Session, submission_fact_ids: Collection[int]) -> dict[int, Clear]:
    """Which of these encrypted reports are unlocked, and what they say."""
    found: dict[int, Clear] = {}
    ids = list(submission_fact_ids)
    for start in range(0, len(ids), CHUNK):
        statement = select(Decryption.submission_fact_id, Decryption.xml, Decryption.signature)
        rows = session.execute(statement.where(_UNLOCKED, Decryption.submission_fact_id.in_(ids[start : start + CHUNK])))
        found |= {row[0]: Clear(row[1], row[2]) for row in rows}
    return found


def file_names(session: Session, submission_fact_ids: Collection[int]) -> dict[int, set[str]]:
    """The names of the files that came with each of these reports."""
    found: dict[int, set[str]] = {}
    ids = list(submission_fact_ids)
    for start in range(0, len(ids), CHUNK):
        statement = select(Attachment.submission_fact_id, Attachment.name)
        for fact_id, name in session.execute(statement.where(Attachment.submission_fact_id.in_(ids[start : start + CHUNK]))):
            found.setdefault(fact_id, set()).add(name)
    return found


def clear_files(session: Session, submission_fact_ids: Collection[int]) -> Sequence[DecryptedFile]:
    """The decrypted files of these reports, in the order they were decrypted."""
    statement = select(DecryptedFile).where(DecryptedFile.submission_fact_id.in_(submission_fact_ids))
    return session.scalars(statement.order_by(DecryptedFile.id)).all()


def empty(session: Session, decryption: Decryption, now: dt.datetime) -> list[str]:
    """Lets what was decrypted go, and returns the hashes of its files; the event and the hash stay. The caller commits."""
    files = select(DecryptedFile.blob_sha256).where(DecryptedFile.decryption_fact_id == decryption.fact_id)
    hashes = list(session.scalars(files))
    session.execute(delete(DecryptedFile).where(DecryptedFile.decryption_fact_id == decryption.fact_id))
    session.execute(
        update(Decryption).where(Decryption.fact_id == decryption.fact_id).values(xml=b"", instance_name=None, locked_at=now)
    )
    return hashes
