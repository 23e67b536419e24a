"""The pages of partners' lists, as an officer goes through them."""

from __future__ import annotations

import io

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import ImportBatch, Record
from server.services import folding
from server.services.importing_work import Importer
from tests.cast import Cast
from tests.server.lists import known_clinics

LIST = "Nom;Type;Latitude;Longitude\nClinic of Bria;FOSA;6,5421;21,9863\nPoste <b>Ippy</b>;Hôpital;north;21,2\n"


@pytest.fixture
def officer(app: Flask, session: Session, cast: Cast) -> FlaskClient:
    known_clinics(session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864))
    return cast.page_client(app, "hq_officer")


def upload(officer: FlaskClient, data: bytes = LIST.encode("cp1252"), filename: str = "liste.csv", **changed: str) -> str:
    """Sends the form of the page; returns the address that it leads to, or the page that says why not."""
    form = {"dataset": "facilities", "name": "MoH", "owner": "Ministry", "listed_on": "2026-01-15", "sensitivity": "moderate"}
    answer = officer.post("/imports", data={**form, **changed, "file": (io.BytesIO(data), filename)})
    return answer.headers["Location"] if answer.status_code == 303 else answer.text


def work(app: Flask, session: Session) -> None:
    Importer(app.config["SETTINGS"]).drain(session)


def test_a_list_goes_from_upload_to_records_and_back(app: Flask, session: Session, officer: FlaskClient) -> None:
    where = upload(officer)
    assert 'hx-trigger="every 2s"' in officer.get(where).text
    work(app, session)
    assert "FOSA" in officer.get(where).text

    columns = {"column:fac_name": "0", "column:fac_type": "1", "column:_lat": "2", "column:_lon": "3"}
    officer.post(f"{where}/columns", data={**columns, "text:fac_type:1": "FOSA", "code:fac_type:1": "health_centre"})
    work(app, session)
    assert "Would join a record: <strong>1</strong>" in officer.get(where).text

    officer.post(f"{where}/merge")
    work(app, session)
    folding.drain(session)
    assert {r.label: r.entity_count for r in session.scalars(select(Record))} == {"Clinic of Bria": 2, "Poste <b>Ippy</b>": 1}

    officer.post(f"{where}/undo", data={"reason": "wrong year"})
    folding.drain(session)
    assert [(r.label, r.entity_count) for r in session.scalars(select(Record))] == [("Clinic of Bria", 1)]


def test_a_cell_that_is_not_understood_is_named_with_row_and_column(app: Flask, session: Session, officer: FlaskClient) -> None:
    where = upload(officer)
    work(app, session)
    officer.post(f"{where}/columns", data={"column:fac_name": "0", "column:_lat": "2", "column:_lon": "3"})
    work(app, session)

    page = officer.get(f"{where}?tab=fault").text

    assert "Row 3, column Latitude: &#39;north&#39; is not understood as degrees of a position." in page
    assert "<b>Ippy</b>" not in page


def test_progress_reloads_the_page_once_the_state_has_changed(app: Flask, session: Session, officer: FlaskClient) -> None:
    where = upload(officer)
    before = officer.get(f"{where}/progress?state=reading").headers.get("HX-Refresh")
    work(app, session)

    assert (before, officer.get(f"{where}/progress?state=reading").headers.get("HX-Refresh")) == (None, "true")


@pytest.mark.parametrize(("changed", "said"), [
    ({"name": ""}, "fill this in"), ({"listed_on": "2999-01-01"}, "the day it describes"),
    ({"listed_on": ""}, "the day it describes"),
])  # fmt: skip
def test_a_faulty_upload_says_what_to_mend(session: Session, officer: FlaskClient, changed: dict[str, str], said: str) -> None:
    assert said in upload(officer, **changed)
    assert session.scalars(select(ImportBatch)).all() == []


def test_a_file_of_another_kind_is_refused_at_once(session: Session, officer: FlaskClient) -> None:
    assert "cannot be read here" in upload(officer, b"%PDF", "list.pdf")


def test_a_file_that_is_no_list_says_why_on_its_page(app: Flask, session: Session, officer: FlaskClient) -> None:
    where = upload(officer, b"no workbook", "list.xlsx")
    work(app, session)

    assert "the file is no XLSX workbook" in officer.get(where).text


def test_another_sector_finds_no_list(app: Flask, session: Session, cast: Cast, officer: FlaskClient) -> None:
    where = upload(cast.page_client(app, "officer"))

    assert cast.page_client(app, "other_sector").get(where).status_code == 404
    assert officer.get(where).status_code == 200


def test_addresses_for_openrefine_are_shown_once_and_can_be_ended(
    app: Flask, client: FlaskClient, officer: FlaskClient
) -> None:
    page = officer.post("/imports/key").text
    address = page.split("/reconcile/")[1].split('"')[0]
    assert client.get(f"/reconcile/{address}").status_code == 200

    officer.post("/imports/key/end")

    assert client.get(f"/reconcile/{address}").status_code == 401
    assert "/reconcile/" not in officer.get("/imports").text
