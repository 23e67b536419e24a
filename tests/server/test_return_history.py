"""Frozen figures of returns stay as they were, whatever is edited, closed, corrected or taken back later (rule C.7)."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Post, SubmissionSummary
from server.services import folding, journal, mission, report_events, returns
from tests.cast import Cast
from tests.server import patrols
from tests.server.test_returns import BANGUI, FORM, OCTOBER, add_site, at, plan


class Clock:
    """The one clock of server and journal, set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.instant = at(1).astimezone(dt.UTC)
        monkeypatch.setattr(journal, "_clock", lambda: self.instant)

    def is_now(self, instant: dt.datetime) -> None:
        self.instant = instant.astimezone(dt.UTC)


class Board:
    """A team site A that owes October's return, as an officer sees it, and what is sent for it."""

    def __init__(self, session: Session, cast: Cast, clock: Clock) -> None:
        self.session, self.cast, self.clock = session, cast, clock
        patrols.publish(session, FORM)
        plan(session)
        self.site = add_site(session, cast, "A")
        session.commit()

    def send(self, instant: dt.datetime, instance_id: str, replaces: str | None = None, **changed: str) -> None:
        self.clock.is_now(instant)
        answers = {"reporting_unit": "TS-A", "year": "2026", "month": "10", "nil_return": "no", **changed}
        answers["period"] = f"{answers['year']}-{answers['month']}"
        xml = patrols.filled(FORM, answers, {}, None, instance_id, replaces)
        patrols.send(self.session, xml, self.cast.hq_officer.actor_id)
        folding.drain(self.session)

    def report(self, instance_id: str) -> SubmissionSummary:
        self.session.expire_all()
        return self.session.scalars(select(SubmissionSummary).filter_by(root_instance_id=instance_id)).one()

    def seen(self, instant: dt.datetime) -> returns.Board:
        self.clock.is_now(instant)
        self.session.expire_all()
        return returns.boards(self.session, self.cast.identity("hq_officer"), BANGUI, OCTOBER)[0]

    def state(self, instant: dt.datetime, post: Post | None = None) -> str | None:
        wanted = (post or self.site).id
        cell = next(row.cells[-1] for row in self.seen(instant).rows if row.post.id == wanted)
        return cell.state if cell else None


