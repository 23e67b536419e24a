"""What waits for an officer, as numbers for the navigation. Cheap enough for every page; Scope decides what counts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, literal_column, select
from sqlalchemy.orm import Session

from server.models import Event, Fact, Post, ReviewTask, Submission, SubmissionSummary
from server.queries.scope import Scope


def visible(statement: Select[Any], scope: Scope) -> Select[Any]:
    """Limits a statement over SubmissionSummary to what the scope may see; drafts and partners' eyes are always out."""
    statement = statement.where(SubmissionSummary.is_draft.is_(False))
    if scope.released_only:
        return statement.where(SubmissionSummary.root_fact_id.is_(None))
    if scope.sector_id is not None and scope.own_actor_id is None:
        statement = statement.where(SubmissionSummary.sector_id == scope.sector_id)
    if scope.own_actor_id is not None:
        statement = statement.where(SubmissionSummary.submitter_id == scope.own_actor_id)
    return statement


def open_counts(session: Session, scope: Scope) -> dict[str, int]:
    """How many alarms are not acknowledged, copies wait in quarantine and questions wait for review, by badge name."""
    alarms = visible(select(func.count()).select_from(SubmissionSummary), scope).where(
        SubmissionSummary.alarm.is_not(None), SubmissionSummary.acknowledged_at.is_(None), SubmissionSummary.deleted_at.is_(None)
    )
    review = select(func.count()).select_from(ReviewTask)
    if scope.sector_id is not None:
        review = review.where(ReviewTask.sector_id == scope.sector_id)
    waiting = in_quarantine(select(func.count()).select_from(Submission), scope)
    return {
        "alarms": session.scalar(alarms) or 0, "review": session.scalar(review) or 0, "quarantine": session.scalar(waiting) or 0,
    }


def in_quarantine(statement: Select[Any], scope: Scope) -> Select[Any]:
    """Limits a statement over Submission to copies in quarantine that nobody has decided about yet.

    A sector's officer sees those of the sector's posts, and those of no post (nobody else would).
    STRICTLY CONFIDENTIAL ones are for whoever sees the whole mission only (rule C.1: visible to one role).
    """
    decided = (
        select(Event.subject).where(Event.type.in_(("ACCEPT", "REJECT")), Event.subject.is_not(None)).scalar_subquery()
    )
    fact = select(Fact.uuid).where(Fact.id == Submission.fact_id).scalar_subquery()
    statement = statement.where(
        Submission.disposition == literal_column("'quarantined'"), Submission.is_draft.is_(False), fact.not_in(decided)
    )
    if scope.sector_id is not None:
        posts = select(Post.id).where(Post.sector_id == scope.sector_id)
        statement = statement.where(
            Submission.post_id.is_(None) | Submission.post_id.in_(posts), Submission.reason != "strictly_confidential"
        )
    return statement
