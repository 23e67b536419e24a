"""Alembic's environment: runs the revisions over the engine that services.database hands in."""

from __future__ import annotations

from alembic import context

import server.models  # noqa: F401  (fills the metadata)
from server.models.base import Model

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    # SQLite makes a changed table anew and drops the old one, which it refuses while rows of other tables point at it: its own
    # documentation says to look at the pointers afterwards instead.
    remade = connection.dialect.name == "sqlite"
    if remade:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
    context.configure(
        connection=connection, target_metadata=Model.metadata, render_as_batch=remade, compare_type=True,
        transaction_per_migration=True,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
        if remade and (lost := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
            raise RuntimeError(f"rows point at nothing after the migration: {lost[:5]}")
        connection.commit()
    finally:
        if remade:
            # Nobody else gets this connection as it is: a new one checks pointers again.
            connection.invalidate()
