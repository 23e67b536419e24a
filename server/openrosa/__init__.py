"""Door: devices (OpenRosa form list, manifest, form, media, submission)."""

from __future__ import annotations

from flask import Flask, Response

from server.problems import Problem


def register(app: Flask) -> None:
    """Adds this door's routes to the app."""


def answers(path: str) -> bool:
    """Whether problems at this path are rendered by this door."""
    return path.rstrip("/").endswith(("/formList", "/submission", "/manifest", "/integrity"))


def render_problem(problem: Problem) -> Response:
    """The problem in this door's own form."""
    return Response(problem.message, status=problem.status, mimetype="text/xml")
