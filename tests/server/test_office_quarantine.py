"""Quarantine and the duty officer's page."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from server.services.intake import Receipt
from tests.cast import Cast
from tests.server.office_reports import publish_patrol, send, visit


@pytest.fixture
def _patrol(session: Session, cast: Cast) -> None:
    publish_patrol(session)


pytestmark = pytest.mark.usefixtures("_patrol")


def conflicting(app: Flask, session: Session, cast: Cast) -> tuple[Receipt, Receipt]:
    """A report and a second one with the same instanceID and another population."""
    first = send(app, session, cast, visit(instance_id="uuid:1"))
    return first, send(app, session, cast, visit({"pop_total": 1111}, instance_id="uuid:1"))


def test_a_conflicting_copy_waits_with_its_reason_in_words(app: Flask, session: Session, cast: Cast) -> None:
    _first, copy = conflicting(app, session, cast)

    page = cast.page_client(app, "officer").get("/quarantine").text

    assert copy.number in page
    assert "Same report number, other content" in page


def test_the_difference_stands_side_by_side(app: Flask, session: Session, cast: Cast) -> None:
    _first, copy = conflicting(app, session, cast)

    page = cast.page_client(app, "officer").get(f"/quarantine/{copy.number}").text

    assert '<div class="changed">2400</div><div class="changed"><mark>1111</mark></div>' in page
    assert "1 answer differs" in page


def test_accepting_as_a_report_of_its_own_keeps_both(app: Flask, session: Session, cast: Cast) -> None:
    first, copy = conflicting(app, session, cast)
    browser = cast.page_client(app, "officer")

    browser.post(f"/quarantine/{copy.number}/accept", data={"how": "separate"})

    inbox = browser.get("/reports").text
    assert first.number in inbox
    assert f"{copy.number}-A" in inbox
    assert copy.number not in browser.get("/quarantine").text


def test_accepting_as_a_correction_changes_the_report_that_is_there(app: Flask, session: Session, cast: Cast) -> None:
    first, copy = conflicting(app, session, cast)
    browser = cast.page_client(app, "officer")

    browser.post(f"/quarantine/{copy.number}/accept", data={"how": "edit"})

    page = browser.get(f"/reports/{first.number}").text
    assert "What the correction changed" in page
    assert "1111" in page


def test_rejecting_wants_a_reason_and_keeps_the_copy_readable(app: Flask, session: Session, cast: Cast) -> None:
    _first, copy = conflicting(app, session, cast)
    browser = cast.page_client(app, "officer")

    without = browser.post(f"/quarantine/{copy.number}/reject", data={"note": " "})
    browser.post(f"/quarantine/{copy.number}/reject", data={"note": "typed twice"})

    assert without.status_code == 422
    assert "typed twice" in browser.get("/quarantine?decided=1").text
    assert browser.get(f"/quarantine/{copy.number}").status_code == 200


def test_a_rejection_taken_back_lets_the_copy_wait_again(app: Flask, session: Session, cast: Cast) -> None:
    _first, copy = conflicting(app, session, cast)
    browser = cast.page_client(app, "officer")
    browser.post(f"/quarantine/{copy.number}/reject", data={"note": "typed twice"})

    browser.post(f"/quarantine/{copy.number}/reopen")

    assert copy.number in browser.get("/quarantine").text
    assert copy.number not in browser.get("/quarantine?decided=1").text
    assert browser.post(f"/quarantine/{copy.number}/accept", data={"how": "separate"}).status_code == 303
    assert copy.number in browser.get("/quarantine?decided=1").text


def test_a_copy_rejected_again_after_that_is_rejected(app: Flask, session: Session, cast: Cast) -> None:
    _first, copy = conflicting(app, session, cast)
    browser = cast.page_client(app, "officer")
    for _ in range(2):
        browser.post(f"/quarantine/{copy.number}/reject", data={"note": "typed twice"})
        browser.post(f"/quarantine/{copy.number}/reopen")
    browser.post(f"/quarantine/{copy.number}/reject", data={"note": "once more"})

    assert "once more" in browser.get(f"/quarantine/{copy.number}").text
    assert copy.number not in browser.get("/quarantine").text


def test_what_waits_or_is_accepted_cannot_be_reopened(app: Flask, session: Session, cast: Cast) -> None:
    _first, copy = conflicting(app, session, cast)
    browser = cast.page_client(app, "officer")
    waiting = browser.post(f"/quarantine/{copy.number}/reopen")
    browser.post(f"/quarantine/{copy.number}/accept", data={"how": "separate"})

    assert (waiting.status_code, browser.post(f"/quarantine/{copy.number}/reopen").status_code) == (409, 409)


def test_deciding_twice_is_refused(app: Flask, session: Session, cast: Cast) -> None:
    _first, copy = conflicting(app, session, cast)
    browser = cast.page_client(app, "officer")
    browser.post(f"/quarantine/{copy.number}/accept", data={"how": "separate"})

    answer = browser.post(f"/quarantine/{copy.number}/reject", data={"note": "too late"})

    assert answer.status_code == 409


def test_the_other_sector_sees_no_copy_of_this_one(app: Flask, session: Session, cast: Cast) -> None:
    _first, copy = conflicting(app, session, cast)
    stranger = cast.page_client(app, "other_sector")

    assert copy.number not in stranger.get("/quarantine").text
    assert stranger.get(f"/quarantine/{copy.number}").status_code == 404
    assert stranger.post(f"/quarantine/{copy.number}/accept").status_code == 404


def test_a_strictly_confidential_report_is_for_headquarters_only(app: Flask, session: Session, cast: Cast) -> None:
    copy = send(app, session, cast, visit({"un_class": "STRICTLY_CONFIDENTIAL"}))

    assert copy.reason == "strictly_confidential"
    assert cast.page_client(app, "officer").get(f"/quarantine/{copy.number}").status_code == 404
    assert cast.page_client(app, "hq_officer").get(f"/quarantine/{copy.number}").status_code == 200


def test_an_unknown_form_is_shown_by_its_envelope(app: Flask, session: Session, cast: Cast) -> None:
    copy = send(app, session, cast, visit().replace(b'id="cimic_patrol"', b'id="old_form"'))

    page = cast.page_client(app, "officer").get(f"/quarantine/{copy.number}").text

    assert "old_form" in page
    assert "Unknown questionnaire" in page


def alarm(app: Flask, session: Session, cast: Cast) -> Receipt:
    """A report that calls for help at once."""
    return send(app, session, cast, visit({"urgent": "yes", "urgent_text": "Well poisoned, forty ill"}))


def test_an_alarm_is_on_the_duty_officers_page_with_its_words(app: Flask, session: Session, cast: Cast) -> None:
    alarm(app, session, cast)

    assert "Well poisoned, forty ill" in cast.page_client(app, "officer").get("/duty").text


def test_the_pulse_counts_the_alarm_and_brings_the_banner(app: Flask, session: Session, cast: Cast) -> None:
    receipt = alarm(app, session, cast)

    answer = cast.page_client(app, "officer").get("/duty/pulse").get_json()

    assert answer["counts"]["alarms"] == 1
    assert answer["alarms"] == [receipt.number]
    assert "Gbadé" in answer["banner"]


def test_a_place_name_in_the_banner_is_never_markup(app: Flask, session: Session, cast: Cast) -> None:
    send(app, session, cast, visit({"urgent": "yes", "urgent_text": "x", "settlement_new": "<img src=x onerror=alert(1)>"}))

    assert "<img" not in cast.page_client(app, "officer").get("/duty/pulse").get_json()["banner"]


def test_taking_an_alarm_keeps_the_name_and_ends_the_banner(app: Flask, session: Session, cast: Cast) -> None:
    receipt = alarm(app, session, cast)
    browser = cast.page_client(app, "officer")

    browser.post(f"/duty/{receipt.number}/acknowledge", data={"note": "Told UNICEF at 10:05"})

    pulse = browser.get("/duty/pulse").get_json()
    assert pulse["counts"]["alarms"] == 0
    assert pulse["banner"] == ""
    assert "Officer East" in browser.get("/duty").text


def test_an_alarm_is_taken_once(app: Flask, session: Session, cast: Cast) -> None:
    receipt = alarm(app, session, cast)
    cast.page_client(app, "officer").post(f"/duty/{receipt.number}/acknowledge")

    answer = cast.page_client(app, "hq_officer").post(f"/duty/{receipt.number}/acknowledge")

    assert answer.status_code == 409


def test_an_alarm_of_one_sector_does_not_ring_in_the_other(app: Flask, session: Session, cast: Cast) -> None:
    receipt = alarm(app, session, cast)
    stranger = cast.page_client(app, "other_sector")

    assert stranger.get("/duty/pulse").get_json()["counts"]["alarms"] == 0
    assert stranger.post(f"/duty/{receipt.number}/acknowledge").status_code == 404
