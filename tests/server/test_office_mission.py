"""Questionnaires, set-up, units and posts, devices, people and the audit log on the officers' pages."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import AppUser, Area, Form, FormDuty, Post, Unit, User
from server.queries.mission import put_setting, setting
from tests.cast import Cast
from tests.server.office_reports import publish_patrol
from tests.server.test_office_login import log_in

GOOD = """
| survey   |      |      |          |
|          | type | name | label    |
|          | text | what | What     |
| settings |      |      |          |
|          | form_title | form_id | version |
|          | Note       | note    | 1       |
"""
FAULTY = """
| survey   |                   |      |       |
|          | type              | name | label |
|          | select_one nolist | what | What  |
| settings |      |      |          |
|          | form_title | form_id | version |
|          | Note       | note    | 1       |
"""


def upload(browser: FlaskClient, text: str | bytes, name: str = "note.md", **fields: str) -> object:
    """Uploads a sheet on the questionnaires' page."""
    data = text.encode() if isinstance(text, str) else text
    return browser.post("/forms", data={"file": (io.BytesIO(data), name), **fields}, content_type="multipart/form-data")


def test_a_sheet_is_published_from_the_page(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")

    answer = upload(browser, GOOD, publish="1")

    assert answer.headers["Location"] == "/forms/form/note"
    form = session.scalars(select(Form)).one()
    assert form.current_version_id is not None
    assert "Note" in browser.get("/forms").text


def test_a_draft_waits_until_it_is_published(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    upload(browser, GOOD)

    before = session.scalars(select(Form)).one().current_version_id
    browser.post("/forms/publish/note")

    assert before is None
    assert session.scalars(select(Form)).one().current_version_id is not None


def test_a_faulty_sheet_stores_nothing_and_shows_each_finding_with_its_place(app: Flask, session: Session, cast: Cast) -> None:
    answer = upload(cast.page_client(app, "hq_officer"), FAULTY, publish="1")

    assert answer.status_code == 400
    assert "survey" in answer.text
    assert "nolist" in answer.text
    assert session.scalars(select(Form)).all() == []


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "empty.xlsx"),
        (b"PK\x03\x04rubbish", "a.xlsx"),
        (b"hello", "a.exe"),
        (b"<a/>", "a.xml"),
        (b"\x00" * 100, "../../a.csv"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused_on_the_page(app: Flask, session: Session, cast: Cast, data: bytes, name: str) -> None:
    answer = upload(cast.page_client(app, "hq_officer"), data, name, publish="1")

    assert answer.status_code in {400, 415, 422}
    assert "Nothing was stored" in answer.text
    assert session.scalars(select(Form)).all() == []


def test_duties_say_which_kind_of_post_fills_a_form(app: Flask, session: Session, cast: Cast) -> None:
    publish_patrol(session)
    browser = cast.page_client(app, "hq_officer")

    browser.post("/forms/duties/cimic_patrol", data={"type": ["team_site"]})

    assert [duty.post_type for duty in session.scalars(select(FormDuty))] == ["team_site"]


def test_a_form_is_closed_and_opened_again(app: Flask, session: Session, cast: Cast) -> None:
    publish_patrol(session)
    browser = cast.page_client(app, "hq_officer")

    browser.post("/forms/state/cimic_patrol", data={"state": "closed"})
    closed = session.scalars(select(Form.state)).one()
    browser.post("/forms/state/cimic_patrol", data={"state": "open"})

    assert (closed, session.scalars(select(Form.state)).one()) == ("closed", "open")


def test_an_officer_reads_about_forms_and_publishes_none(app: Flask, session: Session, cast: Cast) -> None:
    publish_patrol(session)
    browser = cast.page_client(app, "officer")

    assert browser.get("/forms/form/cimic_patrol").status_code == 200
    assert upload(browser, GOOD).status_code == 403
    assert "Upload a sheet" not in browser.get("/forms").text


def test_a_device_is_made_and_its_code_shown(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    before = {row.actor_id for row in session.scalars(select(AppUser))}

    answer = browser.post("/devices", data={"post": cast.post_ids[0], "name": "Samsung 4"}, follow_redirects=True)

    assert "<svg" in answer.text
    assert "Samsung 4" in answer.text
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert len({row.actor_id for row in session.scalars(select(AppUser))} - before) == 1


def test_one_device_for_each_of_several_posts_gives_a_sheet_of_cards(app: Flask, session: Session, cast: Cast) -> None:
    answer = cast.page_client(app, "hq_officer").post("/devices", data={"post": list(cast.post_ids)}, follow_redirects=True)

    assert answer.text.count('class="qr"') == 2


def key_of(page: str) -> str:
    """The key in the server URL of a device's page."""
    found = re.search(r"/v1/key/([^/]+)/projects", page)
    assert found
    return found.group(1)


def test_a_new_code_kills_the_old_one(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    page = browser.post("/devices", data={"post": cast.post_ids[0], "name": "A"}, follow_redirects=True)
    number = re.search(r"/devices/(\d+)/reissue", page.text)
    assert number

    renewed = browser.post(f"/devices/{number.group(1)}/reissue", follow_redirects=True).text

    assert key_of(renewed) != key_of(page.text)
    assert app.test_client().get(f"/v1/key/{key_of(page.text)}/projects/1/formList").status_code == 403


def test_a_revoked_device_shows_no_code(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    actor_id = cast.device_actor_ids[0]

    browser.post(f"/devices/{actor_id}/revoke")

    assert '<svg class="segno"' not in browser.get(f"/devices/{actor_id}").text
    assert "shut out" in browser.get(f"/devices/{actor_id}").text


def test_officers_and_observers_manage_no_devices_and_no_people(app: Flask, cast: Cast) -> None:
    for role in ("officer", "observer", "partner", "auditor"):
        browser = cast.page_client(app, role)
        assert [browser.get(path).status_code for path in ("/devices", "/people", "/setup", "/organisation")] == [403] * 4


def test_a_new_account_gets_a_one_time_password_that_is_shown_once(
    app: Flask, client: FlaskClient, session: Session, cast: Cast
) -> None:
    browser = cast.page_client(app, "admin")
    data = {"name": "Capt New", "email": "new@example.org", "role": "officer", "sector": cast.sector_ids[0], "language": "fr"}

    answer = browser.post("/people/new", data=data)

    password = re.search(r'class="secret">([^<]+)', answer.text)
    assert password
    assert log_in(client, "new@example.org", password.group(1)).status_code == 303
    assert client.get("/reports").headers["Location"] == "/account"
    assert password.group(1) not in browser.get("/people").text


def test_branch_two_gets_no_cimic_role_and_the_form_keeps_what_was_typed(app: Flask, session: Session, cast: Cast) -> None:
    data = {"name": "Maj Two", "email": "two@example.org", "role": "officer", "branch": "G2", "language": "en"}

    answer = cast.page_client(app, "admin").post("/people/new", data=data)

    assert answer.status_code in {403, 422}
    assert 'value="Maj Two"' in answer.text
    assert session.scalars(select(User).where(User.email == "two@example.org")).first() is None


def test_a_forgotten_password_is_given_anew_without_mail(app: Flask, client: FlaskClient, cast: Cast) -> None:
    answer = cast.page_client(app, "admin").post(f"/people/{cast.officer.actor_id}/password")

    password = re.search(r'class="secret">([^<]+)', answer.text)
    assert password
    assert log_in(client, cast.officer.email).status_code == 401
    assert log_in(client, cast.officer.email, password.group(1)).status_code == 303


def test_a_locked_person_is_out_at_once_and_in_again(app: Flask, client: FlaskClient, cast: Cast) -> None:
    theirs, browser = cast.page_client(app, "officer"), cast.page_client(app, "admin")

    browser.post(f"/people/{cast.officer.actor_id}/lock", data={"locked": "1"})
    out = theirs.get("/reports").status_code
    browser.post(f"/people/{cast.officer.actor_id}/lock")

    assert out == 303
    assert log_in(client, cast.officer.email).status_code == 303


def test_the_set_up_comes_first_until_it_is_done(app: Flask, session: Session, cast: Cast) -> None:
    put_setting(session, "setup_done", False)
    session.commit()
    browser = cast.page_client(app, "admin")

    before = browser.get("/").headers["Location"]
    browser.post("/setup/finish")

    assert before == "/setup"
    assert browser.get("/").headers["Location"] != "/setup"


def test_the_missions_zone_rules_every_page(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "admin")

    browser.post("/setup/mission", data={"mission_name": "MINUTEST", "time_zone": "Asia/Kathmandu", "languages": ["fr"]})

    assert setting(session, "languages") == ["fr"]
    assert 'data-clock="Asia/Kathmandu"' in browser.get("/account").text
    assert "MINUTEST" in browser.get("/account").text


def test_an_unknown_zone_is_refused_and_nothing_changes(app: Flask, session: Session, cast: Cast) -> None:
    answer = cast.page_client(app, "admin").post(
        "/setup/mission", data={"mission_name": "X", "time_zone": "Mars/Olympus", "languages": ["en"]}
    )

    assert answer.status_code == 422
    assert setting(session, "mission_name") == "Test mission"


def test_areas_come_from_a_file_and_a_faulty_one_shows_its_rows(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "admin")
    sample = browser.get("/setup/areas/sample.csv").data

    browser.post("/setup/areas", data={"file": (io.BytesIO(sample), "areas.csv")}, content_type="multipart/form-data")
    faulty = browser.post(
        "/setup/areas",
        data={"file": (io.BytesIO(b"code,name,level,parent_code\nX1,,9,\n"), "a.csv")},
        content_type="multipart/form-data",
    )

    assert sorted(session.scalars(select(Area.code))) == ["CF32", "CF321"]
    assert faulty.status_code == 422
    assert "Nothing was stored" in faulty.text


def test_a_table_of_posts_is_pasted_and_only_the_faulty_line_is_left(app: Flask, session: Session, cast: Cast) -> None:
    good, broken = "S9 NEPBATT-1;S9 NEPBATT-1;patrol_unit;;EAST", "BROKEN;Broken;patrol_unit;NO-SUCH-UNIT;EAST"
    lines = "\n".join([good, broken, "LO WEST\tLiaison West\tliaison\t\tWEST"])

    answer = cast.page_client(app, "hq_officer").post("/organisation/many/posts", data={"lines": lines})

    codes = set(session.scalars(select(Post.code)))
    assert {"S9 NEPBATT-1", "LO WEST"} <= codes
    assert "BROKEN" not in codes
    assert "NO-SUCH-UNIT" in answer.text


def test_a_unit_keeps_its_days_of_rotation(app: Flask, session: Session, cast: Cast) -> None:
    cast.page_client(app, "hq_officer").post(
        "/organisation/many/units", data={"lines": "NEPBATT-1;NEPBATT-1;EAST;2026-12-10;2027-06-10"}
    )

    unit = session.get(Unit, "NEPBATT-1")
    assert unit is not None
    assert str(unit.rotation_out) == "2027-06-10"


def test_the_auditor_reads_the_log_and_nothing_else(app: Flask, cast: Cast) -> None:
    cast.page_client(app, "admin").post(f"/people/{cast.officer.actor_id}/lock", data={"locked": "1"})
    browser = cast.page_client(app, "auditor")

    assert "user." in browser.get("/audit").text
    assert browser.get("/").headers["Location"] == "/audit"
    assert cast.page_client(app, "officer").get("/audit").status_code == 303


@pytest.mark.parametrize("role", ["admin", "hq_officer", "officer", "approver", "observer", "collector", "partner", "auditor"])
def test_every_entry_of_the_navigation_opens(app: Flask, session: Session, cast: Cast, role: str) -> None:
    publish_patrol(session)
    browser = cast.page_client(app, role)

    side = browser.get("/account").text.partition('id="navigation"')[2].partition("</nav>")[0]

    answers = {address: browser.get(address).status_code for address in re.findall(r'<a href="([^"]+)"', side)}
    assert answers
    assert set(answers.values()) == {200}
