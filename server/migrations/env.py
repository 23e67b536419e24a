"""Alembic's environment: runs the revisions over the engine that services.database hands in."""

from __future__ import annotations

from alembic import context

import server.models  # noqa: F401  (fills the metadata)
from server.models.base import Model

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=Model.metadata, render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True, transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
