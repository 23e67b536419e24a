"""A forgotten password set anew by its owner, with a token of one use that is good for a day.

Somebody asks (`ask`); an administrator sees the wish and makes a link to hand over (`make_token`); whoever has the link
sets the password (`redeem`). Where a mail server is configured the link is sent as well (services.reset_mail). Only the
newest link of a person is good.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.models import Actor, PasswordReset, User
from server.problems import Problem
from server.queries import accounts as queries
from server.services import attempts, authentication, digest
from server.services.audits import audit, save
from server.services.identity import Identity
from server.services.journal import now
from server.services.passwords import hash_password
from server.services.tokens import seal, unseal

# ODK Central's tokens for this live a day, too.
TOKEN_LIFE = dt.timedelta(hours=24)
_PURPOSE = b"fieldpost password reset 1"


def ask(session: Session, email: str, address: str, secret_key: str) -> None:
    """Notes that the person with this e-mail wants a new password, and commits; nobody learns whether there is one.

    A wish whose token is still good stays as it is, so that no stranger can void a link that was handed over. Raises
    too_many_attempts after as many wishes as failed log-ins, counted apart from those.
    """
    counted = f"new password {email}"
    attempts.refuse_guessing(session, counted, address)
    attempts.count_failure(session, counted, address)
    found = queries.user_by_email(session, attempts.storable(email))
    if found is None:
        return
    actor_id = found[1].id
    wish = session.get(PasswordReset, actor_id)
    if wish is not None and wish.expires_at > now():
        return
    _write(session, actor_id, secret_key)
    audit(session, None, "user.password.ask", f"actor/{actor_id}", {"address": address})
    try:
        session.commit()
    except IntegrityError:
        # Asked twice at the same instant: the other wish stands.
        session.rollback()


def make_token(session: Session, who: Identity, actor_id: int, secret_key: str) -> str:
    """A token of one use for an administrator to hand over, committed; an older one is void.

    Raises not_found for nobody, state_conflict for an account that is locked.
    """
    found = queries.user_account(session, actor_id)
    if found is None:
        raise Problem("not_found")
    if found[0].locked_at is not None:
        raise Problem("state_conflict", reason="the account is locked; let the person in again first.")
    token = _write(session, actor_id, secret_key)
    audit(session, who, "user.password.link", f"actor/{actor_id}")
    save(session, actor=actor_id)
    return token


def _write(session: Session, actor_id: int, secret_key: str) -> str:
    token, instant = authentication.new_token(), now()
    session.merge(PasswordReset(
        actor_id=actor_id, token_sha256=authentication.token_hash(token), token_sealed=seal(secret_key, token, _PURPOSE),
        created_at=instant, expires_at=instant + TOKEN_LIFE, mailed_at=None,
    ))
    return token


def token_of(secret_key: str, wish: PasswordReset) -> str | None:
    """The token of a wish; None when it was sealed under another secret key."""
    return unseal(secret_key, wish.token_sealed, _PURPOSE)


def owner(session: Session, token: str) -> tuple[User, Actor] | None:
    """Whose password the token sets anew; None when it is unknown, used, expired, or its account is locked or deleted."""
    actor_id = queries.password_reset_owner(session, authentication.token_hash(token), now())
    return None if actor_id is None else queries.user_by_actor(session, actor_id)


def redeem(session: Session, token: str, new: str, address: str) -> None:
    """Sets the password that the token stands for and commits: every session of the person ends, the token is used up.

    Raises not_authenticated for a token that is not good (it counts as a failed log-in of the address), invalid_input for
    a poor password (the token stays good), too_many_attempts.
    """
    counted = f"token from {address}"
    attempts.refuse_guessing(session, counted, address)
    found = owner(session, token)
    if found is None:
        attempts.count_failure(session, counted, address)
        raise Problem("not_authenticated")
    user, person = found
    hashed = hash_password(new, owner=user.email)
    # Of two requests at once only one deletes the row.
    if not queries.use_password_reset(session, authentication.token_hash(token)):
        session.rollback()
        raise Problem("not_authenticated")
    user.password_hash, user.must_change_password, person.updated_at = hashed, False, now()
    digest.remember(session, user, new)
    queries.delete_sessions_of(session, person.id)
    queries.forget_all_attempts(session, user.email)
    who = authentication.user_identity(user, person, "token")
    audit(session, who, "user.password.redeem", f"actor/{person.id}")
    session.commit()
