"""Queries over public links: each with its actor and the form it opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Actor, Form, PublicLink

Row = tuple[PublicLink, Actor, Form]


def _links() -> Any:
    return select(PublicLink, Actor, Form).join(Actor, Actor.id == PublicLink.actor_id).join(Form, Form.id == PublicLink.form_id)


def of_form(session: Session, form_id: int) -> Sequence[Row]:
    """The links to a form that were not deleted, the newest first; revoked ones are among them."""
    wanted = _links().where(PublicLink.form_id == form_id, Actor.deleted_at.is_(None)).order_by(PublicLink.actor_id.desc())
    return [_row(each) for each in session.execute(wanted)]


def one(session: Session, form_id: int, actor_id: int) -> Row | None:
    """One of them."""
    found = session.execute(
        _links().where(PublicLink.form_id == form_id, PublicLink.actor_id == actor_id, Actor.deleted_at.is_(None))
    ).first()
    return _row(found) if found else None


def by_token(session: Session, token_sha256: str) -> Row | None:
    """The link with this token, whatever became of it."""
    found = session.execute(_links().where(PublicLink.token_sha256 == token_sha256)).first()
    return _row(found) if found else None


def _row(found: Any) -> Row:
    return found[0], found[1], found[2]
