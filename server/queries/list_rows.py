"""Rows of long lists, tables and exports of submissions as plain tuples: only the columns shown, times as text, batch by batch.

Mapped objects and times that are parsed only to be written again would cost most of the time of an export.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, String, Text, case, cast, func, literal, select, true, type_coerce
from sqlalchemy.orm import Session, aliased

from server.models import Actor, Fact, ListStamp, Submission, SubmissionSummary
from server.queries.submission_lists import Wanted, conditions

BATCH = 1000
Batch = Sequence[Any]


def utc_text(column: Any, dialect: str) -> ColumnElement[str]:
    """The time as `2026-11-22T16:23:14.713Z`, made by the database."""
    if dialect == "postgresql":
        return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    text = type_coerce(column, String)
    return func.substr(text, 1, 10) + literal("T") + func.substr(text, 12, 12) + literal("Z")


def export_columns(dialect: str) -> Any:
    """What a table shows of a submission beside its answers. root_fact_id and current_fact_id come first, see the labels."""
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
    summary = SubmissionSummary
    return select(summary.root_fact_id, *_listed(dialect).values()).join(
        Submission, Submission.fact_id == summary.current_fact_id
    )


def _listed(dialect: str) -> dict[str, ColumnElement[Any]]:
    """Columns by label; needs the current version joined."""
    summary, root = SubmissionSummary, aliased(Submission)

    def first(column: str) -> ColumnElement[Any]:
        """Of a report that was never edited the current version is the first; only others are looked up."""
        other = select(getattr(root, column)).where(root.fact_id == summary.root_fact_id).scalar_subquery()
        return case((summary.edits == 0, getattr(Submission, column)), else_=other)

    edited_at = select(Fact.received_at).where(Fact.id == summary.current_fact_id).scalar_subquery()
    columns: dict[str, Any] = {
        "root_instance_id": summary.root_instance_id, "submitter_id": summary.submitter_id, "device_id": first("device_id"),
        "user_agent": first("user_agent"), "review_state": summary.review_state,
        "created_at": utc_text(summary.received_at, dialect), "updated_at": utc_text(summary.updated_at, dialect),
        "deleted_at": utc_text(summary.deleted_at, dialect), "current_instance_id": summary.current_instance_id,
        "instance_name": summary.instance_name, "current_submitter_id": Submission.submitter_id,
        "current_device_id": Submission.device_id, "current_user_agent": Submission.user_agent,
        "current_created_at": utc_text(case((summary.edits == 0, summary.received_at), else_=edited_at), dialect),
        "edits": summary.edits, "form_version": summary.form_version,
    }
    return {name: column.label(name) for name, column in columns.items()}


def list_texts(dialect: str) -> Any:
    """The same as one column of JSON, written by the database: half the work of a long list is making objects of its cells."""
    column = {name: each.element for name, each in _listed(dialect).items()}
    postgresql = dialect == "postgresql"
    make = func.json_build_object if postgresql else func.json_object
    current = make(
        "instanceId", column["current_instance_id"], "instanceName", column["instance_name"],
        "submitterId", column["current_submitter_id"], "deviceId", column["current_device_id"],
        "userAgent", column["current_user_agent"], "createdAt", column["current_created_at"],
        "current", true() if postgresql else func.json("true"),
    )
    whole = make(
        "instanceId", column["root_instance_id"], "submitterId", column["submitter_id"], "deviceId", column["device_id"],
        "userAgent", column["user_agent"], "reviewState", column["review_state"], "createdAt", column["created_at"],
        "updatedAt", column["updated_at"], "deletedAt", column["deleted_at"], "currentVersion", current,
    )
    text = cast(whole, Text) if postgresql else whole
    return select(SubmissionSummary.root_fact_id, type_coerce(text, Text)).join(
        Submission, Submission.fact_id == SubmissionSummary.current_fact_id
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
        # The connection and not the session, which would look for mapped objects in every row.
        batch = session.connection().execute(page.limit(size)).all()
        if batch:
            yield batch
        if len(batch) < size:
            return
        place = batch[-1][0]
        left = None if left is None else left - len(batch)


def by_ids(session: Session, ids: Sequence[int], columns: Select[Any]) -> Iterator[Batch]:
    """The submissions with these keys in the order given, read batch by batch."""
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        rows = session.connection().execute(columns.where(SubmissionSummary.root_fact_id.in_(part)))
        found = {row[0]: row for row in rows}
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
