"""The server: database, doors and a clock around forms and sync. `create_app` makes the WSGI application.

Importing this package is cheap on purpose: the process that only watches over the others imports it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from server.config import Settings


def create_app(settings: Settings | None = None, **overrides: Any) -> Flask:
    """The WSGI application with these settings (default: of the environment). `overrides` are Flask config values."""
    from server.application import build

    return build(settings, **overrides)
