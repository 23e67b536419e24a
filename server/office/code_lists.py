"""Code lists under Set-up: what each list holds, the mission's own codes (x-...) added and ended."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office.layout import back_to
from server.office.refusals import words
from server.problems import Problem
from server.queries import mission as queries
from server.services import code_lists
from server.services.identity import Verb
from server.services.journal import now

blueprint = Blueprint("code_lists", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/setup/codes")
@allow(Verb.MISSION_MANAGE)
def index() -> str:
    """All code lists with how many codes each has."""
    return render_template("code_lists.html", lists=queries.code_lists(_session()), name="")


@blueprint.get("/setup/codes/<name>")
@allow(Verb.MISSION_MANAGE)
def show(name: str) -> Response:
    """The codes of one list, ended ones too."""
    return _page(name)


def _page(name: str, problem: Problem | None = None) -> Response:
    session = _session()
    items = queries.code_items(session, name)
    if not items:
        raise Problem("not_found")
    page = render_template(
        "code_lists.html", lists=queries.code_lists(session), name=name, items=items, typed=request.form,
        ended={code for _list, code in queries.ended_codes(session, [name], now().date())},
        error=" ".join(words(problem)) if problem else "",
    )  # fmt: skip
    return make_response(page, problem.status if problem else 200)


@blueprint.post("/setup/codes/<name>")
@allow(Verb.MISSION_MANAGE)
def add(name: str) -> Response:
    """Adds a code of the mission's own."""
    session, form = _session(), request.form
    try:
        code_lists.add_own(
            session, identity(), name, form.get("code", ""), form.get("label_en", ""), form.get("label_fr", ""),
            form.get("parent") or None,
        )  # fmt: skip
    except Problem as problem:
        session.rollback()
        return _page(name, problem)
    flash(_("Added. Phones get it with their next update of forms that read this list from a file."), "ok")
    return back_to("code_lists.show", name=name)


@blueprint.post("/setup/codes/<name>/<code>/end")
@allow(Verb.MISSION_MANAGE)
def end(name: str, code: str) -> Response:
    """Ends one of the mission's own codes; old records keep its label."""
    session = _session()
    try:
        code_lists.end_own(session, identity(), name, code)
    except Problem as problem:
        session.rollback()
        return _page(name, problem)
    flash(_("Ended. Old records keep its label."), "ok")
    return back_to("code_lists.show", name=name)
