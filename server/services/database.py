"""Brings the database to this release's schema with alembic; a backup is made before anything changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


@dataclass(frozen=True)
class Upgrade:
    """What `upgrade` did: revisions before and after; equal when nothing was to be done."""

    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        """Whether the schema was changed."""
        return self.before != self.after


def configuration(engine: Engine) -> Config:
    """Alembic's configuration for this engine; there is no ini file to keep in step."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def current_revision(engine: Engine) -> str | None:
    """The revision the database is at; None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision(engine: Engine) -> str | None:
    """The revision this release needs."""
    return ScriptDirectory.from_config(configuration(engine)).get_current_head()


def upgrade(engine: Engine, before_change: Callable[[str], None] | None = None) -> Upgrade:
    """Brings the schema up to date. before_change(revision) is called first if there is data that could be harmed."""
    before, newest = current_revision(engine), newest_revision(engine)
    if before == newest:
        return Upgrade(before, newest)
    if before is not None and before_change is not None and inspect(engine).has_table("facts"):
        before_change(before)
    command.upgrade(configuration(engine), "head")
    return Upgrade(before, newest)
