"""Whom nobody has confirmed for a year is reduced to function and place, on every page, in every file (rule C.9)."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Event, Record
from server.services import folding, form_datasets, lapses, merging
from server.services.journal import now
from tests.cast import Cast
from tests.server import patrols
from tests.server.assistance import LOC, Desk
from tests.server.test_merging import everything

MAYOR = {
    **LOC, "leader_type": "mayor", "function": "Maire", "c_state": "in_office", "c_consent": "yes", "c_name": "Anicet Secret",
    "c_phone": "+23670123456",
}  # fmt: skip
THING = "7f6f2b1e-5a0f-4b64-9a53-2f0e6f1f8a01"


@pytest.fixture
def town(session: Session, cast: Cast) -> Desk:
    """A mission with the questionnaire of key leaders."""
    form_datasets.ensure_dataset(session, 1, "contacts", {}, register="contacts")
    patrols.publish(session, "key_leader")
    return Desk(session, cast)


def met(town: Desk, days_ago: int, update: int | None = None, **said: str) -> None:
    """A report of the mayor, observed so many days ago."""
    ids = {"id": THING, "create": "1"} if update is None else {"id": THING, "update": "1", "baseVersion": str(update)}
    day = (now() - dt.timedelta(days=days_ago)).date().isoformat()
    answers = {**MAYOR, **said, "report_date": day}
    xml = patrols.filled("key_leader", answers, ids, label="Maire - Anicet Secret", instance_id=f"uuid:met-{days_ago}")
    patrols.send(town.session, xml, town.cast.people["collector"].actor_id)
    folding.drain(town.session)


def a_year_passes(town: Desk) -> int:
    """What the worker does every hour; how many persons it reduced."""
    made = lapses.lapse(town.session)
    town.session.commit()
    folding.drain(town.session)
    return len(made)


def names(town: Desk) -> set[str]:
    return set(town.record("contacts").data) & {"c_consent", "c_name", "c_phone"}


def test_a_name_that_nobody_confirmed_for_a_year_is_gone_from_the_record(town: Desk) -> None:
    met(town, 400)
    before = names(town)

    assert a_year_passes(town) == 1
    assert (before, names(town)) == ({"c_consent", "c_name", "c_phone"}, set())
    assert town.record("contacts").data["function"] == "Maire"


def test_a_name_confirmed_eleven_months_ago_stands(town: Desk) -> None:
    met(town, 335)

    assert a_year_passes(town) == 0
    assert "c_name" in names(town)


def test_a_lapse_is_noted_once(town: Desk) -> None:
    met(town, 400)
    lapses.lapse(town.session)
    town.session.commit()

    assert lapses.lapse(town.session) == []
    folding.drain(town.session)
    assert a_year_passes(town) == 0


def test_a_report_that_meets_the_person_again_brings_the_name_back(town: Desk) -> None:
    met(town, 400)
    a_year_passes(town)
    met(town, 3, update=2)

    assert a_year_passes(town) == 0
    assert "c_name" in names(town)


def test_a_name_that_came_back_lapses_again(town: Desk) -> None:
    met(town, 900)
    a_year_passes(town)
    met(town, 400, update=2)

    assert a_year_passes(town) == 1
    assert names(town) == set()


def test_a_name_that_an_officer_wrote_anew_stands_for_another_year(town: Desk) -> None:
    met(town, 400)
    who = town.identity("hq_officer")
    record = town.record("contacts")
    merging.pin(town.session, who, 1, "contacts", record.id, "c_name", "Anicet Secret", "met him")
    town.session.commit()
    folding.drain(town.session)

    assert a_year_passes(town) == 0
    assert "c_name" in names(town)


def test_those_whom_officers_confirmed_do_not_hide_the_others(town: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lapses, "AT_ONCE", 1)
    met(town, 500)
    merging.pin(town.session, town.identity("hq_officer"), 1, "contacts", THING, "c_name", "Anicet Secret", "met him")
    town.session.commit()
    other = "7f6f2b1e-5a0f-4b64-9a53-2f0e6f1f8a02"
    day = (now() - dt.timedelta(days=400)).date().isoformat()
    xml = patrols.filled("key_leader", {**MAYOR, "report_date": day}, {"id": other, "create": "1"}, "Maire", "uuid:other")
    patrols.send(town.session, xml, town.cast.people["collector"].actor_id)
    folding.drain(town.session)

    assert [fact.kind for fact in lapses.lapse(town.session)] == ["event"]


def test_a_rebuild_keeps_the_name_out(town: Desk) -> None:
    met(town, 400)
    a_year_passes(town)
    before = everything(town.session)
    folding.rebuild(town.session)
    folding.drain(town.session)

    assert everything(town.session) == before
    assert names(town) == set()


PAGES = [
    "/registers/contacts", "/registers/contacts/{id}", "/registers/contacts/{id}/past?on={then}",
    "/registers/contacts/{id}/past?on={then}&known=then", "/registers/contacts.csv?personal=true",
    "/registers/contacts.geojson?personal=true", "/v1/projects/1/datasets/contacts/entities",
    "/v1/projects/1/datasets/contacts/entities/{id}", "/v1/projects/1/datasets/contacts/entities/{id}/versions",
    "/v1/projects/1/datasets/contacts/entities/{id}/diffs", "/v1/projects/1/datasets/contacts/entities/{id}/audits",
    "/v1/projects/1/datasets/contacts/entities/{id}/past?observed={then}", "/v1/projects/1/datasets/contacts/entities.csv",
    "/v1/projects/1/datasets/contacts.svc/Entities",
]  # fmt: skip


@pytest.mark.parametrize("door", PAGES)
def test_no_page_file_or_api_shows_the_name_once_it_has_lapsed(town: Desk, app: Flask, door: str) -> None:
    met(town, 500)
    met(town, 400, update=1)
    then = (now() - dt.timedelta(days=1)).date().isoformat()
    address = door.format(id=town.record("contacts").id, then=then)
    api = address.startswith("/v1")
    client = app.test_client() if api else town.cast.page_client(app, "hq_officer")
    headers = town.cast.hq_officer.bearer if api else {}

    a_year_passes(town)
    answer = client.get(address, headers=headers)

    assert answer.status_code == 200
    assert "Maire" in answer.text or door.endswith(("audits", "diffs"))
    assert "Secret" not in answer.text
    assert "70123456" not in answer.text


def test_consent_that_was_taken_back_ends_the_name_in_history_and_past_too(town: Desk, app: Flask) -> None:
    met(town, 20)
    met(town, 10, update=1, c_consent="no", c_name="", c_phone="")
    record = town.record("contacts")
    client = town.cast.page_client(app, "hq_officer")
    then = (now() - dt.timedelta(days=15)).date().isoformat()

    assert "Secret" not in client.get(f"/registers/contacts/{record.id}").text
    assert "Secret" not in client.get(f"/registers/contacts/{record.id}/past?on={then}").text


def test_the_records_page_says_that_the_name_has_lapsed(town: Desk, app: Flask) -> None:
    met(town, 400)
    a_year_passes(town)

    page = town.cast.page_client(app, "hq_officer").get(f"/registers/contacts/{town.record('contacts').id}")

    assert "confirmed by nobody for a year" in page.text
    assert "Take back" not in page.text


def test_search_does_not_find_a_name_that_has_lapsed(town: Desk) -> None:
    met(town, 400)
    a_year_passes(town)

    assert town.session.scalars(select(Record.search)).all() == ["maire"]
    assert [event.type for event in town.session.scalars(select(Event).where(Event.type == "LAPSE"))] == ["LAPSE"]
