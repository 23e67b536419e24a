"""Queries over the summaries of reports and what they are made from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, or_, select
from sqlalchemy.orm import Session

from server.models import Area, Attachment, Event, Fact, Form, Post, Record, Submission, SubmissionSummary, Unit
from server.models.columns import table_of

_INSERT = insert(table_of(SubmissionSummary))
EVENT_TYPES = ("REVIEW", "COMMENT", "DELETE", "RESTORE", "ACKNOWLEDGE", "DECRYPT", "LOCK")


def summary(
    session: Session, project_id: int, xml_form_id: str, root_instance_id: str, is_draft: bool = False
) -> SubmissionSummary | None:
    """The summary of one report."""
    return session.scalar(
        select(SubmissionSummary).where(
            SubmissionSummary.project_id == project_id, SubmissionSummary.xml_form_id == xml_form_id,
            SubmissionSummary.root_instance_id == root_instance_id, SubmissionSummary.is_draft == is_draft,
        )
    )


def summary_by_root(session: Session, root_fact_id: int) -> SubmissionSummary | None:
    """The summary by the fact of the original."""
    return session.get(SubmissionSummary, root_fact_id)


def touched_roots(session: Session, fact_ids: Collection[int]) -> set[tuple[int, str, bool, str]]:
    """The reports, as (project, form, is_draft, root instanceID), that these facts speak of."""
    key = (Submission.project_id, Submission.xml_form_id, Submission.is_draft, Submission.root_instance_id)
    stored = select(*key).where(Submission.disposition == "stored")
    owners = set(session.scalars(select(Attachment.submission_fact_id).where(Attachment.fact_id.in_(fact_ids))))
    queries = [stored.where(Submission.fact_id.in_({*fact_ids, *(owner for owner in owners if owner is not None)}))]
    spoken_of = select(Event.subject).where(Event.fact_id.in_(fact_ids), Event.type.in_(EVENT_TYPES), Event.subject.is_not(None))
    subjects = set(session.scalars(spoken_of))
    if subjects:
        # The index on roots begins with project and form: without them every report would be looked at.
        forms = session.execute(select(Form.project_id, Form.xml_form_id)).all()
        queries.append(stored.where(
            Submission.project_id.in_({project for project, _form in forms}),
            Submission.xml_form_id.in_({form for _project, form in forms}), Submission.root_instance_id.in_(subjects),
        ))
    return {(row[0], row[1], row[2], row[3]) for query in queries for row in session.execute(query)}


def summaries_of_roots(session: Session, root_fact_ids: Collection[int]) -> dict[int, SubmissionSummary]:
    """Existing summaries by the fact of the original."""
    rows = session.scalars(select(SubmissionSummary).where(SubmissionSummary.root_fact_id.in_(root_fact_ids)))
    return {row.root_fact_id: row for row in rows}


def add_summaries(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes new summaries past the unit of work; each row has every column that has no default."""
    if rows:
        session.execute(_INSERT, rows)


def new_originals(session: Session, fact_ids: Collection[int], most_bytes: int) -> Sequence[Any]:
    """Packed XML, time of receipt and what names the form of those facts that are readable reports, no edits, not too large."""
    query = (
        select(
            Submission.xml, Fact.received_at, Submission.project_id, Submission.xml_form_id, Submission.form_version,
            Submission.is_draft,
        )
        .join(Fact, Fact.id == Submission.fact_id)
        .where(
            Submission.fact_id.in_(fact_ids), Submission.disposition == "stored", Submission.encrypted.is_(False),
            Submission.root_instance_id == Submission.instance_id, Submission.xml != b"",
            func.length(Submission.xml) <= most_bytes,
        )
    )
    return session.execute(query).all()


def stray_summaries(
    session: Session, current_fact_ids: Collection[int], root_fact_ids: Collection[int]
) -> Sequence[SubmissionSummary]:
    """Summaries that stand for one of these versions under another original (made before the original was known)."""
    return session.scalars(
        select(SubmissionSummary).where(
            or_(SubmissionSummary.current_fact_id.in_(current_fact_ids), SubmissionSummary.root_fact_id.in_(current_fact_ids)),
            SubmissionSummary.root_fact_id.not_in(root_fact_ids),
        )
    ).all()


def events_about(session: Session, root_instance_ids: Collection[str]) -> Sequence[tuple[Event, Fact]]:
    """Decisions and remarks about these reports, in clock order."""
    rows = session.execute(
        select(Event, Fact).join(Fact, Fact.id == Event.fact_id)
        .where(Event.subject.in_(root_instance_ids), Event.type.in_(EVENT_TYPES)).order_by(Fact.hlc, Fact.uuid)
    )
    return [(row[0], row[1]) for row in rows]


def posts(session: Session, post_ids: Collection[int]) -> dict[int, Post]:
    """Posts by key."""
    return {row.id: row for row in session.scalars(select(Post).where(Post.id.in_(post_ids)))} if post_ids else {}


def unit_sectors(session: Session, codes: Collection[str]) -> dict[str, int | None]:
    """The sector of each unit."""
    if not codes:
        return {}
    return {row[0]: row[1] for row in session.execute(select(Unit.code, Unit.sector_id).where(Unit.code.in_(codes)))}


def areas(session: Session, codes: Collection[str]) -> dict[str, Area]:
    """Areas by p-code."""
    return {row.code: row for row in session.scalars(select(Area).where(Area.code.in_(codes)))} if codes else {}


def record_labels(session: Session, project_id: int, ids: Collection[str]) -> dict[str, str]:
    """Labels of records by id, whatever list they are in."""
    if not ids:
        return {}
    rows = session.execute(select(Record.id, Record.label).where(Record.project_id == project_id, Record.id.in_(ids)))
    return {row[0]: row[1] for row in rows}
