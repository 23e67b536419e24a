"""Queries behind the lists of forms: each form with the version it shows, counts, and names of people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from server.models import Actor, Blob, Form, FormVersion, SubmissionSummary
from server.queries.scope import Scope
from server.queries.submission_lists import in_scope


@dataclass
class FormCounts:
    """What came in on a form."""

    submissions: int = 0
    last_submission: dt.datetime | None = None
    review_states: dict[str, int] = field(default_factory=lambda: {"received": 0, "hasIssues": 0, "edited": 0})


def with_versions(session: Session, project_id: int, *, deleted: bool = False) -> Sequence[tuple[Form, FormVersion]]:
    """Every live (or every deleted) form with its published version, or its draft; without the definitions."""
    gone = Form.deleted_at.is_not(None) if deleted else Form.deleted_at.is_(None)
    rows = session.execute(
        select(Form, FormVersion)
        .join(FormVersion, FormVersion.id == func.coalesce(Form.current_version_id, Form.draft_version_id))
        .options(defer(FormVersion.definition))
        .where(Form.project_id == project_id, gone).order_by(Form.xml_form_id, Form.id)
    )
    return [(row[0], row[1]) for row in rows]


def deleted_form(session: Session, project_id: int, form_id: int) -> Form | None:
    """A deleted form by its number."""
    return session.scalar(
        select(Form).where(Form.project_id == project_id, Form.id == form_id, Form.deleted_at.is_not(None))
    )


def counts(session: Session, scope: Scope, project_id: int) -> dict[str, FormCounts]:
    """Per form id: live submissions within the scope, the latest, and how many wait in which state."""
    summary = SubmissionSummary
    rows = session.execute(
        select(summary.xml_form_id, summary.review_state, func.count(), func.max(summary.received_at))
        .where(
            summary.project_id == project_id, summary.deleted_at.is_(None), summary.is_draft.is_(False), *in_scope(scope),
        ).group_by(summary.xml_form_id, summary.review_state)
    )
    found: dict[str, FormCounts] = {}
    for form_id, state, number, last in rows:
        entry = found.setdefault(form_id, FormCounts())
        entry.submissions += number
        entry.last_submission = max(filter(None, (entry.last_submission, last)), default=None)
        if (state or "received") in entry.review_states:
            entry.review_states[state or "received"] += number
    return found


def actor_names(session: Session, actor_ids: Collection[int]) -> dict[int, Actor]:
    """Actors by id."""
    if not actor_ids:
        return {}
    return {actor.id: actor for actor in session.scalars(select(Actor).where(Actor.id.in_(actor_ids)))}


def blobs(session: Session, hashes: Collection[str]) -> dict[str, Blob]:
    """Rows of stored files by SHA-256."""
    if not hashes:
        return {}
    return {blob.sha256: blob for blob in session.scalars(select(Blob).where(Blob.sha256.in_(hashes)))}
