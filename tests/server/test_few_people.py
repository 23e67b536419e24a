"""A handful of people can be found out by who they are: outside the cell pages say "under 5" and nothing else (rule C.9)."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.server.test_register_rows import Mission

GROUP = "Internally displaced"


@pytest.fixture
def mission(session: Session, cast: Cast) -> Mission:
    """A village with 2,400 people, of them three displaced."""
    made = Mission(session, cast)
    made.send(idp_ind="3")
    return made


def displaced(mission: Mission) -> str:
    """The id of the figure of the displaced."""
    return next(row.id for row in mission.records("population") if row.data["group"] == "IDP")


def people(text: str) -> set[str]:
    """The numbers of people in a list or on a record's page."""
    name = r"People \(estimate\)"
    shapes = (f'data-label="{name}">', f'{name}</th><td class="strong">', f'<th scope="row">{name}</th><td>')
    cells = [cell for shape in shapes for cell in re.findall(rf"{shape}([^<]*)<", text)]
    return {cell.strip() for cell in cells}


@pytest.mark.parametrize(
    ("role", "seen"), [("approver", {"2400", "under 5"}), ("hq_officer", {"2400", "3"})]
)  # fmt: skip
def test_a_list_says_under_five_outside_the_cell(mission: Mission, app: Flask, role: str, seen: set[str]) -> None:
    assert people(mission.cast.page_client(app, role).get("/registers/population").text) == seen


@pytest.mark.parametrize("path", ["{id}", "{id}/past?on=2026-11-20"])
def test_a_record_and_its_past_say_under_five_outside_the_cell(mission: Mission, app: Flask, path: str) -> None:
    address = f"/registers/population/{path.format(id=displaced(mission))}"

    assert people(mission.cast.page_client(app, "approver").get(address).text) == {"under 5"}
    assert people(mission.cast.page_client(app, "hq_officer").get(address).text) == {"3"}


def test_it_is_said_in_french(mission: Mission, app: Flask) -> None:
    client = mission.cast.page_client(app, "approver")
    client.post("/language", data={"lang": "fr", "next": "/account"})
    text = client.get(f"/registers/population/{displaced(mission)}").text

    assert "moins de 5" in text
    assert "under 5" not in text


def test_neither_name_nor_search_nor_order_tells_the_number(mission: Mission, app: Flask) -> None:
    record = next(row for row in mission.records("population") if row.data["group"] == "IDP")
    client = mission.cast.page_client(app, "approver")

    assert "3" not in record.label + record.search
    assert displaced(mission) not in client.get("/registers/population?q=3").text
    assert displaced(mission) in client.get("/registers/population?people=2400").text


def test_the_title_of_the_record_says_under_five(mission: Mission, app: Flask) -> None:
    page = mission.cast.page_client(app, "approver").get(f"/registers/population/{displaced(mission)}").text
    titles = re.findall(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)

    assert [title.strip() for title in titles] == [f"Gbadé · {GROUP} · under 5"]
