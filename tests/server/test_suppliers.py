"""Suppliers are the cell's own to read: neither the approver nor a viewer sees one, phones choose from them (rule C.8)."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Assignment, Dataset
from server.queries import records
from server.services import access, folding, form_datasets
from server.services.identity import APP_USER_VERBS, Identity
from sync.registers import RegisterError, parse_register
from sync.registers.loader import BUILTIN_DIR
from tests.cast import Cast
from tests.server import patrols
from tests.server.assistance import LOC, Desk

GARAGE = {**LOC, "s_name": "Garage de l'Ouham", "s_cat": "transport", "s_state": "candidate", "s_address": "Market road"}
THING = "2c9d1f6a-3b53-4f6d-9a28-6d1a8b0f4c11"
DOORS = [
    "/v1/projects/1/datasets/suppliers/entities", "/v1/projects/1/datasets/suppliers/entities.csv",
    "/v1/projects/1/datasets/suppliers.svc/Entities", "/v1/projects/1/forms/supplier/submissions",
    "/v1/projects/1/forms/supplier.svc/Submissions",
]  # fmt: skip


@pytest.fixture
def market(session: Session, cast: Cast) -> Desk:
    """A mission with one garage, reported for real."""
    form_datasets.ensure_dataset(session, 1, "suppliers", {}, register="suppliers")
    patrols.publish(session, "supplier")
    made = Desk(session, cast)
    xml = patrols.filled("supplier", GARAGE, {"id": THING, "create": "1"}, label=GARAGE["s_name"], instance_id="uuid:garage")
    patrols.send(session, xml, cast.people["collector"].actor_id)
    folding.drain(session)
    return made


@pytest.mark.parametrize("role", ["approver", "partner", "collector", "observer", "auditor"])
def test_a_supplier_is_no_record_for_anybody_outside_the_cell(market: Desk, role: str) -> None:
    scope = market.identity(role).scope

    assert records.record(market.session, scope, "suppliers", market.record("suppliers").id) is None


def test_the_approvers_pages_show_no_supplier(market: Desk, app: Flask) -> None:
    browser = market.cast.page_client(app, "approver")

    assert browser.get(f"/registers/suppliers/{market.record('suppliers').id}").status_code == 404
    assert "Ouham" not in browser.get("/registers/suppliers").text
    assert "Ouham" not in browser.get("/registers/suppliers/points.geojson").text


def test_officers_see_suppliers(market: Desk, app: Flask) -> None:
    assert "Ouham" in market.cast.page_client(app, "hq_officer").get("/registers/suppliers").text


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("role", ["observer", "partner", "approver"])
def test_no_api_shows_a_supplier_outside_the_cell_even_to_a_viewer_of_the_project(
    market: Desk, app: Flask, door: str, role: str
) -> None:
    market.session.add(Assignment(actor_id=market.cast.people[role].actor_id, project_id=1, role="viewer"))
    market.session.commit()
    client = app.test_client()

    answer = client.get(door, headers=market.cast.people[role].bearer)

    assert "Ouham" not in answer.text
    assert "uuid:garage" not in answer.text
    shown = client.get(door, headers=market.cast.hq_officer.bearer).text
    assert "Ouham" in shown or "uuid:garage" in shown


def test_phones_choose_from_the_suppliers_as_before(market: Desk) -> None:
    dataset = market.session.scalars(select(Dataset).where(Dataset.name == "suppliers")).one()
    phone = Identity(actor_id=4711, name="Phone", type="field_key", role="app_user", how="key", verbs=APP_USER_VERBS)

    assert access.of(market.session, dataset, phone) == access.Access()


def test_a_register_says_one_of_the_two_ways_of_being_the_cells_own() -> None:
    text = (BUILTIN_DIR / "suppliers.toml").read_text(encoding="utf-8")

    with pytest.raises(RegisterError, match="'cell_only' says more than 'cell_reads'"):
        parse_register(text.replace("cell_reads = true", "cell_reads = true\ncell_only = true"))
