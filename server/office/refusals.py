"""How this door says no: the way to the log-in for strangers, a fragment for htmx, JSON for scripts, else a page."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, current_app, jsonify, render_template, request, url_for
from flask_babel import get_locale, gettext

from server.gate import identity_or_none
from server.office.layout import asset
from server.problems import Problem


def words(problem: Problem) -> tuple[str, str]:
    """Message and advice in the reader's language (the catalogue's English is the key of the translation)."""
    message = gettext(problem.kind.message)
    advice = gettext(problem.kind.advice) if problem.kind.advice else ""
    reason = problem.details.get("reason")
    if isinstance(reason, str) and reason:
        # Services give reasons in English; those that are plain sentences are in the catalogue as well.
        problem = Problem(problem.kind.name, **{**problem.details, "reason": gettext(reason)})
    return problem.fill(message), problem.fill(advice)


def render_problem(problem: Problem) -> Response:
    """The answer to a problem on an officers' page."""
    if problem.kind.name == "not_authenticated" and identity_or_none() is None:
        return _to_log_in(problem)
    if _wants_json():
        answer = jsonify(problem.as_dict())
        answer.status_code = problem.status
        return answer
    if problem.kind.name == "password_change_due":
        return Response(status=303, headers={"Location": url_for("account.own"), "Cache-Control": "no-store"})
    message, advice = words(problem)
    if problem.kind.name == "internal" and not request.headers.get("HX-Request"):
        return _trouble(problem, message, advice)
    template = "_problem.html" if request.headers.get("HX-Request") else "problem.html"
    page = render_template(template, message=message, advice=advice, code=problem.kind.code, status=problem.status)
    return Response(page, status=problem.status)


def _trouble(problem: Problem, message: str, advice: str) -> Response:
    """A page that asks nobody anything: what broke may be the database, which every other page needs for its head."""
    page = current_app.jinja_env.get_template("trouble.html").render(
        heading=gettext("Something went wrong"), message=message, advice=advice, first_page=gettext("To the first page"),
        code=gettext("Code %(code)s", code=problem.kind.code),
        language=str(get_locale() or "en"),
        stylesheet=asset("css/fieldpost.css"),
    )  # fmt: skip
    return Response(page, status=problem.status)


def _wants_json() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
    return best == "application/json" or request.path.endswith((".json", ".geojson"))


def _to_log_in(problem: Problem) -> Response:
    if _wants_json():
        answer = jsonify(problem.as_dict())
        answer.status_code = problem.status
        return answer
    wanted = request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else ""
    where = url_for("login.form") + (f"?{urlencode({'next': wanted})}" if wanted else "")
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": url_for("login.form")})
    return Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})
