"""Door: ODK-Central-compatible REST and OData under /v1. Views only read requests and shape answers."""

from __future__ import annotations

import re
from importlib import import_module

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from server.central import replies
from server.central.routes import routes
from server.gate import public
from server.problems import Problem
from server.services.schemes import challenges

_VIEWS = (
    "sessions", "users", "projects", "keys", "app_users", "assignments", "forms", "drafts", "submissions",
    "submission_files", "odata_submissions", "datasets", "actor_properties", "entities", "odata_entities", "exports",
    "audits", "api_document", "public_links", "preferences",
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ANY_PATH = "central_version_path"
_VERSION = re.compile(r"^/v(\d+)(/|$)")
# What would be an address of the API with a version before it.
_NO_VERSION = re.compile(r"^/(v|v[^/\d][^/]*|projects|sessions|users|roles|assignments|app-users|audits|config)(/|$)")


def register(app: Flask) -> None:
    """Adds this door's routes to the app."""
    for name in _VIEWS:
        # Importing a module adds its routes to the blueprint.
        import_module(f"server.central.{name}")
    app.register_blueprint(routes)
    app.add_url_rule("/v<int:version>/", "central_version", _other_version, methods=_METHODS)
    app.add_url_rule("/v<int:version>/<path:rest>", _ANY_PATH, _other_version, methods=_METHODS)


def answers(path: str) -> bool:
    """Whether problems at this path are rendered by this door."""
    return _VERSION.match(path) is not None or _NO_VERSION.match(path) is not None


def render_problem(problem: Problem) -> Response:
    """ODK Central's JSON: message, code and details."""
    if problem.kind.name == "not_found" and _NO_VERSION.match(request.path):
        problem = Problem("no_api_version")
    response = replies.as_json(problem.as_dict(), problem.status)
    response.headers["Cache-Control"] = "no-store"
    # A page's own script shows a log-in of its own; a browser's password window would stand in its way.
    if problem.status == 401 and request.headers.get("X-Requested-With", "").lower() != "xmlhttprequest":
        for each in challenges(request, current_app.config["SETTINGS"], stale=bool(problem.details.get("stale"))):
            response.headers.add("WWW-Authenticate", each)
    if "seconds" in problem.details:
        response.headers["Retry-After"] = str(problem.details["seconds"])
    if problem.kind.name == "not_found" and request.endpoint == _ANY_PATH and (methods := _methods_here()):
        response.headers["Allow"] = ", ".join(methods)
    return response


def _methods_here() -> list[str]:
    """The methods that the address of this request takes, in alphabetical order; none where no view answers at all.

    The rule for every other path takes every method, so that Central's 404.1 is the answer and not 405; RFC 9110, 15.5.6,
    has the methods told beside it.
    """
    addresses = current_app.url_map.bind_to_environ(request.environ)
    taken = {method for method in _METHODS if _has_view(addresses, method)}
    if not taken:
        return []
    return sorted(taken | {"OPTIONS"} | ({"HEAD"} if "GET" in taken else set()))


def _has_view(addresses: MapAdapter, method: str) -> bool:
    try:
        endpoint, _values = addresses.match(method=method)
    except HTTPException:
        return False
    return bool(endpoint != _ANY_PATH)


@public
def _other_version(version: int, rest: str = "") -> Response:
    raise Problem("not_found") if version == 1 else Problem("wrong_api_version", got=str(version))
