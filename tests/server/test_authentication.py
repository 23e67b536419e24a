"""Log-in, sessions and what hostile clients try: guessing, tampering, fixation, forged forms, passwords in clear."""

from __future__ import annotations

import base64
import datetime as dt
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from server.models import AppUser, LoginAttempt, LoginSession
from server.problems import Problem
from server.services import attempts, authentication, devices_seen
from server.services.accounts import Profile, create_user
from server.services.journal import now
from tests.cast import PASSWORD, Cast

HTTPS = "https://fieldpost.example"
SCRIPT = {"X-OpenRosa-Version": "1.0"}


def log_in(browser: FlaskClient, email: str, password: str = PASSWORD, base: str = "http://localhost") -> TestResponse:
    """Opens the log-in page and sends the form as a browser does."""
    page = browser.get("/login", base_url=base)
    token = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)
    assert token is not None
    form = {"email": email, "password": password, "csrf_token": token.group(1)}
    return browser.post("/login", data=form, base_url=base)


def cookie_line(answer: TestResponse, name: str) -> str:
    return next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith(f"{name}="))


def refused(session: Session, email: str, password: str, address: str = "192.0.2.1") -> str:
    with pytest.raises(Problem) as problem:
        authentication.log_in(session, email, password, address, "page")
    return problem.value.kind.name


def test_log_in_opens_a_page_session(app: Flask, cast: Cast) -> None:
    browser = app.test_client()

    answer = log_in(browser, cast.officer.email.upper())

    assert answer.status_code == 303
    assert browser.get("/account").status_code == 200


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(app: Flask, cast: Cast) -> None:
    line = cookie_line(log_in(app.test_client(), cast.officer.email), authentication.SESSION_COOKIE)

    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert "Secure" not in line


def test_session_cookie_stays_on_https_where_it_was_given(app: Flask, cast: Cast) -> None:
    line = cookie_line(log_in(app.test_client(), cast.officer.email, base=HTTPS), authentication.SESSION_COOKIE)

    assert "Secure" in line


def test_every_log_in_gives_a_new_session(app: Flask, cast: Cast) -> None:
    browser = app.test_client()
    browser.set_cookie(authentication.SESSION_COOKIE, "f" * 64)

    first = cookie_line(log_in(browser, cast.officer.email), authentication.SESSION_COOKIE)
    second = cookie_line(log_in(app.test_client(), cast.officer.email), authentication.SESSION_COOKIE)

    assert "f" * 64 not in first
    assert first.split(";")[0] != second.split(";")[0]


def test_a_cookie_that_the_server_did_not_give_is_nothing(app: Flask, cast: Cast) -> None:
    for forged in ("", "x", "f" * 64, "é" * 64, "../../etc/passwd", "a" * 4000):
        browser = app.test_client()
        browser.set_cookie(authentication.SESSION_COOKIE, forged)

        assert browser.get("/account").status_code == 303


def test_one_changed_letter_of_the_cookie_is_nobody(app: Flask, session: Session, cast: Cast) -> None:
    token, _row = authentication.open_session(session, cast.officer.actor_id, "page")
    session.commit()
    browser = app.test_client()
    browser.set_cookie(authentication.SESSION_COOKIE, ("0" if token[0] != "0" else "1") + token[1:])

    assert browser.get("/account").status_code == 303


def test_bearer_token_is_no_cookie_and_a_cookie_no_bearer_token(app: Flask, session: Session, cast: Cast) -> None:
    page, _row = authentication.open_session(session, cast.officer.actor_id, "page")
    session.commit()
    browser = app.test_client()
    browser.set_cookie(authentication.SESSION_COOKIE, cast.officer.bearer["Authorization"].removeprefix("Bearer "))

    assert browser.get("/account").status_code == 303
    assert app.test_client().get("/partner/registers.json", headers={"Authorization": f"Bearer {page}"}).status_code == 401


