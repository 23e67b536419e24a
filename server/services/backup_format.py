"""The backup file: a zip of tables as lines of JSON, files by hash, the secret key and a manifest with checksums.

One format for both databases: a backup of SQLite restores on PostgreSQL and the other way round. Values are written by
their column's type, so that times stay UTC instants and bytes stay bytes.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import JSON, Connection, Engine, MetaData, Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

import server.models  # noqa: F401  (fills the metadata)
from server.models.base import Model
from server.models.columns import UtcDateTime

FORMAT, VERSION = "fieldpost-backup", 1
MANIFEST, SECRET = "manifest.json", "secret.key"
# The authority for https on a network without a domain: devices that trust it go on doing so on the next laptop. Its server's
# certificate is made anew for the machine. Absent in backups of older releases and of servers that never had one.
AUTHORITY = ("tls/ca.key", "tls/ca.crt")
_SCHEMA_ONLY = {"alembic_version"}


@dataclass
class Manifest:
    """What a backup holds. tables: name -> {rows, sha256}; blobs: sha256 -> size; missing: purged or lost files;
    authority: member -> sha256."""

    made_at: str
    revision: str | None
    dialect: str
    server_id: str | None
    format: str = FORMAT
    version: int = VERSION
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    blobs: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    secret_sha256: str = ""
    authority: dict[str, str] = field(default_factory=dict)

    def dump(self) -> str:
        """The manifest as JSON text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)


def table_member(name: str) -> str:
    """Where a table lies in the zip."""
    return f"tables/{name}.jsonl"


def blob_member(sha256: str) -> str:
    """Where a file lies in the zip."""
    return f"blobs/{sha256}"


def tables_of(engine: Engine) -> list[Table]:
    """The tables as they are in this database (it may be of an older release), parents first, with our column types."""
    reflected = MetaData()
    reflected.reflect(engine)
    known = Model.metadata.tables
    for table in reflected.tables.values():
        for column in table.columns:
            if table.name in known and column.name in known[table.name].columns:
                column.type = known[table.name].columns[column.name].type
            if _is_json(column.type):
                # Nothing is NULL where that is allowed, so that `IS NULL` finds it after a restore as before.
                empty = bool(column.nullable)
                column.type = JSON(none_as_null=empty).with_variant(JSONB(none_as_null=empty), "postgresql")
    return [table for table in reflected.sorted_tables if table.name not in _SCHEMA_ONLY]


def snapshot(connection: Connection) -> None:
    """Makes all following reads see one instant, while others go on writing."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    else:
        # The driver opens no transaction for reads by itself; in WAL mode this one holds the present state.
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")


def lines(connection: Connection, table: Table) -> Iterator[str]:
    """The table as lines: the names of its columns, then one JSON list per row, in the order of the primary key."""
    yield json.dumps([column.name for column in table.columns]) + "\n"
    statement = table.select().order_by(*table.primary_key.columns)
    result = connection.execution_options(stream_results=True, yield_per=1000).execute(statement)
    for row in result:
        yield json.dumps([_encode(value) for value in row], ensure_ascii=False) + "\n"


def _encode(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return value


def decoder(names: list[str], table: Table) -> Mapping[str, Any]:
    """name -> function that turns a value of the file into the column's. Raises KeyError for an unknown column."""
    return {name: _decode_as(table.columns[name].type) for name in names}


def _decode_as(type_: TypeEngine[Any]) -> Any:
    if isinstance(type_, UtcDateTime):
        kind: type = dt.datetime
    else:
        kind = object if _is_json(type_) else type_.python_type
    if kind is bytes:
        return lambda value: None if value is None else base64.b64decode(value)
    if kind is dt.datetime:
        return lambda value: None if value is None else dt.datetime.fromisoformat(value)
    if kind is dt.date:
        return lambda value: None if value is None else dt.date.fromisoformat(value)
    return lambda value: value


def _is_json(type_: TypeEngine[Any]) -> bool:
    return "JSON" in type(type_).__name__.upper()
