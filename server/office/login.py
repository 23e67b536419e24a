"""Logging in and out, and the language of the pages before and after that."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from server.extensions import db
from server.gate import allow, identity, identity_or_none, public
from server.office import navigation
from server.office.refusals import words
from server.problems import Problem
from server.queries import accounts as account_queries
from server.queries import mission
from server.services import authentication
from server.services.identity import Verb

LANGUAGES = {"en": "English", "fr": "Français"}
blueprint = Blueprint("login", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/")
@allow(*Verb)
def start() -> BaseResponse:
    """The first page of this person's role; the set-up while it is not done."""
    who = identity()
    if who.may(Verb.MISSION_MANAGE) and not mission.setting(_session(), "setup_done"):
        return redirect(url_for("setup.overview"), code=303)
    return redirect(navigation.home(who), code=303)


@blueprint.get("/login")
@public
def form() -> BaseResponse:
    """The log-in form; who is logged in already goes on."""
    who = identity_or_none()
    if who is not None:
        return redirect(_safe(request.args.get("next", "")) or navigation.home(who), code=303)
    return _page()


def _page(message: str = "", advice: str = "", status: int = 200, email: str = "") -> Response:
    cookie, token = authentication.login_form_token(request, current_app.config["SETTINGS"])
    wanted = _safe(request.values.get("next", ""))
    answer = make_response(
        render_template("login.html", message=message, advice=advice, email=email, next=wanted, form_token=token), status
    )
    authentication.set_login_cookie(answer, request, cookie)
    return answer


@blueprint.post("/login")
@public
def log_in() -> BaseResponse:
    """Checks e-mail and password and opens a page session."""
    email = request.form.get("email", "")[:320]
    try:
        authentication.check_login_form(request, current_app.config["SETTINGS"])
        token, row = authentication.log_in(_session(), email, request.form.get("password", ""), request.remote_addr or "", "page")
    except Problem as problem:
        message, advice = words(problem)
        if problem.kind.name == "not_authenticated":
            message, advice = "wrong", ""
        return _page(message, advice, problem.status, email)
    found = account_queries.user_by_actor(_session(), row.actor_id)
    if found is None:
        raise Problem("not_authenticated")
    answer = redirect(_safe(request.form.get("next", "")) or url_for("login.start"), code=303)
    authentication.set_session_cookie(answer, request, token)
    answer.set_cookie("lang", found[0].language, max_age=365 * 86400, samesite="Lax", secure=request.is_secure)
    return answer


@blueprint.post("/logout")
@public
def log_out() -> BaseResponse:
    """Ends this session on the server and in the browser. Public, because a read-only account must get out as well."""
    authentication.check_csrf(request, identity())
    authentication.log_out(_session(), request)
    answer = redirect(url_for("login.form"), code=303)
    authentication.clear_session_cookie(answer, request)
    return answer


@blueprint.post("/language")
@public
def set_language() -> BaseResponse:
    """Changes the language of the pages for this browser, and for the account when somebody is logged in."""
    asked = request.form.get("lang", "")
    if asked not in LANGUAGES:
        raise Problem("unexpected_value", field="lang", value=asked, reason="en, fr")
    who = identity_or_none()
    found = account_queries.user_by_actor(_session(), who.actor_id) if who and who.how == "cookie" else None
    if found:
        found[0].language = asked
        _session().commit()
    answer = redirect(_safe(request.form.get("next", "")) or url_for("login.start"), code=303)
    answer.set_cookie("lang", asked, max_age=365 * 86400, samesite="Lax", secure=request.is_secure)
    return answer


def _safe(address: str) -> str:
    """The address if it leads to a page of this server, else nothing: a link must not send people elsewhere after log-in."""
    parts = urlsplit(address)
    inside = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return address if inside and "\\" not in address and address.isprintable() else ""
