"""Queries over encryption keys and the reports they lock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import Session

from server.models import Decryption, EncryptionKey, Form, FormVersion, Project, Submission, SubmissionSummary
from server.queries.scope import Scope
from server.queries.submission_lists import Wanted, conditions, in_scope

_UNLOCKED = Decryption.locked_at.is_(None)


def key(session: Session, key_id: int | None) -> EncryptionKey | None:
    """The key with that number."""
    return None if key_id is None else session.get(EncryptionKey, key_id)


def keys(session: Session) -> Sequence[EncryptionKey]:
    """All keys, the newest first."""
    return session.scalars(select(EncryptionKey).order_by(EncryptionKey.id.desc())).all()


def key_by_hash(session: Session, public_sha256: str) -> EncryptionKey | None:
    """The key whose public text has this hash."""
    return session.scalar(select(EncryptionKey).where(EncryptionKey.public_sha256 == public_sha256))


def keys_in_use(session: Session, wanted: Wanted) -> Sequence[EncryptionKey]:
    """The keys of the encrypted reports among these, the newest first."""
    used = (
        select(FormVersion.key_id)
        .select_from(SubmissionSummary)
        .join(Submission, Submission.fact_id == SubmissionSummary.current_fact_id)
        .join(Form, and_(Form.project_id == Submission.project_id, Form.xml_form_id == Submission.xml_form_id))
        .join(FormVersion, and_(FormVersion.form_id == Form.id, FormVersion.version == Submission.form_version))
        .where(*conditions(wanted), Submission.encrypted.is_(True), FormVersion.key_id.is_not(None))
    )
    return session.scalars(select(EncryptionKey).where(EncryptionKey.id.in_(used)).order_by(EncryptionKey.id.desc())).all()


def key_of(session: Session, row: Submission) -> EncryptionKey | None:
    """The key whose public half the report's form version carries."""
    form = and_(Form.project_id == row.project_id, Form.xml_form_id == row.xml_form_id)
    statement = (
        select(EncryptionKey)
        .join(FormVersion, FormVersion.key_id == EncryptionKey.id)
        .join(Form, and_(Form.id == FormVersion.form_id, form))
        .where(FormVersion.version == row.form_version)
        .order_by(FormVersion.id.desc())
    )
    return session.scalars(statement).first()


def forms_with(session: Session, key_id: int) -> Sequence[Form]:
    """The forms whose current version, or failing that whose draft, carries the key."""
    shown = func.coalesce(Form.current_version_id, Form.draft_version_id)
    statement = select(Form).join(FormVersion, FormVersion.id == shown).where(FormVersion.key_id == key_id)
    return session.scalars(statement.where(Form.deleted_at.is_(None)).order_by(Form.xml_form_id)).all()


def projects_with(session: Session, key_id: int) -> Sequence[Project]:
    """The projects that encrypt all their forms with the key."""
    statement = select(Project).where(Project.key_id == key_id, Project.deleted_at.is_(None))
    return session.scalars(statement.order_by(Project.id)).all()


def _locked() -> list[ColumnElement[bool]]:
    unlocked = exists().where(Decryption.submission_fact_id == Submission.fact_id, _UNLOCKED)
    return [SubmissionSummary.deleted_at.is_(None), Submission.encrypted.is_(True), ~unlocked]


def _summaries(*columns: Any) -> Select[Any]:
    statement: Select[Any] = (
        select(*columns)
        .select_from(SubmissionSummary)
        .join(Submission, Submission.fact_id == SubmissionSummary.current_fact_id)
        .outerjoin(Form, and_(Form.project_id == Submission.project_id, Form.xml_form_id == Submission.xml_form_id))
        .outerjoin(FormVersion, and_(FormVersion.form_id == Form.id, FormVersion.version == Submission.form_version))
    )
    return statement


def locked_counts(session: Session, scope: Scope) -> dict[int | None, int]:
    """How many reports of the scope are locked, by key (None: no key of theirs is known)."""
    counted = func.count(SubmissionSummary.root_fact_id.distinct())
    statement = _summaries(FormVersion.key_id, counted).where(*in_scope(scope), *_locked())
    return {row[0]: row[1] for row in session.execute(statement.group_by(FormVersion.key_id))}


def locked_reports(
    session: Session, scope: Scope, key_id: int, limit: int, passed: Collection[int] = ()
) -> Sequence[SubmissionSummary]:
    """Reports of the scope that this key locks, the oldest first; `passed` are left out (root_fact_id)."""
    statement = _summaries(SubmissionSummary).where(
        *in_scope(scope), *_locked(), FormVersion.key_id == key_id, SubmissionSummary.root_fact_id.not_in(passed)
    )
    return session.scalars(statement.order_by(SubmissionSummary.root_fact_id).limit(limit)).unique().all()


def locked_in(session: Session, wanted: Wanted, key_id: int | None, limit: int | None) -> Sequence[SubmissionSummary]:
    """The locked reports among these, the oldest first; only those that the key locks, when one is named."""
    statement = _summaries(SubmissionSummary).where(*conditions(wanted), *_locked())
    if key_id is not None:
        statement = statement.where(FormVersion.key_id == key_id)
    return session.scalars(statement.order_by(SubmissionSummary.root_fact_id).limit(limit)).unique().all()
