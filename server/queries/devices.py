"""Queries over devices: app users with their actor, post and the person who made them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, aliased

from server.models import Actor, AppUser, Post


@dataclass(frozen=True)
class Device:
    """A device as lists show it: its app user, actor, post and maker (the last two may be unknown)."""

    app_user: AppUser
    actor: Actor
    post: Post | None
    maker: str | None


def devices(
    session: Session, project_id: int | None = None, post_id: int | None = None, *, revoked: bool = True
) -> Sequence[Device]:
    """Devices by post and name; revoked ones are left out when asked."""
    creator = aliased(Actor)
    maker = select(creator.display_name).where(creator.id == AppUser.created_by).scalar_subquery()
    statement = (
        select(AppUser, Actor, Post, maker).join(Actor, Actor.id == AppUser.actor_id)
        .outerjoin(Post, Post.id == AppUser.post_id).where(Actor.deleted_at.is_(None))
        .order_by(Post.code, Actor.display_name, Actor.id)
    )
    if project_id is not None:
        statement = statement.where(AppUser.project_id == project_id)
    if post_id is not None:
        statement = statement.where(AppUser.post_id == post_id)
    if not revoked:
        statement = statement.where(AppUser.revoked_at.is_(None))
    return [Device(row[0], row[1], row[2], row[3]) for row in session.execute(statement)]


def device(session: Session, actor_id: int) -> Device | None:
    """The device with this actor id, revoked or not."""
    row = session.execute(
        select(AppUser, Actor, Post).join(Actor, Actor.id == AppUser.actor_id)
        .outerjoin(Post, Post.id == AppUser.post_id).where(AppUser.actor_id == actor_id, Actor.deleted_at.is_(None))
    ).first()
    return None if row is None else Device(row[0], row[1], row[2], None)


def note_seen(session: Session, actor_id: int, instant: dt.datetime) -> None:
    """Writes when the device called last; the caller commits. Raises OperationalError at once while SQLite's writer is busy."""
    with impatient(session):
        session.execute(update(AppUser).where(AppUser.actor_id == actor_id).values(last_seen_at=instant))


@contextmanager
def impatient(session: Session) -> Iterator[None]:
    """Writing inside waits 20 ms for SQLite's writer, then fails with OperationalError; PostgreSQL has no such wait."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        yield
        return
    patience = int(connection.scalar(text("PRAGMA busy_timeout")) or 0)
    connection.execute(text("PRAGMA busy_timeout = 20"))
    try:
        yield
    finally:
        # On this very connection, before the pool gives it to somebody who has to wait.
        connection.execute(text(f"PRAGMA busy_timeout = {patience}"))
