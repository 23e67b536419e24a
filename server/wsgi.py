"""What a WSGI server imports: `gunicorn "server.wsgi:application()"`."""

from __future__ import annotations

from flask import Flask

from server import create_app


def application() -> Flask:
    """The application with the settings of the environment."""
    return create_app()
