"""The review queue over HTTP: order, answers, undo, who may decide, proposals, and what a decision costs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from server.models import Event
from server.services import folding, merging
from tests.cast import Cast
from tests.server.picture import CS_GBADE, GBADE, Picture, paint

HTMX = {"HX-Request": "true"}


@pytest.fixture
def picture(session: Session, cast: Cast) -> Picture:
    return paint(session, cast)


@pytest.fixture
def officer(app: Flask, picture: Picture) -> FlaskClient:
    return picture.cast.page_client(app, "officer")


def judgements(picture: Picture) -> list[Event]:
    return list(picture.session.query(Event).filter_by(type="JUDGE"))


def more_pairs(picture: Picture, count: int) -> None:
    more_pairs_from(picture, 0, count)


def more_pairs_from(picture: Picture, start: int, count: int) -> None:
    for number in range(start, start + count):
        lat, lon = 6.2 + number * 0.02, 17.1
        for side, name in enumerate(("Centre de Santé de", "CS")):
            entity_id = str(uuid.UUID(int=100 + 2 * number + side, version=4))
            picture.report(f"{name} Kouki{number}a", f"{lat + side * 0.0005:.4f} {lon} 0 8", entity_id)


def test_the_question_shows_both_sides_and_the_reason_in_one_sentence(officer: FlaskClient) -> None:
    page = officer.get("/review").text

    assert "same type, 89 m apart" in page
    assert page.count('class="differs"') >= 2
    assert 'data-key="s"' in page
    assert "BANBATT-3" in page
    assert "TS-BOSSANGOA" in page


def test_what_weighs_how_much_is_one_key_away(officer: FlaskClient, picture: Picture) -> None:
    page = officer.get("/review").text
    told = page.split('<details class="weights">')[1].split("</details>")[0]
    (task,) = picture.tasks()

    assert 'data-key="w"' in told
    assert all(f"{level} {weight:+.2f}" in told for level, weight in task.features["weights"].items())
    assert f"{100 * task.score:.0f} %" in told


def test_scenario_1_accepted_is_one_facility_with_the_later_state_and_the_alias(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()

    officer.post(f"/review/{task.id}", data={"answer": "same"}, headers=HTMX)

    record = picture.record(GBADE)
    assert record.data["functionality"] == "partial"
    assert "Centre de Santé de Gbadé" in record.aliases
    assert (record.entity_count, record.observation_count) == (2, 2)
    assert picture.tasks() == []


def test_not_the_same_is_remembered(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    officer.post(f"/review/{task.id}", data={"answer": "different"}, headers=HTMX)

    picture.report("CS Gbade", "6.4905 17.4527 0 9", CS_GBADE, unit="TS-BOSSANGOA", day="2026-11-10", update=1)

    assert picture.tasks() == []
    assert picture.record(GBADE).entity_count == 1


NAME = "Centre de Santé de Zouba"
LEFT, RIGHT, BETWEEN = (str(uuid.UUID(int=number, version=4)) for number in (801, 802, 803))


def two_called_different(officer: FlaskClient, picture: Picture) -> None:
    """Two clinics of one name 44 m apart that an officer calls different."""
    picture.report(NAME, "6.70000 17.2 0 4", LEFT)
    picture.report(NAME, "6.70040 17.2 0 4", RIGHT, unit="TS-BOSSANGOA")
    asked = next(task for task in picture.tasks() if {task.a_record, task.b_record} == {LEFT, RIGHT})
    officer.post(f"/review/{asked.id}", data={"answer": "different"}, headers=HTMX)


def asked_about(picture: Picture, record: str) -> list[str]:
    return [task.id for task in picture.tasks() if record in (task.a_record, task.b_record)]


def test_further_reports_of_things_called_different_ask_nothing_again(officer: FlaskClient, picture: Picture) -> None:
    two_called_different(officer, picture)

    picture.report(NAME, "6.70020 17.2 0 4", RIGHT, unit="TS-BOSSANGOA", day="2026-11-10", update=1)
    picture.report(NAME, "6.69995 17.2 0 4", BETWEEN, unit="TS-BOSSANGOA", day="2026-11-11")

    assert asked_about(picture, LEFT) == asked_about(picture, RIGHT) == []


def test_a_new_report_that_is_certainly_like_both_asks_again_and_an_answer_settles_it(
    officer: FlaskClient, picture: Picture,
) -> None:
    two_called_different(officer, picture)

    picture.report(NAME, "6.70020 17.2 0 4", BETWEEN, unit="TS-BOSSANGOA", day="2026-11-11")

    (asked,) = asked_about(picture, LEFT)
    assert asked_about(picture, RIGHT) == [asked]
    assert picture.record(LEFT).id != picture.record(RIGHT).id
    officer.post(f"/review/{asked}", data={"answer": "different"}, headers=HTMX)
    assert asked_about(picture, LEFT) == []


def test_dont_know_is_asked_again_only_with_new_evidence(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    officer.post(f"/review/{task.id}", data={"answer": "unsure"}, headers=HTMX)
    assert picture.tasks() == []

    picture.report("CS Gbade", "6.4905 17.4527 0 9", CS_GBADE, unit="TS-BOSSANGOA", day="2026-11-10", update=1)

    assert len(picture.tasks()) == 1


def test_undo_restores_the_question_and_both_records(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    officer.post(f"/review/{task.id}", data={"answer": "same"}, headers=HTMX)

    page = officer.post("/review/undo", headers=HTMX)

    assert [one.id for one in picture.tasks()] == [task.id]
    assert picture.record(CS_GBADE).entity_count == 1
    assert page.headers["HX-Push-Url"].startswith(f"/review/{task.id}")
    assert "taken back" in page.text


def test_undoing_twice_takes_nothing_else_back(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    officer.post(f"/review/{task.id}", data={"answer": "same"}, headers=HTMX)
    (judged,) = judgements(picture)
    officer.post("/review/undo", headers=HTMX)

    again = officer.post("/review/undo", headers=HTMX)

    assert "nothing of yours" in again.text
    assert picture.session.query(Event).filter_by(type="RETRACT").count() == 1
    assert judged.payload["verdict"] == "same"


def test_an_answered_question_cannot_be_answered_again(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    officer.post(f"/review/{task.id}", data={"answer": "same"}, headers=HTMX)

    assert officer.post(f"/review/{task.id}", data={"answer": "different"}, headers=HTMX).status_code == 404
    assert len(judgements(picture)) == 1


@pytest.mark.parametrize("said", ["", "maybe", "same ", "SAME"])
def test_an_answer_that_the_question_does_not_take_is_refused(officer: FlaskClient, picture: Picture, said: str) -> None:
    (task,) = picture.tasks()

    assert officer.post(f"/review/{task.id}", data={"answer": said}, headers=HTMX).status_code == 400
    assert judgements(picture) == []


def test_an_officer_of_another_sector_neither_sees_nor_answers(app: Flask, picture: Picture) -> None:
    other = picture.cast.page_client(app, "other_sector")
    (task,) = picture.tasks()

    assert "No open question" in other.get("/review").text
    assert other.get(f"/review/{task.id}").status_code == 404
    assert other.post(f"/review/{task.id}", data={"answer": "same"}).status_code == 404


def test_another_sectors_decision_cannot_be_taken_back(app: Flask, officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    officer.post(f"/review/{task.id}", data={"answer": "same"}, headers=HTMX)
    uuid_of = re.search(r'name="event" value="([^"]+)"', officer.get("/review").text)
    assert uuid_of is not None

    refused = picture.cast.page_client(app, "other_sector").post("/review/undo", data={"event": uuid_of[1]}, headers=HTMX)

    assert refused.status_code == 404
    assert picture.record(GBADE).entity_count == 2


def test_an_officer_cannot_take_back_what_headquarters_decided(app: Flask, officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    hq = picture.cast.page_client(app, "hq_officer")
    hq.post(f"/review/{task.id}", data={"answer": "same"}, headers=HTMX)
    uuid_of = re.search(r'name="event" value="([^"]+)"', hq.get("/review").text)
    assert uuid_of is not None

    assert officer.post("/review/undo", data={"event": uuid_of[1]}, headers=HTMX).status_code == 409


def test_without_the_pages_token_nothing_is_decided(app: Flask, officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    del officer.environ_base["HTTP_X_CSRF_TOKEN"]

    assert officer.post(f"/review/{task.id}", data={"answer": "same"}).status_code == 400
    assert judgements(picture) == []


def test_next_and_back_walk_the_queue_in_the_order_of_worth(officer: FlaskClient, picture: Picture) -> None:
    more_pairs(picture, 2)
    first, second, third = (task.id for task in picture.tasks())
    page = officer.get("/review").text
    assert f'action="/review/{first}"' in page

    onward = re.search(r'href="(/review\?after=[^"]+)"', page)
    assert onward is not None
    page = officer.get(onward[1].replace("&amp;", "&")).text
    assert f'action="/review/{second}"' in page
    back = re.search(r'href="(/review\?before=[^"]+)"', page)
    assert back is not None

    assert f'action="/review/{first}"' in officer.get(back[1].replace("&amp;", "&")).text
    assert third not in (first, second)


@pytest.mark.parametrize("place", ["after=x", "after=~", "before=nan~x", "after=1e999~", "kind=evil"])
def test_a_nonsense_place_shows_the_first_question(officer: FlaskClient, picture: Picture, place: str) -> None:
    (task,) = picture.tasks()

    answer = officer.get(f"/review?{place}")

    assert answer.status_code == 200
    assert f'action="/review/{task.id}"' in answer.text


def test_a_moved_place_is_a_proposal_that_an_officer_takes(officer: FlaskClient, picture: Picture) -> None:
    picture.report("Centre de Santé de Gbadé", "6.5000 17.4520 0 8", GBADE, day="2026-11-12", update=1)
    task = next(one for one in picture.tasks() if one.kind == "proposal")
    page = officer.get(f"/review/{task.id}").text
    assert "Take the new value?" in page

    officer.post(f"/review/{task.id}", data={"answer": "same"}, headers=HTMX)

    assert picture.record().lat == pytest.approx(6.5)


def statements(work: Callable[[], object]) -> int:
    """How many SQL statements the work takes."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(said)


