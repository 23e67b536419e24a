"""Reports of one event over the database: pointed out, decided by an officer, taken back, never dropped, never counted twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import Record, ReportFace, ReportPair, SubmissionSummary
from server.problems import Problem
from server.services import folding, report_duplicates, report_events, report_verdicts
from tests.cast import Cast
from tests.server.lists import who
from tests.server.office_reports import publish_patrol, send, visit


@pytest.fixture
def two_visits(app: Flask, session: Session, cast: Cast) -> list[int]:
    """One visit that was typed twice; the root facts."""
    publish_patrol(session)
    for number in (1, 2):
        send(app, session, cast, visit(instance_id=f"uuid:0000000{number}-0000-4000-8000-000000000000"))
    folding.drain(session)
    return list(session.scalars(select(SubmissionSummary.root_fact_id).order_by(SubmissionSummary.root_fact_id)))


def pairs(session: Session) -> list[tuple[Any, ...]]:
    session.expire_all()
    found = session.scalars(select(ReportPair).order_by(ReportPair.earlier, ReportPair.later))
    return [(p.earlier, p.later, p.relation, p.likeness, p.verdict, p.event_uuid) for p in found]


def test_a_report_typed_twice_is_pointed_out(session: Session, two_visits: list[int]) -> None:
    assert [pair[:4] for pair in pairs(session)] == [(*two_visits, "alike", 1.0)]


def test_both_reports_stay_and_are_counted_as_one_or_two_until_somebody_decides(session: Session, two_visits: list[int]) -> None:
    assert session.scalar(select(func.count()).select_from(SubmissionSummary)) == 2
    assert report_duplicates.events_told(session, two_visits) == (1, 2)


@pytest.mark.parametrize(("verdict", "told"), [("same", (1, 1)), ("different", (2, 2))])
def test_an_officer_decides(
    session: Session, cast: Cast, two_visits: list[int], verdict: str, told: tuple[int, int]
) -> None:  # fmt: skip
    officer = who(session, cast, "officer")

    report_verdicts.judge(session, officer, report_verdicts.one(session, officer, *two_visits), verdict)

    assert report_duplicates.events_told(session, two_visits) == told
    assert report_verdicts.count(session, officer, "decided") == 1


def test_a_decision_is_taken_back(session: Session, cast: Cast, two_visits: list[int]) -> None:
    officer = who(session, cast, "officer")
    before = pairs(session)
    report_verdicts.judge(session, officer, report_verdicts.one(session, officer, *two_visits), "same")

    report_verdicts.undo(session, officer, report_verdicts.one(session, officer, *two_visits))

    assert pairs(session) == before


def test_a_lower_officer_does_not_take_back_what_headquarters_said(
    session: Session, cast: Cast, two_visits: list[int]
) -> None:  # fmt: skip
    officer, hq = who(session, cast, "officer"), who(session, cast)
    report_verdicts.judge(session, hq, report_verdicts.one(session, hq, *two_visits), "same")

    report_verdicts.undo(session, officer, report_verdicts.one(session, officer, *two_visits))
    report_verdicts.judge(session, officer, report_verdicts.one(session, officer, *two_visits), "different")

    assert [pair[4] for pair in pairs(session)] == ["same"]


def test_a_rejected_report_doubles_nothing(session: Session, cast: Cast, two_visits: list[int]) -> None:
    report = session.get_one(SubmissionSummary, two_visits[1])

    report_events.review(session, who(session, cast), report, "rejected")

    assert pairs(session) == []


def test_a_report_that_is_looked_at_again_keeps_its_verdict(session: Session, cast: Cast, two_visits: list[int]) -> None:
    officer = who(session, cast)
    report_verdicts.judge(session, officer, report_verdicts.one(session, officer, *two_visits), "different")
    before = pairs(session)

    report_events.review(session, officer, session.get_one(SubmissionSummary, two_visits[1]), "approved")

    assert pairs(session) == before


def test_a_rebuild_gives_the_same(session: Session, cast: Cast, two_visits: list[int]) -> None:
    officer = who(session, cast)
    report_verdicts.judge(session, officer, report_verdicts.one(session, officer, *two_visits), "same")
    before = pairs(session), session.scalar(select(func.count()).select_from(ReportFace))

    folding.rebuild(session)

    assert (pairs(session), session.scalar(select(func.count()).select_from(ReportFace))) == before


def test_visits_of_other_days_and_places_are_not_doubles(app: Flask, session: Session, cast: Cast, two_visits: list[int]) -> None:
    send(app, session, cast, visit({"settlement_new": "Kouki"}))
    send(app, session, cast, visit({"report_date": dt.date(2026, 11, 9)}))
    folding.drain(session)

    assert len(pairs(session)) == 1


def test_another_sector_sees_nothing_of_it(session: Session, cast: Cast, two_visits: list[int]) -> None:
    stranger = who(session, cast, "other_sector")

    assert report_verdicts.listed(session, stranger, "open") == []
    with pytest.raises(Problem) as refused:
        report_verdicts.one(session, stranger, *two_visits)
    assert refused.value.kind.name == "not_found"


def test_the_page_shows_a_pair_and_takes_the_decision(app: Flask, session: Session, cast: Cast, two_visits: list[int]) -> None:
    browser = cast.page_client(app, "officer")
    assert "One report" in browser.get("/doubles").text

    answer = browser.post(f"/doubles/{two_visits[0]}/{two_visits[1]}", data={"verdict": "same"})

    assert answer.status_code == 303
    assert [pair[4] for pair in pairs(session)] == ["same"]
    assert "Take it back" in browser.get("/doubles?state=decided").text


def test_the_page_asks_in_the_words_of_the_questionnaire(app: Flask, session: Session, cast: Cast, two_visits: list[int]) -> None:
    send(app, session, cast, visit({"need1": "food"}, instance_id="uuid:00000003-0000-4000-8000-000000000000"))
    folding.drain(session)

    page = cast.page_client(app, "officer").get("/doubles").text

    assert "need1" not in page
    assert "Food / Drinking water" in page or "Drinking water / Food" in page


def settlement(session: Session) -> Record:
    return session.scalars(select(Record).where(Record.dataset == "settlements", Record.deleted_at.is_(None))).one()


@pytest.mark.parametrize(("verdict", "again"), [("same", 1), ("different", 0), (None, 0)])
def test_a_record_does_not_count_a_report_that_was_told_twice(
    app: Flask, session: Session, cast: Cast, two_visits: list[int], verdict: str | None, again: int
) -> None:
    record = settlement(session)
    assert record.observation_count == 2
    if verdict is not None:
        officer = who(session, cast, "officer")
        report_verdicts.judge(session, officer, report_verdicts.one(session, officer, *two_visits), verdict)

    assert report_duplicates.told_again(session, 1, "settlements", [record.id]).get(record.id, 0) == again
    browser = cast.page_client(app, "officer")
    assert f'data-label="Reports">{2 - again}</td>' in browser.get("/registers/settlements").text
    assert ("1 told twice" in browser.get(f"/registers/settlements/{record.id}").text) == bool(again)
