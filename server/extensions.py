"""The Flask extensions, made once and bound in create_app; nothing happens at import.

The models have a root of their own (`server.models.base`); Flask-SQLAlchemy gives requests their session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from flask import stream_with_context
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy

from server.models.base import Model

db = SQLAlchemy(model_class=Model)
babel = Babel()

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
