"""What every command needs: the settings of the environment and an app context over the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.orm import Session

from server import create_app
from server.config import Settings, load_settings
from server.extensions import db
from server.services.database import is_current


@contextmanager
def database() -> Iterator[tuple[Session, Settings]]:
    """A session and the settings; works beside a running server. A server that was never set up is refused with advice."""
    settings = load_settings()
    app = create_app(settings)
    with app.app_context():
        if not is_current(db.engine):
            raise click.ClickException(f"the database in {settings.data_dir} is not of this release; run `fieldpost init` first")
        yield db.session(), settings
