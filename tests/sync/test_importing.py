"""A partner's list, without a database: headings, cells, and positions that are shifted as a whole."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.importing import offset
from sync.importing.columns import suggest
from sync.importing.rows import Reading, parse_day, parse_degrees, thing_id, understand
from sync.registers import load_registers

REGISTERS = load_registers()
FACILITIES = REGISTERS["facilities"]


@pytest.mark.parametrize(("register", "headings", "expected"), [
    ("facilities", ["id", "Facility Name", "Facility Type", "lat", "long", "County"],
     {"_key": 0, "fac_name": 1, "fac_type": 2, "_lat": 3, "_lon": 4, "adm2_pcode": 5}),
    ("facilities", ["Nom de la structure", "Type", "Latitude (WGS84)", "Longitude", "État", "Téléphone"],
     {"fac_name": 0, "fac_type": 1, "_lat": 2, "_lon": 3, "functionality": 4}),
    ("facilities", ["geometry", "amenity", "name"], {"_position": 0, "fac_name": 2}),
    ("settlements", ["VILLAGE", "x", "y"], {"settlement_name": 0, "_lon": 1, "_lat": 2}),
    ("facilities", ["", "??", "12"], {}),
])  # fmt: skip
def test_headings_in_two_languages_suggest_their_fields(register: str, headings: list[str], expected: dict[str, int]) -> None:
    assert suggest(headings, REGISTERS[register]) == expected


@given(st.lists(st.text(max_size=30), max_size=40))
def test_no_heading_is_used_twice_and_none_is_invented(headings: list[str]) -> None:
    found = suggest(headings, FACILITIES)

    assert len(set(found.values())) == len(found)
    assert all(0 <= column < len(headings) for column in found.values())


@pytest.mark.parametrize(("text", "limit", "degrees"), [
    ("5,76", 90, 5.76), ("-5.76", 90, -5.76), ("5.76N", 90, 5.76), ("S 5,5", 90, -5.5), ("N 5°45'36\"", 90, 5.76),
    ("5°45.6'", 90, 5.76),
    ("17° 30' W", 180, -17.5), ("17,5 O", 180, -17.5), ("91", 90, None), ("181", 180, None), ("5.1.2", 90, None),
    ("north", 90, None),
    ("", 90, None), ("5E", 90, None), ("5°75'", 90, None), ("nan", 90, None), ("1e5", 180, None),
])  # fmt: skip
def test_degrees_are_read_as_lists_write_them(text: str, limit: int, degrees: float | None) -> None:
    assert parse_degrees(text, limit) == degrees


@given(st.floats(-90, 90))
def test_degrees_with_a_comma_are_those_with_a_point(value: float) -> None:
    text = f"{value:.5f}"

    assert parse_degrees(text.replace(".", ","), 90) == parse_degrees(text, 90) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(("text", "day"), [
    ("2026-02-03", "2026-02-03"), ("03/02/2026", "2026-02-03"), ("03.02.2026", "2026-02-03"),
    ("2026-02-03T10:00:00", "2026-02-03"),
    ("31/02/2026", None), ("yesterday", None), ("0001-01-01", None),
])  # fmt: skip
def test_days_are_read_with_the_day_before_the_month(text: str, day: str | None) -> None:
    found = parse_day(text)

    assert (found.isoformat() if found else None) == day


READING = Reading(
    FACILITIES, {"fac_name": 0, "fac_type": 1, "_lat": 2, "_lon": 3, "served": 4, "adm2_pcode": 5, "_known": 6},
    {"fac_type": {"hospital": "hospital"}}, {"cf321": "CF321"},
)  # fmt: skip


def test_a_cell_that_is_not_understood_is_named_and_the_rest_is_taken() -> None:
    row = understand(["Gbadé", "castle", "north", "17.4", "many", "Nowhere", "12"], READING)

    assert {(fault.column, fault.expected) for fault in row.faults} == {
        (1, "code"), (2, "degrees"), (4, "number"), (5, "area"), (6, "id"),
    }  # fmt: skip
    assert (row.sound, row.values, row.position) == (True, {"fac_name": "Gbadé"}, None)


def test_a_row_without_a_name_is_not_taken() -> None:
    assert not understand(["", "hospital", "6", "21"], READING).sound


def test_a_row_with_fewer_cells_than_headings_says_less() -> None:
    assert understand(["Gbadé"], READING).values == {"fac_name": "Gbadé"}


@given(st.lists(st.text(max_size=40), max_size=8))
def test_any_cells_are_understood_or_named(cells: list[str]) -> None:
    row = understand(cells, READING)

    assert row.sound == ("fac_name" in row.values)
    assert all(fault.code in ("cell_wrong", "cell_missing") for fault in row.faults)


@given(st.text(max_size=20), st.integers(2, 10**6))
def test_the_same_row_of_the_same_list_is_one_thing(key: str, number: int) -> None:
    one = thing_id("a", "MoH List", "facilities", key or None, number)

    assert (one == thing_id("b", "moh list", "facilities", key or None, number + 1)) is bool(key)
    assert one[14] == "4"


def twins(
    vector: tuple[float, float], count: int, area: str | None = None, start: int = 0, jitter: float = 0.0
) -> list[offset.Twin]:
    """Rows that lie off their records by a vector (degrees), give or take `jitter` degrees."""
    made = []
    for n in range(start, start + count):
        lat, lon = 6 + (n * 37 % 100) / 50, 20 + (n * 61 % 100) / 50
        off = (vector[0] + jitter * math.sin(n), vector[1] + jitter * math.cos(n))
        made.append(offset.Twin(n, area, lat - off[0], lon - off[1], lat, lon))
    return made


def test_a_vector_that_a_good_part_shares_is_found() -> None:
    [found] = offset.find(twins((0.054, 0.003), 40, jitter=0.0003) + twins((0, 0), 60, start=100, jitter=0.0005))

    assert (found.area, found.agree, found.compared) == ("", 40, 100)
    assert (found.dlat, found.dlon) == pytest.approx((0.054, 0.003), abs=0.0005)


def test_a_district_that_is_off_is_found_in_a_list_that_is_not() -> None:
    found = offset.find(twins((0, 0.3), 5, "CF32", jitter=0.0003) + twins((0, 0), 95, "CF43", start=100, jitter=0.0005))

    assert [(shift.area, shift.agree) for shift in found] == [("CF32", 5)]


@pytest.mark.parametrize("pairs", [
    twins((0, 0), 50, jitter=0.001), twins((0.054, 0.003), 4), twins((0.001, 0), 50), [],
    twins((0.05, 0.05), 12, jitter=0.05),
])  # fmt: skip
def test_what_phones_err_by_is_no_shift(pairs: Any) -> None:
    assert offset.find(pairs) == []


@given(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6), st.integers(5, 40))
def test_mending_what_was_found_leaves_nothing_to_find(north: float, east: float, count: int) -> None:
    shifted = twins((north, east), count)

    for shift in offset.find(shifted):
        mended = [
            offset.Twin(t.row, t.area, t.lat + shift.dlat, t.lon + shift.dlon, t.record_lat, t.record_lon) for t in shifted
        ]  # fmt: skip
        assert offset.find(mended) == []


def test_places_that_fit_only_when_turned_look_swapped() -> None:
    known = [(6.0, 21.0), (6.5, 21.5), (7.0, 22.0)]

    assert offset.look_swapped([(lon, lat) for lat, lon in known], known)
    assert not offset.look_swapped(known, known)
