"""Door: OpenRefine and other tools match their tables against a register (W3C Reconciliation Service API 0.2).

Addresses are /reconcile/<access>/<register>. `access` is a key of services.reconciliation, because such tools cannot log in, or
"-" for scripts that send Basic or a bearer token. A page's cookie opens nothing here: JSONP would hand the answer to any site.
"""

from __future__ import annotations

from flask import Flask, Response, jsonify

from server.problems import Problem
from server.reconciliation import service


def register(app: Flask) -> None:
    """Adds this door's routes to the app."""
    app.register_blueprint(service.blueprint)


def answers(path: str) -> bool:
    """Whether problems at this path are rendered by this door."""
    return path.startswith("/reconcile/")


def render_problem(problem: Problem) -> Response:
    """JSON, readable from other sites as every answer here is."""
    answer = jsonify(problem.as_dict())
    answer.status_code = problem.status
    if problem.status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="Fieldpost"'
    return service.for_other_sites(answer)
