"""Accounts as API clients see them, over services.accounts: one row per person, roles by this server's names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.models import Actor, User
from server.problems import Problem
from server.queries import accounts as queries
from server.services import accounts
from server.services.accounts import Profile
from server.services.identity import CENTRAL_ROLES, Identity
from server.services.roles import central_verbs


@dataclass(frozen=True)
class Account:
    """A person's account."""

    id: int
    type: str
    display_name: str
    email: str
    role: str
    created_at: dt.datetime
    updated_at: dt.datetime | None
    deleted_at: dt.datetime | None
    last_login_at: dt.datetime | None


def _account(user: User, actor: Actor) -> Account:
    return Account(
        actor.id, actor.type, actor.display_name, user.email, user.role, actor.created_at, actor.updated_at, actor.deleted_at,
        user.last_login_at,
    )


def verbs(who: Identity) -> list[str]:
    """What the actor may do, in ODK Central's words."""
    return central_verbs(who)


def account(session: Session, actor_id: int) -> Account:
    """One account. Raises Problem not_found."""
    found = queries.user_account(session, actor_id)
    if found is None:
        raise Problem("not_found")
    return _account(*found)


def listed(session: Session, search: str) -> list[Account]:
    """Accounts by name."""
    return [_account(user, actor) for user, actor, _sector in queries.users(session, search)]


def with_email(session: Session, email: str) -> list[Account]:
    """The account with exactly this address, or none."""
    found = queries.user_by_email(session, email.strip().lower()) if email.strip() else None
    return [_account(*found)] if found else []


def reset_password(session: Session, who: Identity, email: str) -> str | None:
    """Replaces the password of the account with this address, and commits; returns the one-time password, None for nobody."""
    found = queries.user_by_email(session, email.strip().lower())
    return accounts.reset_password(session, who, found[1].id) if found else None


def create(session: Session, who: Identity, wish: Mapping[str, Any]) -> tuple[Account, str | None]:
    """A new account, committed; returns it with the one-time password if none was given.

    role may be this server's or ODK Central's; without one it is the least, collector.
    """
    profile = Profile(
        wish.get("displayName") or wish["email"], _role(wish.get("role") or "collector"), sector_id=wish.get("sectorId"),
        post_id=wish.get("postId"), branch=wish.get("branch"),
    )
    user, handed = accounts.create_user(session, who, wish["email"], profile, wish.get("password") or None)
    return account(session, user.actor_id), handed


def change(session: Session, who: Identity, actor_id: int, wish: Mapping[str, Any]) -> Account:
    """Changes name, e-mail address or role, and commits; everything else stays."""
    found = queries.user_account(session, actor_id)
    if found is None:
        raise Problem("not_found")
    user, actor = found
    profile = Profile(
        wish.get("displayName") or actor.display_name, _role(wish.get("role") or user.role), sector_id=user.sector_id,
        post_id=user.post_id, branch=user.branch, organisation=user.organisation, audience=user.audience, language=user.language,
    )
    accounts.update_user(session, who, actor_id, profile, wish.get("email"))
    return account(session, actor_id)


def change_password(session: Session, who: Identity, actor_id: int, old: str, new: str, address: str) -> None:
    """Changes the own password. Raises not_allowed for somebody else's: those are reset on the page for it."""
    if actor_id != who.actor_id:
        raise Problem("not_allowed")
    accounts.change_password(session, who, old, new, address)


def _role(name: str) -> str:
    """This server's role of that name, or the one that ODK Central calls so (the least of them, the last in the table)."""
    if name in CENTRAL_ROLES:
        return name
    return next((role for role, central in reversed(CENTRAL_ROLES.items()) if central == name), name)
