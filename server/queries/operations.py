"""Counts for those who watch over the server."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import Fact, PendingFact, Record, ReviewTask, Submission


def counts(session: Session) -> dict[str, int]:
    """Facts, facts waiting, facts that failed, quarantined submissions, records, open review tasks."""

    def count(statement: object) -> int:
        return int(session.scalar(statement) or 0)  # type: ignore[call-overload]

    return {
        "facts": count(select(func.max(Fact.id))),
        "facts_pending": count(select(func.count()).select_from(PendingFact)),
        "facts_failed": count(select(func.count()).select_from(PendingFact).where(PendingFact.attempts > 0)),
        "submissions_quarantined": count(
            select(func.count()).select_from(Submission).where(Submission.disposition == "quarantined")
        ),
        "records": count(select(func.count()).select_from(Record).where(Record.deleted_at.is_(None))),
        "review_tasks_open": count(select(func.count()).select_from(ReviewTask)),
    }
