from __future__ import annotations

from flask import Flask
from sqlalchemy.orm import Session

from server import create_app
from server.models import Fact
from server.services.journal import record_event
from tests.cast import Cast


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
