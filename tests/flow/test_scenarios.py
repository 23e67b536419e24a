"""Acceptance scenarios 1 to 4: reports go in through the devices' door on their dates, officers use their pages."""

from __future__ import annotations

import datetime as dt

import pytest
import requests
from sqlalchemy import select

from server.models import Release, ReviewTask, SubmissionSummary
from server.services import journal, returns
from server.services import mission as services
from sync.returns import Month
from tests.flow.missions import ZONE, Mission, Phone, day

BANBATT, TEAM_SITE = "BANBATT-3", "TS-BOSSANGOA"
FIRST_PLACE, SECOND_PLACE = "6.4901 17.4520 0 5", "6.4905 17.4527 0 5"


@pytest.fixture
def two_patrols(mission: Mission) -> tuple[Phone, Phone]:
    """Scenario 1: one clinic, reported full by a patrol, then partial and under a shorter name by observers with an old list."""
    mission.publish("key_infrastructure", "cimic_patrol")
    patrol, observers = mission.phone(BANBATT), mission.phone(TEAM_SITE, "team_site")
    patrol.pull(day(2))
    observers.pull(day(2))
    patrol.clinic("Centre de Santé de Gbadé", FIRST_PLACE, day(3), "full")
    patrol.send(day(3, 16))
    observers.clinic("CS Gbade", SECOND_PLACE, day(4), "partial", h_stockout="yes")
    observers.send(day(4, 18))
    mission.drain()
    return patrol, observers


def the_question(mission: Mission) -> ReviewTask:
    """The one open question."""
    with mission.session() as session:
        return session.scalars(select(ReviewTask)).one()


def accept(mission: Mission) -> requests.Response:
    """The officer says in the page that both are the same."""
    question = the_question(mission)
    return mission.browser("officer").post(f"{mission.base_url}/review/{question.id}", data={"answer": "same"}, timeout=60)


def test_scenario_1_asks_an_officer_and_does_not_merge_by_itself(mission: Mission, two_patrols: tuple[Phone, Phone]) -> None:
    page = mission.browser("officer").get(f"{mission.base_url}/review", timeout=60)

    assert len(mission.records("facilities")) == 2
    assert "CS Gbade" in page.text
    assert "89 m" in page.text


def test_scenario_1_accepted_is_one_facility_with_both_visits_and_one_entry_on_devices(
    mission: Mission, two_patrols: tuple[Phone, Phone]
) -> None:
    patrol, _observers = two_patrols
    patrol.pull(day(5))
    before = patrol.device.rows("facilities.csv")

    answered = accept(mission)

    (record,) = mission.records("facilities")
    assert answered.status_code == 200
    assert record.data["functionality"] == "partial"
    assert record.provenance["functionality"]["unit"] == TEAM_SITE
    assert record.aliases == ["Centre de Santé de Gbadé"]
    page = mission.browser("officer").get(f"{mission.base_url}/registers/facilities/{record.id}", timeout=60)
    assert BANBATT in page.text
    assert TEAM_SITE in page.text
    patrol.pull(day(6))
    assert len(before) == 2
    assert [row["functionality"] for row in patrol.device.rows("facilities.csv")] == ["partial"]


def test_scenario_1_taken_back_is_two_facilities_and_a_question_again(mission: Mission, two_patrols: tuple[Phone, Phone]) -> None:
    accept(mission)

    undone = mission.browser("officer").post(f"{mission.base_url}/review/undo", data={}, timeout=60)

    assert undone.status_code == 200
    assert len(mission.records("facilities")) == 2
    assert the_question(mission).kind == "pair"


def test_scenario_2_older_news_that_comes_later_does_not_open_the_route(mission: Mission) -> None:
    mission.publish("route_status")
    road = mission.road("Bossangoa - Nana-Bakassa")
    first, second = mission.phone(BANBATT), mission.phone(TEAM_SITE, "team_site")
    for phone in (first, second):
        phone.pull(day(5))
    common = {"route": road, "weather": ["rain"]}
    first.report("route_status", {**common, "driven": "no", "passability": "closed", "max_vehicle": "0"}, day(9))
    first.send(day(9, 15))
    mission.drain()

    second.report("route_status", {**common, "driven": "yes", "passability": "open", "max_vehicle": "3"}, day(6))
    second.send(day(12))
    mission.drain()

    (record,) = mission.records("routes")
    page = mission.browser("hq_officer").get(f"{mission.base_url}/registers/routes/{record.id}", timeout=60)
    assert (record.data["passability"], record.data["max_vehicle"]) == ("closed", "0")
    assert TEAM_SITE in page.text
    # No notice: nothing is released or proposed for release, nobody is asked and no alarm is raised.
    with mission.session() as session:
        asked = session.scalars(select(ReviewTask.id).where(ReviewTask.dataset == "routes")).all()
        raised = session.scalars(select(SubmissionSummary.root_fact_id).where(SubmissionSummary.alarm.is_not(None))).all()
        assert (list(session.scalars(select(Release.number))), list(asked), list(raised)) == ([], [], [])


