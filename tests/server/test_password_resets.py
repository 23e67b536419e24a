"""A forgotten password: the wish, the administrator's link of one use, and the new password."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server import logs
from server.models import Audit, PasswordReset, User
from server.services.journal import now
from tests.cast import PASSWORD, Cast

ASK, VERIFY, NEW = "/v1/users/reset/initiate", "/v1/users/reset/verify", "three unrelated words"


def link(app: Flask, cast: Cast) -> str:
    """The address that the administrator's page shows for the officer, without the server."""
    page = cast.page_client(app, "admin").post(f"/people/{cast.officer.actor_id}/password-link")
    assert page.headers["Cache-Control"] == "no-store, private"
    found = re.search(r"http://[^/]+(/new-password/[^<\s]+)", page.text)
    assert found
    return found.group(1)


def token(app: Flask, cast: Cast) -> str:
    """The one-time token of such a link."""
    return link(app, cast).rpartition("/")[2]


def verify(client: FlaskClient, bearer: str, new: str = NEW) -> int:
    """The status of setting a password with a one-time token."""
    return client.post(VERIFY, json={"new": new}, headers={"Authorization": f"Bearer {bearer}"}).status_code


def log_in(client: FlaskClient, cast: Cast, password: str) -> int:
    """The status of the officer's log-in."""
    return client.post("/v1/sessions", json={"email": cast.officer.email, "password": password}).status_code


def test_a_wish_shows_on_the_peoples_page(app: Flask, client: FlaskClient, cast: Cast) -> None:
    before = cast.page_client(app, "admin").get("/people").text
    client.post(ASK, json={"email": cast.officer.email})
    after = cast.page_client(app, "admin").get("/people").text

    assert ("waits for a new password" in before, "waits for a new password" in after) == (False, True)


def test_a_wish_voids_no_link_that_was_handed_over(app: Flask, client: FlaskClient, cast: Cast) -> None:
    handed = token(app, cast)
    client.post(ASK, json={"email": cast.officer.email})

    assert verify(client, handed) == 200


@pytest.mark.parametrize("known", [True, False])
def test_the_ninth_wish_is_told_to_wait(client: FlaskClient, cast: Cast, known: bool) -> None:
    email = cast.officer.email if known else "nobody@example.org"
    statuses = [client.post(ASK, json={"email": email}).status_code for _ in range(9)]

    assert statuses == [200] * 8 + [429]


def test_wishes_do_not_shut_the_person_out(client: FlaskClient, cast: Cast) -> None:
    for _ in range(8):
        client.post(ASK, json={"email": cast.officer.email})

    assert log_in(client, cast, PASSWORD) == 200


def test_the_token_sets_the_password_and_ends_the_sessions(app: Flask, client: FlaskClient, cast: Cast) -> None:
    done = verify(client, token(app, cast))
    session_left = client.get("/v1/users/current", headers=cast.officer.bearer).status_code

    assert (done, session_left, log_in(client, cast, PASSWORD), log_in(client, cast, NEW)) == (200, 401, 401, 200)


def test_the_token_is_good_once(app: Flask, client: FlaskClient, cast: Cast) -> None:
    handed = token(app, cast)

    assert (verify(client, handed), verify(client, handed, "another long secret")) == (200, 401)


def test_the_token_ends_after_a_day(app: Flask, client: FlaskClient, session: Session, cast: Cast) -> None:
    handed = token(app, cast)
    row = session.scalars(select(PasswordReset)).one()
    life = row.expires_at - row.created_at
    row.expires_at = now() - dt.timedelta(seconds=1)
    session.commit()

    assert (life, verify(client, handed)) == (dt.timedelta(hours=24), 401)


