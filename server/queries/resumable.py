"""Rows of files that arrive in pieces."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.models import ResumableUpload, Submission


def upload(session: Session, project_id: int, actor_id: int, upload_id: str) -> ResumableUpload | None:
    """The upload of that sender in that project, freshly read; another sender's is not found."""
    found = session.get(ResumableUpload, upload_id, populate_existing=True)
    return found if found is not None and (found.project_id, found.actor_id) == (project_id, actor_id) else None


def same(session: Session, submission_fact_id: int, name: str, length: int, sha256: str) -> ResumableUpload | None:
    """What was begun before for the same file of the same report."""
    return session.scalars(
        select(ResumableUpload).where(
            ResumableUpload.submission_fact_id == submission_fact_id, ResumableUpload.name == name,
            ResumableUpload.length == length, ResumableUpload.sha256 == sha256,
        ).order_by(ResumableUpload.created_at.desc())
    ).first()


def report_of_sender(session: Session, project_id: int, xml_form_id: str, instance_id: str, actor_id: int) -> Submission | None:
    """The report with that instanceID that this sender sent last, stored or in quarantine."""
    return session.scalars(
        select(Submission).where(
            Submission.project_id == project_id, Submission.xml_form_id == xml_form_id, Submission.instance_id == instance_id,
            Submission.submitter_id == actor_id, Submission.is_draft.is_(False),
        ).order_by(Submission.fact_id.desc())
    ).first()


def hold_report(session: Session, submission_fact_id: int) -> None:
    """Makes others who begin or finish a file of that report wait until this transaction ends.

    What is read afterwards is what the others have committed.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(Submission.fact_id).where(Submission.fact_id == submission_fact_id).with_for_update())
    else:
        # A write takes SQLite's one write lock, and nothing that was read before it is used after it.
        session.execute(delete(ResumableUpload).where(ResumableUpload.id == ""))


def expired(session: Session, at: dt.datetime) -> Sequence[ResumableUpload]:
    """Uploads that nobody went on with."""
    return session.scalars(select(ResumableUpload).where(ResumableUpload.expires_at < at)).all()


def of_report(session: Session, submission_fact_id: int) -> Sequence[ResumableUpload]:
    """All uploads of one report."""
    return session.scalars(select(ResumableUpload).where(ResumableUpload.submission_fact_id == submission_fact_id)).all()