def test_scenario_3_an_empty_answer_wipes_nothing(mission: Mission) -> None:
    mission.publish("cimic_patrol")
    patrol, observers = mission.phone(BANBATT), mission.phone(TEAM_SITE, "team_site")
    patrol.pull(day(2))
    patrol.visit(day(3), settlement_new="Gbadé", gps=FIRST_PLACE, pop_total=2400, pop_source="ki_leader")
    patrol.send(day(3, 15))
    mission.drain()
    observers.pull(day(5))
    (gbade,) = observers.device.rows("settlements.csv")

    observers.visit(day(6), settlement=gbade["name"], gps=FIRST_PLACE, max_vehicle="3")
    observers.send(day(6, 15))
    mission.drain()

    (record,) = mission.records("settlements")
    assert record.data["pop_total"] in {2400, "2400"}
    assert record.provenance["pop_total"]["unit"] == BANBATT
    assert dt.datetime.fromisoformat(record.provenance["pop_total"]["observed_at"]).astimezone(ZONE).date() == day(3).date()
    assert dt.datetime.fromisoformat(record.provenance["max_vehicle"]["observed_at"]).astimezone(ZONE).date() == day(6).date()
    assert record.data["max_vehicle"] == "3"


def return_of(
    phone: Phone, sent: dt.datetime, seen: dt.datetime | None = None, nil: bool = False, correction: bool = False
) -> None:
    """A monthly return for October."""
    phone.pull(day(1))
    answers = {"year": 2026, "month": "10", "nil_return": "yes" if nil else "no", "correction": "yes" if correction else "no"}
    if not nil:
        trends = ("tr_food", "tr_water", "tr_health", "tr_school", "tr_move", "tr_sec", "tr_access")
        answers |= {
            "n_patrols": 8,
            "n_visits": 20,
            "n_meetings": 5,
            "season": "rainy",
            "summary": "Calm.",
            **dict.fromkeys(trends, "same"),
        }
    phone.report("monthly_return", answers, seen or sent)
    phone.send(sent)


def test_scenario_4_the_board_tells_late_from_late_on_the_way(mission: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    mission.publish("monthly_return")
    sites = {
        letter: mission.phone(f"TS-{letter}", "team_site", dt.date(2026, 10, 20) if letter == "F" else None)
        for letter in "ABCDEFGH"
    }
    officer, october = mission.person("hq_officer"), Month(2026, 10)
    with mission.session() as session:
        services.put_return_plan(session, None, "monthly_return", "team_site", starts_on=dt.date(2026, 10, 1))
    return_of(sites["A"], day(3))
    return_of(sites["B"], day(4), nil=True)
    return_of(sites["C"], day(9), seen=day(4, 18, 10))
    return_of(sites["D"], day(2))
    return_of(sites["D"], day(6), correction=True)
    return_of(sites["H"], day(7))
    mission.drain()

    monkeypatch.setattr(journal, "_clock", lambda: day(11).astimezone(dt.UTC))
    with mission.session() as session:
        (row,) = [row for row in returns.boards(session, officer, ZONE, october)[0].rows if row.post.unit_code == "TS-G"]
        returns.waive(session, officer, ZONE, "monthly_return", row.post.id, october, "No patrols in October.")
        board = returns.boards(session, officer, ZONE, october)[0]

    states = {row.post.unit_code: row.cells[-1].state for row in board.rows if row.cells[-1]}
    assert states == {
        "TS-A": "received",
        "TS-B": "nil",
        "TS-C": "late_in_transit",
        "TS-D": "received",
        "TS-E": "missing",
        "TS-F": "handover",
        "TS-G": "waived",
        "TS-H": "late",
    }
    assert (board.tally.on_time, board.tally.owed, board.tally.late_in_transit, board.tally.revised) == (3, 6, 1, 1)
