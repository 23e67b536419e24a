"""create_app: the one place where settings, database, gate and doors are put together. Nothing happens at import."""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from flask import Flask, Response, g, request
from sqlalchemy import event
from sqlalchemy.engine import Engine
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from server import extensions, gate, logs
from server.config import Settings, load_settings
from server.problems import Problem


def create_app(settings: Settings | None = None, **overrides: Any) -> Flask:
    """The WSGI application. `overrides` are Flask config values (tests hand in engine options)."""
    settings = settings or load_settings()
    app = Flask("server", static_folder=None)
    app.url_map.strict_slashes = False
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=settings.max_body,
        MAX_FORM_MEMORY_SIZE=2_000_000,
        BABEL_DEFAULT_LOCALE="en",
        BABEL_TRANSLATION_DIRECTORIES="office/translations",
    )
    app.config.update(overrides)
    logs.configure(settings.log_level)
    extensions.db.init_app(app)
    extensions.babel.init_app(app, locale_selector=_locale)
    if settings.trusted_proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    gate.install(app)
    _register_doors(app)
    with app.app_context():
        prepare_engine(extensions.db.engine)
    return app


def engine_options(url: str) -> dict[str, Any]:
    """Pool and connection options per database: SQLite waits 30 s for its one writer; PostgreSQL checks old connections."""
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": 30, "check_same_thread": False}}
    return {"pool_size": 8, "max_overflow": 16, "pool_pre_ping": True}


def prepare_engine(engine: Engine) -> None:
    """SQLite: WAL with full fsync (an answered report survives a power cut), foreign keys on."""
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

    engine._fieldpost_prepared = True  # type: ignore[attr-defined]


def _register_doors(app: Flask) -> None:
    """Each door registers its routes and renders problems at its own addresses; office comes last and takes the rest."""
    from server import central, office, openrosa, operations, partner

    doors = (openrosa, central, partner, operations, office)
    for door in doors:
        door.register(app)

    def answer(problem: Problem) -> Response:
        extensions.db.session.rollback()
        door = next(door for door in doors if door.answers(request.path))
        return door.render_problem(problem)

    def answer_http(error: HTTPException) -> Response | HTTPException:
        if error.response is not None or (error.code or 500) < 400:
            return error
        return answer(_as_problem(error))

    def answer_crash(error: Exception) -> Response:
        reference = secrets.token_hex(4)
        structlog.get_logger().error("crash", reference=reference, path=request.path, method=request.method, exc_info=error)
        return answer(Problem("internal", reference=reference))

    app.register_error_handler(Problem, answer)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_crash)


def _as_problem(error: HTTPException) -> Problem:
    if isinstance(error, RequestEntityTooLarge):
        return Problem("too_large", limit=request.max_content_length)
    if error.code == 404:
        return Problem("not_found")
    if error.code == 405:
        return Problem("method_not_allowed", method=request.method)
    return Problem("unparseable", reason=error.description or error.name)


def _locale() -> str | None:
    who = g.get("identity")
    asked = request.args.get("lang") or request.cookies.get("lang")
    if asked in {"en", "fr"}:
        return asked
    return who.language if who is not None and who.email else request.accept_languages.best_match(["en", "fr"], "en")
