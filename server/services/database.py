"""Brings the database to this release's schema with alembic; a backup is made before anything changes.

Alembic is loaded only where something is to be changed: web processes ask for the revision and need no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from alembic.config import Config

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
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def current_revision(engine: Engine) -> str | None:
    """The revision the database is at; None when it is empty."""
    try:
        with engine.connect() as connection:
            found = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return None if found is None else str(found)
    except SQLAlchemyError:
        # No such table: nothing was ever made here. A database that cannot be reached fails again at the upgrade.
        return None


def newest_revision() -> str | None:
    """The revision this release needs: revisions are numbered files, see migrations.generate."""
    return max(_revisions(), default=None)


def _revisions() -> set[str]:
    return {path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}


def is_current(engine: Engine) -> bool:
    """Whether the database is of this release."""
    return current_revision(engine) == newest_revision()


def upgrade(engine: Engine, before_change: Callable[[str], None] | None = None) -> Upgrade:
    """Brings the schema up to date. before_change(revision) is called first if there is data that could be harmed."""
    before, newest = current_revision(engine), newest_revision()
    if before == newest:
        return Upgrade(before, newest)
    if before is not None and before_change is not None and inspect(engine).has_table("facts"):
        before_change(before)
    from alembic import command

    command.upgrade(configuration(engine), "head")
    return Upgrade(before, newest)


def knows(revision: str | None) -> bool:
    """Whether this release can make the schema of that revision (a backup may come from a newer release)."""
    return revision in {path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}


def upgrade_to(engine: Engine, revision: str) -> None:
    """Makes the schema of a known revision in an empty database."""
    from alembic import command

    command.upgrade(configuration(engine), revision)
