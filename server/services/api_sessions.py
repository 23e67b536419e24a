"""Sessions of API clients after log-in: show the own one, end one by its token."""

from __future__ import annotations

from sqlalchemy.orm import Session

from server.models import LoginSession
from server.problems import Problem
from server.queries import accounts
from server.services import devices, public_links
from server.services.authentication import token_hash
from server.services.identity import Identity, Verb
from server.services.journal import now


def own_session(session: Session, token: str) -> LoginSession:
    """The live API session of this bearer token. Raises Problem not_found."""
    row = accounts.live_session(session, token_hash(token), "api", now())
    if row is None:
        raise Problem("not_found")
    return row


def end_session(session: Session, who: Identity, token: str) -> None:
    """Ends a session by its token, or revokes the app user or public link that holds the token, and commits.

    Raises Problem not_found for a token nobody has, and not_allowed for somebody else's.
    """
    hashed = token_hash(token)
    row = accounts.live_session(session, hashed, "api", now())
    if row is not None:
        if row.actor_id != who.actor_id and not who.may(Verb.USER_MANAGE):
            raise Problem("not_allowed")
        accounts.delete_session(session, hashed)
        session.commit()
        return
    found = accounts.app_user_by_token(session, hashed)
    if found is None and who.may(Verb.DEVICE_MANAGE) and public_links.revoke(session, who, token):
        return
    if found is None or found[0].revoked_at is not None:
        raise Problem("not_found")
    if not who.may(Verb.DEVICE_MANAGE):
        raise Problem("not_allowed")
    devices.revoke(session, who, found[1].id)
