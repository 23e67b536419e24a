"""What every command needs: the settings of the environment and an app context over the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from server import create_app
from server.config import Settings, load_settings
from server.extensions import db


@contextmanager
def database() -> Iterator[tuple[Session, Settings]]:
    """A session and the settings; works beside a running server."""
    settings = load_settings()
    app = create_app(settings)
    with app.app_context():
        yield db.session(), settings
