"""People: accounts with role, sector and post; lock, hand over, forgotten password."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, current_app, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.models import Actor, User
from server.office import labels
from server.office.layout import back_to
from server.office.navigation import role_label
from server.office.refusals import words
from server.problems import Problem
from server.queries import accounts as queries
from server.queries import mission as mission_queries
from server.services import accounts, devices, password_resets
from server.services.identity import AUDIENCE_READS, ROLES, Verb
from server.services.journal import now

blueprint = Blueprint("people", __name__)
_REFUSALS = {"invalid_input", "uniqueness", "branch_refused", "state_conflict"}


def _session() -> Session:
    return db.session()


@blueprint.get("/people")
@allow(Verb.USER_MANAGE)
def index() -> str:
    """Everybody with an account."""
    text = request.args.get("text", "")[:100]
    return render_template(
        "people.html", rows=queries.users(_session(), text), text=text, labels=labels, present=now(),
        wishes=queries.password_wishes(_session()),
    )


@blueprint.get("/people/new")
@allow(Verb.USER_MANAGE)
def new() -> Response:
    """The empty form."""
    return _page(None, {"role": "officer", "language": "en"})


@blueprint.post("/people/new")
@allow(Verb.USER_MANAGE)
def create() -> Response:
    """Makes the account; its one-time password is shown once, on this answer and nowhere else."""
    try:
        user, handed = accounts.create_user(_session(), identity(), request.form.get("email", ""), _profile())
    except Problem as problem:
        return _refused(None, problem)
    return _handed(user.email, handed or "")


def _profile() -> accounts.Profile:
    form = request.form
    return accounts.Profile(
        name=form.get("name", ""),
        role=form.get("role", ""),
        sector_id=form.get("sector", type=int),
        post_id=form.get("post", type=int),
        branch=form.get("branch") or None,
        organisation=form.get("organisation") or None,
        audience=form.get("audience") or None,
        language=form.get("language", "en"),
    )


def _refused(found: tuple[User, Actor] | None, problem: Problem) -> Response:
    if problem.kind.name not in _REFUSALS:
        raise problem
    _session().rollback()
    return _page(found, request.form.to_dict(), " ".join(words(problem)), problem.status)


def _page(found: tuple[User, Actor] | None, values: Mapping[str, object], error: str = "", status: int = 200) -> Response:
    session = _session()
    page = render_template(
        "person.html",
        found=found,
        values=values,
        error=error,
        labels=labels,
        roles=[(role, role_label(role)) for role in ROLES],
        sectors=[(sector.id, sector.name) for sector in mission_queries.sectors(session)],
        audiences=list(AUDIENCE_READS),
        posts=[(post.id, post.name) for post in mission_queries.posts(session)],
        present=now(),
        asked_at=queries.password_wishes(session).get(found[1].id) if found else None,
    )
    return make_response(page, status)


def _handed(email: str, password: str) -> Response:
    answer = make_response(render_template("person_password.html", email=email, password=password))
    answer.headers["Cache-Control"] = "no-store, private"
    return answer


def _account(actor_id: int) -> tuple[User, Actor]:
    found = queries.user_account(_session(), actor_id)
    if found is None:
        raise Problem("not_found")
    return found


@blueprint.get("/people/<int:actor_id>")
@allow(Verb.USER_MANAGE)
def person(actor_id: int) -> Response:
    """One account."""
    user, actor = _account(actor_id)
    values: dict[str, object] = {
        "name": actor.display_name,
        "email": user.email,
        "role": user.role,
        "sector": user.sector_id,
        "post": user.post_id,
        "branch": user.branch,
        "organisation": user.organisation,
        "audience": user.audience,
        "language": user.language,
    }
    return _page((user, actor), values)


@blueprint.post("/people/<int:actor_id>")
@allow(Verb.USER_MANAGE)
def update(actor_id: int) -> Response:
    """Changes an account."""
    found = _account(actor_id)
    try:
        accounts.update_user(_session(), identity(), actor_id, _profile(), request.form.get("email", ""))
    except Problem as problem:
        return _refused(found, problem)
    flash(_("Changed."), "ok")
    return back_to("people.index")


@blueprint.post("/people/<int:actor_id>/lock")
@allow(Verb.USER_MANAGE)
def lock(actor_id: int) -> Response:
    """Shuts a person out at once, or lets them in again."""
    accounts.lock(_session(), identity(), actor_id, bool(request.form.get("locked")))
    flash(_("Changed."), "ok")
    return back_to("people.person", actor_id=actor_id)


@blueprint.post("/people/<int:actor_id>/read-only")
@allow(Verb.USER_MANAGE)
def read_only(actor_id: int) -> Response:
    """The outgoing rotation may look and no longer change anything."""
    accounts.set_read_only(_session(), identity(), actor_id, now() if request.form.get("read_only") else None)
    flash(_("Changed."), "ok")
    return back_to("people.person", actor_id=actor_id)


@blueprint.post("/people/<int:actor_id>/password")
@allow(Verb.USER_MANAGE)
def reset_password(actor_id: int) -> Response:
    """A one-time password for somebody who forgot theirs; shown once."""
    password = accounts.reset_password(_session(), identity(), actor_id)
    return _handed(_account(actor_id)[0].email, password)


@blueprint.post("/people/<int:actor_id>/password-link")
@allow(Verb.USER_MANAGE)
def password_link(actor_id: int) -> Response:
    """A link of one use with which the person sets an own new password; shown once. The old password is good until then."""
    settings = current_app.config["SETTINGS"]
    token = password_resets.make_token(_session(), identity(), actor_id, settings.secret_key)
    link = devices.device_base_url(settings, request.url_root) + url_for("new_password.form", token=token)
    answer = make_response(render_template("person_password_link.html", email=_account(actor_id)[0].email, link=link))
    answer.headers["Cache-Control"] = "no-store, private"
    return answer


@blueprint.post("/people/<int:actor_id>/delete")
@allow(Verb.USER_MANAGE)
def delete(actor_id: int) -> Response:
    """Takes the account away; the name stays with what the person did."""
    accounts.delete_user(_session(), identity(), actor_id)
    flash(_("The account is gone. The name stays with what was done under it."), "ok")
    return back_to("people.index")
