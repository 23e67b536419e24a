"""Queries of Digest log-ins: the sealed credentials of a person and which nonce counts were used."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.models import DigestSecret, DigestUse


def secret(session: Session, actor_id: int) -> DigestSecret | None:
    """The person's sealed Digest credentials."""
    return session.get(DigestSecret, actor_id)


def keep_secret(session: Session, actor_id: int, sealed: str | None) -> None:
    """Puts the sealed credentials in place of those before; None takes them away. The caller commits."""
    row = session.get(DigestSecret, actor_id)
    if sealed is None:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(DigestSecret(actor_id=actor_id, sealed=sealed))
    else:
        row.sealed = sealed


def use(session: Session, nonce: str, count: int, expires_at: dt.datetime) -> None:
    """Writes that this count of the nonce was used. Raises IntegrityError when it was before."""
    session.add(DigestUse(nonce=nonce, count=count, expires_at=expires_at))
    session.flush()


def reap_uses(session: Session, now: dt.datetime) -> None:
    """Drops the uses of nonces that have run out; the caller commits."""
    session.execute(delete(DigestUse).where(DigestUse.expires_at < now))
