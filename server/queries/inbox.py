"""Reports as officers list them: filters, newest first with keyset paging, and what waits, as numbers.

Everything here speaks of SubmissionSummary (and quarantined Submission rows) and is limited by a Scope.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal_column, or_, select
from sqlalchemy.orm import Session, aliased

from server.engines import plain_text
from server.models import Decryption, Event, Fact, Form, FormVersion, Post, ReviewTask, Submission, SubmissionSummary
from server.queries import beyond_cell
from server.queries.plain_text import plain
from server.queries.scope import Scope

COUNT_LIMIT = 10_000
ALARMS = ("life", "mine")


@dataclass(frozen=True)
class ReportFilter:
    """What the inbox is narrowed to; empty means no limit. since/until are instants, until exclusive.

    state: "new" (nobody has looked) or a review state. marks: any of findings, incomplete, alarm, clock, edited, clear, deleted.
    """

    form: str = ""
    unit: str = ""
    sector_id: int | None = None
    state: str = ""
    channel: str = ""
    marks: frozenset[str] = frozenset()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    text: str = ""


@dataclass(frozen=True)
class Cursor:
    """Place in the list: the last row shown. Reports are ordered by receipt, then by fact."""

    received_at: dt.datetime
    root_fact_id: int

    def __str__(self) -> str:
        return f"{self.received_at.isoformat()}_{self.root_fact_id}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Reads a cursor out of an address; None for anything else than what `str` made."""
        instant, _, fact = text.rpartition("_")
        try:
            received = dt.datetime.fromisoformat(instant)
            return cls(received, int(fact)) if received.tzinfo and 0 < int(fact) < 2**62 else None
        except (ValueError, OverflowError):
            return None


def visible(statement: Select[Any], scope: Scope) -> Select[Any]:
    """Limits a statement over SubmissionSummary to the scope; test submissions of drafts are always out."""
    statement = statement.where(SubmissionSummary.is_draft.is_(False))
    if scope.released_only:
        return statement.where(literal_column("1") == literal_column("0"))
    if scope.own_actor_id is not None:
        return statement.where(SubmissionSummary.submitter_id == scope.own_actor_id)
    if scope.sector_id is not None:
        statement = statement.where(SubmissionSummary.sector_id == scope.sector_id)
    return statement.where(beyond_cell.of_reports()) if scope.outside_cell else statement


def reports(
    session: Session, scope: Scope, wanted: ReportFilter, after: Cursor | None = None, limit: int = 50
) -> Sequence[SubmissionSummary]:
    """One page of reports, newest receipt first."""
    statement = _narrowed(visible(select(SubmissionSummary), scope), wanted)
    if after is not None:
        received, fact = SubmissionSummary.received_at, SubmissionSummary.root_fact_id
        statement = statement.where(
            or_(received < after.received_at, and_(received == after.received_at, fact < after.root_fact_id))
        )
    statement = statement.order_by(SubmissionSummary.received_at.desc(), SubmissionSummary.root_fact_id.desc()).limit(limit)
    return session.scalars(statement).all()


def report_count(session: Session, scope: Scope, wanted: ReportFilter) -> int:
    """How many reports the filter finds, counted up to COUNT_LIMIT + 1 (a page must not wait for a full count)."""
    inner = _narrowed(visible(select(SubmissionSummary.root_fact_id), scope), wanted).limit(COUNT_LIMIT + 1).subquery()
    return session.scalar(select(func.count()).select_from(inner)) or 0


