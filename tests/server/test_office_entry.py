"""Entering a report that came by radio or on paper."""

from __future__ import annotations

import io
import re
import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Submission, SubmissionSummary
from tests.cast import Cast
from tests.server.office_reports import photo, publish_patrol

ANSWERS: dict[str, Any] = {
    "/g_report/reporting_unit": "BANBATT-3",
    "/g_report/reporter_role": "patrol",
    "/g_report/report_date": "2026-11-03",
    "/g_loc/adm1": "CF32",
    "/g_loc/adm2": "CF321",
    "/g_loc/settlement_new": "Kouki",
    "/g_loc/gps": "6.49, 17.45",
    "/g_visit/visit_purpose": "cimic",
    "/g_visit/sources": ["ki_leader", "observed"],
    "/g_visit/consent_share": "yes",
    "/g_pop/move_dir": "none",
    "/g_serv/max_vehicle": "3",
    "/g_need/need1": "water",
    "/g_need/severity": "3",
    "/g_need/urgent": "no",
    "/g_handling/un_class": "UNCLASSIFIED",
    "/g_handling/sensitivity": "moderate",
}


@pytest.fixture
def _patrol(session: Session, cast: Cast) -> None:
    publish_patrol(session)


pytestmark = pytest.mark.usefixtures("_patrol")


def form_data(cast: Cast, changed: dict[str, Any] | None = None, channel: str = "radio") -> dict[str, Any]:
    """What the page posts."""
    context = {"post": str(cast.post_ids[0]), "channel": channel, "_instance": f"uuid:{uuid.uuid4()}", "_although": "1"}
    return {**context, **ANSWERS, **(changed or {})}


def test_the_answers_of_these_tests_are_questions_of_the_form(app: Flask, cast: Cast) -> None:
    page = cast.page_client(app, "officer").get(f"/entry/form?form=cimic_patrol&channel=radio&post={cast.post_ids[0]}").text

    assert [key for key in ANSWERS if f'name="{key}"' not in page and f'data-q="{key}"' not in page] == []


def test_a_radio_report_is_stored_for_the_post_and_marked_so(app: Flask, session: Session, cast: Cast) -> None:
    answer = cast.page_client(app, "officer").post("/entry/form/cimic_patrol", data=form_data(cast))

    row = session.scalars(select(SubmissionSummary)).one()
    assert row.receipt in answer.text
    assert (row.channel, row.post_id, row.place) == ("radio", cast.post_ids[0], "Kouki")
    assert "Radio" in cast.page_client(app, "officer").get(f"/reports/{row.receipt}").text


def test_a_paper_report_brings_its_photo(app: Flask, session: Session, cast: Cast) -> None:
    data = form_data(cast, {"/g_need/photo": (io.BytesIO(photo()), "IMG 1.jpg")}, channel="paper")

    cast.page_client(app, "officer").post("/entry/form/cimic_patrol", data=data, content_type="multipart/form-data")

    row = session.scalars(select(SubmissionSummary)).one()
    assert (row.files_expected, row.files_present) == (1, 1)


def test_sending_the_page_twice_makes_one_report(app: Flask, session: Session, cast: Cast) -> None:
    data, browser = form_data(cast), cast.page_client(app, "officer")

    first = browser.post("/entry/form/cimic_patrol", data=data)
    second = browser.post("/entry/form/cimic_patrol", data=data)

    number = re.search(r'class="secret">([^<]+)', first.text)
    assert number
    assert number.group(1) in second.text
    assert len(session.scalars(select(Submission)).all()) == 1


def test_open_questions_are_asked_about_once_and_then_may_stay_open(app: Flask, session: Session, cast: Cast) -> None:
    data = form_data(cast, {"/g_need/need1": ""})
    browser = cast.page_client(app, "officer")

    asked = browser.post("/entry/form/cimic_patrol", data={key: value for key, value in data.items() if key != "_although"})
    stored = browser.post("/entry/form/cimic_patrol", data=data)

    assert asked.status_code == 422
    assert stored.status_code == 200
    assert session.scalars(select(SubmissionSummary)).one().findings_count > 0


def question(page: str, key: str) -> str:
    """The opening tag of a question in the page."""
    found = re.search(rf'<div class="body field[^>]*data-q="{re.escape(key)}"[^>]*>', page)
    assert found
    return found.group(0)


def test_a_question_appears_when_an_answer_makes_it_relevant(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")

    calm = browser.post("/entry/form/cimic_patrol/check", data=form_data(cast)).text
    urgent = browser.post("/entry/form/cimic_patrol/check", data=form_data(cast, {"/g_need/urgent": "yes"})).text

    assert " hidden" in question(calm, "/g_need/urgent_text")
    assert " hidden" not in question(urgent, "/g_need/urgent_text")


def test_a_broken_rule_is_said_beside_the_question(app: Flask, cast: Cast) -> None:
    page = cast.page_client(app, "officer").post(
        "/entry/form/cimic_patrol/check", data=form_data(cast, {"/g_pop/pop_total": "900000"})
    ).text  # fmt: skip

    assert "wrong" in question(page, "/g_pop/pop_total")


def test_an_urgent_report_by_radio_raises_the_alarm_at_once(app: Flask, session: Session, cast: Cast) -> None:
    data = form_data(cast, {"/g_need/urgent": "yes", "/g_need/urgent_text": "Bridge fell, people in the river"})
    browser = cast.page_client(app, "officer")

    browser.post("/entry/form/cimic_patrol", data=data)

    assert browser.get("/duty/pulse").get_json()["counts"]["alarms"] == 1


def test_nobody_reports_for_a_post_of_another_sector(app: Flask, session: Session, cast: Cast) -> None:
    data = form_data(cast) | {"post": str(cast.post_ids[1])}

    answer = cast.page_client(app, "officer").post("/entry/form/cimic_patrol", data=data)

    assert answer.status_code == 422
    assert session.scalars(select(Submission)).all() == []


@pytest.mark.parametrize(
    "hostile",
    [
        {"/no/such/question": "x"}, {"/g_need[999]/need1": "x"}, {"/g_need[101]/need1": "x"}, {"/": "x"}, {"//": "x"},
        {"/g_pop/pop_total": "9" * 5000}, {"/g_loc/gps": "nowhere at all"}, {"/g_visit/sources": ["'; drop table", "x y z"]},
        {"_instance": "uuid:1"}, {"_started": "yesterday"}, {"/g_loc/settlement_new": "\x00\x0b<b>&]]>"}, {"_changed": "/[[["},
        {"_remove": "/place[9999999999]"}, {"_add": "/g_need"},
    ],
)  # fmt: skip
def test_hostile_posts_are_answered_and_break_nothing(app: Flask, session: Session, cast: Cast, hostile: dict[str, Any]) -> None:
    browser = cast.page_client(app, "officer")

    checked = browser.post("/entry/form/cimic_patrol/check", data=form_data(cast, hostile))
    sent = browser.post("/entry/form/cimic_patrol", data=form_data(cast, hostile))

    assert checked.status_code == 200
    assert sent.status_code == 200
    assert len(session.scalars(select(SubmissionSummary)).all()) == 1


def test_a_channel_that_is_no_hand_entry_is_refused(app: Flask, cast: Cast) -> None:
    answer = cast.page_client(app, "officer").post("/entry/form/cimic_patrol", data=form_data(cast, channel="openrosa"))

    assert answer.status_code == 422


def test_partners_and_auditors_enter_nothing(app: Flask, cast: Cast) -> None:
    for role in ("partner", "auditor", "approver"):
        assert cast.page_client(app, role).get("/entry").status_code == 403
