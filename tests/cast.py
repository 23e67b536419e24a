"""A small cast: patrol, observer, officer, hq_officer, other sector, partner, auditor, admin. One of them must see nothing.

`cast` makes accounts straight through the service layer; log-in through pages is tested where it belongs.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.models import Actor, AppUser, Post, Project, Sector, Unit, User
from server.queries import accounts
from server.queries.mission import put_setting, server_id
from server.services import authentication
from server.services.identity import Identity
from server.services.journal import now

PASSWORD = "a long test password"
_HASH = authentication.hash_password(PASSWORD)


@dataclass
class Person:
    """Somebody of the cast: actor id, e-mail, and headers that log in (bearer) or a key path for devices."""

    actor_id: int
    email: str
    bearer: dict[str, str]


@dataclass
class Cast:
    """Everybody by role, two sectors, two posts with a device each."""

    people: dict[str, Person]
    sector_ids: tuple[int, int]
    post_ids: tuple[int, int]
    device_tokens: tuple[str, str]
    device_actor_ids: tuple[int, int]
    session: Session

    def __getattr__(self, role: str) -> Person:
        try:
            return self.people[role]
        except KeyError as error:
            raise AttributeError(role) from error

    def key_path(self, device: int = 0, project: int = 1) -> str:
        """Server URL path that a device's QR code holds."""
        return f"/v1/key/{self.device_tokens[device]}/projects/{project}"

    def identity(self, role: str) -> Identity:
        """The identity of that person, as a page's cookie gives it."""
        found = accounts.user_by_actor(self.session, self.people[role].actor_id)
        assert found is not None
        return authentication.user_identity(*found, how="cookie")

    def page_client(self, app: Flask, role: str) -> FlaskClient:
        """A browser logged in as that role: cookie set, CSRF token in every request as header."""
        token, row = authentication.open_session(self.session, self.people[role].actor_id, "page")
        self.session.commit()
        browser = app.test_client()
        browser.set_cookie(authentication.SESSION_COOKIE, token)
        browser.environ_base["HTTP_X_CSRF_TOKEN"] = row.csrf
        return browser


def add_user(session: Session, role: str, name: str, sector_id: int | None) -> Person:
    """A user with that role and a bearer session."""
    actor = Actor(type="user", display_name=name, created_at=now())
    session.add(actor)
    session.flush()
    email = f"{name.lower().replace(' ', '.')}@example.org"
    session.add(User(actor_id=actor.id, email=email, password_hash=_HASH, role=role, sector_id=sector_id))
    token, _ = authentication.open_session(session, actor.id, "api")
    return Person(actor.id, email, {"Authorization": f"Bearer {token}"})


def add_device(session: Session, post_id: int | None, name: str, project_id: int = 1) -> tuple[int, str]:
    """An app user of the post; returns actor id and token."""
    actor = Actor(type="field_key", display_name=name, created_at=now())
    session.add(actor)
    session.flush()
    token = authentication.new_token()
    session.add(AppUser(actor_id=actor.id, project_id=project_id, post_id=post_id, token_sha256=authentication.token_hash(token)))
    return actor.id, token


@pytest.fixture
def cast(session: Session) -> Cast:
    """The cast in the database of the app under test."""
    return make_cast(session)


def make_cast(session: Session) -> Cast:
    """Two sectors, two units and posts, two devices, one account per role and an officer of the other sector. Commits."""
    server_id(session)
    put_setting(session, "mission_name", "Test mission")
    put_setting(session, "setup_done", True)
    if session.get(Project, 1) is None:
        session.add(Project(id=1, name="Test mission", created_at=now()))
    east, west = Sector(code="EAST", name="Sector East"), Sector(code="WEST", name="Sector West")
    session.add_all([east, west])
    session.flush()
    session.add_all(
        [
            Unit(code="BANBATT-3", name="BANBATT-3", sector_id=east.id),
            Unit(code="TS-BOSSANGOA", name="Team site Bossangoa", sector_id=west.id),
        ]
    )
    session.flush()
    posts = [
        Post(code="S9 BANBATT-3", name="S9 BANBATT-3", type="patrol_unit", unit_code="BANBATT-3", sector_id=east.id),
        Post(
            code="MILOBS TS-BOSSANGOA", name="MILOBS TS Bossangoa", type="team_site", unit_code="TS-BOSSANGOA", sector_id=west.id
        ),
    ]
    session.add_all(posts)
    session.flush()
    devices = [add_device(session, post.id, f"Phone of {post.code}") for post in posts]
    people = {
        "admin": add_user(session, "admin", "Admin", None),
        "hq_officer": add_user(session, "hq_officer", "HQ Officer", None),
        "officer": add_user(session, "officer", "Officer East", east.id),
        "other_sector": add_user(session, "officer", "Officer West", west.id),
        "approver": add_user(session, "approver", "Approver", None),
        "observer": add_user(session, "observer", "Observer", east.id),
        "collector": add_user(session, "collector", "Collector", east.id),
        "partner": add_user(session, "partner", "Partner", None),
        "auditor": add_user(session, "auditor", "Auditor", None),
    }
    session.commit()
    return Cast(
        people,
        (east.id, west.id),
        (posts[0].id, posts[1].id),
        (devices[0][1], devices[1][1]),
        (devices[0][0], devices[1][0]),
        session,
    )
