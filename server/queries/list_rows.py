"""Rows of long lists, tables and exports of submissions as plain tuples: only the columns shown, times as text, batch by batch.

Mapped objects and times that are parsed only to be written again would cost most of the time of an export.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, String, func, literal, select, type_coerce
from sqlalchemy.orm import Session, aliased

from server.models import Actor, Fact, ListStamp, Submission, SubmissionSummary
from server.queries.submission_lists import Wanted, conditions

BATCH = 1000
Batch = Sequence[Row[Any]]


def utc_text(column: Any, dialect: str) -> ColumnElement[str]:
    """The time as `2026-11-22T16:23:14.713Z`, made by the database."""
    if dialect == "postgresql":
        return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    text = type_coerce(column, String)
    return func.substr(text, 1, 10) + literal("T") + func.substr(text, 12, 12) + literal("Z")


def export_columns(dialect: str) -> Any:
    """What a table shows of a submission beside its answers, under these names: see the labels."""
    summary = SubmissionSummary
    return (
        select(
            summary.root_fact_id, summary.current_fact_id, summary.root_instance_id,
            utc_text(summary.received_at, dialect).label("submitted_at"),
            utc_text(summary.updated_at, dialect).label("updated_at"),
            utc_text(summary.deleted_at, dialect).label("deleted_at"), summary.submitter_id,
            Actor.display_name.label("submitter_name"), summary.files_present, summary.files_expected, summary.review_state,
            Submission.device_id, summary.edits, summary.form_version, Submission.encrypted,
        )
        .join(Submission, Submission.fact_id == summary.current_fact_id)
        .outerjoin(Actor, Actor.id == summary.submitter_id)
    )


def list_columns(dialect: str) -> Any:
    """What the list of submissions shows: of the first version, and of the current one (`current_...`)."""
    summary, root = SubmissionSummary, aliased(Submission)
    return (
        select(
            summary.root_fact_id, summary.root_instance_id, summary.submitter_id, root.device_id, root.user_agent,
            summary.review_state, utc_text(summary.received_at, dialect).label("created_at"),
            utc_text(summary.updated_at, dialect).label("updated_at"), utc_text(summary.deleted_at, dialect).label("deleted_at"),
            summary.current_instance_id, summary.instance_name, Submission.submitter_id.label("current_submitter_id"),
            Submission.device_id.label("current_device_id"), Submission.user_agent.label("current_user_agent"),
            utc_text(Fact.received_at, dialect).label("current_created_at"), summary.edits, summary.form_version,
        )
        .join(Submission, Submission.fact_id == summary.current_fact_id)
        .join(root, root.fact_id == summary.root_fact_id)
        .join(Fact, Fact.id == summary.current_fact_id)
    )


def newest_first(
    session: Session, wanted: Wanted, columns: Select[Any], before: int | None = None, limit: int | None = None
) -> Iterator[Batch]:
    """The list from the newest, or from below the key `before`, at most `limit` rows, read batch by batch."""
    key, place, left = SubmissionSummary.root_fact_id, before, limit
    statement = columns.where(*conditions(wanted)).order_by(key.desc())
    while left is None or left > 0:
        size = BATCH if left is None else min(BATCH, left)
        page = statement if place is None else statement.where(key < place)
        batch = session.execute(page.limit(size)).all()
        if batch:
            yield batch
        if len(batch) < size:
            return
        place = batch[-1].root_fact_id
        left = None if left is None else left - len(batch)


def by_ids(session: Session, ids: Sequence[int], columns: Select[Any]) -> Iterator[Batch]:
    """The submissions with these keys in the order given, read batch by batch."""
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        found = {row.root_fact_id: row for row in session.execute(columns.where(SubmissionSummary.root_fact_id.in_(part)))}
        yield [found[key] for key in part if key in found]


def packed_xml(session: Session, fact_ids: Sequence[int]) -> dict[int, bytes]:
    """The packed XML of these versions by fact id, as it came; purged ones are empty."""
    found: dict[int, bytes] = {}
    for start in range(0, len(fact_ids), BATCH):
        part = fact_ids[start : start + BATCH]
        rows = session.execute(select(Submission.fact_id, Submission.xml).where(Submission.fact_id.in_(part)))
        found |= {row[0]: row[1] for row in rows}
    return found


def list_stamp(session: Session, wanted: Wanted) -> str | None:
    """What changes with every change in the form's list and in the names of who sent it; None if nothing was folded yet."""
    stamp = session.scalar(
        select(ListStamp.stamp).where(
            ListStamp.project_id == wanted.project_id, ListStamp.xml_form_id == wanted.xml_form_id,
            ListStamp.is_draft == wanted.is_draft,
        )
    )
    return None if stamp is None else f"{stamp}|{session.scalar(select(func.max(Actor.updated_at)))}"
