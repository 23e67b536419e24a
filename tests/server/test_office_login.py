"""Logging in and out on the officers' pages, own password, language, and what strangers get."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Audit, User
from server.services import authentication
from tests.cast import PASSWORD, Cast


def form_token(client: FlaskClient) -> str:
    """The token of a fresh log-in form."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', client.get("/login").text)
    assert found
    return found.group(1)


def log_in(client: FlaskClient, email: str, password: str = PASSWORD, **more: str) -> object:
    """Sends the log-in form as a browser does."""
    return client.post("/login", data={"email": email, "password": password, "csrf_token": form_token(client), **more})


def test_an_officer_logs_in_and_comes_to_the_first_page(client: FlaskClient, cast: Cast) -> None:
    answer = log_in(client, cast.officer.email)

    assert answer.status_code == 303
    assert client.get("/account").status_code == 200


def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(client: FlaskClient, cast: Cast) -> None:
    answer = log_in(client, cast.officer.email)

    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("fieldpost="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_wrong_password_says_so_and_opens_nothing(client: FlaskClient, cast: Cast) -> None:
    answer = log_in(client, cast.officer.email, "not the password")

    assert answer.status_code == 401
    assert "password is wrong" in answer.text
    assert client.get("/account").status_code == 303


def test_the_ninth_guess_is_told_to_wait(client: FlaskClient, cast: Cast) -> None:
    for _ in range(8):
        log_in(client, cast.officer.email, "not the password")

    answer = log_in(client, cast.officer.email)

    assert answer.status_code == 429


def test_a_log_in_form_of_another_site_is_refused(client: FlaskClient, cast: Cast) -> None:
    client.get("/login")

    answer = client.post("/login", data={"email": cast.officer.email, "password": PASSWORD, "csrf_token": "0" * 32})

    assert answer.status_code == 400
    assert not [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("fieldpost=")]


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil", "javascript:alert(1)"],
)
def test_log_in_leads_nowhere_outside(client: FlaskClient, cast: Cast, elsewhere: str) -> None:
    answer = log_in(client, cast.officer.email, next=elsewhere)

    assert "evil" not in answer.headers["Location"]
    assert answer.headers["Location"].startswith("/")


def test_a_stranger_is_sent_to_the_log_in_and_then_back(client: FlaskClient, cast: Cast) -> None:
    sent = client.get("/account?tab=2").headers["Location"]

    answer = log_in(client, cast.officer.email, next="/account?tab=2")

    assert sent == "/login?next=%2Faccount%3Ftab%3D2"
    assert answer.headers["Location"] == "/account?tab=2"


def test_htmx_of_an_ended_session_sends_the_browser_to_the_log_in(client: FlaskClient, cast: Cast) -> None:
    answer = client.get("/account", headers={"HX-Request": "true"})

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"


def test_log_out_ends_the_session_on_the_server(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")

    browser.post("/logout")

    assert browser.get("/account").status_code == 303


def test_log_out_without_the_token_is_refused(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")
    del browser.environ_base["HTTP_X_CSRF_TOKEN"]

    answer = browser.post("/logout")

    assert answer.status_code == 400
    assert browser.get("/account").status_code == 200


def test_a_new_password_counts_and_the_old_one_no_longer(app: Flask, client: FlaskClient, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")

    browser.post("/account/password", data={"present": PASSWORD, "new": "correct horse staple", "again": "correct horse staple"})

    assert log_in(client, cast.officer.email).status_code == 401
    assert log_in(client, cast.officer.email, "correct horse staple").status_code == 303


@pytest.mark.parametrize(
    ("present", "new", "again", "says"),
    [
        ("wrong", "correct horse staple", "correct horse staple", "not your present password"),
        (PASSWORD, "short", "short", "at least 10"),
        (PASSWORD, "correct horse staple", "correct horse stable", "differ"),
        (PASSWORD, PASSWORD, PASSWORD, "another password"),
    ],
)
def test_a_bad_new_password_is_explained(app: Flask, cast: Cast, present: str, new: str, again: str, says: str) -> None:
    answer = cast.page_client(app, "officer").post("/account/password", data={"present": present, "new": new, "again": again})

    assert answer.status_code == 422
    assert says in answer.text


def test_guessing_the_present_password_in_a_borrowed_browser_is_told_to_wait(app: Flask, cast: Cast) -> None:
    browser, new = cast.page_client(app, "officer"), {"new": "correct horse staple", "again": "correct horse staple"}
    for number in range(8):
        browser.post("/account/password", data={"present": f"guess {number}", **new})

    answer = browser.post("/account/password", data={"present": PASSWORD, **new})

    assert answer.status_code == 429


def test_a_change_of_password_is_written_down(app: Flask, session: Session, cast: Cast) -> None:
    new = "correct horse staple"

    cast.page_client(app, "officer").post("/account/password", data={"present": PASSWORD, "new": new, "again": new})

    written = session.scalars(select(Audit.action).where(Audit.actor_id == cast.officer.actor_id)).all()
    assert "user.password.update" in written


def test_a_one_time_password_must_be_changed_first(app: Flask, session: Session, cast: Cast) -> None:
    user = session.get(User, cast.officer.actor_id)
    assert user is not None
    user.must_change_password = True
    session.commit()

    answer = cast.page_client(app, "officer").get("/")

    assert answer.headers["Location"] == "/account"


def test_the_language_switch_speaks_at_once_and_is_remembered(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")

    browser.post("/language", data={"lang": "fr", "next": "/account"})

    assert '<html lang="fr">' in browser.get("/account").text
    user = session.get(User, cast.officer.actor_id)
    assert user is not None
    assert user.language == "fr"


def test_every_page_carries_the_security_headers(client: FlaskClient, cast: Cast) -> None:
    answer = client.get("/login")

    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_pages_hold_no_inline_script_or_style_that_the_policy_would_block(app: Flask, cast: Cast) -> None:
    page = cast.page_client(app, "officer").get("/account").text

    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert " style=" not in page
    assert not re.search(r"\son[a-z]+=", page)


def test_static_files_are_kept_by_browsers_when_asked_for_by_content(client: FlaskClient, cast: Cast) -> None:
    address = re.search(r'href="(/static/css/fieldpost\.css\?v=[0-9a-f]+)"', client.get("/login").text)
    assert address

    answer = client.get(address.group(1))

    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    answer.close()


@pytest.mark.parametrize("name", ["../__init__.py", "..%2f__init__.py", "%2fetc/passwd", "css/../../login.py"])
def test_static_files_end_at_their_directory(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/static/{name}", follow_redirects=True)

    assert "blueprint" not in answer.text
    assert answer.status_code in {200, 404}


def test_a_log_in_of_ten_thousand_characters_is_only_wrong(client: FlaskClient, cast: Cast) -> None:
    assert log_in(client, cast.officer.email + "x" * 10_000, "p" * 10_000).status_code == 401


def test_an_unknown_page_is_a_page(app: Flask, cast: Cast) -> None:
    answer = cast.page_client(app, "officer").get("/no-such-page")

    assert answer.status_code == 404
    assert "Page not found" in answer.text


def test_the_page_session_is_none_for_the_api(client: FlaskClient, app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")
    cookie = browser.get_cookie(authentication.SESSION_COOKIE)

    answer = client.get("/v1/users/current", headers={"Authorization": f"Bearer {cookie.value if cookie else ''}"})

    assert answer.status_code == 401
