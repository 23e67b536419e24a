"""Queries over actors, users, app users, sessions, assignments and log-in attempts."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.models import Actor, AppUser, LoginAttempt, LoginSession, User


def user_by_email(session: Session, email: str) -> tuple[User, Actor] | None:
    """The live user with this e-mail address (any case), with its actor."""
    row = session.execute(
        select(User, Actor).join(Actor, Actor.id == User.actor_id)
        .where(User.email == email.strip().lower(), Actor.deleted_at.is_(None))
    ).first()
    return None if row is None else (row[0], row[1])


def user_by_actor(session: Session, actor_id: int) -> tuple[User, Actor] | None:
    """The live user behind an actor id."""
    row = session.execute(
        select(User, Actor).join(Actor, Actor.id == User.actor_id).where(User.actor_id == actor_id, Actor.deleted_at.is_(None))
    ).first()
    return None if row is None else (row[0], row[1])


def app_user_by_token(session: Session, token_sha256: str) -> tuple[AppUser, Actor] | None:
    """The app user that holds this token, revoked or not: the caller decides what a revoked one may."""
    row = session.execute(
        select(AppUser, Actor).join(Actor, Actor.id == AppUser.actor_id).where(AppUser.token_sha256 == token_sha256)
    ).first()
    return None if row is None else (row[0], row[1])


def live_session(session: Session, token_sha256: str, kind: str, now: dt.datetime) -> LoginSession | None:
    """The session of that kind if it has not expired."""
    return session.scalar(
        select(LoginSession).where(
            LoginSession.token_sha256 == token_sha256, LoginSession.kind == kind, LoginSession.expires_at > now
        )
    )


def delete_session(session: Session, token_sha256: str) -> None:
    """Ends a session; the caller commits."""
    session.execute(delete(LoginSession).where(LoginSession.token_sha256 == token_sha256))


def delete_sessions_of(session: Session, actor_id: int) -> None:
    """Ends all sessions of an actor (password change, lock); the caller commits."""
    session.execute(delete(LoginSession).where(LoginSession.actor_id == actor_id))


def failed_attempts(session: Session, email: str, address: str, since: dt.datetime) -> tuple[int, int]:
    """How many log-ins failed since then: for this e-mail, and from this address."""
    count = select(func.count()).select_from(LoginAttempt).where(LoginAttempt.at > since)
    by_email = session.scalar(count.where(LoginAttempt.email == email)) or 0
    by_address = session.scalar(count.where(LoginAttempt.address == address)) or 0
    return by_email, by_address


def forget_attempts(session: Session, email: str, before: dt.datetime) -> None:
    """Drops the failed log-ins of this e-mail and all older than `before`; the caller commits."""
    session.execute(delete(LoginAttempt).where((LoginAttempt.email == email) | (LoginAttempt.at < before)))
