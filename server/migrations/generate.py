"""Writes a new revision from what models and migrations differ in: `python -m server.migrations.generate "what changes"`.

Generated over a throw-away SQLite database; read and test the result on both databases before you commit it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from server.services.database import MIGRATIONS, configuration


def main(message: str) -> None:
    """Upgrades an empty database and lets alembic compare it with the models."""
    with tempfile.TemporaryDirectory() as directory:
        engine = create_engine(f"sqlite:///{Path(directory) / 'empty.sqlite3'}")
        config = configuration(engine)
        command.upgrade(config, "head")
        number = len(list((MIGRATIONS / "versions").glob("*.py"))) + 1
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
        engine.dispose()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