def test_a_poor_password_leaves_the_token_good(app: Flask, client: FlaskClient, cast: Cast) -> None:
    handed = token(app, cast)

    assert (verify(client, handed, "short") // 100, verify(client, handed)) == (4, 200)


def test_a_newer_link_voids_the_older(app: Flask, client: FlaskClient, cast: Cast) -> None:
    older, newer = token(app, cast), token(app, cast)

    assert (verify(client, older), verify(client, newer)) == (401, 200)


def test_a_one_time_password_voids_the_link(app: Flask, client: FlaskClient, cast: Cast) -> None:
    handed = token(app, cast)
    cast.page_client(app, "admin").post(f"/people/{cast.officer.actor_id}/password")

    assert verify(client, handed) == 401


def test_a_link_of_somebody_locked_out_opens_nothing(app: Flask, client: FlaskClient, session: Session, cast: Cast) -> None:
    handed = token(app, cast)
    user = session.get(User, cast.officer.actor_id)
    assert user is not None
    user.locked_at = now()
    session.commit()

    again = cast.page_client(app, "admin").post(f"/people/{cast.officer.actor_id}/password-link")
    assert (verify(client, handed), again.status_code) == (401, 409)


@pytest.mark.parametrize("bearer", ["", "x", "!" * 64])
def test_a_made_up_token_sets_nothing(client: FlaskClient, cast: Cast, bearer: str) -> None:
    assert (verify(client, bearer), log_in(client, cast, PASSWORD)) == (401, 200)


def test_the_ninth_made_up_token_is_told_to_wait(client: FlaskClient, cast: Cast) -> None:
    assert [verify(client, "made up") for _ in range(9)] == [401] * 8 + [429]


def test_who_asked_linked_and_set_is_in_the_audit_log(app: Flask, client: FlaskClient, session: Session, cast: Cast) -> None:
    client.post(ASK, json={"email": cast.officer.email})
    verify(client, token(app, cast))

    rows = session.scalars(select(Audit).where(Audit.action.startswith("user.password.")).order_by(Audit.id)).all()
    assert [(row.action, row.actor_id) for row in rows] == [
        ("user.password.ask", None), ("user.password.link", cast.admin.actor_id),
        ("user.password.redeem", cast.officer.actor_id),
    ]


def test_neither_database_nor_logs_hold_the_token(app: Flask, session: Session, cast: Cast) -> None:
    address = link(app, cast)
    row = session.scalars(select(PasswordReset)).one()

    handed = address.rpartition("/")[2]
    assert handed not in row.token_sha256 + row.token_sealed
    assert handed not in logs.mask(f"GET {address}")


def form_token(client: FlaskClient, address: str) -> str:
    """The token against foreign forms of the page behind a link."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', client.get(address).text)
    assert found
    return found.group(1)


def test_the_page_of_the_link_sets_the_password(app: Flask, client: FlaskClient, cast: Cast) -> None:
    address = link(app, cast)
    data = {"new": NEW, "again": NEW, "csrf_token": form_token(client, address)}
    done = client.post(address, data=data)

    assert (done.status_code, done.headers["Location"], log_in(client, cast, NEW)) == (303, "/login", 200)
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(("new", "again"), [("short", "short"), (NEW, NEW + "x")])
def test_the_page_refuses_a_poor_or_mistyped_password(
    app: Flask, client: FlaskClient, cast: Cast, new: str, again: str
) -> None:
    address = link(app, cast)
    answer = client.post(address, data={"new": new, "again": again, "csrf_token": form_token(client, address)})

    assert (answer.status_code, log_in(client, cast, PASSWORD)) == (422, 200)


def test_a_foreign_form_sets_nothing(app: Flask, client: FlaskClient, cast: Cast) -> None:
    answer = client.post(link(app, cast), data={"new": NEW, "again": NEW})

    assert (answer.status_code, log_in(client, cast, PASSWORD)) == (400, 200)


def test_the_page_speaks_french(app: Flask, client: FlaskClient, cast: Cast) -> None:
    client.set_cookie("lang", "fr")

    assert "Choisir un nouveau mot de passe" in client.get(link(app, cast)).text
