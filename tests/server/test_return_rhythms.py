"""Returns owed each day or week: which report counts for which period, the board, the plan, reminders, what was frozen."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Post, ReturnPlan, SubmissionSummary
from server.problems import Problem
from server.services import folding, mission, reminder_mail, returns
from server.services.accounts import Profile, create_user
from server.services.reminder_mail import ReminderMail
from sync.periods import Day, Period, Week
from tests.cast import Cast
from tests.server import patrols
from tests.server.mail_server import MailServer, mail_server
from tests.server.test_returns import BANGUI, FORM, add_site, it_is, send

__all__ = ["mail_server"]
WEEK, DAY = Week(2026, 41), Day(dt.date(2026, 10, 5))


def october(day: int, hour: int = 12, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 10, day, hour, minute, tzinfo=BANGUI)


@pytest.fixture
def site(session: Session, cast: Cast) -> Post:
    """A team site that owes a return each week, and each day."""
    for rhythm in ("weekly", "daily"):
        mission.put_return_plan(session, None, FORM, "observer_site", rhythm=rhythm, starts_on="2026-09-28")
    made = add_site(session, cast, "A")
    session.commit()
    return made


def board(session: Session, cast: Cast, period: Period) -> returns.Board:
    (found,) = returns.boards(session, cast.identity("officer"), BANGUI, period)
    return found


def state(session: Session, cast: Cast, period: Period) -> str:
    cell = board(session, cast, period).rows[0].cells[-1]
    assert cell is not None
    return cell.state


def test_a_report_without_a_period_counts_for_the_week_and_the_day_it_speaks_of(
    session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(session, "TS-A", october(5, 18), period=None)
    it_is(monkeypatch, october(25))

    assert [state(session, cast, each) for each in (WEEK, WEEK.plus(1), DAY, DAY.plus(1))] == [
        "received", "missing", "received", "missing",
    ]


@pytest.mark.parametrize(("hour", "minute", "states"), [(23, 59, ["received", "missing"]), (24, 0, ["missing", "received"])])
def test_the_day_of_a_report_is_the_day_of_mission_time(
    session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch, hour: int, minute: int, states: list[str]
) -> None:
    said = october(5, 0) + dt.timedelta(hours=hour, minutes=minute)
    send(session, "TS-A", said, period=None)
    it_is(monkeypatch, october(20))

    assert [state(session, cast, each) for each in (DAY, DAY.plus(1))] == states


@pytest.mark.parametrize(
    ("named", "states"),
    [("2026-10-05", ["received", "received"]), ("2026-W41", ["received", "missing"]), ("2026-10", ["missing", "missing"])],
)
def test_a_report_counts_for_the_period_it_names_and_not_for_its_day(
    session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch, named: str, states: list[str]
) -> None:
    send(session, "TS-A", october(5, 9), observed_at=october(7), period=named)
    it_is(monkeypatch, october(20))

    assert [state(session, cast, each) for each in (WEEK, DAY)] == states


def test_several_patrols_of_a_week_correct_nothing(
    session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (5, 7, 9):
        send(session, "TS-A", october(day), period=None)
    it_is(monkeypatch, october(30))

    shown = board(session, cast, WEEK)

    assert (shown.tally.on_time, shown.tally.revised, shown.tally.superseded, shown.late_changes) == (1, 0, 0, 0)


def test_the_figures_of_a_week_stay_as_they_were_at_its_freeze(
    session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(session, "TS-A", october(19), period="2026-W41")
    it_is(monkeypatch, october(25))

    shown = board(session, cast, WEEK)

    assert (dict(shown.tally.by_state), shown.late_changes, shown.frozen) == ({"missing": 1}, 1, True)
    assert state(session, cast, WEEK) == "late"


def test_a_unit_that_leaves_within_the_week_owes_its_handover_return(
    session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_site(session, cast, "B", dt.date(2026, 10, 8))
    it_is(monkeypatch, october(20))

    shown = board(session, cast, WEEK)

    assert [row.cells[-1].state for row in shown.rows if row.cells[-1]] == ["missing", "handover"]


def test_a_week_of_days_and_the_weeks_of_a_quarter_stand_beside_each_other(
    session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(monkeypatch, october(20))

    days, weeks = board(session, cast, DAY).months, board(session, cast, WEEK).months

    assert (str(days[0]), str(days[-1]), len(days)) == ("2026-09-29", "2026-10-05", 7)
    assert (str(weeks[0]), str(weeks[-1]), len(weeks)) == ("2026-W29", "2026-W41", 13)


def test_the_board_opens_with_the_longest_rhythm_that_is_owed_and_leads_to_the_others(
    app: Flask, session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(monkeypatch, october(14))
    page = cast.page_client(app, "officer").get("/returns").text

    assert "<h1>Returns for week 41: 5 to 11 Oct 2026</h1>" in page
    assert re.findall(r'<a href="/returns\?rhythm=(\w+)"( aria-current="page")?', page) == [
        ("weekly", ' aria-current="page"'), ("daily", ""),
    ]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("rhythm=daily&day=2026-10-05", "Monday 5 October 2026"), ("rhythm=weekly&day=2026-10-05", "week 41: 5 to 11 Oct 2026"),
        ("rhythm=monthly&day=2026-10-05", "October 2026"), ("rhythm=daily&day=nonsense", "Tuesday 13 October 2026"),
    ],
)  # fmt: skip
def test_the_picker_leads_to_the_period_around_a_day(
    app: Flask, session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch, query: str, title: str
) -> None:
    it_is(monkeypatch, october(14))

    assert f"<h1>Returns for {title}</h1>" in cast.page_client(app, "officer").get(f"/returns?{query}").text


@pytest.mark.parametrize("period", ["2026-W54", "2026-10-32", "2026-W1", "week", "0001-W01", "2026-10-05T00:00"])
def test_what_is_no_period_is_not_found(app: Flask, cast: Cast, period: str) -> None:
    assert cast.page_client(app, "officer").get(f"/returns/{period}").status_code == 404


def test_one_day_of_a_post_has_its_page_and_can_be_waived(
    app: Flask, session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(monkeypatch, october(14))
    officer = cast.page_client(app, "officer")

    assert "Monday 5 October 2026" in officer.get(f"/returns/2026-10-05/{FORM}/{site.id}").text
    answer = officer.post(f"/returns/2026-10-05/{FORM}/{site.id}/waive", data={"reason": "road closed"})

    assert answer.status_code == 303
    assert (state(session, cast, DAY), state(session, cast, DAY.plus(1)), state(session, cast, WEEK)) == (
        "waived", "missing", "late",
    )


def test_the_text_for_the_radio_net_names_the_week_and_its_last_day(
    app: Flask, session: Session, cast: Cast, site: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(monkeypatch, october(13, 9))
    page = cast.page_client(app, "officer").get("/returns/2026-W41").text

    (text,) = re.findall(r"<pre>(.*?)</pre>", page, re.S)
    assert text.splitlines()[1:3] == ["RETURN: monthly_return, week 41: 5 to 11 Oct 2026", "WAS DUE: 12 Oct 2026, 23:59"]


def test_each_reminder_of_a_day_is_mailed_though_the_next_day_is_owed_already(
    app: Flask, session: Session, cast: Cast, site: Post, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.query(ReturnPlan).filter_by(rhythm="weekly").delete()
    session.query(ReturnPlan).update({"starts_on": dt.date(2026, 10, 5)})
    create_user(session, None, "a@example.org", Profile("A", "observer", cast.sector_ids[0], post_id=site.id), "a long password")
    send(session, "TS-A", october(6), period="2026-10-06")
    send(session, "TS-A", october(7), period="2026-10-07")
    send(session, "TS-A", october(8), period="2026-10-08")
    session.commit()
    own = app.config["SETTINGS"]
    mails = ReminderMail(dataclasses.replace(own, mail_url=mail_server.url, mail_from="f@example.org", time_zone=BANGUI))
    given = []
    for day in (5, 6, 7, 8, 9):
        it_is(monkeypatch, october(day, 9))
        monkeypatch.setattr(reminder_mail, "now", lambda day=day: october(day, 9))
        given.append(mails.send(session))

    assert given == [0, 1, 1, 1, 0]
    assert "2026-10-05" in mail_server.mails[0][1]["Subject"]


def test_form_type_of_post_and_rhythm_make_one_line_of_the_plan(session: Session, cast: Cast) -> None:
    for due in (1, 2):
        mission.put_return_plan(session, None, FORM, "team_site", rhythm="weekly", due_day=due)
    mission.put_return_plan(session, None, FORM, "team_site")

    found = session.scalars(select(ReturnPlan).order_by(ReturnPlan.rhythm)).all()

    assert [(plan.rhythm, plan.due_day, plan.missing_day, plan.freeze_day) for plan in found] == [
        ("monthly", 5, 10, 15), ("weekly", 2, 3, 7),
    ]


@pytest.mark.parametrize("wrong", [{"rhythm": "hourly"}, {"due_day": 0}, {"rhythm": "daily", "due_day": -1}, {"due_day": "x"}])
def test_a_plan_that_cannot_be_is_refused(session: Session, cast: Cast, wrong: dict[str, str]) -> None:
    with pytest.raises(Problem) as refusal:
        mission.put_return_plan(session, None, FORM, "team_site", **wrong)

    assert refusal.value.kind.name == "invalid_input"


def test_the_plan_is_kept_on_its_page(app: Flask, session: Session, cast: Cast) -> None:
    patrols.publish(session, FORM)
    admin = cast.page_client(app, "admin")
    added = admin.post("/returns/plan", data={"form": FORM, "type": "team_site", "rhythm": "daily", "due": "0", "starts": ""})
    page = admin.get("/returns/plan").text
    plan = session.scalars(select(ReturnPlan)).one()

    assert (added.status_code, plan.rhythm, plan.due_day) == (303, "daily", 0)
    assert "due 0, missing after 2, frozen after 3" in page
    assert admin.post(f"/returns/plan/{plan.id}/remove").status_code == 303
    assert session.scalars(select(ReturnPlan)).all() == []


@pytest.mark.parametrize(
    ("said", "period"), [("2026-W41", "2026-W41"), ("2026-10-05", "2026-10-05"), ("2026-10", "2026-10"), ("2026-W60", None)]
)
def test_a_return_knows_the_week_or_day_it_names(
    session: Session, cast: Cast, said: str, period: str | None
) -> None:
    patrols.publish(session, FORM)
    xml = patrols.filled(FORM, {"year": "", "month": "", "period": said}, {})
    patrols.send(session, xml, cast.hq_officer.actor_id)
    folding.drain(session)

    assert session.scalars(select(SubmissionSummary)).one().period == period
