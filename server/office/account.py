"""Own account: password, language, who I am here."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from server.extensions import db
from server.gate import allow, identity
from server.models import User
from server.office.layout import back_to
from server.office.refusals import words
from server.problems import Problem
from server.queries import accounts as account_queries
from server.services import authentication, passwords
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
    session, who = _session(), identity()
    found = account_queries.user_by_actor(session, who.actor_id)
    if found is None:
        raise Problem("not_authenticated")
    errors = _check_passwords(found[0])
    if errors:
        return make_response(render_template("account.html", errors=errors), 422)
    user = found[0]
    user.password_hash = passwords.hash_password(request.form["new"], owner=user.email)
    user.must_change_password = False
    account_queries.delete_sessions_of(session, who.actor_id)
    token, _row = authentication.open_session(session, who.actor_id, "page")
    session.commit()
    flash(_("Your password is changed. Everybody else logged in with the old one is logged out."), "ok")
    answer: Response = back_to("account.own")
    authentication.set_session_cookie(answer, request, token)
    return answer


def _check_passwords(user: User) -> dict[str, str]:
    present, new, again = (request.form.get(name, "") for name in ("present", "new", "again"))
    if not passwords.verify_password(user.password_hash, present):
        return {"present": _("This is not your present password.")}
    if new != again:
        return {"again": _("The two new passwords differ.")}
    if new == present:
        return {"new": _("Choose another password than the present one.")}
    try:
        passwords.hash_password(new, owner=user.email)
    except Problem as problem:
        return {"new": words(problem)[0]}
    return {}
