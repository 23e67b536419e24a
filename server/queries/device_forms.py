"""Queries behind the form list of devices: what a list entry needs, without the versions' large columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from server.models import Form, FormAttachment, FormVersion


@dataclass(frozen=True, slots=True)
class ListedForm:
    """One version of a form as a list names it."""

    form_id: int
    version_id: int
    xml_form_id: str
    version: str
    title: str
    md5: str
    expects_files: bool


def _listed() -> Select[*tuple[Any, ...]]:
    expects = exists().where(FormAttachment.form_version_id == FormVersion.id)
    return select(
        Form.id, FormVersion.id, Form.xml_form_id, FormVersion.version, FormVersion.title, FormVersion.md5, expects,
    ).where(Form.deleted_at.is_(None))


def _made(session: Session, query: Select[*tuple[Any, ...]]) -> list[ListedForm]:
    return [ListedForm(row[0], row[1], row[2], row[3], row[4], row[5], bool(row[6])) for row in session.execute(query)]


def open_forms(session: Session, project_id: int, form_ids: Collection[int] | None) -> Sequence[ListedForm]:
    """Published open forms with their current version, by form id; form_ids None: all of the project."""
    query = _listed().join(FormVersion, FormVersion.id == Form.current_version_id).where(
        Form.project_id == project_id, Form.state == "open"
    )
    if form_ids is not None:
        query = query.where(Form.id.in_(form_ids))
    return _made(session, query.order_by(Form.xml_form_id))


def all_versions(session: Session, form_ids: Collection[int]) -> Sequence[ListedForm]:
    """Every published version of these forms, the newest first within a form."""
    query = _listed().join(FormVersion, FormVersion.form_id == Form.id).where(
        Form.id.in_(form_ids), FormVersion.published_at.is_not(None)
    )
    return _made(session, query.order_by(Form.xml_form_id, FormVersion.published_at.desc(), FormVersion.id.desc()))


def listed_version(session: Session, version_id: int) -> ListedForm | None:
    """One version, draft or published."""
    found = _made(session, _listed().join(FormVersion, FormVersion.form_id == Form.id).where(FormVersion.id == version_id))
    return found[0] if found else None


def xml(session: Session, version_id: int) -> bytes | None:
    """The bytes of a form version."""
    return session.scalar(select(FormVersion.xml).where(FormVersion.id == version_id))


def published_version_id(session: Session, form_id: int, version: str) -> int | None:
    """Key of a published version of a form."""
    return session.scalar(
        select(FormVersion.id).where(
            FormVersion.form_id == form_id, FormVersion.version == version, FormVersion.published_at.is_not(None)
        )
    )
