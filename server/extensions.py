"""The Flask extensions, made once and bound in create_app; nothing happens at import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from flask import stream_with_context
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Root of all models; constraint names are fixed so that migrations can name them on both databases."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base)
babel = Babel()

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

Piece = TypeVar("Piece", str, bytes)


def streamed(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The body of an answer that reads the database while it is sent; afterwards, or when the client is gone, the connection
    goes back to the pool.

    Flask-SQLAlchemy closes the session when the view returns. What is read later opens it again, and nobody would close it.
    """
    session = db.session()

    def reading() -> Iterator[Piece]:
        try:
            yield from pieces
        finally:
            session.close()

    return stream_with_context(reading())
