"""Queries over what a device holds: which of its forms are encrypted, and what it sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import Attachment, Fact, FormVersion, Submission


@dataclass(frozen=True, slots=True)
class Sent:
    """Reports of one form that a device sent; a phone keeps copies of them. last: when the newest arrived, UTC."""

    xml_form_id: str
    reports: int
    files: int
    last: dt.datetime


def encrypted_versions(session: Session, version_ids: Collection[int]) -> set[int]:
    """Those of the form versions whose reports leave the phone encrypted."""
    query = select(FormVersion.id).where(FormVersion.id.in_(version_ids), FormVersion.key_id.is_not(None))
    return set(session.scalars(query))


def sent(session: Session, actor_id: int) -> list[Sent]:
    """What an app user sent, by form, the latest first; tests of drafts left out."""
    mine = (Submission.submitter_id == actor_id, Submission.is_draft.is_(False))
    reports = session.execute(
        select(Submission.xml_form_id, func.count(), func.max(Fact.received_at))
        .join(Fact, Fact.id == Submission.fact_id).where(*mine).group_by(Submission.xml_form_id)
    )
    files = dict(session.execute(
        select(Submission.xml_form_id, func.count())
        .join(Attachment, Attachment.submission_fact_id == Submission.fact_id).where(*mine).group_by(Submission.xml_form_id)
    ).all())
    found = [Sent(form_id, count, files.get(form_id, 0), last) for form_id, count, last in reports]
    return sorted(found, key=lambda each: each.last, reverse=True)
