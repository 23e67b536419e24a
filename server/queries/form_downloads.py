"""Queries over which device fetched which version of a form."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.models import Actor, AppUser, Form, FormDuty, FormVersion, Post
from server.models.form_downloads import FormDownload
from server.queries.scope import Scope


@dataclass(frozen=True, slots=True)
class Holder:
    """An active device and the newest version of a form that it fetched; version and at are None when it fetched none."""

    actor_id: int
    name: str
    post: str
    version_id: int | None
    version: str | None
    at: dt.datetime | None


def put(session: Session, rows: Iterable[tuple[int, int, dt.datetime]]) -> None:
    """Writes (actor id, version id, instant) unless they stand there; the caller commits."""
    values = [{"actor_id": actor, "form_version_id": version, "at": at} for actor, version, at in rows]
    upsert = sqlite.insert if session.connection().dialect.name == "sqlite" else postgresql.insert
    session.execute(upsert(FormDownload).on_conflict_do_nothing(), values)


def forget(session: Session, actor_id: int) -> None:
    """Takes out what a device fetched; the caller commits."""
    session.execute(delete(FormDownload).where(FormDownload.actor_id == actor_id))


def holders(session: Session, form: Form, scope: Scope) -> Sequence[Holder]:
    """By post and name: the active devices of the scope that fetched the form or whose post is to fill it, each with what it
    fetched last."""
    duty = exists().where(
        FormDuty.project_id == form.project_id, FormDuty.xml_form_id == form.xml_form_id, FormDuty.post_type == Post.type,
        Post.closed_at.is_(None),
    )
    query = (
        select(Actor.id, Actor.display_name, Post.name, FormVersion.id, FormVersion.version, FormDownload.at)
        .select_from(AppUser)
        .join(Actor, Actor.id == AppUser.actor_id)
        .outerjoin(Post, Post.id == AppUser.post_id)
        .outerjoin(
            FormDownload,
            and_(
                FormDownload.actor_id == AppUser.actor_id,
                FormDownload.form_version_id.in_(select(FormVersion.id).where(FormVersion.form_id == form.id)),
            ),
        )
        .outerjoin(FormVersion, FormVersion.id == FormDownload.form_version_id)
        .where(
            AppUser.project_id == form.project_id, AppUser.revoked_at.is_(None), Actor.deleted_at.is_(None),
            or_(FormDownload.at.is_not(None), duty),
        )
        .order_by(Post.code, Actor.display_name, Actor.id, FormVersion.published_at, FormVersion.id)
    )
    if scope.sector_id is not None:
        query = query.where(Post.sector_id == scope.sector_id)
    # A device's rows stand together, the version published last at their end.
    newest = {row[0]: Holder(row[0], row[1], row[2] or "", row[3], row[4], row[5]) for row in session.execute(query)}
    return list(newest.values())
