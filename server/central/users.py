"""Accounts of people: the own one, and (for administrators) everybody's."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request

from server import logs
from server.central.bodies import read
from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity, identity_or_none, public
from server.problems import Problem
from server.schemas.actors import (
    PasswordChange,
    ResetAnswer,
    ResetQuery,
    ResetRequest,
    ResetVerification,
    UserAnswer,
    UserChange,
    UserListQuery,
    UserMade,
    UserRequest,
    UserWithVerbs,
)
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.services import accounts, authentication, password_resets, people, preferences
from server.services.identity import Verb
from server.services.odata_options import flag


def _row(account: people.Account) -> dict[str, Any]:
    row: dict[str, Any] = UserAnswer().dump(account)
    return row


@routes.get("/users/current")
@allow(Verb.OWN_ACCOUNT)
@described(UserWithVerbs, extended=True)
def show_own_account() -> Response:
    """The account that asks; with its verbs and what its client wants remembered when asked for extended metadata."""
    who = identity()
    row = _row(people.account(db.session(), who.actor_id))
    more = {"verbs": people.verbs(who), "preferences": preferences.of(db.session(), who)} if extended() else {}
    return as_json({**row, **more})


@routes.get("/users")
@allow(Verb.USER_MANAGE, Verb.DEVICE_MANAGE)
@described(UserAnswer, many=True, query=UserListQuery)
def list_users() -> Response:
    """Everybody with an account; `q` looks into names and addresses. Who manages no accounts gives an address whole."""
    search = request.args.get("q", "")[:200]
    found = people.listed(db.session(), search) if identity().may(Verb.USER_MANAGE) else people.with_email(db.session(), search)
    return as_json([_row(account) for account in found])


@routes.post("/users")
@allow(Verb.USER_MANAGE)
@described(UserMade, body=UserRequest)
def create_user() -> Response:
    """A new account. Without a password a one-time password is made and shown here once."""
    session = db.session()
    account, handed = people.create(session, identity(), read(UserRequest()))
    response = as_json(_row(account) | ({"oneTimePassword": handed} if handed else {}))
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.post("/users/reset/initiate")
@public
@described(ResetAnswer, body=ResetRequest, query=ResetQuery)
def ask_for_reset() -> Response:
    """Somebody forgot a password. This server sends no mail: an administrator sees the wish and hands a link of one use over.

    With invalidate=true an administrator replaces the password at once; the answer holds the one-time password.
    """
    email, who = read(ResetRequest())["email"], identity_or_none()
    if not flag(request.args.get("invalidate")):
        address = request.remote_addr or ""
        logs.warning("somebody asks for a new password", email=email[:320], address=address)
        password_resets.ask(db.session(), email, address, current_app.config["SETTINGS"].secret_key)
        return success()
    if who is None or not who.may(Verb.USER_MANAGE):
        raise Problem("not_allowed")
    handed = people.reset_password(db.session(), who, email)
    response = as_json({"success": True, **({"oneTimePassword": handed} if handed else {})})
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.post("/users/reset/verify")
@public
@described(SuccessAnswer, body=ResetVerification)
def set_forgotten_password() -> Response:
    """Sets a forgotten password anew. The bearer is the token of the link; it is good once and for 24 hours, else 401.2."""
    new = read(ResetVerification())["new"]
    password_resets.redeem(db.session(), authentication.api_token(request), new, request.remote_addr or "")
    return success()


@routes.get("/users/<actor_id>")
@allow(Verb.OWN_ACCOUNT)
@described(UserAnswer)
def show_user(actor_id: int) -> Response:
    """One account: the own one, or for whoever manages accounts any."""
    if actor_id != identity().actor_id and not identity().may(Verb.USER_MANAGE):
        raise Problem("not_allowed")
    return as_json(_row(people.account(db.session(), actor_id)))


@routes.patch("/users/<actor_id>")
@allow(Verb.USER_MANAGE)
@described(UserAnswer, body=UserChange)
def change_user(actor_id: int) -> Response:
    """Changes name, e-mail address or role."""
    return as_json(_row(people.change(db.session(), identity(), actor_id, read(UserChange()))))


@routes.delete("/users/<actor_id>")
@allow(Verb.USER_MANAGE)
@described(SuccessAnswer)
def delete_user(actor_id: int) -> Response:
    """Takes an account away: it is shut out at once, its name stays on what it did."""
    accounts.delete_user(db.session(), identity(), actor_id)
    return success()


@routes.put("/users/<actor_id>/password")
@allow(Verb.OWN_ACCOUNT)
@described(SuccessAnswer, body=PasswordChange)
def change_own_password(actor_id: int) -> Response:
    """Changes one's own password; every session ends."""
    body = read(PasswordChange())
    people.change_password(db.session(), identity(), actor_id, body["old"], body["new"], request.remote_addr or "")
    return success()
