"""The express way of downloads: for a phone with a good key it says what the door's views say; all else is left to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from server import create_app
from server.extensions import db
from server.models import Actor, AppUser, Form, Post, Project
from server.openrosa import express
from server.openrosa.handout import Document, Kept
from server.services.journal import now
from tests.cast import Cast, make_cast
from tests.devices import HEADERS, add_form
from tests.processes import RunningServer, ServerMaker

KEPT_APART = {"Date"}


class Doors:
    """One database behind two applications: with the express way and without."""

    def __init__(self, server: RunningServer, cast: Cast) -> None:
        self.server, self.cast = server, cast
        self.with_it, self.without = create_app(server.settings), create_app(server.settings)
        express.install(self.with_it)

    def both(self, path: str, headers: dict[str, str] | None = None) -> tuple[TestResponse, TestResponse]:
        """The two answers to one request of the first device."""
        asked = {"path": f"{self.cast.key_path(0)}{path}", "headers": HEADERS | (headers or {})}
        return self.with_it.test_client().get(**asked), self.without.test_client().get(**asked)  # type: ignore[arg-type]

    def is_express(self, path: str, headers: dict[str, str] | None = None) -> bool:
        """Whether Flask never saw the request."""
        seen: list[str] = []

        def note() -> None:
            seen.append(path)

        self.with_it.before_request_funcs.setdefault(None, []).insert(0, note)
        self.with_it.test_client().get(f"{self.cast.key_path(0)}{path}", headers=HEADERS | (headers or {}))
        self.with_it.before_request_funcs[None].remove(note)
        return not seen


@pytest.fixture
def doors(make_server: ServerMaker) -> Iterator[Doors]:
    """Two forms, one of them with a file and an odd name; the first device has both, and both devices called a moment ago."""
    server = make_server()
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
        add_form(session, "été & hiver", files=("list.csv",), title="Été")
        add_form(session, "not ours", post_types=("cimic_cell",))
        for device in session.scalars(select(AppUser)):
            device.last_seen_at = now()
        session.commit()
    made = Doors(server, cast)
    for form in ("patrol", "%C3%A9t%C3%A9%20%26%20hiver"):
        # The first download of a version is noted, by the view.
        assert not made.is_express(f"/forms/{form}.xml")
    yield made
    for app in (made.with_it, made.without):
        with app.app_context():
            db.engine.dispose()


def told(answer: TestResponse) -> tuple[int, dict[str, str], bytes]:
    """What the phone sees of an answer. The ETag of a list is made from its bytes, so equal bytes have equal ones."""
    return answer.status_code, {name: value for name, value in answer.headers if name not in KEPT_APART}, answer.data


@pytest.mark.parametrize("headers", [
    {}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "gzip;q=0"}, {"Accept-Language": "fr-CM,fr;q=0.9"},
    {"If-None-Match": '"x"'}, {"If-None-Match": "*"}, {"Host": "[::1]:8080"}, {"X-Forwarded-Host": "elsewhere.example"},
])  # fmt: skip
@pytest.mark.parametrize("path", ["/formList", "/forms/patrol.xml", "/forms/%C3%A9t%C3%A9%20%26%20hiver.xml"])
def test_an_ordinary_download_is_answered_as_by_the_view(doors: Doors, path: str, headers: dict[str, str]) -> None:
    express_answer, view_answer = doors.both(path, headers)

    assert doors.is_express(path, headers)
    assert told(express_answer) == told(view_answer)


@pytest.mark.parametrize("path", ["/formList", "/forms/patrol.xml"])
def test_what_the_phone_has_is_not_sent_again(doors: Doors, path: str) -> None:
    etag = doors.both(path)[0].headers["ETag"]

    express_answer, view_answer = doors.both(path, {"If-None-Match": etag})

    assert express_answer.status_code == 304
    assert told(express_answer) == told(view_answer)


@pytest.mark.parametrize(("path", "headers"), [
    ("/formList", {"X-OpenRosa-Version": "2.0"}), ("/formList?formID=patrol", {}), ("/forms/patrol.xml?version=1", {}),
    ("/forms/patrol.xml", {"Range": "bytes=0-9"}), ("/forms/none such.xml", {}), ("/forms/not ours.xml", {}),
    ("/forms/%FF.xml", {}), ("/forms/patrol/manifest", {}),
])  # fmt: skip
def test_anything_else_is_left_to_the_view(doors: Doors, path: str, headers: dict[str, str]) -> None:
    express_answer, view_answer = doors.both(path, headers)

    assert not doors.is_express(path, headers)
    assert told(express_answer) == told(view_answer)


def revoke(session: Session) -> None:
    for device in session.scalars(select(AppUser)):
        device.revoked_at = now()


def delete_actors(session: Session) -> None:
    for device in session.scalars(select(AppUser)):
        session.get_one(Actor, device.actor_id).deleted_at = now()


def delete_project(session: Session) -> None:
    session.get_one(Project, 1).deleted_at = now()


def close_posts(session: Session) -> None:
    for post in session.scalars(select(Post)):
        post.closed_at = now()


def delete_forms(session: Session) -> None:
    for form in session.scalars(select(Form)):
        form.deleted_at = now()


def close_forms(session: Session) -> None:
    for form in session.scalars(select(Form)):
        form.state = "closing"


@pytest.mark.parametrize("change", [revoke, delete_actors, delete_project, close_posts, delete_forms, close_forms])
def test_a_right_that_ended_a_moment_ago_ends_here_too(doors: Doors, change: Callable[[Session], None]) -> None:
    for path in ("/formList", "/forms/patrol.xml"):
        doors.both(path)
    with doors.server.session() as session:
        change(session)
        session.commit()

    for path in ("/formList", "/forms/patrol.xml"):
        express_answer, view_answer = doors.both(path)
        assert told(express_answer) == told(view_answer)


def test_a_new_version_is_handed_out_at_once(doors: Doors) -> None:
    doors.both("/forms/patrol.xml")
    with doors.server.session() as session:
        add_form(session, version="2")
        session.commit()

    express_answer, view_answer = doors.both("/forms/patrol.xml")

    assert b'version="2"' in express_answer.data
    assert told(express_answer) == told(view_answer)
    assert told(doors.both("/formList")[0]) == told(doors.both("/formList")[1])


def test_a_device_that_did_not_call_for_long_is_noted(doors: Doors) -> None:
    with doors.server.session() as session:
        device = session.get_one(AppUser, doors.cast.device_actor_ids[0])
        device.last_seen_at = now() - dt.timedelta(hours=1)
        session.commit()

    doors.both("/formList")

    with doors.server.session() as session:
        seen: Any = session.get_one(AppUser, doors.cast.device_actor_ids[0]).last_seen_at
    assert now() - seen < dt.timedelta(minutes=1)


def test_a_download_costs_one_question_to_the_database(doors: Doors) -> None:
    client: FlaskClient = doors.with_it.test_client()
    app: Flask = doors.with_it
    client.get(f"{doors.cast.key_path(0)}/forms/patrol.xml", headers=HEADERS)
    handout = app.wsgi_app._handout  # type: ignore[attr-defined]
    asked: list[str] = []
    rows = handout._statements._rows
    handout._statements._rows = lambda statement, values: (asked.append(statement.sql), rows(statement, values))[1]

    client.get(f"{doors.cast.key_path(0)}/forms/patrol.xml", headers=HEADERS)

    assert len(asked) == 1


def test_a_form_that_the_phone_has_is_not_read_again(doors: Doors) -> None:
    etag = doors.both("/forms/patrol.xml")[1].headers["ETag"]
    handout = doors.with_it.wsgi_app._handout  # type: ignore[attr-defined]
    handout._kept = Kept()
    handout._statements.xml = None

    assert doors.both("/forms/patrol.xml", {"If-None-Match": etag})[0].status_code == 304
    assert doors.is_express("/forms/patrol.xml", {"If-None-Match": etag})


def test_what_is_kept_stays_under_its_bound() -> None:
    kept = Kept()
    for number in range(20):
        kept.get(number, lambda: Document(b"x" * 900_000, b"", "e", "w", "text/xml"))
    kept.get("huge", lambda: Document(b"x" * 3_000_000, b"", "e", "w", "text/xml"))

    assert list(kept._documents) == list(range(12, 20))
