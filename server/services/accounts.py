"""Accounts of people: made, changed, locked, handed over and given a new password by an administrator; own password.

Every function checks, writes an audit row and commits. Rules of separation (branch 2) are enforced here, so that no
page, command or API call can pass them.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.models import Actor, Post, Sector, User
from server.problems import Problem
from server.queries import accounts as queries
from server.queries import mission as mission_queries
from server.services import authentication, digest, entries
from server.services.audits import audit, save
from server.services.identity import AUDIENCE_READS, DEFAULT_AUDIENCE, ROLES, Identity
from server.services.journal import now
from server.services.passwords import hash_password, one_time_password, verify_password

# The intelligence branch at every level of staff (2, G2, U2, S2, J2, N2, A2, CJ2, with sub-branches such as J2X), and JMAC.
_INTELLIGENCE = re.compile(r"(?:CJ|[AGJNSUX])?2[A-Z]{0,3}|JMAC|INT(?:EL\w*)?")
# Rule C.1: such a reader gets what any mission reader gets, the released records, and no role of the CIMIC channel.
_OPEN_TO_INTELLIGENCE = frozenset({"partner"})
LANGUAGES = ("en", "fr")


@dataclass(frozen=True)
class Profile:
    """What an administrator writes about a person.

    A partner has an audience; an officer without sector sees nothing
    once the mission has sectors.
    """

    name: str
    role: str
    sector_id: int | None = None
    post_id: int | None = None
    branch: str | None = None
    organisation: str | None = None
    audience: str | None = None
    language: str = "en"


def create_user(
    session: Session, actor: Identity | None, email: str, profile: Profile, password: str | None = None,
) -> tuple[User, str | None]:
    """Makes an account and commits. Without a password a one-time password is made and returned, to be changed at log-in.

    Raises invalid_input, uniqueness for an e-mail in use, branch_refused for a CIMIC role in the intelligence branch.
    """
    email, values = entries.email(email), _checked(session, profile)
    if queries.email_taken(session, email):
        raise Problem("uniqueness", fields="email", values=email)
    handed = None if password else one_time_password()
    hashed = hash_password(password or handed or "", owner=email)
    person = Actor(type="user", display_name=values.pop("name"), created_at=now())
    session.add(person)
    session.flush()
    user = User(actor_id=person.id, email=email, password_hash=hashed, must_change_password=handed is not None, **values)
    session.add(user)
    audit(session, actor, "user.create", f"actor/{person.id}", {"email": email, "role": user.role})
    save(session, email=email)
    digest.remember(session, user, password or handed or "")
    session.commit()
    return user, handed


def update_user(session: Session, actor: Identity | None, actor_id: int, profile: Profile, email: str | None = None) -> User:
    """Changes an account and commits. Raises as `create_user`, and state_conflict for the last administrator's role."""
    user, person = _account(session, actor_id)
    values = _checked(session, profile)
    if user.role == "admin" and values["role"] != "admin":
        _keep_one_administrator(session, user)
    if email is not None and entries.email(email) != user.email:
        user.email = _free_email(session, email)
    person.display_name, person.updated_at = values.pop("name"), now()
    before = {key: getattr(user, key) for key in values}
    for key, value in values.items():
        setattr(user, key, value)
    changed = {key: value for key, value in values.items() if before[key] != value}
    audit(session, actor, "user.update", f"actor/{actor_id}", changed)
    save(session, email=user.email)
    return user


def _free_email(session: Session, email: str) -> str:
    email = entries.email(email)
    if queries.email_taken(session, email):
        raise Problem("uniqueness", fields="email", values=email)
    return email


def _checked(session: Session, profile: Profile) -> dict[str, Any]:
    if profile.role not in ROLES:
        raise Problem("invalid_input", reason=f"Role: one of {', '.join(ROLES)}.", field="Role")
    branch = entries.optional("Branch", profile.branch, 10)
    if is_intelligence(branch) and profile.role not in _OPEN_TO_INTELLIGENCE:
        raise Problem("branch_refused", branch=branch, role=profile.role)
    if profile.sector_id is not None and session.get(Sector, profile.sector_id) is None:
        raise Problem("invalid_input", reason="Sector: there is no such sector.", field="Sector")
    if profile.post_id is not None and session.get(Post, profile.post_id) is None:
        raise Problem("invalid_input", reason="Post: there is no such post.", field="Post")
    if profile.language not in LANGUAGES:
        raise Problem("invalid_input", reason="Language: en or fr.", field="Language")
    return {
        "name": entries.text("Name", profile.name), "role": profile.role, "sector_id": profile.sector_id,
        "post_id": profile.post_id, "branch": branch, "language": profile.language, "audience": _audience(profile),
        "organisation": entries.optional("Organisation", profile.organisation),
    }


def _audience(profile: Profile) -> str | None:
    if profile.role != "partner":
        return None
    audience = profile.audience or DEFAULT_AUDIENCE
    if audience not in AUDIENCE_READS:
        raise Problem("invalid_input", reason=f"Audience: one of {', '.join(AUDIENCE_READS)}.", field="Audience")
    return audience


