"""Digest log-in: the standard's own example, nonces that run out, what is kept of a password and that it can be switched off."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import re

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from server.models import DigestSecret, DigestUse, User
from server.services import accounts, authentication, digest, tokens
from server.services.accounts import Profile
from server.services.digest import Claim
from server.services.journal import now
from tests.cast import Cast

EMAIL, PASSWORD = "phone@example.org", "long enough a word"
LIST = "/v1/projects/1/formList"
SCRIPT = {"X-OpenRosa-Version": "1.0"}


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def challenge(answer: TestResponse) -> dict[str, str]:
    """The parameters of the Digest challenge; empty when there is none."""
    said = next((each for each in answer.headers.getlist("WWW-Authenticate") if each.startswith("Digest")), "")
    return dict(re.findall(r'(\w+)="?([^",]+)"?', said))


def log_in(app: Flask, asked: dict[str, str] | None = None, password: str = PASSWORD, nc: str = "00000001") -> TestResponse:
    """Asks for the form list with a Digest log-in to the challenge."""
    asked = asked or challenge(app.test_client().get(LIST, headers=SCRIPT))
    ha1, ha2 = md5(EMAIL, asked["realm"], password), md5("GET", LIST)
    response = md5(ha1, asked["nonce"], nc, "abc", "auth", ha2)
    said = (
        f'Digest username="{EMAIL}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{LIST}", qop=auth, nc={nc}, '
        f'cnonce="abc", response="{response}", opaque="{asked["opaque"]}"'
    )
    return app.test_client().get(LIST, headers={**SCRIPT, "Authorization": said})


@pytest.fixture
def user(session: Session, cast: Cast) -> User:
    made, _handed = accounts.create_user(session, None, EMAIL, Profile("Phone", "admin"), PASSWORD)
    return made


@pytest.fixture
def without_digest(app: Flask) -> Flask:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], digest=False)
    return app


def test_the_standards_example_computes() -> None:
    ha1 = md5("Mufasa", "testrealm@host.com", "Circle Of Life")
    claim = Claim("Mufasa", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "/dir/index.html", "00000001", "0a4f113b", "", "")

    assert digest.response_of(ha1, "GET", claim) == "6629fae49393a05397450978507c4ef1"


def test_a_nonce_runs_out_and_the_next_one_passes(app: Flask, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = challenge(app.test_client().get(LIST, headers=SCRIPT))
    assert log_in(app, asked).status_code == 200
    monkeypatch.setattr(digest, "now", lambda: now() + digest.NONCE_LIFE + dt.timedelta(seconds=2))
    late = log_in(app, asked, nc="00000002")

    assert (late.status_code, challenge(late)["stale"]) == (401, "true")
    assert log_in(app, challenge(late)).status_code == 200


def test_used_counts_are_dropped_with_their_nonce(
    app: Flask, session: Session, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(app)
    monkeypatch.setattr(digest, "now", lambda: now() + digest.NONCE_LIFE + dt.timedelta(seconds=2))
    log_in(app)

    assert session.scalar(select(func.count()).select_from(DigestUse)) == 1


def test_what_is_kept_of_a_password_is_sealed(session: Session, user: User) -> None:
    kept = session.get_one(DigestSecret, user.actor_id).sealed
    ha1 = md5(EMAIL, digest.REALM, PASSWORD)

    assert ha1 not in kept
    assert PASSWORD not in kept
    assert tokens.unseal("another key", kept, b"fieldpost digest 1") is None


def test_another_password_makes_what_was_kept_worthless(app: Flask, session: Session, user: User) -> None:
    user.password_hash = authentication.hash_password("a password set in some other way")
    session.commit()

    assert log_in(app).status_code == 401


def test_a_password_given_anew_is_good_for_digest(app: Flask, session: Session, user: User) -> None:
    accounts.reset_password(session, None, user.actor_id, "given by the administrator")

    assert log_in(app).status_code == 401
    assert log_in(app, password="given by the administrator").status_code == 403  # it must be changed first


def test_an_account_from_before_digest_can_use_it_after_a_log_in(app: Flask, session: Session, user: User) -> None:
    session.delete(session.get_one(DigestSecret, user.actor_id))
    session.commit()
    assert log_in(app).status_code == 401
    authentication.log_in(session, EMAIL, PASSWORD, "192.0.2.1", "api")

    assert log_in(app).status_code == 200


def test_a_locked_and_a_deleted_account_are_out(app: Flask, session: Session, user: User) -> None:
    accounts.lock(session, None, user.actor_id)
    locked = log_in(app).status_code
    accounts.lock(session, None, user.actor_id, locked=False)
    open_again = log_in(app).status_code
    accounts.delete_user(session, None, user.actor_id)

    assert (locked, open_again, log_in(app).status_code) == (401, 200, 401)
    assert session.get(DigestSecret, user.actor_id) is None


def test_guessing_is_slowed(app: Flask, user: User) -> None:
    codes = [log_in(app, password="wrong").status_code for _ in range(9)]

    assert codes == [401] * 8 + [429]
    assert log_in(app).status_code == 429


def test_switched_off_it_is_neither_offered_nor_taken(app: Flask, user: User) -> None:
    asked = challenge(app.test_client().get(LIST, headers=SCRIPT))
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], digest=False)

    assert log_in(app, asked).status_code == 401
    assert challenge(app.test_client().get(LIST, headers=SCRIPT)) == {}


def test_switched_off_nothing_is_kept(without_digest: Flask, session: Session, cast: Cast) -> None:
    made, _handed = accounts.create_user(session, None, EMAIL, Profile("Phone", "admin"), PASSWORD)

    assert session.get(DigestSecret, made.actor_id) is None


def test_switched_off_later_what_was_kept_goes_at_the_next_log_in(app: Flask, session: Session, user: User) -> None:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], digest=False)
    authentication.log_in(session, EMAIL, PASSWORD, "192.0.2.1", "api")

    assert session.get(DigestSecret, user.actor_id) is None
