"""Obvious pairs decided many at once: what counts as obvious, what is joined, and one undo for the whole batch."""

from __future__ import annotations

import re
import uuid

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.models import Event
from tests.cast import Cast
from tests.server.picture import Picture, paint

HTMX = {"HX-Request": "true"}


@pytest.fixture
def picture(session: Session, cast: Cast) -> Picture:
    return paint(session, cast)


@pytest.fixture
def officer(app: Flask, picture: Picture) -> FlaskClient:
    return picture.cast.page_client(app, "officer")


def pair(picture: Picture, number: int, names: tuple[str, str], degrees: float) -> tuple[str, str]:
    """Two reports of clinics `degrees` of latitude apart, far from every other pair; returns their entities."""
    ids = [str(uuid.UUID(int=500 + 2 * number + side, version=4)) for side in (0, 1)]
    lat = 6.2 + 0.05 * number
    for side in (0, 1):
        unit = "TS-BOSSANGOA" if side else "BANBATT-3"
        picture.report(names[side], f"{lat + side * degrees:.5f} 17.1 0 4", ids[side], unit=unit)
    return ids[0], ids[1]


def obvious(picture: Picture) -> None:
    """Three pairs of one name 45 m apart (33 to 50 m: not certain, so asked), and one with different numbers."""
    for number, name in enumerate(("Kouki", "Markounda", "Zéré")):
        pair(picture, number, (f"Centre de Santé de {name}", f"Centre de Santé de {name}"), 0.0004)
    pair(picture, 9, ("Centre de Santé de Bouca 1", "Centre de Santé de Bouca 2"), 0.0004)


def ticked(page: str) -> list[str]:
    return re.findall(r'name="task" value="([^"]+)" checked', page)


def test_pairs_of_one_name_and_type_within_50_m_are_shown_ticked(officer: FlaskClient, picture: Picture) -> None:
    obvious(picture)

    page = officer.get("/review/obvious").text

    assert len(ticked(page)) == 3
    assert page.count("same type, 44 m apart") == 3


@pytest.mark.parametrize(("names", "degrees"), [
    (("Centre de Santé de Bouca 1", "Centre de Santé de Bouca 2"), 0.0004),
    (("Centre de Santé de Bouca", "Centre de Santé de Bouka Nord"), 0.0004),
], ids=["numbered", "qualified"])  # fmt: skip
def test_a_pair_with_anything_against_it_is_not_obvious(
    officer: FlaskClient, picture: Picture, names: tuple[str, str], degrees: float,
) -> None:
    pair(picture, 0, names, degrees)

    assert "Bouca" not in officer.get("/review/obvious").text


def test_what_is_ticked_is_joined_at_once_and_the_rest_stays_open(officer: FlaskClient, picture: Picture) -> None:
    obvious(picture)
    chosen = ticked(officer.get("/review/obvious").text)[:2]
    before = len(picture.tasks())

    officer.post("/review/obvious", data={"task": chosen})

    assert len(picture.tasks()) == before - 2
    said = list(picture.session.query(Event).filter_by(type="JUDGE"))
    assert [one.payload["verdict"] for one in said] == ["same", "same"]
    assert len({one.payload["batch"] for one in said}) == 1


def test_one_undo_takes_the_whole_batch_back_and_nothing_else(officer: FlaskClient, picture: Picture) -> None:
    obvious(picture)
    first = next(task for task in picture.tasks() if task.id not in ticked(officer.get("/review/obvious").text))
    officer.post(f"/review/{first.id}", data={"answer": "different"}, headers=HTMX)
    before = {task.id for task in picture.tasks()}
    officer.post("/review/obvious", data={"task": ticked(officer.get("/review/obvious").text)})
    assert len(picture.tasks()) == len(before) - 3

    officer.post("/review/undo", headers=HTMX)

    assert {task.id for task in picture.tasks()} == before
    assert picture.session.query(Event).filter_by(type="RETRACT").count() == 3


def test_a_batch_is_one_line_among_the_own_decisions(officer: FlaskClient, picture: Picture) -> None:
    obvious(picture)
    officer.post("/review/obvious", data={"task": ticked(officer.get("/review/obvious").text)})

    assert officer.get("/review").text.count("several in one go") == 1


def test_three_reports_of_one_place_are_one_group(officer: FlaskClient, picture: Picture) -> None:
    name = "Centre de Santé de Kouki"
    pair(picture, 0, (name, name), 0.0004)
    picture.report(name, "6.20020 17.10035 0 4", str(uuid.UUID(int=700, version=4)))

    page = officer.get("/review/obvious").text

    assert "All 3 become one record" in page


def test_a_pair_that_is_not_obvious_cannot_be_slipped_into_a_batch(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()

    officer.post("/review/obvious", data={"task": [task.id]})

    assert [one.id for one in picture.tasks()] == [task.id]


def test_another_sector_neither_sees_nor_joins_them(app: Flask, officer: FlaskClient, picture: Picture) -> None:
    obvious(picture)
    chosen = ticked(officer.get("/review/obvious").text)
    other = picture.cast.page_client(app, "other_sector")

    assert ticked(other.get("/review/obvious").text) == []
    other.post("/review/obvious", data={"task": chosen})

    assert picture.session.query(Event).filter_by(type="JUDGE").count() == 0


def test_more_than_fifty_at_once_are_refused(officer: FlaskClient, picture: Picture) -> None:
    assert officer.post("/review/obvious", data={"task": [str(number) for number in range(51)]}).status_code == 400
