"""The page behind a link of one use: somebody who forgot the password sets a new one."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, current_app, flash, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from server.extensions import db
from server.gate import public
from server.office.layout import back_to
from server.office.refusals import words
from server.problems import Problem
from server.services import authentication, password_resets

blueprint = Blueprint("new_password", __name__)
_MISSING = 404


def _session() -> Session:
    return db.session()


@blueprint.get("/new-password/<token>")
@public
def form(token: str) -> BaseResponse:
    """The form; looking at it does not use the link up, as programs that preview links look, too."""
    return _page(token)


def _page(token: str, errors: Mapping[str, str] | None = None, error: str = "", status: int = 200) -> Response:
    found = password_resets.owner(_session(), token)
    cookie, form_token = authentication.login_form_token(request, current_app.config["SETTINGS"])
    page = render_template(
        "new_password.html", email=found[0].email if found else "", form_token=form_token, errors=errors or {}, error=error
    )
    answer = make_response(page, status if found else _MISSING)
    answer.headers["Cache-Control"] = "no-store, private"
    # The address is the key.
    answer.headers["Referrer-Policy"] = "no-referrer"
    authentication.set_login_cookie(answer, request, cookie)
    return answer


@blueprint.post("/new-password/<token>")
@public
def save(token: str) -> BaseResponse:
    """Sets the password; the person logs in with it on the next page."""
    new = request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _page(token, {"again": _("The two new passwords differ.")}, status=422)
    try:
        authentication.check_login_form(request, current_app.config["SETTINGS"])
        password_resets.redeem(_session(), token, new, request.remote_addr or "")
    except Problem as problem:
        if problem.kind.name == "not_authenticated":
            return _page(token)
        if problem.kind.name == "invalid_input":
            return _page(token, {"new": words(problem)[0]}, status=422)
        return _page(token, error=" ".join(words(problem)), status=problem.status)
    flash(_("Your password is changed. Log in with it."), "ok")
    return back_to("login.form")
