"""Puts settings, database, gate and doors together; `server.create_app` is the way in."""

from __future__ import annotations

import errno
import secrets
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from server import delivery, extensions, gate, logs
from server.config import Settings, load_settings
from server.engines import engine_options, is_full, prepare_engine
from server.problems import Problem
from server.proxies import TrustedProxy
from server.routing import LateRule


def build(settings: Settings | None = None, **overrides: Any) -> Flask:
    """The WSGI application. `overrides` are Flask config values."""
    settings = settings or load_settings()
    app = Flask("server", static_folder=None)
    app.url_rule_class = LateRule
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
        app.wsgi_app = TrustedProxy(app.wsgi_app, settings.trusted_proxy)  # type: ignore[method-assign]
    delivery.install(app)
    gate.install(app)
    _register_doors(app)
    with app.app_context():
        prepare_engine(extensions.db.engine)
    return app


def _register_doors(app: Flask) -> None:
    """Each door registers its routes and renders problems at its own addresses; office comes last and takes the rest."""
    from server import central, field, office, openrosa, operations, partner, reconciliation

    doors = (openrosa, central, partner, operations, reconciliation, field, office)
    for door in doors:
        door.register(app)

    def answer(problem: Problem) -> Response:
        extensions.db.session.rollback()
        door = next(door for door in doors if door.answers(request.path))
        rendered: Response = door.render_problem(problem)
        return rendered

    def answer_http(error: HTTPException) -> Response | HTTPException:
        # 416 tells the length of what was asked for a part of; no door has anything to add.
        if error.response is not None or (error.code or 500) < 400 or error.code == 416:
            return error
        answered = answer(_as_problem(error))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            answered.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return answered

    def answer_crash(error: Exception) -> Response:
        if is_full(error) or (isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}):
            return answer(Problem("disk_full"))
        reference = secrets.token_hex(4)
        logs.error("crash", reference=reference, path=request.path, method=request.method, exc_info=error)
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
