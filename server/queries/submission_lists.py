"""Queries behind the lists, tables and exports of submissions that /v1 serves; always within a scope, page by page.

`root_fact_id` grows with the order of arrival, so it is the key of every page; with an order of its own a list is first
read as ids. The rows themselves are read by queries.list_rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, aliased, load_only

from server.models import Actor, Attachment, Fact, Submission, SubmissionSummary
from server.queries import beyond_cell
from server.queries.odata_filter import FilterField
from server.queries.scope import Scope

FILTER_FIELDS: dict[str, FilterField] = {
    "__id": FilterField(SubmissionSummary.__table__.c.root_instance_id, "text"),
    "__system/submissionDate": FilterField(SubmissionSummary.__table__.c.received_at, "time"),
    "__system/updatedAt": FilterField(SubmissionSummary.__table__.c.updated_at, "time"),
    "__system/deletedAt": FilterField(SubmissionSummary.__table__.c.deleted_at, "time"),
    "__system/submitterId": FilterField(SubmissionSummary.__table__.c.submitter_id, "number"),
    "__system/reviewState": FilterField(SubmissionSummary.__table__.c.review_state, "text"),
}


@dataclass(frozen=True)
class Wanted:
    """Which submissions of a form, in which order (newest first by default)."""

    project_id: int
    xml_form_id: str
    scope: Scope
    is_draft: bool = False
    deleted: bool = False
    condition: ColumnElement[bool] | None = None
    order: Sequence[ColumnElement[Any]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Listed:
    """One submission: its summary, the current and the first version, who sent it, and when the current version came.

    Rows of long lists are tuples instead: queries.list_rows.
    """

    summary: SubmissionSummary
    current: Submission
    root: Submission
    submitter: Actor | None
    current_at: dt.datetime


DELETED = SubmissionSummary.deleted_at.is_not(None)
"""The condition of a list of deleted submissions alone."""


def in_scope(scope: Scope) -> list[ColumnElement[bool]]:
    """The conditions of a scope over summaries: own sector, own submissions, or (released only) nothing at all."""
    conditions: list[ColumnElement[bool]] = []
    if scope.released_only:
        conditions.append(SubmissionSummary.root_fact_id < 0)
    if scope.own_actor_id is not None:
        return [*conditions, SubmissionSummary.submitter_id == scope.own_actor_id]
    if scope.sector_id is not None:
        conditions.append(SubmissionSummary.sector_id == scope.sector_id)
    if scope.outside_cell:
        conditions.append(beyond_cell.of_reports())
    return conditions


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Everything that a submission must fulfil to be in the list."""
    found = [
        SubmissionSummary.project_id == wanted.project_id, SubmissionSummary.xml_form_id == wanted.xml_form_id,
        SubmissionSummary.is_draft.is_(wanted.is_draft), *in_scope(wanted.scope),
    ]
    if not wanted.deleted:
        found.append(SubmissionSummary.deleted_at.is_(None))
    if wanted.condition is not None:
        found.append(wanted.condition)
    return found


def only(wanted: Wanted, root_fact_id: int) -> Wanted:
    """The same list with nothing but the submission of this key in it."""
    return replace(wanted, condition=and_(SubmissionSummary.root_fact_id == root_fact_id, *conditions(wanted)))


def count(session: Session, wanted: Wanted) -> int:
    """How many there are."""
    return session.scalar(select(func.count()).select_from(SubmissionSummary).where(*conditions(wanted))) or 0


def more_than(session: Session, wanted: Wanted, number: int) -> bool:
    """Whether there are more, found without counting all of them."""
    some = select(SubmissionSummary.root_fact_id).where(*conditions(wanted)).offset(number).limit(1)
    return session.scalar(some) is not None


def fingerprint(session: Session, wanted: Wanted) -> str:
    """A text that changes when anything in the list changes; one aggregate query, so that 304 costs nearly nothing."""
    summary = SubmissionSummary
    row = session.execute(
        select(
            func.count(), func.max(summary.current_fact_id), func.max(summary.updated_at), func.max(summary.deleted_at),
            func.sum(summary.files_present), func.sum(summary.edits), func.sum(summary.current_fact_id),
            func.count(summary.review_state),
        ).where(*conditions(wanted))
    ).one()
    return "|".join(str(part) for part in row)


def page_ids(session: Session, wanted: Wanted, limit: int | None, offset: int) -> list[int]:
    """The keys of one page of an ordered list (or of the newest-first list with an offset)."""
    order = [*wanted.order, SubmissionSummary.root_fact_id.desc()]
    statement = select(SubmissionSummary.root_fact_id).where(*conditions(wanted)).order_by(*order)
    return list(session.scalars(_window(statement, limit, offset)))


