"""Migrations are product code: from empty to the newest on both databases, and the models hold nothing more than they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect

import server.models  # noqa: F401
from server.engines import prepare_engine
from server.extensions import db
from server.services.database import current_revision, newest_revision, upgrade
from tests.databases import PostgresServer


@pytest.fixture
def empty(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    if database_kind == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database(f"migration_{tmp_path.name}")
    else:
        url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    engine = create_engine(url)
    prepare_engine(engine)
    yield engine
    engine.dispose()


def test_an_empty_database_reaches_the_newest_schema(empty: Engine) -> None:
    done = upgrade(empty)

    assert done.changed
    assert current_revision(empty) == newest_revision()
    assert inspect(empty).has_table("facts")


def test_a_second_upgrade_changes_nothing(empty: Engine) -> None:
    upgrade(empty)

    assert not upgrade(empty).changed


def test_the_models_hold_nothing_that_the_migrations_do_not_make(empty: Engine) -> None:
    upgrade(empty)

    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, db.Model.metadata)

    assert differences == []


def test_a_backup_is_asked_for_only_when_there_is_data_to_lose(empty: Engine) -> None:
    asked: list[str] = []

    upgrade(empty, asked.append)

    assert asked == []
