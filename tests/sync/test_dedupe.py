"""Reports of one event: pointed out, never dropped."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.merge.dedupe import Judged, ReportFace, count, duplicates, likeness
from sync.merge.facts import Position


def face(key: str, form_id: str, day: int, place: Position | None = None, **answers: str) -> ReportFace:
    return ReportFace(key, form_id, answers, dt.datetime(2026, 11, day, 9, tzinfo=dt.UTC), f"{day:02d}-{key}", place)


def test_a_second_return_for_the_month_supersedes_the_first() -> None:
    first = face("a", "monthly_return", 3, reporting_unit="TS-D", period="2026-10")
    second = face("b", "monthly_return", 6, reporting_unit="TS-D", period="2026-10")

    (found,) = duplicates([second, first])

    assert (found.earlier, found.later, found.relation) == ("a", "b", "supersedes")


def test_two_visits_of_one_day_by_one_unit_look_alike() -> None:
    visits = [face(key, "cimic_patrol", 3, reporting_unit="TS-D", settlement="s1") for key in "ab"]

    assert [found.relation for found in duplicates(visits)] == ["alike"]


@pytest.mark.parametrize(
    ("day", "place", "alike"),
    [(4, Position(6.50, 17.45), True), (6, Position(6.50, 17.45), False), (4, Position(6.60, 17.45), False), (4, None, False)],
)
def test_incidents_are_alike_within_a_day_and_five_kilometres(day: int, place: Position | None, alike: bool) -> None:
    first = face("a", "security_incident", 3, Position(6.49, 17.45), inc_group="armed")
    second = face("b", "security_incident", day, place, inc_group="armed")

    assert bool(duplicates([first, second])) is alike


def test_reports_without_the_key_are_never_alike() -> None:
    assert duplicates([face(key, "cimic_patrol", 3, reporting_unit="TS-D") for key in "ab"]) == []


REPORTS = st.lists(
    st.tuples(
        st.integers(1, 5), st.integers(0, 23), st.sampled_from([None, 6.49, 6.50, 6.53, 6.9]),
        st.sampled_from(["armed", "crime", ""]),
    ),
    max_size=9,
)  # fmt: skip


def incidents(drawn: list[tuple[int, int, float | None, str]]) -> list[ReportFace]:
    return [
        ReportFace(
            f"r{n}", "security_incident", {"inc_group": kind, "what": str(n % 3)},
            dt.datetime(2026, 11, day, hour, tzinfo=dt.UTC), f"{n:04d}", Position(place, 17.45) if place else None,
        )
        for n, (day, hour, place, kind) in enumerate(drawn)
    ]  # fmt: skip


@given(REPORTS, st.randoms())
def test_any_order_of_arrival_points_out_the_same_pairs(drawn: Any, random: Any) -> None:
    reports = incidents(drawn)
    mixed = random.sample(reports, len(reports))

    assert duplicates(mixed) == duplicates(reports)


@given(REPORTS)
def test_taken_one_after_the_other_gives_the_same_as_all_at_once(drawn: Any) -> None:
    reports = incidents(drawn)

    one_by_one = [pair for n, report in enumerate(reports) for pair in duplicates(reports[: n + 1], fresh={report.id})]

    assert sorted(one_by_one, key=str) == sorted(duplicates(reports), key=str)


@given(REPORTS, st.data())
def test_nothing_is_dropped_and_nothing_counted_twice(drawn: Any, data: Any) -> None:
    reports = {report.id for report in incidents(drawn)}
    pairs = [
        Judged(p.earlier, p.later, p.relation, data.draw(st.sampled_from([None, "same", "different"])))
        for p in duplicates(incidents(drawn))
    ]  # fmt: skip

    least, most = count(reports, pairs)

    assert bool(reports) <= least <= most <= len(reports)
    assert most == len(reports) or any(pair.repeats for pair in pairs)
    assert least == most or any(pair.open for pair in pairs)


@given(REPORTS, st.data())
def test_saying_two_never_lowers_the_count_and_saying_one_never_raises_it(drawn: Any, data: Any) -> None:
    reports = {report.id for report in incidents(drawn)}
    pairs = [Judged(p.earlier, p.later, p.relation) for p in duplicates(incidents(drawn))]
    if not pairs:
        return
    place = data.draw(st.integers(0, len(pairs) - 1))
    before = count(reports, pairs)

    def told(verdict: Any) -> tuple[int, int]:
        return count(reports, [replace(p, verdict=verdict) if n == place else p for n, p in enumerate(pairs)])

    assert told("different")[0] >= before[0]
    assert told("same")[1] <= before[1]
    assert told(None) == before


ANSWERS = st.dictionaries(st.sampled_from("abcd"), st.text(max_size=5))


@given(ANSWERS, ANSWERS)
def test_likeness_is_the_same_both_ways_and_whole_for_a_copy(a: dict[str, str], b: dict[str, str]) -> None:
    assert likeness(a, b) == likeness(b, a)
    assert likeness(a, a) in (0.0, 1.0)


def test_any_form_of_one_unit_with_nearly_the_same_answers_is_typed_twice() -> None:
    said = {"reporting_unit": "TS-D", **{f"q{n}": "x" for n in range(12)}}
    twice = [face("a", "liaison_note", 3, **said), face("b", "liaison_note", 3, **{**said, "q1": "y"})]
    other = face("c", "liaison_note", 3, **{**said, **{f"q{n}": "z" for n in range(6)}})

    assert [(p.earlier, p.later) for p in duplicates([*twice, other])] == [("a", "b")]
