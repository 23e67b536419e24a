"""Door: /health and /metrics, for whoever watches over the server."""

from __future__ import annotations

from flask import Flask, Response

from server.operations import health, metrics
from server.problems import Problem


def register(app: Flask) -> None:
    """Adds this door's routes to the app."""
    app.add_url_rule("/health", "health", health.health)
    app.add_url_rule("/metrics", "metrics", metrics.metrics)


def answers(path: str) -> bool:
    """Whether problems at this path are rendered by this door."""
    return path in {"/health", "/metrics"}


def render_problem(problem: Problem) -> Response:
    """The problem as plain text."""
    return Response(problem.message + "\n", status=problem.status, mimetype="text/plain")
