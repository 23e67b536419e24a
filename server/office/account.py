"""Own account: password, language, who I am here."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from server.extensions import db
from server.gate import allow, identity
from server.office.layout import back_to
from server.office.refusals import words
from server.problems import Problem
from server.services import accounts, authentication
from server.services.identity import Verb

blueprint = Blueprint("account", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/account")
@allow(Verb.OWN_ACCOUNT)
def own() -> str:
    """Who is logged in, with the forms for password and language."""
    return render_template("account.html", errors={})


@blueprint.post("/account/password")
@allow(Verb.OWN_ACCOUNT)
def change_password() -> BaseResponse:
    """A new password: the present one must be right; every other session of the account ends."""
    present, new, again = (request.form.get(name, "") for name in ("present", "new", "again"))
    if new != again:
        return _refused("again", _("The two new passwords differ."))
    if new == present:
        return _refused("new", _("Choose another password than the present one."))
    try:
        token = accounts.change_password(_session(), identity(), present, new, request.remote_addr or "")
    except Problem as problem:
        if problem.kind.name == "not_authenticated":
            return _refused("present", _("This is not your present password."))
        if problem.kind.name == "invalid_input":
            return _refused("new", words(problem)[0])
        raise
    flash(_("Your password is changed. Everybody else logged in with the old one is logged out."), "ok")
    answer: Response = back_to("account.own")
    authentication.set_session_cookie(answer, request, token)
    return answer


def _refused(field: str, why: str) -> BaseResponse:
    return make_response(render_template("account.html", errors={field: why}), 422)
