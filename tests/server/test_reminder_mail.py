"""Reminders of returns that were given: by mail where it is configured, once each, to the right people; read out, with a name."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Event, Post, User
from server.problems import Problem
from server.services import journal, reminder_mail, reminders, returns
from server.services.accounts import Profile, create_user
from server.services.reminder_mail import ReminderMail
from tests.cast import Cast
from tests.server.mail_server import MailServer, mail_server, text_of
from tests.server.test_returns import BANGUI, FORM, OCTOBER, add_site, at, plan, send

__all__ = ["mail_server"]


@pytest.fixture
def settings(app: Flask, mail_server: MailServer) -> Settings:
    own: Settings = app.config["SETTINGS"]
    return dataclasses.replace(
        own, mail_url=mail_server.url, mail_from="fieldpost@example.org", base_url="https://cimic.example.org", time_zone=BANGUI
    )


def it_is(monkeypatch: pytest.MonkeyPatch, instant: dt.datetime) -> None:
    for module in (returns, journal, reminder_mail):
        monkeypatch.setattr(module, "now", lambda: instant)


@pytest.fixture
def site(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Post:
    """A team site with one observer's account, one day after the due day of October's return, which has not come."""
    plan(session)
    made = add_site(session, cast, "A")
    profile = Profile("Observer A", "observer", cast.sector_ids[0], post_id=made.id)
    create_user(session, None, "site-a@example.org", profile, "a long password")
    it_is(monkeypatch, at(6))
    session.commit()
    return made


def test_a_return_that_did_not_come_is_reminded_of_by_mail(
    session: Session, site: Post, settings: Settings, mail_server: MailServer
) -> None:
    assert ReminderMail(settings).send(session) == 1

    ((to, mail),) = mail_server.mails
    assert to == ["site-a@example.org"]
    assert mail["Subject"].replace("\n", "").endswith("reminder / rappel 2/3")
    assert "Last day: 2026-11-05, 23:59 mission time" in text_of(mail)
    assert "Dernier jour : 2026-11-05" in text_of(mail)
    assert "https://cimic.example.org/returns/2026-10" in text_of(mail)


def test_the_same_reminder_is_mailed_once_by_whichever_process(
    session: Session, site: Post, settings: Settings, mail_server: MailServer
) -> None:
    mails = ReminderMail(settings)

    assert [mails.send(session), mails.send(session), ReminderMail(settings).send(session)] == [1, 0, 0]


def test_the_last_reminder_goes_to_the_officers_of_the_sector_too(
    session: Session, cast: Cast, site: Post, settings: Settings, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(monkeypatch, at(10))

    ReminderMail(settings).send(session)

    ((to, mail),) = mail_server.mails
    assert cast.officer.email in to
    assert cast.people["other_sector"].email not in to
    assert cast.officer.email in mail["Cc"]


def test_each_of_the_three_reminders_is_mailed(
    session: Session, site: Post, settings: Settings, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = ReminderMail(settings)
    for day in (1, 2, 3, 5, 6, 7, 9, 10, 11, 20):
        it_is(monkeypatch, at(day))
        mails.send(session)

    given = session.scalars(select(Event).filter_by(type="REMIND").order_by(Event.fact_id))
    assert [event.payload["number"] for event in given] == [1, 2, 3]


def test_a_return_that_came_is_not_reminded_of(
    session: Session, site: Post, settings: Settings, mail_server: MailServer
) -> None:
    send(session, "TS-A", at(5))

    assert ReminderMail(settings).send(session) == 0


def test_a_post_without_a_person_is_left_to_the_board(
    session: Session, cast: Cast, site: Post, settings: Settings, mail_server: MailServer
) -> None:
    add_site(session, cast, "B")

    assert ReminderMail(settings).send(session) == 1
    assert [to for to, _mail in mail_server.mails] == [["site-a@example.org"]]


@pytest.mark.parametrize("field", ["locked_at", "read_only_from"])
def test_who_may_no_longer_act_gets_no_mail(
    session: Session, site: Post, settings: Settings, mail_server: MailServer, field: str
) -> None:
    session.query(User).filter_by(email="site-a@example.org").update({field: at(1)})
    session.commit()

    assert ReminderMail(settings).send(session) == 0
    assert mail_server.said == []


def test_a_reminder_that_was_refused_is_tried_again_after_a_pause_and_not_noted(
    session: Session, site: Post, settings: Settings, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = ReminderMail(settings)
    mail_server.refuses = True
    assert mails.send(session) == 0
    mail_server.refuses = False

    assert mails.send(session) == 0
    assert session.query(Event).filter_by(type="REMIND").count() == 0
    it_is(monkeypatch, at(6, 13))
    assert mails.send(session) == 1


def test_nothing_is_mailed_without_a_mail_server(session: Session, site: Post, app: Flask, mail_server: MailServer) -> None:
    assert ReminderMail(app.config["SETTINGS"]).send(session) == 0


def test_a_title_with_a_line_break_makes_no_header_of_its_own(
    session: Session, site: Post, settings: Settings, mail_server: MailServer
) -> None:
    site.name = "TS-A\r\nBcc: spy@example.org"
    session.commit()

    assert ReminderMail(settings).send(session) == 1
    assert mail_server.mails[0][0] == ["site-a@example.org"]
    assert mail_server.mails[0][1]["Bcc"] is None


def test_who_read_a_reminder_out_is_kept_and_the_board_says_so(
    app: Flask, session: Session, site: Post, cast: Cast
) -> None:
    officer = cast.page_client(app, "officer")
    assert "Reminder 2 read out" not in officer.get("/returns/2026-10").text

    answer = officer.post(f"/returns/2026-10/{FORM}/{site.id}/read-out")

    assert answer.status_code == 303
    assert "Reminder 2 read out" in officer.get("/returns/2026-10").text
    (event,) = session.scalars(select(Event).filter_by(type="REMIND"))
    assert event.payload == {"form": FORM, "post": site.code, "period": "2026-10", "number": 2, "how": "radio"}


def test_a_reminder_is_not_read_out_twice(session: Session, cast: Cast, site: Post) -> None:
    reminders.read_out(session, cast.identity("officer"), BANGUI, FORM, site.id, OCTOBER)

    with pytest.raises(Problem, match="read out already"):
        reminders.read_out(session, cast.identity("officer"), BANGUI, FORM, site.id, OCTOBER)


def test_an_officer_of_another_sector_cannot_note_it(session: Session, cast: Cast, site: Post) -> None:
    with pytest.raises(Problem, match="Could not find"):
        reminders.read_out(session, cast.identity("other_sector"), BANGUI, FORM, site.id, OCTOBER)


def test_what_came_cannot_be_noted_as_reminded_of(session: Session, cast: Cast, site: Post) -> None:
    send(session, "TS-A", at(5))

    with pytest.raises(Problem, match="nobody is to be reminded"):
        reminders.read_out(session, cast.identity("officer"), BANGUI, FORM, site.id, OCTOBER)
