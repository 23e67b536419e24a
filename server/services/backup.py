"""Makes a backup: everything of one instant in one file, while the server runs. Also before every migration."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, Table

from server.config import Settings
from server.problems import Problem
from server.services import backup_format as form
from server.services import database
from server.services.blobs import BlobStore
from server.services.journal import now


@dataclass(frozen=True)
class Made:
    """What a backup holds: where it lies, its size in bytes, rows and files; `missing` files were not in the store."""

    path: Path
    size: int
    rows: int
    files: int
    missing: tuple[str, ...]


def make(settings: Settings, engine: Engine, path: Path, *, overwrite: bool = False) -> Made:
    """Writes the backup to `path` (mode 0600): temporary file, fsync, rename, so that a half-written one never stands there.

    Raises state_conflict when the file is there already, OSError when it cannot be written.
    """
    if path.exists() and not overwrite:
        raise Problem("state_conflict", reason=f"{path} is there already; choose another name or --overwrite.")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
                manifest = _fill(archive, settings, engine)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    rows = sum(table["rows"] for table in manifest.tables.values())
    return Made(path, path.stat().st_size, rows, len(manifest.blobs), tuple(manifest.missing))


def _fill(archive: zipfile.ZipFile, settings: Settings, engine: Engine) -> form.Manifest:
    tables = form.tables_of(engine)
    with engine.connect() as connection:
        form.snapshot(connection)
        manifest = form.Manifest(
            made_at=now().isoformat(), revision=database.current_revision(engine), dialect=engine.dialect.name,
            server_id=_server_id(connection, tables),
        )
        for table in tables:
            manifest.tables[table.name] = _write_table(archive, connection, table)
        hashes = _blob_hashes(connection, tables)
        connection.rollback()
    # Files are only ever added, so they may be copied after the snapshot: each one it names was stored before.
    _write_blobs(archive, BlobStore(settings), hashes, manifest)
    archive.writestr(form.SECRET, settings.secret_key)
    for name in form.AUTHORITY:
        path = settings.data_dir / name
        if path.is_file():
            data = path.read_bytes()
            archive.writestr(name, data)
            manifest.authority[name] = hashlib.sha256(data).hexdigest()
    manifest.secret_sha256 = hashlib.sha256(settings.secret_key.encode()).hexdigest()
    archive.writestr(form.MANIFEST, manifest.dump())
    return manifest


def _write_table(archive: zipfile.ZipFile, connection: Connection, table: Table) -> dict[str, object]:
    digest, rows = hashlib.sha256(), -1  # the first line holds the columns
    with archive.open(form.table_member(table.name), "w", force_zip64=True) as member:
        for line in form.lines(connection, table):
            data = line.encode()
            member.write(data)
            digest.update(data)
            rows += 1
    return {"rows": rows, "sha256": digest.hexdigest()}


def _blob_hashes(connection: Connection, tables: Iterable[Table]) -> list[str]:
    found = next((table for table in tables if table.name == "blobs"), None)
    return [] if found is None else [row[0] for row in connection.execute(found.select().with_only_columns(found.c.sha256))]


def _server_id(connection: Connection, tables: Iterable[Table]) -> str | None:
    found = next((table for table in tables if table.name == "mission_settings"), None)
    row = None if found is None else connection.execute(found.select().where(found.c.key == "server_id")).mappings().first()
    return str(row["value"]) if row else None


def _write_blobs(archive: zipfile.ZipFile, store: BlobStore, hashes: list[str], manifest: form.Manifest) -> None:
    for sha256 in hashes:
        if not store.exists(sha256):
            manifest.missing.append(sha256)
            continue
        # Photos do not get smaller: stored as they are, which is several times faster.
        info = zipfile.ZipInfo(form.blob_member(sha256))
        info.compress_type = zipfile.ZIP_STORED
        size = 0
        with archive.open(info, "w", force_zip64=True) as member:
            for chunk in store.chunks(sha256):
                member.write(chunk)
                size += len(chunk)
        manifest.blobs[sha256] = size


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def upgrade(settings: Settings, engine: Engine) -> tuple[database.Upgrade, Made | None]:
    """Brings the database to this release's schema; one with data is backed up into backups/ of the data directory first."""
    made: list[Made] = []

    def before(revision: str) -> None:
        made.append(make(settings, engine, settings.data_dir / "backups" / f"before-{revision}-{now():%Y%m%dT%H%M%S%f}.zip"))

    change = database.upgrade(engine, before)
    return change, made[0] if made else None
