"""Restores a backup into an empty server (or, forced, over another one, which is backed up first).

The whole file is checked against its manifest before anything is touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, Table, func, select, text

from server.config import Settings
from server.problems import Problem
from server.services import backup, database
from server.services import backup_format as form
from server.services.blobs import BlobStore
from server.services.journal import now

_CHUNK = 1 << 20
_BATCH = 500
# A database that holds any of these holds somebody's work.
_WORK = ("actors", "facts", "forms", "units", "posts", "areas")


@dataclass(frozen=True)
class Restored:
    """What came back; `saved` is the backup of what was there before (with force), `key_kept` that an own key is set."""

    rows: int
    files: int
    revision: str | None
    saved: Path | None
    key_kept: bool


def restore(settings: Settings, engine: Engine, path: Path, *, force: bool = False, own_key: bool = False) -> Restored:
    """Brings a backup back. own_key: FIELDPOST_SECRET_KEY is set, so the backup's key is not written.

    Raises backup_refused for a damaged file or one of a newer release, state_conflict for a server that is not empty.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise Problem("backup_refused", reason=f"{path} is no backup file ({error})") from error
    with archive:
        manifest = check(archive)
        saved = _make_room(settings, engine, manifest, force)
        rows = _load_tables(archive, engine, manifest)
        _load_blobs(archive, BlobStore(settings), manifest)
        _put_authority(archive, settings.data_dir, manifest)
        if not own_key:
            _put_key(settings.data_dir / "secret.key", archive.read(form.SECRET))
    change = database.upgrade(engine)
    return Restored(rows, len(manifest.blobs), change.after, saved, own_key)


def check(archive: zipfile.ZipFile) -> form.Manifest:
    """The manifest, after every member was read and compared with it. Raises backup_refused saying what is wrong."""
    try:
        document = json.loads(archive.read(form.MANIFEST))
        if document.get("format") != form.FORMAT or document.get("version") != form.VERSION:
            raise Problem("backup_refused", reason="it was not made by this kind of server, or by a newer one")
        manifest = form.Manifest(**document)
        if hashlib.sha256(archive.read(form.SECRET)).hexdigest() != manifest.secret_sha256:
            raise Problem("backup_refused", reason="the secret key in it is damaged")
        for name, told_sha256 in manifest.authority.items():
            if name not in form.AUTHORITY or _digest(archive, name) != told_sha256:
                raise Problem("backup_refused", reason=f"{name[:40]} in it is damaged")
        for name, told in manifest.tables.items():
            if _digest(archive, form.table_member(name)) != told["sha256"]:
                raise Problem("backup_refused", reason=f"the table {name} in it is damaged")
        for sha256 in manifest.blobs:
            if _digest(archive, form.blob_member(sha256)) != sha256:
                raise Problem("backup_refused", reason=f"the file {sha256} in it is damaged")
    except (KeyError, TypeError, AttributeError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise Problem("backup_refused", reason=f"it cannot be read ({error})") from error
    return manifest


def _digest(archive: zipfile.ZipFile, member: str) -> str:
    digest = hashlib.sha256()
    with archive.open(member) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _make_room(settings: Settings, engine: Engine, manifest: form.Manifest, force: bool) -> Path | None:
    if manifest.revision is None or not database.knows(manifest.revision):
        reason = f"its schema {manifest.revision} is not known here; install the release that made it, or a newer one"
        raise Problem("backup_refused", reason=reason)
    saved = None
    if holds_work(engine):
        if not force:
            raise Problem("state_conflict", reason="this server holds data; restore into an empty one, or say --force.")
        saved = settings.data_dir / "backups" / f"before-restore-{now():%Y%m%dT%H%M%S%f}.zip"
        backup.make(settings, engine, saved)
    existing = MetaData()
    existing.reflect(engine)
    existing.drop_all(engine)
    database.upgrade_to(engine, manifest.revision)
    return saved


def holds_work(engine: Engine) -> bool:
    """Whether the database holds accounts, facts, forms or an organisation; what `init` makes alone is not work."""
    tables = {table.name: table for table in form.tables_of(engine)}
    with engine.connect() as connection:
        return any(
            connection.scalar(select(func.count()).select_from(tables[name])) for name in _WORK if name in tables
        )


def _load_tables(archive: zipfile.ZipFile, engine: Engine, manifest: form.Manifest) -> int:
    tables = {table.name: table for table in form.tables_of(engine)}
    unknown = sorted(set(manifest.tables) - set(tables))
    if unknown:
        raise Problem("backup_refused", reason=f"it holds tables that its schema does not have: {', '.join(unknown)}")
    total = 0
    with engine.begin() as connection:
        for name, table in tables.items():  # parents come first
            if name in manifest.tables:
                total += _load_table(archive, connection, table)
        if engine.dialect.name == "postgresql":
            _set_sequences(connection, tables.values())
    return total


def _load_table(archive: zipfile.ZipFile, connection: Connection, table: Table) -> int:
    loaded = 0
    for batch in _batches(archive, table):
        connection.execute(table.insert(), batch)
        loaded += len(batch)
    return loaded


def _batches(archive: zipfile.ZipFile, table: Table) -> Iterator[list[dict[str, object]]]:
    with archive.open(form.table_member(table.name)) as file:
        names = json.loads(file.readline())
        decode = form.decoder(names, table)
        batch: list[dict[str, object]] = []
        for line in file:
            values = json.loads(line)
            batch.append({name: decode[name](value) for name, value in zip(names, values, strict=True)})
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def _set_sequences(connection: Connection, tables: Iterable[Table]) -> None:
    # Rows came with their numbers; PostgreSQL's counters must go on after the highest one.
    for table in tables:
        keys = list(table.primary_key.columns)
        if len(keys) != 1:
            continue
        named = {"table": table.name, "column": keys[0].name}
        sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), named)
        if sequence:
            highest = connection.scalar(select(func.max(keys[0])))
            if highest is not None:
                connection.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})


def _load_blobs(archive: zipfile.ZipFile, store: BlobStore, manifest: form.Manifest) -> None:
    for sha256 in manifest.blobs:
        with archive.open(form.blob_member(sha256)) as file:
            stored = store.put(iter(partial(file.read, _CHUNK), b""))
        if stored.sha256 != sha256:
            raise Problem("backup_refused", reason=f"the file {sha256} in it is damaged")


def _put_authority(archive: zipfile.ZipFile, data_dir: Path, manifest: form.Manifest) -> None:
    """The authority for https in the place of this server's own; the server's certificate is made anew at the next start."""
    if set(manifest.authority) != set(form.AUTHORITY):
        return
    (data_dir / "tls").mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in form.AUTHORITY:
        _put_key(data_dir / name, archive.read(name))
    (data_dir / "tls" / "server.crt").unlink(missing_ok=True)


def _put_key(path: Path, key: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
