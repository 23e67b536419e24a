"""Alembic revisions of the schema; services.database runs them. `python -m server.migrations.generate` writes a new one."""
