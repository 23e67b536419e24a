"""What a WSGI server imports: `gunicorn "server.wsgi:application()"`."""

from __future__ import annotations

from flask import Flask

from server import create_app
from server.openrosa import express


def application() -> Flask:
    """The application with the settings of the environment."""
    app = create_app()
    express.install(app)
    return app
