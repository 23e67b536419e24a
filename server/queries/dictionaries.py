"""Queries over the dictionaries that reports are packed with."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.models import FormVersion, XmlDictionary

_OF_VERSION = select(XmlDictionary.data).where(XmlDictionary.form_version_id == bindparam("version_id"))


def without(session: Session, limit: int) -> Sequence[FormVersion]:
    """Published form versions that have no dictionary yet, newest first."""
    made = select(XmlDictionary.form_version_id).where(XmlDictionary.form_version_id == FormVersion.id).exists()
    query = select(FormVersion).where(FormVersion.published_at.is_not(None), ~made)
    return session.scalars(query.order_by(FormVersion.id.desc()).limit(limit)).all()


def add(session: Session, version_id: int, number: int, data: bytes) -> None:
    """Stores the dictionary of a form version. The caller commits."""
    session.add(XmlDictionary(form_version_id=version_id, number=number, data=data))
    session.flush()


def data(session: Session, number: int) -> bytes | None:
    """The dictionary of that number, whichever version it was made for."""
    return session.scalar(select(XmlDictionary.data).where(XmlDictionary.number == number).limit(1))


def of_version(session: Session, version_id: int) -> bytes | None:
    """The dictionary of a form version."""
    found: bytes | None = session.connection().execute(_OF_VERSION, {"version_id": version_id}).scalar()
    return found
