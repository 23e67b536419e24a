"""While a military operation goes on, nothing about the incident is released, until an officer says from when on (rule C.2)."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from server.models import Release
from server.problems import Problem
from server.queries import records
from server.services import folding, merging, releases
from server.services.journal import now
from sync import release as rules
from sync.registers import RegisterError, load_registers, parse_register
from sync.registers.loader import BUILTIN_DIR
from tests.cast import Cast, add_user
from tests.server.assistance import AMBUSH, Desk, desk

INCIDENTS = load_registers()["incidents"]
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
WEEK = dt.timedelta(days=7)


@pytest.fixture
def ambush(session: Session, cast: Cast) -> Desk:
    """An incident during an operation that goes on, and a second officer of the headquarters."""
    made = desk(session, cast)
    made.send("security_incident", {**AMBUSH, "ongoing": "yes"}, "uuid:ambush")
    cast.people["deputy"] = add_user(session, "hq_officer", "HQ Deputy", None)
    session.commit()
    return made


def say(ambush: Desk, name: str, value: str) -> None:
    """The officer pins a value of the incident."""
    record = ambush.record("incidents")
    fact = merging.pin(ambush.session, ambush.identity("hq_officer"), 1, "incidents", record.id, name, value, "operations room")
    folding.fold_now(ambush.session, [fact])
    ambush.session.commit()


def put_forward(ambush: Desk) -> Release:
    who = ambush.identity("hq_officer")
    return releases.put_forward(ambush.session, who, ambush.record("incidents"), "ngo", now() + WEEK)


def local(moment: dt.datetime) -> str:
    """A time as an officer types it; the mission of the tests keeps UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("data", "held"),
    [
        ({"ongoing": "yes"}, True), ({"ongoing": "no"}, False), ({}, False),
        ({"ongoing": "yes", "release_after": "2026-11-20T11:59"}, False),
        ({"ongoing": "yes", "release_after": "2026-11-20T12:00"}, False),
        ({"ongoing": "yes", "release_after": "2026-11-20T12:01"}, True),
        ({"ongoing": "yes", "release_after": "2026-11-20T12:30+01:00"}, False),
        ({"ongoing": "yes", "release_after": "soon"}, True),
        ({"ongoing": "no", "release_after": "2026-11-20T12:01"}, False),
    ],
)  # fmt: skip
def test_what_goes_on_is_held_until_the_time_that_an_officer_stated(data: dict[str, str], held: bool) -> None:
    assert rules.held(INCIDENTS, data, NOON, dt.UTC) is held


def test_an_incident_of_an_operation_that_goes_on_is_not_even_proposed(ambush: Desk) -> None:
    with pytest.raises(Problem, match="goes on"):
        put_forward(ambush)


def test_it_may_be_proposed_once_an_officer_stated_a_time_and_it_has_come(ambush: Desk) -> None:
    say(ambush, "release_after", local(now() - dt.timedelta(hours=1)))

    assert put_forward(ambush).state == "proposed"


def test_it_waits_for_the_time_that_the_officer_stated(ambush: Desk) -> None:
    say(ambush, "release_after", local(now() + dt.timedelta(hours=1)))

    with pytest.raises(Problem, match="goes on"):
        put_forward(ambush)


def test_a_proposal_is_not_released_when_an_operation_has_begun_since(ambush: Desk) -> None:
    say(ambush, "ongoing", "no")
    row = put_forward(ambush)
    say(ambush, "ongoing", "yes")

    with pytest.raises(Problem, match="goes on"):
        releases.decide(ambush.session, ambush.identity("deputy"), row.number, "release")


def test_what_is_held_can_be_withheld_all_the_same(ambush: Desk) -> None:
    say(ambush, "ongoing", "no")
    row = put_forward(ambush)
    say(ambush, "ongoing", "yes")

    assert releases.decide(ambush.session, ambush.identity("deputy"), row.number, "withhold", "not now").state == "withheld"


def test_a_release_of_many_leaves_out_what_is_held(ambush: Desk) -> None:
    who = ambush.identity("hq_officer")
    before = releases.bulk(ambush.session, who, "incidents", records.Filters(), "ngo")
    say(ambush, "ongoing", "no")
    after = releases.bulk(ambush.session, who, "incidents", records.Filters(), "ngo")

    assert (len(before.proposed), before.held) == (0, 1)
    assert (len(after.proposed), after.held) == (1, 0)


def test_the_page_says_why_there_is_nothing_to_press(ambush: Desk, app: Flask) -> None:
    page = ambush.cast.page_client(app, "hq_officer").get(f"/registers/incidents/{ambush.record('incidents').id}").text

    assert "The operation goes on" in page
    assert 'id="f-audience"' not in page


def test_the_time_that_an_officer_states_has_to_be_one(ambush: Desk, app: Flask) -> None:
    client = ambush.cast.page_client(app, "hq_officer")
    address = f"/registers/incidents/{ambush.record('incidents').id}/pin"
    answers = [
        client.post(address, data={"property": "release_after", "value": value, "reason": "operations room"}).status_code
        for value in ("tomorrow", "2026-11-25T06:00")
    ]

    assert answers == [422, 303]


def test_a_register_that_holds_by_what_it_does_not_have_is_refused() -> None:
    text = (BUILTIN_DIR / "incidents.toml").read_text(encoding="utf-8")

    with pytest.raises(RegisterError, match="held: 'nothing' is not a property"):
        parse_register(text.replace('until = "release_after"', 'until = "nothing"'))