def test_a_decision_takes_a_bounded_number_of_statements_however_long_the_queue(
    officer: FlaskClient, picture: Picture,
) -> None:
    def decide() -> int:
        task = picture.tasks()[0]
        data = {"answer": "different", "shown": stamps(officer.get(f"/review/{task.id}").text)[1]}
        return statements(lambda: officer.post(f"/review/{task.id}", data=data, headers=HTMX))

    more_pairs(picture, 3)
    decide()
    short = decide()
    more_pairs_from(picture, 10, 8)
    long = decide()

    assert long <= short + 4
    assert long < 75


def stamps(page: str) -> list[str]:
    return re.findall(r'data-stamp="([^"]+)"', page)


def test_the_page_holds_the_question_that_comes_next(officer: FlaskClient, picture: Picture) -> None:
    more_pairs(picture, 2)
    first, second, _third = (task.id for task in picture.tasks())

    page = officer.get("/review").text

    assert [one.split()[0] for one in stamps(page)] == [first, second]
    assert f'<template id="review-next" data-stamp="{second}' in page


def test_a_page_that_shows_the_right_question_already_is_sent_only_the_one_after_it(
    officer: FlaskClient, picture: Picture,
) -> None:
    more_pairs(picture, 2)
    first, second, third = (task.id for task in picture.tasks())
    shown = stamps(officer.get("/review").text)[1]

    answer = officer.post(f"/review/{first}", data={"answer": "different", "shown": shown}, headers=HTMX)

    assert 'id="review-question"' not in answer.text
    assert [one.split()[0] for one in stamps(answer.text)] == [third]
    assert answer.headers["HX-Push-Url"].startswith(f"/review/{second}")


