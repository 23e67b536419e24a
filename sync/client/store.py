"""What a device keeps: its address, downloaded forms, and the outbox. One SQLite file; every change is on disk at once.

States of a report: waiting -> delivered | held (the server keeps it for an officer) | refused. A refused report stays
with the server's message until it is exported, queued again or removed by hand.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WAITING, DELIVERED, HELD, REFUSED = "waiting", "delivered", "held", "refused"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS etags (url TEXT PRIMARY KEY, etag TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS forms (
    form_id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, md5 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS form_files (
    form_id TEXT NOT NULL REFERENCES forms ON DELETE CASCADE, name TEXT NOT NULL, md5 TEXT NOT NULL,
    is_entity_list INTEGER NOT NULL, PRIMARY KEY (form_id, name));
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, instance_id TEXT NOT NULL, form_id TEXT NOT NULL, xml_sha256 TEXT NOT NULL UNIQUE,
    xml BLOB NOT NULL, queued_at REAL NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0, xml_sent INTEGER NOT NULL DEFAULT 0, http_status INTEGER, receipt TEXT,
    message TEXT NOT NULL DEFAULT '', settled_at REAL);
CREATE INDEX IF NOT EXISTS outbox_state ON outbox (state, id);
CREATE TABLE IF NOT EXISTS outbox_files (
    item_id INTEGER NOT NULL REFERENCES outbox ON DELETE CASCADE, name TEXT NOT NULL, sha256 TEXT NOT NULL,
    size INTEGER NOT NULL, content_type TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0,
    upload TEXT, PRIMARY KEY (item_id, name));
"""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a report. sent: the server has answered that it holds it."""

    name: str
    sha256: str
    size: int
    content_type: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A report in the outbox. Times are seconds since 1970; not_before: when it may be tried again."""

    id: int
    instance_id: str
    form_id: str
    xml: bytes
    queued_at: float
    state: str
    attempts: int
    not_before: float
    xml_sent: bool
    http_status: int | None
    receipt: str | None
    message: str
    settled_at: float | None
    files: tuple[KeptFile, ...]


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A downloaded form."""

    form_id: str
    name: str
    version: str
    md5: str


class Store:
    """The tables of a device. Not to be shared between threads; several processes may open it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.attachments = folder / "attachments"
        self.downloads = folder / "downloads"
        self._db = sqlite3.connect(folder / "device.sqlite3", timeout=30, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        # A report counts as kept only when it survives a power cut.
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.executescript(_SCHEMA)
        if "upload" not in {row[1] for row in self._db.execute("PRAGMA table_info(outbox_files)")}:
            # A device of the first release.
            self._db.execute("ALTER TABLE outbox_files ADD COLUMN upload TEXT")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def setting(self, name: str) -> str | None:
        """A setting, or None."""
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def put_setting(self, name: str, value: str) -> None:
        """Writes a setting."""
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def answer(self, url: str) -> tuple[str, bytes] | None:
        """The last answer of an address: its ETag and body."""
        row = self._db.execute("SELECT etag, body FROM etags WHERE url = ?", (url,)).fetchone()
        return (str(row[0]), bytes(row[1])) if row else None

    def put_answer(self, url: str, etag: str, body: bytes) -> None:
        """Keeps an answer, to be asked for with its ETag the next time."""
        self._db.execute("INSERT OR REPLACE INTO etags VALUES (?, ?, ?)", (url, etag, body))

    def forms(self) -> list[KeptForm]:
        """The downloaded forms, by id."""
        return [KeptForm(*row) for row in self._db.execute("SELECT form_id, name, version, md5 FROM forms ORDER BY form_id")]

    def form_files(self, form_id: str) -> dict[str, str]:
        """Files of a form: name to MD5."""
        rows = self._db.execute("SELECT name, md5 FROM form_files WHERE form_id = ? ORDER BY name", (form_id,))
        return {str(name): str(md5) for name, md5 in rows}

    def put_form(self, form: KeptForm, files: Iterable[tuple[str, str, bool]]) -> None:
        """Takes a form with its files (name, MD5, entity list or not) in one step; all of them lie in `downloads`."""
        with self._transaction():
            self._db.execute("DELETE FROM forms WHERE form_id = ?", (form.form_id,))
            self._db.execute("INSERT INTO forms VALUES (?, ?, ?, ?)", (form.form_id, form.name, form.version, form.md5))
            self._db.executemany("INSERT INTO form_files VALUES (?, ?, ?, ?)", [(form.form_id, *each) for each in files])

    def keep_only_forms(self, form_ids: Sequence[str]) -> None:
        """Forgets forms that the server no longer offers."""
        with self._transaction():
            for form in self.forms():
                if form.form_id not in form_ids:
                    self._db.execute("DELETE FROM forms WHERE form_id = ?", (form.form_id,))

    def downloads_in_use(self) -> set[str]:
        """MD5 of every downloaded file that a form needs."""
        return {str(row[0]) for row in self._db.execute("SELECT md5 FROM forms UNION SELECT md5 FROM form_files")}

    def put_report(
        self, instance_id: str, form_id: str, xml_sha256: str, xml: bytes, files: Iterable[KeptFile], at: float
    ) -> int:
        """Adds a report with all its files in one step; the very same report again is the one that is there."""
        with self._transaction():
            row = self._db.execute("SELECT id FROM outbox WHERE xml_sha256 = ?", (xml_sha256,)).fetchone()
            if row is not None:
                return int(row[0])
            cursor = self._db.execute(
                "INSERT INTO outbox (instance_id, form_id, xml_sha256, xml, queued_at, state) VALUES (?, ?, ?, ?, ?, ?)",
                (instance_id, form_id, xml_sha256, xml, at, WAITING),
            )
            self._db.executemany(
                "INSERT INTO outbox_files (item_id, name, sha256, size, content_type) VALUES (?, ?, ?, ?, ?)",
                [(cursor.lastrowid, each.name, each.sha256, each.size, each.content_type) for each in files],
            )
            return int(cursor.lastrowid or 0)

    def items(self, state: str | None = None) -> list[Item]:
        """Reports of the outbox in the order in which they were queued."""
        where, values = ("WHERE state = ?", (state,)) if state else ("", ())
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM outbox {where} ORDER BY id", values).fetchall()  # noqa: S608 - constant
        return [self._item(row) for row in rows]

    def item(self, item_id: int) -> Item | None:
        """One report."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM outbox WHERE id = ?", (item_id,)).fetchone()  # noqa: S608 - constant
        return self._item(row) if row else None

    def next_due(self, at: float) -> Item | None:
        """The first waiting report that may be tried at this time."""
        query = f"SELECT {_COLUMNS} FROM outbox WHERE state = ? AND not_before <= ? ORDER BY id LIMIT 1"  # noqa: S608 - constant
        row = self._db.execute(query, (WAITING, at)).fetchone()
        return self._item(row) if row else None

    def next_time(self) -> float | None:
        """When the first waiting report may be tried; None when none waits."""
        row = self._db.execute("SELECT MIN(not_before) FROM outbox WHERE state = ?", (WAITING,)).fetchone()
        return None if row[0] is None else float(row[0])

    def counts(self) -> dict[str, int]:
        """How many reports are in each state."""
        found = dict.fromkeys((WAITING, DELIVERED, HELD, REFUSED), 0)
        rows = self._db.execute("SELECT state, COUNT(*) FROM outbox GROUP BY state")
        return found | {str(state): int(count) for state, count in rows}

    def part_sent(self, item_id: int, names: Sequence[str], status: int | None = None, receipt: str | None = None) -> None:
        """Remembers that the server has the report and these files, and what it answered."""
        with self._transaction():
            self._db.execute(
                "UPDATE outbox SET xml_sent = 1, attempts = 0, not_before = 0, http_status = COALESCE(?, http_status),"
                " receipt = COALESCE(?, receipt) WHERE id = ?",
                (status, receipt, item_id),
            )
            marked = [(item_id, name) for name in names]
            self._db.executemany("UPDATE outbox_files SET sent = 1 WHERE item_id = ? AND name = ?", marked)

    def upload_of(self, item_id: int, name: str) -> str | None:
        """The address to which a file goes in pieces; empty: begun, but the answer was lost; None: not begun."""
        row = self._db.execute("SELECT upload FROM outbox_files WHERE item_id = ? AND name = ?", (item_id, name)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def put_upload(self, item_id: int, name: str, address: str) -> None:
        """Remembers where a file goes in pieces."""
        self._db.execute("UPDATE outbox_files SET upload = ? WHERE item_id = ? AND name = ?", (address, item_id, name))

    def send_anew(self, item_id: int) -> None:
        """Forgets what of a report was sent: the server has lost it."""
        with self._transaction():
            self._db.execute("UPDATE outbox SET xml_sent = 0 WHERE id = ?", (item_id,))
            self._db.execute("UPDATE outbox_files SET sent = 0, upload = NULL WHERE item_id = ?", (item_id,))

    def settle(self, item_id: int, state: str, status: int, receipt: str | None, message: str, at: float) -> None:
        """Puts a report into its final state."""
        with self._transaction():
            self._db.execute(
                "UPDATE outbox SET state = ?, http_status = ?, receipt = COALESCE(?, receipt), message = ?, settled_at = ?"
                " WHERE id = ?",
                (state, status, receipt, message, at, item_id),
            )
            if state in {DELIVERED, HELD}:
                self._db.execute("UPDATE outbox SET xml_sent = 1 WHERE id = ?", (item_id,))
                self._db.execute("UPDATE outbox_files SET sent = 1 WHERE item_id = ?", (item_id,))

    def put_off(self, item_id: int, not_before: float, message: str, status: int | None) -> None:
        """Notes a failed attempt and when the next one may be."""
        self._db.execute(
            "UPDATE outbox SET attempts = attempts + 1, not_before = ?, message = ?, http_status = COALESCE(?, http_status)"
            " WHERE id = ?",
            (not_before, message, status, item_id),
        )

    def queue_again(self, item_id: int) -> bool:
        """Puts a refused report back into the queue; False when it is not refused."""
        done = self._db.execute(
            "UPDATE outbox SET state = ?, attempts = 0, not_before = 0, settled_at = NULL WHERE id = ? AND state = ?",
            (WAITING, item_id, REFUSED),
        )
        return done.rowcount == 1

    def attachments_in_use(self) -> set[str]:
        """SHA-256 of every file that still has to be sent, or can still be exported."""
        rows = self._db.execute(
            "SELECT f.sha256 FROM outbox_files f JOIN outbox o ON o.id = f.item_id WHERE o.state IN (?, ?)", (WAITING, REFUSED)
        )
        return {str(row[0]) for row in rows}

    def _item(self, row: tuple[Any, ...]) -> Item:
        files = self._db.execute(
            "SELECT name, sha256, size, content_type, sent FROM outbox_files WHERE item_id = ? ORDER BY rowid", (row[0],)
        )
        kept = tuple(KeptFile(name, digest, size, kind, bool(sent)) for name, digest, size, kind, sent in files)
        return Item(**dict(zip(_COLUMNS.split(", "), row, strict=True)), files=kept)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


_COLUMNS = (
    "id, instance_id, form_id, xml, queued_at, state, attempts, not_before, xml_sent, http_status, receipt, message, settled_at"
)


class _Transaction:
    """One write transaction: all of the block, or nothing."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")