def test_session_ends_with_its_time(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")
    session.execute(update(LoginSession).values(expires_at=now() - dt.timedelta(seconds=1)))
    session.commit()

    assert browser.get("/account").status_code == 303


def test_ended_sessions_are_reaped_at_the_next_log_in(session: Session, cast: Cast) -> None:
    session.execute(update(LoginSession).values(expires_at=now() - dt.timedelta(days=1)))

    authentication.log_in(session, cast.officer.email, PASSWORD, "192.0.2.1", "page")

    assert session.scalar(select(func.count()).select_from(LoginSession)) == 1


def test_log_out_ends_the_session_on_the_server(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")
    cookie = browser.get_cookie(authentication.SESSION_COOKIE)
    assert cookie is not None

    browser.post("/logout")

    again = app.test_client()
    again.set_cookie(authentication.SESSION_COOKIE, cookie.value)
    assert again.get("/account").status_code == 303


@pytest.mark.parametrize("sent", ["", "x", "0" * 64, "😀", "é" * 64])
def test_changing_page_without_the_right_token_is_refused(app: Flask, cast: Cast, sent: str) -> None:
    browser = cast.page_client(app, "officer")
    del browser.environ_base["HTTP_X_CSRF_TOKEN"]

    answer = browser.post("/account/password", data={"csrf_token": sent, "present": PASSWORD, "new": "three other words"})

    assert answer.status_code == 400


def test_token_of_another_session_is_refused(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")
    _token, other = authentication.open_session(session, cast.officer.actor_id, "page")
    session.commit()
    browser.environ_base["HTTP_X_CSRF_TOKEN"] = other.csrf

    assert browser.post("/account/password", data={}).status_code == 400


def test_log_in_form_of_another_site_is_refused(app: Flask, cast: Cast) -> None:
    answer = app.test_client().post("/login", data={"email": cast.officer.email, "password": PASSWORD})

    assert answer.status_code == 400
    assert authentication.SESSION_COOKIE + "=" not in str(answer.headers.getlist("Set-Cookie"))


def test_log_in_token_of_another_browser_is_refused(app: Flask, cast: Cast) -> None:
    theirs = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', app.test_client().get("/login").text)
    browser = app.test_client()
    browser.get("/login")
    assert theirs is not None

    form = {"email": cast.officer.email, "password": PASSWORD, "csrf_token": theirs.group(1)}

    assert browser.post("/login", data=form).status_code == 400


def test_guessing_is_stopped_after_eight_failures(session: Session, cast: Cast) -> None:
    failures = [refused(session, cast.officer.email, f"wrong {number}") for number in range(attempts.MAX_PAIR)]

    assert set(failures) == {"not_authenticated"}
    assert refused(session, cast.officer.email, PASSWORD) == "too_many_attempts"


def test_guessing_from_one_place_does_not_lock_the_officer_out_elsewhere(session: Session, cast: Cast) -> None:
    for number in range(attempts.MAX_PAIR):
        refused(session, cast.officer.email, f"wrong {number}")

    authentication.log_in(session, cast.officer.email, PASSWORD, "198.51.100.7", "page")


def test_guessing_one_account_from_many_places_is_stopped(session: Session, cast: Cast) -> None:
    for number in range(attempts.MAX_BY_EMAIL):
        refused(session, cast.officer.email, "wrong", f"198.51.100.{number}")

    assert refused(session, cast.officer.email, PASSWORD, "203.0.113.9") == "too_many_attempts"


def test_trying_one_password_on_many_accounts_is_stopped(session: Session, cast: Cast) -> None:
    for number in range(attempts.MAX_BY_ADDRESS):
        refused(session, f"user{number}@example.org", "Password123")

    assert refused(session, cast.officer.email, PASSWORD) == "too_many_attempts"


def test_waiting_time_passes(session: Session, cast: Cast) -> None:
    for number in range(attempts.MAX_PAIR):
        refused(session, cast.officer.email, f"wrong {number}")
    session.execute(update(LoginAttempt).values(at=now() - attempts.WINDOW))

    authentication.log_in(session, cast.officer.email, PASSWORD, "192.0.2.1", "page")


def test_case_and_blanks_of_the_email_do_not_reset_the_count(session: Session, cast: Cast) -> None:
    for number in range(attempts.MAX_PAIR):
        email = cast.officer.email
        refused(session, [email, email.upper(), f"  {email} "][number % 3], "wrong")

    assert refused(session, cast.officer.email, PASSWORD) == "too_many_attempts"


def test_guessing_over_basic_counts_as_well(app: Flask, cast: Cast) -> None:
    client = app.test_client()
    bad = "Basic " + base64.b64encode(f"{cast.officer.email}:wrong".encode()).decode()

    codes = [
        client.get("/partner/registers.json", headers={"Authorization": bad}, base_url=HTTPS).status_code
        for _ in range(attempts.MAX_PAIR + 1)
    ]

    assert codes == [401] * attempts.MAX_PAIR + [429]


def test_unknown_and_known_addresses_answer_alike(app: Flask, cast: Cast) -> None:
    known = log_in(app.test_client(), cast.officer.email, "wrong password")
    unknown = log_in(app.test_client(), "nobody@example.org", "wrong password")

    assert known.status_code == unknown.status_code == 401
    assert known.text.replace(cast.officer.email, "") .count("<") == unknown.text.replace("nobody@example.org", "").count("<")


@pytest.mark.parametrize("password", ["", "\x00", "p" * 10_000, "\udfff"])
def test_hostile_log_in_is_a_failed_log_in(session: Session, cast: Cast, password: str) -> None:
    emails = ["", "\x00", "x" * 100_000, "\ud800", "' OR 1=1 --", "a@b\r\nSet-Cookie: x=1", "%", "\u202e@example.org"]

    found = {email: refused(session, email, password) for email in emails}

    assert set(found.values()) == {"not_authenticated"}, found


def test_hostile_log_in_over_http_is_answered_by_the_form(app: Flask, cast: Cast) -> None:
    answer = log_in(app.test_client(), "<script>alert(1)</script>\r\nX-Evil: 1", "p" * 10_000)

    assert answer.status_code == 401
    assert "<script>alert(1)" not in answer.text
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    "next_", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\n/evil.example"]
)
def test_log_in_leads_to_pages_of_this_server_only(app: Flask, cast: Cast, next_: str) -> None:
    browser = app.test_client()
    token = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', browser.get("/login").text)
    assert token is not None

    form = {"email": cast.officer.email, "password": PASSWORD, "csrf_token": token.group(1), "next": next_}
    answer = browser.post("/login", data=form)

    assert answer.status_code == 303
    assert "evil" not in answer.headers["Location"]
    assert answer.headers["Location"].startswith("/")


def test_basic_is_refused_on_plain_http_even_when_right(app: Flask, cast: Cast) -> None:
    right = "Basic " + base64.b64encode(f"{cast.partner.email}:{PASSWORD}".encode()).decode()

    over_http = app.test_client().get("/partner/registers.json", headers={"Authorization": right})
    over_https = app.test_client().get("/partner/registers.json", headers={"Authorization": right}, base_url=HTTPS)

    assert (over_http.status_code, over_https.status_code) == (401, 200)
    assert "Basic" not in over_http.headers.get("WWW-Authenticate", "")


def test_password_with_colons_works_over_basic(app: Flask, session: Session, cast: Cast) -> None:
    create_user(session, None, "colon@example.org", Profile("C", "partner"), "one:two:three four")
    right = "Basic " + base64.b64encode(b"colon@example.org:one:two:three four").decode()

    assert app.test_client().get("/partner/registers.json", headers={"Authorization": right}, base_url=HTTPS).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !!!!", "Basic //79", "Basic " + "A" * 100_000, "Bearer", "Bearer ", "Bearer \xff", "Digest x", "x", " "],
)
def test_broken_authorization_is_401(app: Flask, cast: Cast, header: str) -> None:
    answer = app.test_client().get("/partner/registers.json", headers={"Authorization": header}, base_url=HTTPS)

    assert answer.status_code == 401


def test_unknown_key_is_403_and_a_malformed_one_401(app: Flask, cast: Cast) -> None:
    client = app.test_client()

    unknown = client.get(f"/v1/key/{'a' * 64}/projects/1/formList", headers=SCRIPT)
    malformed = client.get("/v1/key/short/projects/1/formList", headers=SCRIPT)

    assert (unknown.status_code, malformed.status_code) == (403, 401)


def test_token_of_a_person_is_no_key(app: Flask, cast: Cast) -> None:
    token = cast.admin.bearer["Authorization"].removeprefix("Bearer ")

    answer = app.test_client().get(f"/v1/key/{token}/projects/1/formList", headers=SCRIPT)

    assert answer.status_code == 403


def test_key_opens_no_page(app: Flask, cast: Cast) -> None:
    answer = app.test_client().get(f"/?st={cast.device_tokens[0]}")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")


def test_device_that_calls_is_seen_but_not_written_every_time(app: Flask, session: Session, cast: Cast) -> None:
    client = app.test_client()

    client.get(cast.key_path() + "/formList", headers=SCRIPT)
    first = session.get_one(AppUser, cast.device_actor_ids[0]).last_seen_at
    client.get(cast.key_path() + "/formList", headers=SCRIPT)
    session.expire_all()

    assert first is not None
    assert session.get_one(AppUser, cast.device_actor_ids[0]).last_seen_at == first


def test_device_that_calls_later_is_seen_again(app: Flask, session: Session, cast: Cast) -> None:
    long_ago = now() - 2 * devices_seen.EVERY
    session.execute(update(AppUser).values(last_seen_at=long_ago))
    session.commit()

    app.test_client().get(cast.key_path() + "/formList", headers=SCRIPT)

    session.expire_all()
    seen = session.get_one(AppUser, cast.device_actor_ids[0]).last_seen_at
    assert seen is not None
    assert seen > long_ago