def place_of(session: Session, wanted: Wanted, root_instance_id: str) -> int | None:
    """The key of a submission by its instanceID, for going on after it."""
    return session.scalar(
        select(SubmissionSummary.root_fact_id).where(
            SubmissionSummary.project_id == wanted.project_id, SubmissionSummary.xml_form_id == wanted.xml_form_id,
            SubmissionSummary.is_draft.is_(wanted.is_draft), SubmissionSummary.root_instance_id == root_instance_id,
        )
    )


def files_named(session: Session, wanted: Wanted, name: str) -> Iterator[tuple[str, str]]:
    """(instanceID, SHA-256) of the file of that name of each submission that has one, in order of arrival."""
    rows = session.execute(
        select(SubmissionSummary.root_instance_id, Attachment.blob_sha256)
        .join(Attachment, Attachment.submission_fact_id.in_([SubmissionSummary.current_fact_id, SubmissionSummary.root_fact_id]))
        .where(*conditions(wanted), Attachment.name == name)
        .order_by(SubmissionSummary.root_fact_id, Attachment.fact_id)
    )
    newest: dict[str, str] = {}
    for instance_id, sha256 in rows:
        newest[instance_id] = sha256
    yield from newest.items()


def one(session: Session, wanted: Wanted, root_instance_id: str) -> Listed | None:
    """The submission with this (first) instanceID within the scope."""
    statement = _listed().where(*conditions(wanted), SubmissionSummary.root_instance_id == root_instance_id)
    return next(iter(_read(session, statement)), None)


def submitters(session: Session, wanted: Wanted) -> Sequence[Actor]:
    """Who sent anything that is in the list, by name."""
    senders = select(SubmissionSummary.submitter_id).where(*conditions(wanted)).distinct()
    return session.scalars(select(Actor).where(Actor.id.in_(senders)).order_by(Actor.display_name, Actor.id)).all()


def by_root(session: Session, root_fact_id: int) -> Listed | None:
    """One submission by its key, whoever asks: for answering the one who has just sent it."""
    return next(iter(_read(session, _listed().where(SubmissionSummary.root_fact_id == root_fact_id))), None)


def _listed() -> Select[SubmissionSummary, Submission, Submission, Actor, dt.datetime]:
    root_entity, current_fact = aliased(Submission), aliased(Fact)
    return (
        select(SubmissionSummary, Submission, root_entity, Actor, current_fact.received_at)
        .join(Submission, Submission.fact_id == SubmissionSummary.current_fact_id)
        .join(root_entity, root_entity.fact_id == SubmissionSummary.root_fact_id)
        .join(current_fact, current_fact.id == SubmissionSummary.current_fact_id)
        .outerjoin(Actor, Actor.id == SubmissionSummary.submitter_id)
        .options(
            load_only(*_SUMMARY_COLUMNS), load_only(*(getattr(root_entity, each.key) for each in _VERSION_COLUMNS)),
            load_only(*_VERSION_COLUMNS, Submission.xml),
        )
    )


# What lists and tables show. A summary also holds findings and much more, which would cost most of the time to read.
_SUMMARY_COLUMNS = (
    SubmissionSummary.root_fact_id, SubmissionSummary.current_fact_id, SubmissionSummary.project_id,
    SubmissionSummary.xml_form_id, SubmissionSummary.is_draft, SubmissionSummary.form_version,
    SubmissionSummary.root_instance_id, SubmissionSummary.current_instance_id, SubmissionSummary.submitter_id,
    SubmissionSummary.received_at, SubmissionSummary.updated_at, SubmissionSummary.deleted_at,
    SubmissionSummary.review_state, SubmissionSummary.edits, SubmissionSummary.files_expected,
    SubmissionSummary.files_present, SubmissionSummary.receipt,
)
_VERSION_COLUMNS = (
    Submission.fact_id, Submission.instance_id, Submission.instance_name, Submission.submitter_id, Submission.device_id,
    Submission.user_agent, Submission.encrypted,
)


def _read(session: Session, statement: Select[SubmissionSummary, Submission, Submission, Actor, dt.datetime]) -> list[Listed]:
    return [Listed(*row) for row in session.execute(statement)]


def _window(statement: Select[Any], limit: int | None, offset: int) -> Select[Any]:
    if limit is not None:
        statement = statement.limit(limit)
    elif offset:
        # SQLite knows no OFFSET without LIMIT; -1 would not do on PostgreSQL.
        statement = statement.limit(2**53)
    return statement.offset(offset) if offset else statement