@pytest.fixture
def board(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Board:
    return Board(session, cast, Clock(monkeypatch))


def figures(shown: returns.Board) -> tuple[dict[str, int], int]:
    """What was frozen, by state, and how many changes came after."""
    return {str(state): number for state, number in shown.tally.by_state.items()}, shown.late_changes


def rotate(board: Board, instant: dt.datetime, leaves: str | None) -> None:
    board.clock.is_now(instant)
    mission.put_unit(
        board.session, None, "TS-A", "Team site A", board.cast.sector_ids[0], rotation_out=leaves
    )  # fmt: skip


def test_a_day_of_rotation_entered_after_the_freeze_leaves_the_figures_and_is_a_change(board: Board) -> None:
    rotate(board, at(20), "2026-10-20")

    assert figures(board.seen(at(25))) == ({"missing": 1}, 1)
    assert board.state(at(25)) == "handover"


def test_a_day_of_rotation_entered_before_the_freeze_counts(board: Board) -> None:
    rotate(board, at(12), "2026-10-20")

    assert figures(board.seen(at(25))) == ({"handover": 1}, 0)


def test_a_return_owed_no_more_after_the_freeze_still_counts_in_the_figures(board: Board) -> None:
    rotate(board, at(20), "2026-09-20")

    shown = board.seen(at(25))

    assert figures(shown) == ({"missing": 1}, 1)
    assert [row.cells[-1] for row in shown.rows] == [None]


def test_the_rotation_of_another_month_is_no_change_of_this_one(board: Board) -> None:
    rotate(board, at(20), "2026-12-20")

    assert figures(board.seen(at(25))) == ({"missing": 1}, 0)


def test_a_post_opened_again_after_the_freeze_leaves_the_figures(board: Board) -> None:
    board.clock.is_now(at(10, month=10))
    mission.close_post(board.session, None, board.site.id)
    board.clock.is_now(at(20))
    mission.close_post(board.session, None, board.site.id, closed=False)

    assert figures(board.seen(at(25))) == ({"handover": 1}, 1)
    assert board.state(at(25)) == "missing"


def test_a_post_closed_after_the_freeze_leaves_the_figures(board: Board) -> None:
    board.clock.is_now(at(20))
    mission.close_post(board.session, None, board.site.id)

    assert figures(board.seen(at(25))) == ({"missing": 1}, 0)


def test_a_correction_that_says_nil_after_the_freeze_leaves_the_figures_and_is_a_change(board: Board) -> None:
    board.send(at(3), "uuid:1")
    board.send(at(20), "uuid:2", "uuid:1", nil_return="yes")

    assert figures(board.seen(at(25))) == ({"received": 1}, 1)
    assert board.state(at(25)) == "nil"


def test_a_correction_that_says_nil_before_the_freeze_counts(board: Board) -> None:
    board.send(at(3), "uuid:1")
    board.send(at(12), "uuid:2", "uuid:1", nil_return="yes")

    assert figures(board.seen(at(25))) == ({"nil": 1}, 0)


def test_a_correction_to_another_month_after_the_freeze_leaves_the_figures(board: Board) -> None:
    board.send(at(3), "uuid:1")
    board.send(at(20), "uuid:2", "uuid:1", month="11")

    assert figures(board.seen(at(25))) == ({"received": 1}, 1)
    assert board.state(at(25)) == "missing"


def test_a_correction_from_another_month_after_the_freeze_leaves_the_figures(board: Board) -> None:
    board.send(at(3), "uuid:1", month="09")
    board.send(at(20), "uuid:2", "uuid:1", month="10")

    assert figures(board.seen(at(25))) == ({"missing": 1}, 1)
    assert board.state(at(25)) == "received"


def test_a_correction_to_another_unit_after_the_freeze_leaves_the_figures_of_both(board: Board) -> None:
    other = add_site(board.session, board.cast, "B")
    board.send(at(3), "uuid:1")
    board.send(at(20), "uuid:2", "uuid:1", reporting_unit="TS-B")

    assert figures(board.seen(at(25))) == ({"received": 1, "missing": 1}, 2)
    assert (board.state(at(25)), board.state(at(25), other)) == ("missing", "received")


def test_a_rejection_taken_back_after_the_freeze_leaves_the_figures_and_is_a_change(board: Board) -> None:
    board.send(at(3), "uuid:1")
    for instant, word in ((at(4), "rejected"), (at(20), "approved")):
        board.clock.is_now(instant)
        report_events.review(board.session, board.cast.identity("hq_officer"), board.report("uuid:1"), word)

    assert figures(board.seen(at(25))) == ({"missing": 1}, 1)
    assert board.state(at(25)) == "received"


def test_a_rejected_report_that_is_corrected_after_the_freeze_leaves_the_figures(board: Board) -> None:
    board.send(at(3), "uuid:1")
    board.clock.is_now(at(4))
    report_events.review(board.session, board.cast.identity("hq_officer"), board.report("uuid:1"), "rejected")
    board.send(at(20), "uuid:2", "uuid:1", n_patrols="7")

    assert figures(board.seen(at(25))) == ({"missing": 1}, 1)
    assert board.state(at(25)) == "received"


def test_a_deletion_taken_back_after_the_freeze_leaves_the_figures(board: Board) -> None:
    board.send(at(3), "uuid:1")
    board.clock.is_now(at(4))
    report_events.delete(board.session, board.cast.identity("hq_officer"), board.report("uuid:1"))
    board.clock.is_now(at(20))
    report_events.restore(board.session, board.cast.identity("hq_officer"), board.report("uuid:1"))

    assert figures(board.seen(at(25))) == ({"missing": 1}, 1)


def test_an_approval_after_the_freeze_changes_nothing(board: Board) -> None:
    board.send(at(3), "uuid:1")
    board.send(at(4), "uuid:2", "uuid:1", n_patrols="7")
    board.clock.is_now(at(20))
    report_events.review(board.session, board.cast.identity("hq_officer"), board.report("uuid:1"), "approved")

    assert figures(board.seen(at(25))) == ({"received": 1}, 0)


def test_the_clock_of_the_first_version_tells_whether_a_corrected_report_was_late_on_the_way(board: Board) -> None:
    board.send(at(9), "uuid:1", end=at(4, 18).isoformat())
    board.send(at(12), "uuid:2", "uuid:1", end=at(12).isoformat())

    assert board.state(at(13)) == "late_in_transit"


def test_the_board_shows_the_mark_of_a_later_change_in_the_field_of_the_post(
    app: Flask, board: Board, cast: Cast
) -> None:
    rotate(board, at(20), "2026-09-20")
    board.clock.is_now(at(25))

    page = cast.page_client(app, "officer").get("/returns/2026-10").text

    body = page[page.index("<tbody>"):page.index("</tbody>")]
    assert "↻1" in body
    assert "1 change came after the freeze" in body
