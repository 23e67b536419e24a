"""Registers that reports fill by rows: a patrol's report makes its visit, needs and figures, and pages show them in words."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import CodeItem, Record
from server.services import code_lists, folding, form_datasets
from sync.registers import load_registers
from tests.cast import Cast
from tests.server import patrols

GBADE = "0b7f5a52-4d3b-4c57-9f0d-0d7f4b8a1c11"
ANSWERS = {
    "reporting_unit": "BANBATT-3", "reporter_role": "patrol", "report_date": "2026-11-09", "adm1": "CF32", "adm2": "CF321",
    "settlement_new": "Gbadé", "settlement_new_calc": "Gbadé", "gps": "6.49 17.45 0 8", "visit_purpose": "assessment",
    "sources": "observed", "consent_share": "yes", "pop_total": "2400", "pop_source": "observed", "need1": "water",
    "need2": "health", "severity": "3", "urgent": "no", "move_dir": "none", "max_vehicle": "4x4",
}  # fmt: skip


class Mission:
    """The registers that a village assessment fills, and the session."""

    def __init__(self, session: Session, cast: Cast) -> None:
        self.session, self.cast = session, cast
        session.add_all(
            CodeItem(list_name=row["list"], code=row["code"], label_en=row["label_en"], label_fr=row["label_fr"], sort=place)
            for place, row in enumerate(code_lists.shipped()) if row["list"] in {"need", "pop_group", "sensitivity", "severity"}
        )
        for name in ("settlements", "needs", "visits", "population"):
            form_datasets.ensure_dataset(session, 1, name, {}, register=name)
        patrols.publish(session, "cimic_patrol")

    def send(self, instance_id: str = "uuid:1", deprecated_id: str | None = None, **changed: str) -> None:
        entity = {"create": "1", "id": GBADE}
        xml = patrols.filled("cimic_patrol", {**ANSWERS, **changed}, entity, "Gbadé", instance_id, deprecated_id)
        patrols.send(self.session, xml, self.cast.collector.actor_id)
        folding.drain(self.session)

    def records(self, dataset: str) -> list[Record]:
        self.session.expire_all()
        live = select(Record).where(Record.dataset == dataset, Record.deleted_at.is_(None))
        return list(self.session.scalars(live.order_by(Record.label, Record.id)))


@pytest.fixture
def mission(session: Session, cast: Cast) -> Mission:
    made = Mission(session, cast)
    made.send()
    return made


@pytest.fixture
def officer(app: Flask, mission: Mission) -> FlaskClient:
    return mission.cast.page_client(app, "hq_officer")


def test_one_report_fills_every_register_that_asks_for_it(mission: Mission) -> None:
    found = {name: len(mission.records(name)) for name in ("settlements", "visits", "needs", "population")}

    assert found == {"settlements": 1, "visits": 1, "needs": 2, "population": 1}


def test_each_value_names_the_report_it_came_from(mission: Mission) -> None:
    need = mission.records("needs")[0]

    assert need.provenance["need"]["source"] == "uuid:1"
    assert need.provenance["settlement"]["observed_at"].startswith("2026-11-09")


def test_a_corrected_report_corrects_its_rows_and_takes_away_what_it_no_longer_says(mission: Mission) -> None:
    mission.send("uuid:2", "uuid:1", need1="food", need2="", pop_total="")

    assert [row.data["need"] for row in mission.records("needs")] == ["food"]
    assert mission.records("population") == []


def test_a_rebuild_makes_the_same_rows(mission: Mission) -> None:
    before = [(row.id, row.label, row.data) for row in mission.records("needs")]

    folding.rebuild(mission.session)

    assert [(row.id, row.label, row.data) for row in mission.records("needs")] == before


def test_a_list_shows_codes_and_places_in_words(mission: Mission, officer: FlaskClient) -> None:
    page = officer.get("/registers/needs").text
    labels = {row["code"]: row["label_en"] for row in code_lists.shipped() if row["list"] == "need"}

    assert f"{labels['water']} · Gbadé" in page
    assert GBADE not in page.split('id="rows"')[1]


def test_a_list_shows_them_in_french(mission: Mission, officer: FlaskClient) -> None:
    labels = {row["code"]: row["label_fr"] for row in code_lists.shipped() if row["list"] == "need"}

    page = officer.get("/registers/needs?lang=fr").text

    assert f"{labels['water']} · Gbadé" in page



def test_the_index_stands_under_headings(officer: FlaskClient) -> None:
    page = officer.get("/registers").text

    assert page.index("Places and routes") < page.index("Communities")
    assert 'href="/review"' in page
    assert "Population figures" in page


@pytest.mark.parametrize("name", sorted(load_registers()))
def test_every_register_has_a_list_a_map_and_a_download(app: Flask, session: Session, cast: Cast, name: str) -> None:
    form_datasets.ensure_dataset(session, 1, name, {}, register=name)
    session.commit()
    browser = cast.page_client(app, "hq_officer")

    for path in ("", "/map", "/points.geojson"):
        assert browser.get(f"/registers/{name}{path}").status_code == 200