def is_intelligence(branch: str | None) -> bool:
    """Whether a staff branch is the intelligence branch ("G2", "u-2", "J2X", "JMAC"), however it is written."""
    folded = re.sub(r"[^A-Z0-9]", "", (branch or "").upper())
    return bool(_INTELLIGENCE.fullmatch(folded))


def lock(session: Session, actor: Identity | None, actor_id: int, locked: bool = True) -> None:
    """Shuts a person out at once (sessions end) or lets them in again, and commits."""
    user, person = _account(session, actor_id)
    if locked:
        _not_oneself(actor, actor_id)
        _keep_one_administrator(session, user)
        queries.delete_sessions_of(session, actor_id)
    user.locked_at = now() if locked else None
    person.updated_at = now()
    audit(session, actor, "user.lock" if locked else "user.unlock", f"actor/{actor_id}")
    session.commit()


def set_read_only(session: Session, actor: Identity | None, actor_id: int, since: dt.datetime | None) -> None:
    """From that instant (UTC) the account may look and no longer change anything: the outgoing rotation. None lifts it."""
    user, person = _account(session, actor_id)
    if since is not None:
        _keep_one_administrator(session, user)
    user.read_only_from, person.updated_at = since, now()
    audit(session, actor, "user.read_only", f"actor/{actor_id}", {"from": since.isoformat() if since else None})
    session.commit()


def reset_password(session: Session, actor: Identity | None, actor_id: int, password: str | None = None) -> str:
    """Gives a forgotten password anew without mail: returns the one-time password, to be shown once; commits.

    Sessions end, waiting limits are lifted, and the person must choose an own password at the next log-in.
    """
    user, person = _account(session, actor_id)
    handed = password or one_time_password()
    user.password_hash = hash_password(handed, owner=user.email)
    user.must_change_password, person.updated_at = True, now()
    digest.remember(session, user, handed)
    queries.delete_sessions_of(session, actor_id)
    queries.forget_all_attempts(session, user.email)
    queries.delete_password_reset(session, actor_id)
    audit(session, actor, "user.password.reset", f"actor/{actor_id}")
    session.commit()
    return handed


def change_password(session: Session, who: Identity, old: str, new: str, address: str = "") -> str:
    """Changes one's own password and commits; every session ends, a new page session's token is returned.

    Raises not_authenticated for a wrong old password (it counts as a failed log-in), invalid_input for a poor new one.
    """
    user, _person = _account(session, who.actor_id)
    authentication.check_password(session, user.email, old, address)
    hashed = hash_password(new, owner=user.email)
    if verify_password(user.password_hash, new):
        raise Problem("invalid_input", reason="Password: take another one than the present.", field="Password")
    user.password_hash, user.must_change_password = hashed, False
    digest.remember(session, user, new)
    queries.delete_sessions_of(session, who.actor_id)
    queries.delete_password_reset(session, who.actor_id)
    token, _row = authentication.open_session(session, who.actor_id, "page")
    audit(session, who, "user.password.update", f"actor/{who.actor_id}")
    session.commit()
    return token


def set_language(session: Session, who: Identity, language: str) -> None:
    """The language of one's pages, and commits."""
    user, _person = _account(session, who.actor_id)
    if language not in LANGUAGES:
        raise Problem("invalid_input", reason="Language: en or fr.", field="Language")
    user.language = language
    session.commit()


def delete_user(session: Session, actor: Identity | None, actor_id: int) -> None:
    """Takes an account off the lists and commits: sessions end, the e-mail is free again, the name stays on old facts."""
    user, person = _account(session, actor_id)
    _not_oneself(actor, actor_id)
    _keep_one_administrator(session, user)
    queries.delete_sessions_of(session, actor_id)
    audit(session, actor, "user.delete", f"actor/{actor_id}", {"email": user.email})
    user.email, person.deleted_at = f"deleted-{actor_id}@invalid", now()
    digest.forget(session, actor_id)
    queries.delete_password_reset(session, actor_id)
    session.commit()


def sector_id_of(session: Session, code: str | None) -> int | None:
    """The sector that a command names by its code. Raises invalid_input when there is none."""
    if not code:
        return None
    sector = mission_queries.sector_by_code(session, code)
    if sector is None:
        known = ", ".join(row.code for row in mission_queries.sectors(session)) or "none yet"
        raise Problem("invalid_input", reason=f"Sector: there is no sector {code} (known: {known}).", field="Sector")
    return sector.id


def _account(session: Session, actor_id: int) -> tuple[User, Actor]:
    found = queries.user_account(session, actor_id)
    if found is None:
        raise Problem("not_found")
    return found


def _not_oneself(actor: Identity | None, actor_id: int) -> None:
    if actor is not None and actor.actor_id == actor_id:
        raise Problem("state_conflict", reason="nobody can shut out the account they are using.")


def _keep_one_administrator(session: Session, user: User) -> None:
    active = user.role == "admin" and user.locked_at is None and user.read_only_from is None
    if active and queries.administrators(session) <= 1:
        raise Problem("state_conflict", reason="this is the last administrator; make another one first.")