def _narrowed(statement: Select[Any], wanted: ReportFilter) -> Select[Any]:
    row = SubmissionSummary
    equal = (
        (row.xml_form_id, wanted.form),
        (row.unit, wanted.unit),
        (row.sector_id, wanted.sector_id),
        (row.channel, wanted.channel),
    )
    for column, value in equal:
        if value:
            statement = statement.where(column == value)
    if wanted.state:
        statement = statement.where(row.review_state.is_(None) if wanted.state == "new" else row.review_state == wanted.state)
    if wanted.since is not None:
        statement = statement.where(row.received_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(row.received_at < wanted.until)
    statement = statement.where(row.deleted_at.is_not(None) if "deleted" in wanted.marks else row.deleted_at.is_(None))
    marks = {
        "findings": row.findings_count > 0,
        "incomplete": row.files_present < row.files_expected,
        "alarm": row.alarm > "",
        "clock": row.clock_flagged.is_(True),
        "edited": row.edits > 0,
        "clear": _came_in_clear(),
    }
    for mark in wanted.marks & marks.keys():
        statement = statement.where(marks[mark])
    for word in wanted.text.split()[:8]:
        like = f"%{word.replace('/', '//').replace('%', '/%').replace('_', '/_')}%"
        codes = (row.unit, row.receipt, row.root_instance_id)
        texts, sought = (row.instance_name, row.place, row.alarm_text), plain_text(word)
        found = [plain(column).contains(sought, autoescape=True) for column in texts]
        statement = statement.where(or_(*found, *(column.ilike(like, escape="/") for column in codes)))
    return statement


def _came_in_clear() -> ColumnElement[bool]:
    """Whether any version of the report could be read on its way."""
    return exists().where(
        Submission.project_id == SubmissionSummary.project_id, Submission.xml_form_id == SubmissionSummary.xml_form_id,
        Submission.root_instance_id == SubmissionSummary.root_instance_id, Submission.is_draft == SubmissionSummary.is_draft,
        Submission.disposition == literal_column("'stored'"), Submission.sent_in_clear.is_(True),
    )


def locked(session: Session, fact_ids: Collection[int]) -> set[int]:
    """Which of these versions are encrypted and not unlocked now."""
    unlocked = select(Decryption.fact_id).where(
        Decryption.submission_fact_id == Submission.fact_id, Decryption.locked_at.is_(None)
    )
    rows = session.scalars(
        select(Submission.fact_id).where(Submission.fact_id.in_(fact_ids), Submission.encrypted.is_(True), ~unlocked.exists())
    )
    return set(rows)


def report(session: Session, scope: Scope, receipt: str) -> SubmissionSummary | None:
    """The report with this receipt number, if the scope may see it."""
    found: SubmissionSummary | None = session.scalar(
        visible(select(SubmissionSummary), scope).where(SubmissionSummary.receipt == receipt.upper())
    )
    return found


def report_by_instance(session: Session, scope: Scope, root_instance_id: str) -> SubmissionSummary | None:
    """The report with this root instanceID, if the scope may see it."""
    statement = visible(select(SubmissionSummary), scope).where(
        # What the index begins with is named, so that it is used.
        SubmissionSummary.project_id.in_(select(Form.project_id)), SubmissionSummary.xml_form_id.in_(select(Form.xml_form_id)),
        SubmissionSummary.root_instance_id == root_instance_id,
    )
    found: SubmissionSummary | None = session.scalar(statement.limit(1))
    return found


def form_titles(session: Session, project_id: int = 1) -> dict[str, str]:
    """form id -> title of its published version (the form id where nothing is published), by title."""
    rows = session.execute(
        select(Form.xml_form_id, FormVersion.title)
        .outerjoin(FormVersion, FormVersion.id == Form.current_version_id)
        .where(Form.project_id == project_id, Form.deleted_at.is_(None))
        .order_by(FormVersion.title)
    )
    return {form_id: title or form_id for form_id, title in rows}


def alarms(session: Session, scope: Scope, limit: int = 50, *, acknowledged: bool = False) -> Sequence[SubmissionSummary]:
    """Reports that raised an alarm and are not yet (or, when asked, already) acknowledged; newest first."""
    row = SubmissionSummary
    statement = visible(select(row), scope).where(row.alarm > "", row.deleted_at.is_(None))
    statement = statement.where(row.acknowledged_at.is_not(None) if acknowledged else row.acknowledged_at.is_(None))
    order = row.acknowledged_at.desc() if acknowledged else row.received_at.desc()
    return session.scalars(statement.order_by(order, row.root_fact_id.desc()).limit(limit)).all()


def open_counts(session: Session, scope: Scope) -> dict[str, int]:
    """How many alarms are not acknowledged, copies wait in quarantine and questions wait for review, by badge name."""
    alarm = visible(select(func.count()).select_from(SubmissionSummary), scope).where(
        SubmissionSummary.alarm > "", SubmissionSummary.acknowledged_at.is_(None), SubmissionSummary.deleted_at.is_(None)
    )
    review = select(func.count()).select_from(ReviewTask)
    if scope.sector_id is not None:
        review = review.where(ReviewTask.sector_id == scope.sector_id)
    waiting = in_quarantine(select(func.count()).select_from(Submission), scope)
    # Every page asks: one statement, not three.
    alarms, questions, copies = session.execute(
        select(alarm.scalar_subquery(), review.scalar_subquery(), waiting.scalar_subquery())
    ).one()
    return {"alarms": alarms, "review": questions, "quarantine": copies}


def in_quarantine(statement: Any, scope: Scope, *, decided: bool = False) -> Any:
    """Limits a statement over Submission to copies in quarantine that nobody has decided about yet (or that somebody has).

    A sector's officer sees those of the sector's posts, and those of no post (nobody else would). What is marked
    strictly confidential or severe is for whoever sees the whole mission (rule C.1: visible to one role).
    """
    copy, own, later = aliased(Fact), aliased(Fact), aliased(Event)
    taken_back = select(later.fact_id).where(
        later.type == "REOPEN", later.subject == Event.subject, later.payload["target"].as_string() == own.uuid
    )
    events = (
        select(Event.subject)
        .join(copy, copy.uuid == Event.subject).join(own, own.id == Event.fact_id)
        .where(Event.type.in_(("ACCEPT", "REJECT")), copy.id == Submission.fact_id, ~taken_back.exists())
    )
    statement = statement.where(
        Submission.disposition == literal_column("'quarantined'"),
        Submission.is_draft.is_(False),
        events.exists() if decided else ~events.exists(),
    )
    if scope.released_only or scope.own_actor_id is not None:
        return statement.where(literal_column("1") == literal_column("0"))
    if scope.sector_id is not None:
        posts = select(Post.id).where(Post.sector_id == scope.sector_id)
        statement = statement.where(
            or_(Submission.post_id.is_(None), Submission.post_id.in_(posts)),
            or_(Submission.reason.is_(None), Submission.reason.not_in(("strictly_confidential", "severe_sensitivity"))),
        )
    return statement


_COPIES = select(Submission, Fact, Post).join(Fact, Fact.id == Submission.fact_id).outerjoin(Post, Post.id == Submission.post_id)


def quarantined(
    session: Session, scope: Scope, limit: int = 200, *, decided: bool = False
) -> Sequence[tuple[Submission, Fact, Post | None]]:
    """Copies in quarantine with their envelope and post; waiting ones oldest first, decided ones newest first."""
    order = Submission.fact_id.desc() if decided else Submission.fact_id
    statement = in_quarantine(_COPIES, scope, decided=decided)
    return [(row[0], row[1], row[2]) for row in session.execute(statement.order_by(order).limit(limit))]


def quarantined_one(session: Session, scope: Scope, receipt: str) -> tuple[Submission, Fact, Post | None] | None:
    """One copy in quarantine by its receipt number, decided about or not, if the scope may see it."""
    for decided in (False, True):
        statement = in_quarantine(_COPIES, scope, decided=decided).where(Submission.receipt == receipt.upper())
        found = session.execute(statement).first()
        if found is not None:
            return found[0], found[1], found[2]
    return None
