"""Queries over projects: lists and the counts that ODK Central's extended metadata shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import Actor, AppUser, Dataset, Form, Project, Record, SubmissionSummary


@dataclass(frozen=True)
class ProjectCounts:
    """What lies in a project."""

    app_users: int
    forms: int
    datasets: int
    last_submission: dt.datetime | None
    last_entity: dt.datetime | None


def projects(session: Session) -> Sequence[Project]:
    """All projects that are not deleted, by id."""
    return session.scalars(select(Project).where(Project.deleted_at.is_(None)).order_by(Project.id)).all()


def next_number(session: Session) -> int:
    """A number that no project has had."""
    return (session.scalar(select(func.max(Project.id))) or 0) + 1


def counts(session: Session, project_id: int) -> ProjectCounts:
    """How many app users, forms and lists a project has, and when something last came in."""
    app_users = (
        select(func.count()).select_from(AppUser).join(Actor, Actor.id == AppUser.actor_id)
        .where(AppUser.project_id == project_id, Actor.deleted_at.is_(None), AppUser.revoked_at.is_(None))
    )
    forms = select(func.count()).select_from(Form).where(Form.project_id == project_id, Form.deleted_at.is_(None))
    datasets = select(func.count()).select_from(Dataset).where(Dataset.project_id == project_id, Dataset.deleted_at.is_(None))
    last = select(func.max(SubmissionSummary.received_at)).where(SubmissionSummary.project_id == project_id)
    last_entity = select(func.max(Record.created_at)).where(Record.project_id == project_id)
    return ProjectCounts(
        session.scalar(app_users) or 0, session.scalar(forms) or 0, session.scalar(datasets) or 0,
        session.scalar(last), session.scalar(last_entity),
    )
