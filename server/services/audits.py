"""The audit trail: who did or read what, in ODK Central's action names. Rows are only ever added."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.models import Audit
from server.problems import Problem
from server.services.identity import Identity
from server.services.journal import now


def audit(
    session: Session, actor: Identity | None, action: str, actee: str | None = None,
    details: dict[str, Any] | None = None, notes: str | None = None,
) -> Audit:
    """Adds one row; the caller commits. actor None is the console; details must hold no password and no token."""
    row = Audit(
        actor_id=actor.actor_id if actor else None, action=action, actee=actee[:300] if actee else None,
        details=details, notes=notes or (actor.notes if actor else None), logged_at=now(),
    )
    session.add(row)
    return row


def save(session: Session, **unique: object) -> None:
    """Commits; when somebody else took a unique value in the same moment, raises Problem uniqueness with those values."""
    try:
        session.commit()
    except IntegrityError as error:
        session.rollback()
        fields, values = ", ".join(unique), ", ".join(str(value) for value in unique.values())
        raise Problem("uniqueness", fields=fields, values=values) from error
