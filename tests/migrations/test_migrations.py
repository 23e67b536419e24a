"""Migrations are product code: from empty to the newest on both databases, and the models hold nothing more than they do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    create_engine,
    insert,
    inspect,
    text,
)

import server.models  # noqa: F401
from server.engines import prepare_engine
from server.extensions import db
from server.services.database import MIGRATIONS, current_revision, newest_revision, upgrade, upgrade_to
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


RELEASED = sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


@pytest.mark.parametrize("revision", RELEASED)
def test_a_database_of_an_earlier_schema_with_a_row_in_every_table_loses_none(empty: Engine, revision: str) -> None:
    upgrade_to(empty, revision)
    before = fill_every_table(empty)

    upgrade(empty)

    assert len(before) > 30
    assert current_revision(empty) == newest_revision()
    assert {name: count(empty, name) for name in before} == dict.fromkeys(before, 1)


def fill_every_table(engine: Engine) -> list[str]:
    """One made-up row in each table, pointing at the rows of the others; returns their names."""
    tables = MetaData()
    tables.reflect(engine)
    filled: dict[str, dict[str, Any]] = {}
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            row: dict[str, Any] = {}
            for column in table.columns:
                pointed = next(iter(column.foreign_keys), None)
                if pointed is not None and pointed.column.table.name in filled:
                    row[column.name] = filled[pointed.column.table.name][pointed.column.name]
                elif pointed is None:
                    row[column.name] = made_up(column)
            connection.execute(insert(table), row)
            filled[table.name] = row
    return sorted(filled)


def made_up(column: Column[Any]) -> Any:
    """A value of the column's type as the database names it."""
    kind = column.type
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Integer):
        return 7
    if isinstance(kind, Float | Numeric):
        return 7.5
    if isinstance(kind, DateTime):
        return dt.datetime(2026, 11, 9, 12, tzinfo=dt.UTC)
    if isinstance(kind, Date):
        return dt.date(2026, 11, 9)
    if isinstance(kind, LargeBinary):
        return b"x"
    if isinstance(kind, JSON):
        return {}
    # SQLite keeps documents as text; "{}" is a document and a text.
    return "{}"


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(f'SELECT count(*) FROM "{table}"')) or 0)


def test_a_backup_is_asked_for_only_when_there_is_data_to_lose(empty: Engine) -> None:
    asked: list[str] = []

    upgrade(empty, asked.append)

    assert asked == []
