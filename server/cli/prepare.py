"""What `init` and `serve` do first: the schema brought up to date, project 1, code lists and registers made.

`serve` runs it as a process of its own (`python -m server.cli.prepare`), so that its memory is given back.
"""

from __future__ import annotations

from dataclasses import dataclass

import click
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from server.config import Settings, load_settings
from server.engines import engine_options, prepare_engine
from server.services import backup, mission
from server.services.database import Upgrade


@dataclass(frozen=True)
class Prepared:
    """What was found or made. database: its URL without the password."""

    database: str
    schema: Upgrade
    made: mission.Initialised


def prepare(settings: Settings) -> Prepared:
    """Brings the database to this release (backup first when it holds data) and makes what is missing in it."""
    engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    prepare_engine(engine)

    schema, saved = backup.upgrade(settings, engine)
    if saved is not None:
        click.echo(f"backup before the upgrade: {saved.path}")
    with Session(engine) as session:
        done = mission.initialise(session)
    shown = engine.url.render_as_string(hide_password=True)
    engine.dispose()
    return Prepared(shown, schema, done)


def main() -> None:
    """Prepares and says so if anything changed."""
    done = prepare(load_settings())
    if done.schema.changed:
        click.echo(f"database: schema {done.schema.before or 'empty'} -> {done.schema.after}")


if __name__ == "__main__":
    main()
