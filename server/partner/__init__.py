"""Door: released data for partners under /partner, as pages and for machines with a bearer token."""

from __future__ import annotations

from urllib.parse import quote

from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext

from server.gate import identity_or_none
from server.partner import released
from server.problems import Problem


def register(app: Flask) -> None:
    """Adds this door's routes to the app."""
    app.register_blueprint(released.blueprint)


def answers(path: str) -> bool:
    """Whether problems at this path are rendered by this door."""
    return path == "/partner" or path.startswith("/partner/")


def render_problem(problem: Problem) -> Response:
    """JSON for scripts; for browsers the way to the log-in, to the change of password, or a page."""
    who = identity_or_none()
    if _is_script():
        answer = jsonify(problem.as_dict())
        answer.status_code = problem.status
        if problem.status == 401:
            answer.headers["WWW-Authenticate"] = 'Bearer realm="Fieldpost"'
        return answer
    if problem.kind.name == "not_authenticated" and who is None:
        return _see(f"{url_for('login.form')}?next={quote(request.path)}")
    if problem.kind.name == "password_change_due":
        return _see(url_for("account.own"))
    page = render_template(
        "problem.html", message=problem.fill(gettext(problem.kind.message)),
        advice=problem.fill(gettext(problem.kind.advice)) if problem.kind.advice else "",
        code=problem.kind.code, status=problem.status,
    )
    return Response(page, status=problem.status)


def _see(where: str) -> Response:
    made = redirect(where, code=303)
    return Response(made.get_data(), status=303, headers={"Location": where, "Cache-Control": "no-store"})


def _is_script() -> bool:
    if request.headers.get("Authorization") or request.path.endswith((".json", ".csv", ".geojson", ".gpkg")):
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html") == "application/json"
