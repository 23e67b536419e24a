"""Accounts of people: the own one, and (for administrators) everybody's."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from server.central.bodies import read
from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.schemas.actors import PasswordChange, UserAnswer, UserChange, UserRequest
from server.services import accounts, people
from server.services.identity import Verb


def _row(account: people.Account) -> dict[str, Any]:
    row: dict[str, Any] = UserAnswer().dump(account)
    return row


@routes.get("/users/current")
@allow(Verb.OWN_ACCOUNT)
def show_own_account() -> Response:
    """The account that asks; with its verbs when asked for extended metadata."""
    who = identity()
    row = _row(people.account(db.session(), who.actor_id))
    return as_json({**row, "verbs": people.verbs(who)} if extended() else row)


@routes.get("/users")
@allow(Verb.USER_MANAGE)
def list_users() -> Response:
    """Everybody with an account; `q` looks into names and e-mail addresses."""
    return as_json([_row(account) for account in people.listed(db.session(), request.args.get("q", "")[:200])])


@routes.post("/users")
@allow(Verb.USER_MANAGE)
def create_user() -> Response:
    """A new account. Without a password a one-time password is made and shown here once."""
    session = db.session()
    account, handed = people.create(session, identity(), read(UserRequest()))
    response = as_json(_row(account) | ({"oneTimePassword": handed} if handed else {}))
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.get("/users/<actor_id>")
@allow(Verb.USER_MANAGE)
def show_user(actor_id: int) -> Response:
    """One account."""
    return as_json(_row(people.account(db.session(), actor_id)))


@routes.patch("/users/<actor_id>")
@allow(Verb.USER_MANAGE)
def change_user(actor_id: int) -> Response:
    """Changes name, e-mail address or role."""
    return as_json(_row(people.change(db.session(), identity(), actor_id, read(UserChange()))))


@routes.delete("/users/<actor_id>")
@allow(Verb.USER_MANAGE)
def delete_user(actor_id: int) -> Response:
    """Takes an account away: it is shut out at once, its name stays on what it did."""
    accounts.delete_user(db.session(), identity(), actor_id)
    return success()


@routes.put("/users/<actor_id>/password")
@allow(Verb.OWN_ACCOUNT)
def change_own_password(actor_id: int) -> Response:
    """Changes one's own password; every session ends."""
    body = read(PasswordChange())
    people.change_password(db.session(), identity(), actor_id, body["old"], body["new"], request.remote_addr or "")
    return success()