def test_a_page_that_shows_an_outdated_question_is_sent_the_right_one(officer: FlaskClient, picture: Picture) -> None:
    more_pairs(picture, 2)
    first, second, _third = (task.id for task in picture.tasks())

    answer = officer.post(f"/review/{first}", data={"answer": "different", "shown": f"{second} old@1"}, headers=HTMX)

    assert 'id="review-question"' in answer.text
    assert stamps(answer.text)[0].startswith(second)


def test_a_chain_of_same_that_breaks_a_different_is_contested_and_settled(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    officer.post(f"/review/{task.id}", data={"answer": "different"}, headers=HTMX)
    picture.report("Centre Sante Gbade", "6.4903 17.4524 0 9", str(uuid.UUID(int=9, version=4)), day="2026-11-05")
    pair = next(one for one in picture.tasks() if one.kind == "pair" and GBADE in (one.a_record, one.b_record))
    third = next(side for side in (pair.a_observation, pair.b_observation) if side != task.a_observation)
    officer.post(f"/review/{pair.id}", data={"answer": "same"}, headers=HTMX)
    other = merging.judge(picture.session, picture.identity("officer"), third or "", task.b_observation or "", "same")
    folding.fold_now(picture.session, [other])
    picture.session.commit()
    contested = next(one for one in picture.tasks() if one.kind == "contested")
    page = officer.get(f"/review/{contested.id}").text
    assert "Two decisions cannot both stand" in page
    assert "Officer East said different" in page

    assert officer.post(f"/review/{contested.id}", data={"answer": "different"}, headers=HTMX).status_code == 200

    assert [one for one in picture.tasks() if one.kind == "contested"] == []
    assert not picture.record().contested
