"""Two officers who disagree about a pair: it stays apart, a second person is asked first of all, and the answer settles it."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.models import User
from tests.cast import Cast, add_user
from tests.server.picture import CS_GBADE, GBADE, Picture, paint

HTMX = {"HX-Request": "true"}
OFFICERS = ("Ada Mbeki", "Ben Traoré", "Cleo Diarra")


@pytest.fixture
def picture(session: Session, cast: Cast) -> Picture:
    return paint(session, cast)


@pytest.fixture
def officers(app: Flask, picture: Picture) -> tuple[FlaskClient, ...]:
    """Three officers of one sector."""
    sector = picture.session.query(User.sector_id).filter_by(actor_id=picture.cast.people["officer"].actor_id).scalar()
    for name in OFFICERS:
        picture.cast.people[name] = add_user(picture.session, "officer", name, sector)
    return tuple(picture.cast.page_client(app, name) for name in OFFICERS)


def disagree(officers: tuple[FlaskClient, ...], picture: Picture) -> str:
    """Ada says the same, Ben splits them again; the id of the question that this leaves."""
    (task,) = picture.tasks()
    officers[0].post(f"/review/{task.id}", data={"answer": "same", "note": "same sign"}, headers=HTMX)
    officers[1].post(f"/registers/facilities/{GBADE}/split", data={"entity": CS_GBADE, "reason": "two buildings"})
    (left,) = picture.tasks()
    assert left.kind == "disputed"
    return left.id


def test_what_two_officers_disagree_about_stays_apart(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    disagree(officers, picture)

    assert picture.record(GBADE).entity_count == 1


def test_the_question_names_both_with_their_reasons(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    page = officers[2].get(f"/review/{disagree(officers, picture)}").text

    for shown in ("Two officers disagree", "Ada Mbeki", "same sign", "Ben Traoré", "two buildings", "You are the second person"):
        assert shown in page


def test_it_comes_before_every_other_question(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    task_id = disagree(officers, picture)
    picture.report("Centre de Santé de Kouki", "6.2 17.1 0 8", "00000000-0000-4000-8000-000000000901")
    picture.report("CS Kouki", "6.2005 17.1 0 8", "00000000-0000-4000-8000-000000000902")

    assert f"/review/{task_id}" in officers[2].get("/review").text


@pytest.mark.parametrize(("answer", "entities"), [("same", 2), ("different", 1)])
def test_a_second_person_settles_it(
    officers: tuple[FlaskClient, ...], picture: Picture, answer: str, entities: int
) -> None:
    task_id = disagree(officers, picture)

    officers[2].post(f"/review/{task_id}", data={"answer": answer}, headers=HTMX)

    assert picture.tasks() == []
    assert picture.record(GBADE).entity_count == entities


def test_one_of_the_two_may_come_round(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    task_id = disagree(officers, picture)

    officers[1].post(f"/review/{task_id}", data={"answer": "same"}, headers=HTMX)

    assert picture.record(GBADE).entity_count == 2


def test_saying_the_same_again_is_refused_with_advice(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    task_id = disagree(officers, picture)

    refused = officers[1].post(f"/review/{task_id}", data={"answer": "different"}, headers=HTMX)

    assert refused.status_code == 409
    assert "somebody else decides" in refused.text


def test_one_of_the_two_is_not_offered_his_own_answer(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    page = officers[0].get(f"/review/{disagree(officers, picture)}").text
    asked = page.split('class="review-keys')[1].split("</div>")[0]

    assert 'value="different"' in asked
    assert 'value="same"' not in asked


def test_taking_the_deciding_word_back_opens_the_question_again(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    task_id = disagree(officers, picture)
    officers[2].post(f"/review/{task_id}", data={"answer": "same"}, headers=HTMX)

    officers[2].post("/review/undo", headers=HTMX)

    assert [task.id for task in picture.tasks()] == [task_id]
    assert picture.record(GBADE).entity_count == 1


def test_an_officer_may_change_his_own_mind_without_a_second_person(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    (task,) = picture.tasks()
    officers[0].post(f"/review/{task.id}", data={"answer": "same"}, headers=HTMX)
    officers[0].post(f"/registers/facilities/{GBADE}/split", data={"entity": CS_GBADE, "reason": "looked again"})

    assert picture.tasks() == []
    assert picture.record(GBADE).entity_count == 1


def test_headquarters_settle_it_alone(app: Flask, officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    task_id = disagree(officers, picture)

    picture.cast.page_client(app, "hq_officer").post(f"/review/{task_id}", data={"answer": "same"}, headers=HTMX)

    assert picture.record(GBADE).entity_count == 2
    assert picture.tasks() == []


def test_what_was_decided_before_stands_beside_a_question(officers: tuple[FlaskClient, ...], picture: Picture) -> None:
    (task,) = picture.tasks()
    officers[0].post(f"/review/{task.id}", data={"answer": "unsure", "note": "no photo yet"}, headers=HTMX)
    picture.report("CS Gbade", "6.4905 17.4527 0 9", CS_GBADE, unit="TS-BOSSANGOA", day="2026-11-10", update=1)

    page = officers[1].get("/review").text

    assert "Decided before" in page
    assert "Ada Mbeki" in page
    assert "no photo yet" in page
