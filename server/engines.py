"""How each database is opened: pool, time-outs, SQLite's journal. Used by the app, the commands and the migrations."""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

# A database behind a dead link must not hold every request for the minutes that TCP would wait.
CONNECT_SECONDS = 10


def engine_options(url: str) -> dict[str, Any]:
    """Pool and connection options per database: SQLite waits 30 s for its one writer; PostgreSQL checks old connections."""
    if url.startswith("sqlite"):
        return {"max_overflow": 27, "connect_args": {"timeout": 30, "check_same_thread": False}}
    return {"pool_size": 8, "max_overflow": 16, "pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_SECONDS}}


def prepare_engine(engine: Engine) -> None:
    """SQLite: WAL with full fsync (an answered report survives a power cut), foreign keys on, `plain_text` in SQL."""
    if engine.dialect.name != "sqlite" or getattr(engine, "_fieldpost_prepared", False):
        return

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.close()
        connection.create_function("plain_text", 1, plain_text, deterministic=True)

    engine._fieldpost_prepared = True  # type: ignore[attr-defined]


def plain_text(text: str | None) -> str | None:
    """`text` in small letters without accents, as people search it; None for None. In SQL: queries.plain_text."""
    if text is None or text.isascii():
        return text.lower() if text else text
    return "".join(letter for letter in unicodedata.normalize("NFKD", text.lower()) if not "\u0300" <= letter <= "\u036f")


def is_full(error: BaseException) -> bool:
    """Whether the database failed for want of room on its disk."""
    text = str(getattr(error, "orig", "")).lower()
    return "disk is full" in text or "no space left" in text or "disk full" in text
