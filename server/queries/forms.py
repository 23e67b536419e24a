"""Queries over projects, forms, versions, their attachments and datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from server.models import (
    Assignment,
    Dataset,
    DatasetProperty,
    Form,
    FormAttachment,
    FormDuty,
    FormVersion,
    Post,
    Project,
    SubmissionSummary,
)


class Filler(Protocol):
    """Who wants to fill forms: services.identity.Identity has this shape."""

    @property
    def actor_id(self) -> int: ...
    @property
    def post_id(self) -> int | None: ...


def project(session: Session, project_id: int) -> Project | None:
    """The project unless it was deleted."""
    return session.scalar(select(Project).where(Project.id == project_id, Project.deleted_at.is_(None)))


def form(session: Session, project_id: int, xml_form_id: str) -> Form | None:
    """The form of that id unless it was deleted."""
    return session.scalar(
        select(Form).where(Form.project_id == project_id, Form.xml_form_id == xml_form_id, Form.deleted_at.is_(None))
    )


def deleted_form(session: Session, project_id: int, xml_form_id: str) -> Form | None:
    """The deleted form of that id: an id belongs to one row for ever."""
    return session.scalar(
        select(Form).where(Form.project_id == project_id, Form.xml_form_id == xml_form_id, Form.deleted_at.is_not(None))
    )


def forms(session: Session, project_id: int) -> Sequence[Form]:
    """All forms of a project, drafts-only ones too, by id."""
    return session.scalars(
        select(Form).where(Form.project_id == project_id, Form.deleted_at.is_(None)).order_by(Form.xml_form_id)
    ).all()


def open_forms(session: Session, project_id: int) -> Sequence[tuple[Form, FormVersion]]:
    """Published forms in state open with their current version, by form id."""
    return [
        (row[0], row[1])
        for row in session.execute(
            select(Form, FormVersion)
            .join(FormVersion, FormVersion.id == Form.current_version_id)
            .where(Form.project_id == project_id, Form.deleted_at.is_(None), Form.state == "open")
            .order_by(Form.xml_form_id)
        )
    ]


def version(session: Session, form_id: int, name: str) -> FormVersion | None:
    """The published version of that name ("" for none)."""
    return session.scalar(
        select(FormVersion).where(
            FormVersion.form_id == form_id, FormVersion.version == name, FormVersion.published_at.is_not(None)
        )
    )


def published_from(session: Session, project_id: int, source_sha256: str) -> tuple[Form, FormVersion] | None:
    """The form whose present version was made from exactly this uploaded file."""
    row = session.execute(
        select(Form, FormVersion)
        .join(FormVersion, FormVersion.id == Form.current_version_id)
        .where(Form.project_id == project_id, Form.deleted_at.is_(None), FormVersion.source_sha256 == source_sha256)
    ).first()
    return None if row is None else (row[0], row[1])


def version_by_id(session: Session, version_id: int | None) -> FormVersion | None:
    """The version with that key, draft or published."""
    return None if version_id is None else session.get(FormVersion, version_id)


def versions(session: Session, form_id: int) -> Sequence[FormVersion]:
    """Published versions, newest first."""
    return session.scalars(
        select(FormVersion)
        .where(FormVersion.form_id == form_id, FormVersion.published_at.is_not(None))
        .order_by(FormVersion.published_at.desc(), FormVersion.id.desc())
    ).all()


def attachments(session: Session, version_id: int) -> Sequence[FormAttachment]:
    """What the version expects, by name."""
    return session.scalars(
        select(FormAttachment).where(FormAttachment.form_version_id == version_id).order_by(FormAttachment.name)
    ).all()


def attachment(session: Session, version_id: int, name: str) -> FormAttachment | None:
    """One expected file of a version."""
    return session.scalar(select(FormAttachment).where(FormAttachment.form_version_id == version_id, FormAttachment.name == name))


def form_by_draft_token(session: Session, token: str) -> Form | None:
    """The form whose draft this token opens."""
    return session.scalar(select(Form).where(Form.draft_token == token, Form.deleted_at.is_(None)))


def dataset(session: Session, project_id: int, name: str) -> Dataset | None:
    """The entity list of that name unless it was deleted."""
    return session.scalar(
        select(Dataset).where(Dataset.project_id == project_id, Dataset.name == name, Dataset.deleted_at.is_(None))
    )


def deleted_dataset(session: Session, project_id: int, name: str) -> Dataset | None:
    """The entity list of that name that was deleted; the name is its own for ever."""
    return session.scalar(
        select(Dataset).where(Dataset.project_id == project_id, Dataset.name == name, Dataset.deleted_at.is_not(None))
    )


def datasets(session: Session, project_id: int) -> Sequence[Dataset]:
    """All entity lists of a project by name."""
    return session.scalars(
        select(Dataset).where(Dataset.project_id == project_id, Dataset.deleted_at.is_(None)).order_by(Dataset.name)
    ).all()


def properties(session: Session, dataset_id: int) -> Sequence[DatasetProperty]:
    """The properties of an entity list in order of publication."""
    return session.scalars(
        select(DatasetProperty).where(DatasetProperty.dataset_id == dataset_id).order_by(DatasetProperty.id)
    ).all()


def unlinked_attachments(session: Session, project_id: int, name: str) -> Sequence[FormAttachment]:
    """Expected files of that name, of drafts and current versions of the project, that have neither file nor list."""
    return session.scalars(
        select(FormAttachment)
        .join(
            Form,
            or_(
                Form.current_version_id == FormAttachment.form_version_id, Form.draft_version_id == FormAttachment.form_version_id
            ),
        )
        .where(
            Form.project_id == project_id,
            Form.deleted_at.is_(None),
            FormAttachment.name == name,
            FormAttachment.blob_sha256.is_(None),
            FormAttachment.dataset_name.is_(None),
        )
    ).all()


def fillable_form_ids(session: Session, project_id: int, filler: Filler) -> set[int]:
    """Ids of the forms that a device or data collector may fill.

    A device: forms that are a duty of its post's type, or assigned to it. A user: forms or whole projects assigned;
    roles that may create submissions anyway are the caller's business.
    """
    duty = (
        select(Form.id)
        .join(FormDuty, and_(FormDuty.project_id == Form.project_id, FormDuty.xml_form_id == Form.xml_form_id))
        .join(Post, Post.type == FormDuty.post_type)
        .where(Form.project_id == project_id, Post.id == filler.post_id, Post.closed_at.is_(None))
    )
    assigned = select(Form.id).where(
        Form.project_id == project_id,
        exists().where(
            Assignment.actor_id == filler.actor_id, Assignment.role != "viewer",
            or_(Assignment.form_id == Form.id, and_(Assignment.form_id.is_(None), Assignment.project_id == Form.project_id)),
        ),
    )
    return set(session.scalars(duty)) | set(session.scalars(assigned))


def count_submissions(session: Session, project_id: int) -> dict[str, int]:
    """Live submissions per form id."""
    rows = session.execute(
        select(SubmissionSummary.xml_form_id, func.count())
        .where(
            SubmissionSummary.project_id == project_id,
            SubmissionSummary.deleted_at.is_(None),
            SubmissionSummary.is_draft.is_(False),
        )
        .group_by(SubmissionSummary.xml_form_id)
    )
    return {row[0]: row[1] for row in rows}
