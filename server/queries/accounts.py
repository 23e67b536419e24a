"""Queries over actors, users, app users, sessions, assignments and log-in attempts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, bindparam, delete, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from server.models import Actor, AppUser, LoginAttempt, LoginSession, PasswordReset, Post, Sector, User


def user_by_email(session: Session, email: str) -> tuple[User, Actor] | None:
    """The user with this e-mail address (any case) with its actor, unless the account is locked or deleted."""
    row = session.execute(
        select(User, Actor).join(Actor, Actor.id == User.actor_id)
        .where(User.email == email.strip().lower(), Actor.deleted_at.is_(None), User.locked_at.is_(None))
    ).first()
    return None if row is None else (row[0], row[1])


def user_by_actor(session: Session, actor_id: int) -> tuple[User, Actor] | None:
    """The user behind an actor id, unless the account is locked or deleted: who may act."""
    row = session.execute(
        select(User, Actor).join(Actor, Actor.id == User.actor_id)
        .where(User.actor_id == actor_id, Actor.deleted_at.is_(None), User.locked_at.is_(None))
    ).first()
    return None if row is None else (row[0], row[1])


def user_account(session: Session, actor_id: int) -> tuple[User, Actor] | None:
    """The account of an actor id, a locked one too: what administrators work on."""
    row = session.execute(
        select(User, Actor).join(Actor, Actor.id == User.actor_id).where(User.actor_id == actor_id, Actor.deleted_at.is_(None))
    ).first()
    return None if row is None else (row[0], row[1])


# Built once: every request of every device asks this.
_BY_TOKEN = (
    select(AppUser, Actor, Post.route_class)
    .join(Actor, Actor.id == AppUser.actor_id)
    .outerjoin(Post, Post.id == AppUser.post_id)
    .where(AppUser.token_sha256 == bindparam("token_sha256"))
)


def app_user_by_token(session: Session, token_sha256: str) -> tuple[AppUser, Actor, str | None] | None:
    """The app user that holds this token, revoked or not (the caller decides what a revoked one may), and its post's class."""
    row = session.execute(_BY_TOKEN, {"token_sha256": token_sha256}).first()
    return None if row is None else (row[0], row[1], row[2])


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


def delete_sessions_of_kind(session: Session, actor_id: int, kind: str) -> None:
    """Ends the actor's sessions of one kind."""
    session.execute(delete(LoginSession).where(LoginSession.actor_id == actor_id, LoginSession.kind == kind))


def failed_attempts(session: Session, email: str, address: str, since: dt.datetime) -> tuple[int, int, int]:
    """How many log-ins failed since then: of this address for this e-mail, for the e-mail, of the address."""
    count = select(func.count()).select_from(LoginAttempt).where(LoginAttempt.at > since)
    by_email, by_address = LoginAttempt.email == email, LoginAttempt.address == address
    return (
        session.scalar(count.where(by_email, by_address)) or 0,
        session.scalar(count.where(by_email)) or 0,
        session.scalar(count.where(by_address)) or 0,
    )


def forget_attempts(session: Session, email: str, address: str, before: dt.datetime) -> None:
    """Drops the failed log-ins of this e-mail from this address and all older than `before`; the caller commits."""
    pair = (LoginAttempt.email == email) & (LoginAttempt.address == address)
    session.execute(delete(LoginAttempt).where(pair | (LoginAttempt.at < before)))


