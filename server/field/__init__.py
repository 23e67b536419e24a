"""Door: the field app, a program that runs in any browser. Public files only; what it asks goes to the devices' door."""

from __future__ import annotations

from flask import Flask, Response

from server.field import app_files, trust
from server.problems import Problem


def register(app: Flask) -> None:
    """Adds this door's routes to the app."""
    app.add_url_rule("/field", "field.start", app_files.start, strict_slashes=True)
    app.add_url_rule("/field/", "field.app", app_files.app_page, strict_slashes=True)
    app.add_url_rule("/field/trust", "field.trust", trust.page)
    app.add_url_rule("/field/ca.crt", "field.ca", trust.certificate)
    app.add_url_rule("/field/<path:name>", "field.file", app_files.app_file)


def answers(path: str) -> bool:
    """Whether problems at this path are rendered by this door."""
    return path == "/field" or path.startswith("/field/")


def render_problem(problem: Problem) -> Response:
    """The problem as plain text: whoever sees it looks at a file by itself."""
    return app_files.hardened(Response(problem.message + "\n", status=problem.status, mimetype="text/plain"))
