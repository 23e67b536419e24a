from __future__ import annotations

from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session

from server import create_app
from server.models import Fact
from server.services.journal import record_event
from tests.cast import Cast
from tests.databases import make_settings


def test_an_event_is_a_fact_in_the_queue(session: Session, cast: Cast) -> None:
    fact = record_event(
        session, type="COMMENT", subject="x", payload={"a": 1}, server_id="s", actor_id=cast.admin.actor_id, actor_name="Admin"
    )
    session.commit()

    found = session.get(Fact, fact.id)
    assert found is not None
    assert found.kind == "event"


def test_a_test_leaves_nothing_behind(session: Session) -> None:
    assert session.query(Fact).count() == 0


def test_nobody_gets_in_where_no_view_says_who_may(app: Flask, cast: Cast) -> None:
    other = create_app(app.config["SETTINGS"], TESTING=True)
    other.add_url_rule("/v1/undeclared", "undeclared", lambda: "leak")

    answer = other.test_client().get("/v1/undeclared", headers=cast.admin.bearer)

    assert answer.status_code == 403


def test_a_server_whose_database_is_broken_still_says_so_on_a_page(tmp_path: Path) -> None:
    # An empty file: every query fails, those for the head of a page as well.
    broken = create_app(make_settings(tmp_path, f"sqlite:///{tmp_path / 'empty.sqlite3'}"))

    answer = broken.test_client().get("/login", headers={"Accept-Language": "fr"})

    assert answer.status_code == 500
    assert "Elle est notée sous" in answer.text