def forget_all_attempts(session: Session, email: str) -> None:
    """Drops every failed log-in of this e-mail (its password was set anew); the caller commits."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.email == email))


def reap_sessions(session: Session, now: dt.datetime) -> None:
    """Drops sessions that have run out; the caller commits."""
    session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))


def password_reset_owner(session: Session, token_sha256: str, now: dt.datetime) -> int | None:
    """The actor whose password this token sets anew, if it has not expired."""
    return session.scalar(
        select(PasswordReset.actor_id).where(PasswordReset.token_sha256 == token_sha256, PasswordReset.expires_at > now)
    )


def unmailed_resets(session: Session, now: dt.datetime) -> list[tuple[PasswordReset, str]]:
    """The wishes that are still good and were not mailed, of accounts that are not locked, with their e-mail; oldest first."""
    rows = session.execute(
        select(PasswordReset, User.email).join(User, User.actor_id == PasswordReset.actor_id)
        .where(PasswordReset.mailed_at.is_(None), PasswordReset.expires_at > now, User.locked_at.is_(None))
        .order_by(PasswordReset.created_at, PasswordReset.actor_id)
    )
    return [(wish, email) for wish, email in rows]


def people_of_posts(session: Session, post_ids: Collection[int], now: dt.datetime) -> dict[int, list[str]]:
    """The e-mails of those who have an account of one of these posts and may still act, by post."""
    found: dict[int, list[str]] = {}
    rows = session.execute(
        select(User.post_id, User.email).join(Actor, Actor.id == User.actor_id)
        .where(User.post_id.in_(post_ids), *_active(now)).order_by(User.email)
    )
    for post_id, email in rows:
        if post_id is not None:
            found.setdefault(post_id, []).append(email)
    return found


def officers_of_sector(session: Session, sector_id: int, now: dt.datetime) -> list[str]:
    """The e-mails of a sector's officers who may still act."""
    statement = (
        select(User.email).join(Actor, Actor.id == User.actor_id)
        .where(User.role == "officer", User.sector_id == sector_id, *_active(now)).order_by(User.email)
    )
    return list(session.scalars(statement))


def _active(now: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    """Accounts that are not deleted, locked or handed over; needs the actor beside the user."""
    handed_over = or_(User.read_only_from.is_(None), User.read_only_from > now)
    return Actor.deleted_at.is_(None), User.locked_at.is_(None), handed_over


def reset_mailed(session: Session, token_sha256: str, instant: dt.datetime) -> None:
    """Notes that the link with this token went out by mail; a newer wish of the person has another token. The caller commits."""
    session.execute(update(PasswordReset).where(PasswordReset.token_sha256 == token_sha256).values(mailed_at=instant))


def use_password_reset(session: Session, token_sha256: str) -> bool:
    """Takes the token away; whether it was still there. The caller commits."""
    done = session.execute(delete(PasswordReset).where(PasswordReset.token_sha256 == token_sha256))
    return isinstance(done, CursorResult) and done.rowcount == 1


def delete_password_reset(session: Session, actor_id: int) -> None:
    """Drops a person's wish for a new password with its token (the password was set another way); the caller commits."""
    session.execute(delete(PasswordReset).where(PasswordReset.actor_id == actor_id))


def password_wishes(session: Session) -> dict[int, dt.datetime]:
    """Who waits for a new password, by actor id, and since when (UTC)."""
    return {row[0]: row[1] for row in session.execute(select(PasswordReset.actor_id, PasswordReset.created_at))}


def users(session: Session, search: str = "") -> Sequence[tuple[User, Actor, Sector | None]]:
    """All live users by name with their sector; `search` looks into name and e-mail."""
    statement = (
        select(User, Actor, Sector).join(Actor, Actor.id == User.actor_id).outerjoin(Sector, Sector.id == User.sector_id)
        .where(Actor.deleted_at.is_(None)).order_by(func.lower(Actor.display_name), Actor.id)
    )
    if search:
        statement = statement.where(
            Actor.display_name.icontains(search, autoescape=True) | User.email.icontains(search, autoescape=True)
        )
    return [(row[0], row[1], row[2]) for row in session.execute(statement)]


def email_taken(session: Session, email: str) -> bool:
    """Whether any account has the address, a deleted one included (its e-mail is freed at deletion)."""
    return session.scalar(select(User.actor_id).where(User.email == email)) is not None


def administrators(session: Session) -> int:
    """How many administrators can log in now."""
    return session.scalar(
        select(func.count()).select_from(User).join(Actor, Actor.id == User.actor_id)
        .where(User.role == "admin", Actor.deleted_at.is_(None), User.read_only_from.is_(None), User.locked_at.is_(None))
    ) or 0
