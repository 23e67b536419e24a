"""The monthly return matrix (acceptance scenario 4) and the edges of the states, as pure functions."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from sync.periods import Day, Week
from sync.returns import (
    DAYS,
    Cell,
    Delivery,
    Month,
    Owner,
    Spell,
    Tenure,
    Terms,
    Waiver,
    assess,
    expectation,
    late_changes,
    tally,
)  # fmt: skip

BANGUI = ZoneInfo("Africa/Bangui")  # UTC+1 all year
TERMS = Terms(BANGUI)
OCTOBER = Month(2026, 10)


def at(day: int, hour: int = 12, minute: int = 0, month: int = 11) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, minute, tzinfo=BANGUI)


def delivery(
    received: dt.datetime,
    end: dt.datetime | None = None,
    *,
    nil: bool = False,
    flagged: bool = False,
    source: str = "r1",
) -> Delivery:
    return Delivery(source, received, end or received, nil, flagged)


def cell(
    *deliveries: Delivery,
    owner: Owner | None = None,
    waiver: Waiver | None = None,
    now: dt.datetime | None = None,
) -> Cell:
    found = assess(owner or Owner(), OCTOBER, TERMS, deliveries, waiver, now or at(11))
    assert found is not None
    return found


def scenario_4() -> dict[str, Cell]:
    return {
        "TS-A": cell(delivery(at(3))),
        "TS-B": cell(delivery(at(4), nil=True)),
        "TS-C": cell(delivery(at(9), end=at(4, 18, 10))),
        "TS-D": cell(delivery(at(2)), delivery(at(6), source="r2")),
        "TS-E": cell(),
        "TS-F": cell(owner=Owner(rotation_out=dt.date(2026, 10, 20))),
        "TS-G": cell(waiver=Waiver("w", at(1), "Officer", "on leave, no patrols")),
        "TS-H": cell(delivery(at(7))),
    }


def test_every_team_site_of_scenario_4_has_the_expected_state() -> None:
    states = {site: found.state for site, found in scenario_4().items()}

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


def test_scenario_4_has_three_on_time_of_six_owed_and_one_late_in_transit_apart() -> None:
    month = tally(list(scenario_4().values()))

    assert (month.on_time, month.owed, month.late_in_transit, month.revised) == (3, 6, 1, 1)


def test_a_correction_after_the_due_day_leaves_the_return_on_time_and_keeps_the_first() -> None:
    corrected = scenario_4()["TS-D"]

    assert corrected.on_time
    assert corrected.delivery is not None
    assert corrected.delivery.source == "r2"
    assert [one.source for one in corrected.superseded] == ["r1"]


@pytest.mark.parametrize(
    ("received", "state"),
    [(at(5, 23, 59), "received"), (at(6, 0, 0), "late")],
)
def test_the_due_day_ends_at_midnight_in_mission_time(received: dt.datetime, state: str) -> None:
    assert cell(delivery(received)).state == state


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (at(31, 23, 59, month=10), "not_due"),
        (at(1, 0, 0), "due"),
        (at(5, 23, 59), "due"),
        (at(6, 0, 0), "late"),
        (at(10, 23, 59), "late"),
        (at(11, 0, 0), "missing"),
    ],
)
def test_a_return_that_does_not_come_goes_from_not_due_to_missing(now: dt.datetime, state: str) -> None:
    assert cell(now=now).state == state


def test_a_device_with_a_wrong_clock_cannot_prove_that_it_finished_in_time() -> None:
    assert cell(delivery(at(9), end=at(4), flagged=True)).state == "late"


def test_a_report_that_comes_after_now_is_not_yet_there() -> None:
    assert cell(delivery(at(9)), now=at(8)).state == "late"
    assert cell(delivery(at(9)), now=at(8)).delivery is None


def test_a_return_that_came_in_spite_of_a_waiver_counts_as_received() -> None:
    assert cell(delivery(at(3)), waiver=Waiver("w", at(1), "Officer", "leave")).state == "received"


def test_a_report_after_the_freeze_is_a_late_change() -> None:
    assert cell(delivery(at(16)), now=at(20)).late_changes == 1
    assert cell(delivery(at(15, 23)), now=at(20)).late_changes == 0


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (Owner(), "owed"),
        (Owner(rotation_out=dt.date(2026, 10, 31)), "owed"),
        (Owner(rotation_out=dt.date(2026, 10, 30)), "handover"),
        (Owner(rotation_out=dt.date(2026, 9, 30)), "none"),
        (Owner(rotation_in=dt.date(2026, 11, 1)), "none"),
        (Owner(rotation_in=dt.date(2026, 10, 31)), "owed"),
        (Owner(closed_on=dt.date(2026, 10, 2)), "handover"),
    ],
)
def test_who_owes_is_who_is_active_on_the_last_day(owner: Owner, expected: str) -> None:
    assert expectation(owner, OCTOBER, TERMS) == expected


def test_months_before_the_plan_began_are_not_owed() -> None:
    terms = Terms(BANGUI, starts_on=dt.date(2026, 11, 1))

    assert assess(Owner(), OCTOBER, terms, [], None, at(20)) is None


def test_a_due_day_beyond_a_short_month_is_its_last_day() -> None:
    terms = Terms(BANGUI, due_day=31)

    assert terms.due(Month(2026, 1)) == dt.datetime(2026, 3, 1, tzinfo=BANGUI)


@pytest.mark.parametrize("text", ["", "2026-13", "2026-1", "0000-01", "2026-10-01", "٢٠٢٦-10", "9999-12"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no month"):
        Month.parse(text)


def test_months_are_counted_over_the_turn_of_the_year() -> None:
    assert (str(Month(2026, 1).plus(-1)), str(Month(2025, 12).plus(2))) == ("2025-12", "2026-02")


def test_days_of_rotation_entered_after_the_freeze_leave_what_was_frozen_and_are_a_late_change() -> None:
    left = Tenure(Owner(), ((at(20), Owner(rotation_out=dt.date(2026, 10, 20))),))

    frozen, present = (assess(left, OCTOBER, TERMS, [], None, instant) for instant in (TERMS.frozen(OCTOBER), at(25)))

    assert (frozen and frozen.state, present and present.state) == ("missing", "handover")
    assert present is not None
    assert (present.late_changes, present.marks) == (1, 1)


def test_days_of_rotation_that_do_not_touch_the_month_are_no_change_of_it() -> None:
    later = Tenure(Owner(), ((at(20), Owner(rotation_out=dt.date(2026, 12, 20))),))

    found = assess(later, OCTOBER, TERMS, [], None, at(25))

    assert found is not None
    assert found.late_changes == 0


def test_a_return_no_longer_owed_after_the_freeze_has_no_cell_but_a_late_change() -> None:
    gone = Tenure(Owner(), ((at(20), Owner(rotation_out=dt.date(2026, 9, 20))),))

    assert assess(gone, OCTOBER, TERMS, [], None, at(25)) is None
    assert late_changes(gone, OCTOBER, TERMS, [], None, at(25)) == {at(20)}


def test_a_report_stands_only_in_its_spells() -> None:
    spells = (Spell(at(3), at(4)), Spell(at(20), None, nil=True))
    moved = Delivery("r1", at(3), at(3), spells=spells)

    states = [cell(moved, now=instant).state for instant in (at(3, 13), at(12), at(21))]

    assert states == ["received", "missing", "nil"]
    assert cell(moved, now=at(21)).late_changes == 1


def test_a_correction_that_says_nil_after_the_freeze_counts_as_received_in_what_was_frozen() -> None:
    corrected = Delivery("r1", at(3), at(3), edits=(at(20),), spells=(Spell(at(3), at(20)), Spell(at(20), None, nil=True)))

    assert cell(corrected, now=TERMS.frozen(OCTOBER)).state == "received"
    later = cell(corrected, now=at(21))
    assert (later.state, later.revisions, later.late_changes, later.marks) == ("nil", 1, 1, 1)


WEEK = Week(2026, 41)  # 5 to 11 October
WEEKLY = Terms(BANGUI, *DAYS["weekly"])


def october(day: int, hour: int = 12, minute: int = 0) -> dt.datetime:
    return at(day, hour, minute, month=10)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (october(11, 23, 59), "not_due"),
        (october(12, 0, 0), "due"),
        (october(12, 23, 59), "due"),
        (october(13, 0, 0), "late"),
        (october(15, 0, 0), "missing"),
    ],
)
def test_a_weekly_return_is_due_on_the_monday_after_and_missing_after_wednesday(now: dt.datetime, state: str) -> None:
    found = assess(Owner(), WEEK, WEEKLY, [], None, now)

    assert found is not None
    assert found.state == state


@pytest.mark.parametrize(
    ("now", "state"),
    [(october(4, 23, 59), "not_due"), (october(5, 0, 0), "due"), (october(5, 23, 59), "due"), (october(6, 0, 0), "late")],
)
def test_a_daily_return_can_be_due_on_its_own_day(now: dt.datetime, state: str) -> None:
    found = assess(Owner(), Day(dt.date(2026, 10, 5)), Terms(BANGUI, 0, 1, 2), [], None, now)

    assert found is not None
    assert found.state == state


@pytest.mark.parametrize(
    ("leaves", "expected"), [(11, "owed"), (10, "handover"), (5, "handover"), (4, "none")]
)
def test_a_unit_that_leaves_within_the_week_owes_a_handover_return(leaves: int, expected: str) -> None:
    assert expectation(Owner(rotation_out=dt.date(2026, 10, leaves)), WEEK, WEEKLY) == expected


def test_a_second_report_that_names_no_period_is_no_correction() -> None:
    patrols = [Delivery(f"r{day}", october(day), named=False) for day in (6, 8, 20)]

    found = assess(Owner(), WEEK, WEEKLY, patrols, None, october(25))

    assert found is not None
    assert (found.state, found.superseded, found.revisions, found.late_changes) == ("received", (), 0, 0)
