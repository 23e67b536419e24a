"""The returns board over the database: scenario 4 in rows, scope, waivers and their undoing, the freeze."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from server.models import Event, Post, ReportPair, ReturnPlan, SubmissionSummary, Unit
from server.problems import Problem
from server.services import journal, report_events, returns
from sync.returns import Month
from tests.cast import Cast

BANGUI = ZoneInfo("Africa/Bangui")
OCTOBER = Month(2026, 10)
FORM = "monthly_return"


def at(day: int, hour: int = 12, minute: int = 0, month: int = 11) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, minute, tzinfo=BANGUI)


def it_is(monkeypatch: pytest.MonkeyPatch, instant: dt.datetime) -> None:
    monkeypatch.setattr(returns, "now", lambda: instant)
    monkeypatch.setattr(journal, "now", lambda: instant)


def add_site(session: Session, cast: Cast, letter: str, out: dt.date | None = None, sector: int = 0) -> Post:
    code = f"TS-{letter}"
    session.add(Unit(code=code, name=f"Team site {letter}", sector_id=cast.sector_ids[sector], rotation_out=out))
    session.flush()
    name = f"MILOBS {code}"
    post = Post(code=name, name=name, type="observer_site", unit_code=code, sector_id=cast.sector_ids[sector])
    session.add(post)
    session.flush()
    return post


_next_root = iter(range(1_000_000, 2_000_000))


def send(
    session: Session, unit: str, received: dt.datetime, end: dt.datetime | None = None, nil: bool = False, **more: object,
) -> str:
    number = next(_next_root)
    values: dict[str, object] = {
        "root_fact_id": number, "current_fact_id": number, "project_id": 1, "xml_form_id": FORM, "form_version": "1",
        "root_instance_id": f"uuid:{number}", "current_instance_id": f"uuid:{number}", "receipt": f"R{number}",
        "channel": "openrosa", "unit": unit, "observed_at": end or received,
        "device_end_at": end or received, "received_at": received, "findings": [],
        "period": "2026-10", "nil_return": nil, **more,
    }
    session.add(SubmissionSummary(**values))
    session.flush()
    return f"uuid:{number}"


def plan(session: Session) -> None:
    session.add(ReturnPlan(xml_form_id=FORM, post_type="observer_site", starts_on=dt.date(2026, 10, 1)))
    session.flush()


@pytest.fixture
def scenario_4(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> dict[str, Post]:
    plan(session)
    sites = {letter: add_site(session, cast, letter, dt.date(2026, 10, 20) if letter == "F" else None) for letter in "ABCDEFGH"}
    it_is(monkeypatch, at(1))
    returns.waive(session, cast.identity("officer"), BANGUI, FORM, sites["G"].id, OCTOBER, "no patrols this month")
    send(session, "TS-A", at(3))
    send(session, "TS-B", at(4), nil=True)
    send(session, "TS-C", at(9), end=at(4, 18, 10))
    send(session, "TS-D", at(2))
    send(session, "TS-D", at(6))
    send(session, "TS-H", at(7))
    it_is(monkeypatch, at(11))
    return sites


def board(session: Session, cast: Cast, role: str = "officer", month: Month = OCTOBER) -> returns.Board:
    return returns.boards(session, cast.identity(role), BANGUI, month)[0]


def states(shown: returns.Board) -> dict[str, str]:
    return {row.post.code[-1]: row.cells[-1].state for row in shown.rows if row.cells[-1] is not None}


def test_scenario_4_shows_every_team_site_in_its_state(session: Session, cast: Cast, scenario_4: dict[str, Post]) -> None:
    assert states(board(session, cast)) == {
        "A": "received", "B": "nil", "C": "late_in_transit", "D": "received", "E": "missing", "F": "handover", "G": "waived",
        "H": "late",
    }


def test_scenario_4_counts_three_of_six_with_the_late_in_transit_apart(
    session: Session, cast: Cast, scenario_4: dict[str, Post]
) -> None:
    counted = board(session, cast).tally

    assert (counted.on_time, counted.owed, counted.late_in_transit, counted.revised) == (3, 6, 1, 1)


def test_statistics_stay_as_they_were_at_the_freeze(
    session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(session, "TS-E", at(20))
    it_is(monkeypatch, at(25))

    shown = board(session, cast)

    assert shown.frozen
    assert shown.tally.by_state["missing"] == 1
    assert states(shown)["E"] == "late"
    assert shown.late_changes == 1


def test_an_officer_of_another_sector_sees_no_row(session: Session, cast: Cast, scenario_4: dict[str, Post]) -> None:
    assert returns.boards(session, cast.identity("other_sector"), BANGUI, OCTOBER) == []


def test_headquarters_see_every_sector(session: Session, cast: Cast, scenario_4: dict[str, Post]) -> None:
    add_site(session, cast, "W", sector=1)

    assert "W" in states(board(session, cast, "hq_officer"))


def test_an_officer_cannot_waive_a_return_of_another_sector(session: Session, cast: Cast, scenario_4: dict[str, Post]) -> None:
    with pytest.raises(Problem, match="Could not find"):
        returns.waive(session, cast.identity("other_sector"), BANGUI, FORM, scenario_4["E"].id, OCTOBER, "not mine")


def test_a_waiver_taken_back_is_owed_again(session: Session, cast: Cast, scenario_4: dict[str, Post]) -> None:
    returns.unwaive(session, cast.identity("officer"), BANGUI, FORM, scenario_4["G"].id, OCTOBER)

    assert states(board(session, cast))["G"] == "missing"
    assert session.query(Event).filter_by(type="WAIVE").count() == 1


def test_a_return_that_came_cannot_be_waived(session: Session, cast: Cast, scenario_4: dict[str, Post]) -> None:
    with pytest.raises(Problem, match="cannot be waived"):
        returns.waive(session, cast.identity("officer"), BANGUI, FORM, scenario_4["A"].id, OCTOBER, "never mind")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\x00b"])
def test_a_waiver_needs_a_reason(session: Session, cast: Cast, scenario_4: dict[str, Post], reason: str) -> None:
    with pytest.raises(Problem) as refusal:
        returns.waive(session, cast.identity("officer"), BANGUI, FORM, scenario_4["E"].id, OCTOBER, reason)

    assert refusal.value.status == 422


@pytest.mark.parametrize("change", [{"deleted_at": at(4)}, {"review_state": "rejected"}, {"is_draft": True}, {"project_id": 2}])
def test_a_report_that_does_not_stand_is_no_return(
    session: Session, cast: Cast, scenario_4: dict[str, Post], change: dict[str, object]
) -> None:
    send(session, "TS-E", at(4), **change)

    assert states(board(session, cast))["E"] == "missing"


def test_a_report_without_a_known_unit_counts_for_the_post_that_sent_it(
    session: Session, cast: Cast, scenario_4: dict[str, Post]
) -> None:
    send(session, "NOBODY", at(4), post_id=scenario_4["E"].id)

    assert states(board(session, cast))["E"] == "received"


def test_without_a_plan_there_is_no_board(session: Session, cast: Cast) -> None:
    assert returns.boards(session, cast.identity("officer"), BANGUI, OCTOBER) == []


def test_the_page_gives_each_missing_return_as_text_for_the_radio_net(
    app: Flask, session: Session, cast: Cast, scenario_4: dict[str, Post]
) -> None:
    session.commit()
    page = cast.page_client(app, "officer").get("/returns/2026-10").text

    texts = re.findall(r"<pre>(.*?)</pre>", page, re.S)
    assert [text.splitlines()[0] for text in texts] == ["TO: MILOBS TS-E", "TO: MILOBS TS-F"]
    assert texts[0].splitlines()[1:4] == [
        "COPY: Sector East", "RETURN: monthly_return, October 2026", "WAS DUE: 5 Nov 2026, 23:59",
    ]
    assert texts[0].splitlines()[-1] == "Reminder 3 of 3"


def test_before_the_due_day_the_text_says_until_when_and_the_sector_gets_no_copy(
    app: Flask, session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    session.commit()
    it_is(monkeypatch, at(3, 9))
    page = cast.page_client(app, "officer").get("/returns/2026-10").text

    assert "\nDUE: " in page
    assert "COPY:" not in page
    assert "Reminder 1 of 3" in page


def test_a_day_on_which_nobody_is_reminded_shows_no_texts(
    app: Flask, session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    session.commit()
    it_is(monkeypatch, at(1, 9))

    assert "<pre>" not in cast.page_client(app, "officer").get("/returns/2026-10").text


def test_a_waiver_taken_back_after_the_freeze_leaves_the_statistics_as_they_were(
    session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(monkeypatch, at(20))
    returns.unwaive(session, cast.identity("officer"), BANGUI, FORM, scenario_4["G"].id, OCTOBER)

    shown = board(session, cast)

    assert (shown.tally.by_state["waived"], shown.tally.owed) == (1, 6)
    assert states(shown)["G"] == "missing"
    assert shown.late_changes == 1


def test_a_waiver_given_again_before_the_freeze_is_the_one_that_counts(
    session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = cast.identity("officer")
    returns.unwaive(session, officer, BANGUI, FORM, scenario_4["G"].id, OCTOBER)
    it_is(monkeypatch, at(12))
    returns.waive(session, officer, BANGUI, FORM, scenario_4["G"].id, OCTOBER, "the patrols were cancelled")
    it_is(monkeypatch, at(20))

    shown = board(session, cast)

    assert (shown.tally.by_state["waived"], shown.late_changes) == (1, 0)


def test_the_rates_below_the_board_are_those_of_the_freeze_like_the_headline(
    session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    it_is(monkeypatch, at(20))
    returns.unwaive(session, cast.identity("officer"), BANGUI, FORM, scenario_4["G"].id, OCTOBER)

    shown = board(session, cast)

    assert shown.rates[-1] == shown.tally.rate == 0.5


def test_the_drill_down_shows_the_first_of_two_returns_as_superseded(
    app: Flask, session: Session, cast: Cast, scenario_4: dict[str, Post]
) -> None:
    session.commit()
    page = cast.page_client(app, "officer").get(f"/returns/2026-10/{FORM}/{scenario_4['D'].id}").text

    assert page.count('<span class="badge idle">Superseded</span>') == 1


def test_the_board_tells_a_short_return_that_is_owed_from_one_that_came(
    app: Flask, session: Session, cast: Cast, scenario_4: dict[str, Post]
) -> None:
    add_site(session, cast, "J", dt.date(2026, 10, 20))
    send(session, "TS-J", at(20, month=10))
    session.commit()
    page = cast.page_client(app, "officer").get("/returns/2026-10").text

    assert '<span class="badge warn">Handover: Due</span>' in page
    assert '<span class="badge ok">Handover: Received</span>' in page


def test_the_rate_below_the_board_names_the_changes_that_came_after_the_freeze(
    app: Flask, session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(session, "TS-E", at(20))
    session.commit()
    it_is(monkeypatch, at(25))
    page = cast.page_client(app, "officer").get("/returns/2026-10").text

    footer = page[page.index("<tfoot>"):page.index("</tfoot>")]
    assert "50 %" in footer
    assert "1 change came after the freeze" in footer


def test_a_report_rejected_after_the_freeze_leaves_the_statistics_as_they_were(
    session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    rejected = send(session, "TS-E", at(4))
    it_is(monkeypatch, at(20))
    report = session.query(SubmissionSummary).filter_by(root_instance_id=rejected).one()
    report_events.review(session, cast.identity("officer"), report, "rejected")
    report.review_state = "rejected"
    session.flush()

    shown = board(session, cast)

    assert (shown.tally.on_time, shown.tally.owed) == (4, 6)
    assert states(shown)["E"] == "missing"
    assert shown.late_changes == 1


@pytest.mark.parametrize("withdrawn", [{"review_state": "rejected"}, {"deleted_at": at(9)}], ids=["rejected", "deleted"])
def test_the_second_of_a_return_typed_twice_counts_when_the_first_does_not_stand(
    session: Session, cast: Cast, scenario_4: dict[str, Post], withdrawn: dict[str, object]
) -> None:
    first, second = send(session, "TS-E", at(3), **withdrawn), send(session, "TS-E", at(4))
    roots = [int(one.removeprefix("uuid:")) for one in (first, second)]
    session.add(ReportPair(
        earlier=roots[0], later=roots[1], project_id=1, xml_form_id=FORM, relation="alike", likeness=1.0, features={},
        verdict="same",
    ))  # fmt: skip
    session.flush()

    assert states(board(session, cast))["E"] == "received"


def test_a_report_deleted_after_the_freeze_leaves_the_statistics_as_they_were(
    session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(session, "TS-E", at(4), deleted_at=at(18))
    it_is(monkeypatch, at(20))

    shown = board(session, cast)

    assert (shown.tally.on_time, shown.late_changes) == (4, 1)
    assert states(shown)["E"] == "missing"


def test_the_board_names_the_days_of_each_type_of_post_when_they_differ(
    app: Flask, session: Session, cast: Cast, scenario_4: dict[str, Post]
) -> None:
    session.add(ReturnPlan(xml_form_id=FORM, post_type="battalion_s2", due_day=8, starts_on=dt.date(2026, 10, 1)))
    session.flush()
    post = Post(code="S2", name="S2", type="battalion_s2", sector_id=cast.sector_ids[0])
    session.add(post)
    session.commit()
    page = cast.page_client(app, "officer").get("/returns/2026-10").text

    assert "Due 5 Nov 2026, 23:59" in page
    assert "Due 8 Nov 2026, 23:59" in page


def test_the_headline_is_frozen_when_the_returns_of_every_type_of_post_are(
    session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = {"due_day": 8, "missing_day": 15, "freeze_day": 20, "starts_on": dt.date(2026, 10, 1)}
    session.add(ReturnPlan(xml_form_id=FORM, post_type="battalion_s2", **later))
    session.add(Post(code="S2", name="S2", type="battalion_s2", sector_id=cast.sector_ids[0]))
    session.flush()
    seen = {}
    for day in (15, 16, 20, 21):
        it_is(monkeypatch, at(day))
        shown = board(session, cast)
        seen[day] = (shown.frozen, [frozen for _terms, _types, frozen in shown.deadlines])

    assert seen == {
        15: (False, [False, False]), 16: (False, [False, True]), 20: (False, [False, True]), 21: (True, [True, True]),
    }


def test_each_post_counts_as_it_was_at_the_freeze_of_its_own_type(
    session: Session, cast: Cast, scenario_4: dict[str, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = {"due_day": 8, "missing_day": 15, "freeze_day": 20, "starts_on": dt.date(2026, 10, 1)}
    session.add(ReturnPlan(xml_form_id=FORM, post_type="battalion_s2", **later))
    post = Post(code="S2", name="S2", type="battalion_s2", sector_id=cast.sector_ids[0])
    session.add(post)
    session.flush()
    send(session, "NOBODY", at(18), post_id=post.id)
    send(session, "TS-E", at(18))
    it_is(monkeypatch, at(25))

    counted = board(session, cast).tally

    assert (counted.by_state["late"], counted.by_state["missing"]) == (2, 1)


def test_the_board_counts_the_reports_that_a_second_one_replaced(
    app: Flask, session: Session, cast: Cast, scenario_4: dict[str, Post]
) -> None:
    session.commit()
    page = cast.page_client(app, "officer").get("/returns/2026-10").text

    assert '<span class="badge idle">Superseded, kept</span> <strong>1</strong>' in page
