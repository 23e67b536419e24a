"""What the inbox knows of a report without reading it again."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Fact, Submission, SubmissionSummary
from server.queries.mission import put_setting
from server.services import folding, summaries
from tests.cast import Cast
from tests.devices import Phone, add_form, days_ago, new_id, report


@pytest.fixture
def phone(app: Flask, session: Session, cast: Cast) -> Phone:
    """The phone of a patrol whose posts fill the form "patrol"."""
    add_form(session)
    put_setting(session, "time_zone", "Africa/Bangui")
    session.commit()
    return Phone(app.test_client(), cast.key_path(0))


def summary_of(phone: Phone, session: Session, **answers: str) -> SubmissionSummary:
    """The summary of a report with these answers."""
    assert phone.send(report(new_id(), **answers)).status_code == 201
    summaries.fold(session, session.scalars(select(Fact)).all())
    return session.query(SubmissionSummary).one()


def test_a_life_in_danger_is_an_alarm_with_what_is_needed(phone: Phone, session: Session) -> None:
    found = summary_of(phone, session, urgent="yes", urgent_text="Two wounded, no transport")

    assert (found.alarm, found.alarm_text) == ("life", "Two wounded, no transport")


def test_no_danger_is_no_alarm(phone: Phone, session: Session) -> None:
    assert summary_of(phone, session, urgent="no").alarm is None


def test_an_ordnance_report_is_an_alarm_by_its_form(phone: Phone, session: Session) -> None:
    add_form(session, "eo_hazard")
    phone.send(report(new_id(), form_id="eo_hazard"))
    summaries.fold(session, session.scalars(select(Fact)).all())

    assert session.query(SubmissionSummary).one().alarm == "mine"


def test_a_return_knows_its_month_and_whether_it_is_nil(phone: Phone, session: Session) -> None:
    found = summary_of(phone, session, year="2026", month="03", nil_return="yes")

    assert (found.period, found.nil_return) == ("2026-03", True)


@pytest.mark.parametrize(("year", "month"), [("2026", "13"), ("99999", "1"), ("x", "1"), ("²", "1"), ("2026", "")])
def test_a_month_that_is_none_is_left_empty(phone: Phone, session: Session, year: str, month: str) -> None:
    assert summary_of(phone, session, year=year, month=month).period is None


def test_the_day_of_the_report_counts_and_not_its_arrival(phone: Phone, session: Session) -> None:
    day = days_ago(3).date()

    found = summary_of(phone, session, report_date=day.isoformat())

    # Noon in Bangui, one hour before UTC.
    assert found.observed_at == dt.datetime.combine(day, dt.time(11), dt.UTC)
    assert not found.clock_flagged


def test_a_clock_a_year_ahead_counts_as_receipt_and_is_flagged(phone: Phone, session: Session) -> None:
    found = summary_of(phone, session, end=days_ago(-365).isoformat())

    assert (found.observed_at, found.clock_flagged) == (found.received_at, True)


def test_a_position_is_read_from_the_first_geopoint(phone: Phone, session: Session) -> None:
    found = summary_of(phone, session, gps="6.4901 17.4520 0 5")

    assert (found.lat, found.lon) == (6.4901, 17.452)


@pytest.mark.parametrize("gps", ["", "north", "91 0", "nan nan", "1e400 0"])
def test_a_position_that_is_none_is_left_empty(phone: Phone, session: Session, gps: str) -> None:
    assert summary_of(phone, session, gps=gps).lat is None


def test_the_sector_is_that_of_the_post(phone: Phone, session: Session, cast: Cast) -> None:
    assert summary_of(phone, session).sector_id == cast.sector_ids[0]


def test_without_a_post_the_sector_is_that_of_the_reporting_unit(phone: Phone, session: Session, cast: Cast) -> None:
    phone.send(report(new_id(), reporting_unit="TS-BOSSANGOA"))
    session.query(Submission).one().post_id = None
    summaries.fold(session, session.scalars(select(Fact)).all())

    assert session.query(SubmissionSummary).one().sector_id == cast.sector_ids[1]


def test_findings_are_kept_with_the_report_and_hold_nothing_back(phone: Phone, session: Session) -> None:
    found = summary_of(phone, session, report_date="2026-01-01")

    assert [(each["path"], each["code"]) for each in found.findings] == [("/settlement_new", "required")]


def test_files_are_counted_by_what_the_report_names(phone: Phone, session: Session) -> None:
    found = summary_of(phone, session, photo="a.jpg", photo2="b.jpg")

    assert (found.files_expected, found.files_present) == (2, 0)


def test_folding_again_changes_nothing(phone: Phone, session: Session) -> None:
    first = summary_of(phone, session, settlement_new="Gbadé", urgent="yes")
    columns = [column.key for column in SubmissionSummary.__table__.columns]
    before = {name: getattr(first, name) for name in columns}

    summaries.fold(session, session.scalars(select(Fact)).all())
    session.expire_all()

    assert {name: getattr(session.query(SubmissionSummary).one(), name) for name in columns} == before


def test_an_encrypted_report_is_summed_up_without_its_answers(phone: Phone, session: Session) -> None:
    parts = b"<base64EncryptedKey>k</base64EncryptedKey><encryptedXmlFile>submission.xml.enc</encryptedXmlFile>"
    phone.send(report(new_id()).replace(b"<data ", b'<data encrypted="yes" ').replace(b"</data>", parts + b"</data>"))
    summaries.fold(session, session.scalars(select(Fact)).all())

    assert session.query(SubmissionSummary).one().findings_count == 0


def test_a_report_that_was_read_ahead_is_summed_up_the_same(phone: Phone, session: Session) -> None:
    answers = {"settlement_new": "", "gps": "6.5 17.5 400 5", "urgent": "yes", "urgent_text": "Water"}
    plain = summary_of(phone, session, **answers)

    phone.send(report(new_id(), **answers))
    folding.prepare(session)
    folding.fold_batch(session)

    ahead = session.scalars(select(SubmissionSummary).where(SubmissionSummary.root_fact_id != plain.root_fact_id)).one()
    said = ("lat", "lon", "alarm", "alarm_text", "findings", "findings_count", "files_expected", "place", "unit")
    assert ahead.findings_count > 0
    assert [getattr(ahead, name) for name in said] == [getattr(plain, name) for name in said]


def test_a_report_that_cannot_be_read_ahead_does_not_stop_the_worker(
    phone: Phone, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise ValueError("no reading today")

    phone.send(report(new_id(), settlement_new="Bria"))
    with monkeypatch.context() as patched:
        patched.setattr(summaries, "read", broken)
        folding.prepare(session)

    assert folding.fold_batch(session) == (1, [])
