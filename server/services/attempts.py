"""Slows the guessing of passwords: failed log-ins are counted in the database, so over all web processes and doors."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from server.models import LoginAttempt
from server.problems import Problem
from server.queries import accounts
from server.services.journal import now

WINDOW = dt.timedelta(minutes=15)
# Failures in the window: of one address for one account; for one account from everywhere (so that a stranger cannot
# lock an officer out with a handful of requests); of one address for all accounts.
MAX_PAIR, MAX_BY_EMAIL, MAX_BY_ADDRESS = 8, 30, 40


def refuse_guessing(session: Session, email: str, address: str) -> int:
    """How many log-ins failed lately for this e-mail from this address. Raises too_many_attempts once a limit is reached."""
    email, address = storable(email, 320), storable(address, 64)
    pair, by_email, by_address = accounts.failed_attempts(session, email, address, now() - WINDOW)
    if pair >= MAX_PAIR or by_email >= MAX_BY_EMAIL or by_address >= MAX_BY_ADDRESS:
        raise Problem("too_many_attempts", seconds=int(WINDOW.total_seconds()))
    return pair


def count_failure(session: Session, email: str, address: str) -> None:
    """Notes a failed log-in, and commits."""
    session.add(LoginAttempt(email=storable(email, 320), address=storable(address, 64), at=now()))
    session.commit()


def forget(session: Session, email: str, address: str) -> None:
    """A log-in succeeded: its failures no longer count. The caller commits."""
    accounts.forget_attempts(session, storable(email, 320), storable(address, 64), now() - dt.timedelta(hours=1))


def storable(text: str, limit: int = 320) -> str:
    """A typed e-mail or network address as it may reach the database: folded, of bounded length."""
    # PostgreSQL refuses NUL and no database stores lone surrogates; such an address belongs to nobody anyway.
    return text.strip().lower().replace("\x00", "").encode("utf-8", "replace").decode()[:limit]
