"""GET /health: 200 when database, blob store and worker are well, 503 saying which is not."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from server import logs
from server.config import Settings
from server.extensions import db
from server.gate import public
from server.problems import Problem
from server.services import heartbeat
from server.services.blobs import BlobStore


@public
def health() -> tuple[Response, int]:
    """JSON {"status": "well" | "unwell", "database": "well" | ..., "files": ..., "worker": ...}."""
    settings: Settings = current_app.config["SETTINGS"]
    checks: dict[str, Callable[[], str]] = {"database": _database, "files": lambda: _files(settings), "worker": _worker}
    parts = {name: check() for name, check in checks.items()}
    well = all(state == "well" for state in parts.values())
    return jsonify({"status": "well" if well else "unwell", **parts}), 200 if well else 503


def _database() -> str:
    try:
        heartbeat.age(db.session())
    except SQLAlchemyError as error:
        logs.error("database unwell", exc_info=error)
        db.session.rollback()
        return "cannot be read"
    return "well"


def _files(settings: Settings) -> str:
    try:
        BlobStore(settings).check()
    except (OSError, Problem) as error:
        logs.error("blob store unwell", exc_info=error)
        return "cannot be written"
    return "well"


def _worker() -> str:
    try:
        return "well" if heartbeat.is_alive(db.session()) else "no sign of life; is `fieldpost worker` running?"
    except SQLAlchemyError:
        db.session.rollback()
        return "unknown, as the database cannot be read"
