"""What is due to be purged, and whether a file is still needed by anything else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from server.models import Attachment, DecryptedFile, Fact, FormAttachment, FormVersion, Submission


def due(session: Session, reason: str, before: dt.datetime) -> Sequence[tuple[Submission, Fact]]:
    """Quarantined copies with that reason, received before then, whose payload is still here."""
    rows = session.execute(
        select(Submission, Fact)
        .join(Fact, Fact.id == Submission.fact_id)
        .where(
            Submission.disposition == "quarantined", Submission.reason == reason, Fact.received_at < before,
            func.length(Submission.xml) > 0,
        )
        .order_by(Submission.fact_id)
    )
    return [(row[0], row[1]) for row in rows]


def empty(session: Session, submission: Submission) -> list[str]:
    """Lets the payload's bytes go and returns the hashes of its files; envelope and hash stay. The caller commits."""
    session.execute(update(Submission).where(Submission.fact_id == submission.fact_id).values(xml=b""))
    return list(session.scalars(select(Attachment.blob_sha256).where(Attachment.submission_fact_id == submission.fact_id)))


def is_needed(session: Session, sha256: str) -> bool:
    """Whether a form, or a report whose payload is still here, uses the file."""
    by_report = exists().where(
        Attachment.blob_sha256 == sha256, Attachment.submission_fact_id == Submission.fact_id, func.length(Submission.xml) > 0
    )
    by_form = exists().where(FormAttachment.blob_sha256 == sha256)
    by_source = exists().where(FormVersion.source_sha256 == sha256)
    in_clear = exists().where(DecryptedFile.blob_sha256 == sha256)
    return bool(session.scalar(select(by_report | by_form | by_source | in_clear)))


