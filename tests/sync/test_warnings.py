"""Explosive hazards: where the object lies, how far to keep away from it, and when that ends (rule C.2)."""

from __future__ import annotations

import math

import pytest

from sync import release
from sync.merge.engine import Engine
from sync.merge.faces import distance_m
from sync.merge.facts import Pin, Position
from sync.merge.memory import MemoryStore
from sync.merge.positions import away_from
from sync.registers import RegisterError, load_registers
from sync.registers.loader import BUILTIN_DIR, parse_register
from tests.sync.reports import START, clock, entity_id, observation, report

HAZARDS = load_registers()["hazards"]
STOOD = Position(6.49, 17.45, 8.0)
SPOT = {"hz_class": "spot", "hz_landmark": "Behind the school", "adm2_pcode": "CF321", "avoid_m": "500", "bearing": "40"}


@pytest.mark.parametrize("bearing", [0, 40, 90, 179.5, 220, 360])
@pytest.mark.parametrize("metres", [0, 150, 5000])
def test_a_thing_lies_as_far_away_as_was_said(bearing: float, metres: float) -> None:
    assert distance_m(STOOD, away_from(STOOD, bearing, metres)) == pytest.approx(metres, abs=0.05)


def test_a_bearing_of_forty_degrees_is_north_east() -> None:
    there = away_from(STOOD, 40, 150)
    north, east = (there.lat - 6.49) * 111_195, (there.lon - 17.45) * 111_195 * math.cos(math.radians(6.49))

    assert (north, east) == pytest.approx((150 * math.cos(math.radians(40)), 150 * math.sin(math.radians(40))), abs=0.5)


def test_the_point_error_grows_with_the_distance_and_with_the_observers_own() -> None:
    said = ((8, 0), (8, 150), (30, 150), (8, 900))
    errors = [away_from(Position(6.49, 17.45, own), 40, metres).accuracy_m for own, metres in said]

    assert errors == sorted(error for error in errors if error is not None)
    assert errors[0] == 8


def test_it_stays_on_the_globe_across_the_date_line() -> None:
    assert -180 <= away_from(Position(-16.5, 179.9999, 5), 90, 5000).lon < -179


def folded(*pins: Pin, **said: str) -> dict[str, str]:
    store = MemoryStore()
    seen = observation("mine", hours=1, register="hazards", said={"hz_class": "spot", "hz_landmark": "Well", **said})
    Engine(store, load_registers()).fold([report(seen), *pins])
    (record,) = store.records.values()
    return dict(record.data)


def pinned(name: str, value: str) -> Pin:
    return Pin(
        id=name, clock=clock(5), at=START, authority=1, actor="officer", reason="mine action", register="hazards",
        entity_id=entity_id("mine"), property=name, value=value, until=None,
    )  # fmt: skip


def test_a_hazard_says_how_far_to_keep_away_until_it_is_cleared() -> None:
    assert folded()["avoid_m"] == "500"
    assert "avoid_m" not in folded(pinned("hz_class", "cleared"))


def test_nobody_writes_another_distance() -> None:
    assert folded(pinned("avoid_m", "5"))["avoid_m"] == "500"
    assert "avoid_m" not in folded(pinned("avoid_m", "5"), pinned("hz_class", "cleared"))


def leaving(audience: str = "ngo", **other: str) -> release.Leaving:
    data = {name: text for name, text in {**SPOT, **other}.items() if text}
    return release.leaving(HAZARDS, data, "Behind the school", (6.4912345, 17.4512345), audience, "high", "Explosive hazards")


def test_a_warning_leaves_with_its_place_and_the_distance_but_without_words() -> None:
    out = leaving()

    assert (out.lat, out.lon, out.precision) == (6.491235, 17.451235, "point")
    assert out.data["avoid_m"] == "500"
    assert "school" not in str(out)


def test_what_warns_no_more_leaves_as_any_record_of_its_sensitivity() -> None:
    assert leaving(avoid_m="", hz_class="cleared").lat is None


def test_the_place_of_a_warning_goes_to_nobody_who_may_not_have_it() -> None:
    assert leaving("public").lat is None


@pytest.mark.parametrize(
    ("data", "markings", "reasons"),
    [
        (SPOT, [], ()), (SPOT, ["CONFIDENTIAL"], ("un_class",)), ({**SPOT, "hz_class": "sha"}, [], ("sensitivity",)),
        ({"hz_class": "spot"}, [], ("sensitivity",)),
    ],
)  # fmt: skip
def test_one_officer_alone_warns_of_a_single_item(data: dict[str, str], markings: list[str], reasons: tuple[str, ...]) -> None:
    assert release.second_person("high", markings, urgently=release.urgent(HAZARDS, data)) == reasons


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('property = "avoid_m"', 'property = "nothing"', "warning: 'nothing' is not a property"),
        ('state = "hz_class"', 'state = "nothing"', "warning: 'nothing' is not a property"),
        ("metres = 500", 'metres = "far"', "'metres' must be a number"),
        ('offset = ["geometry", "bearing", "dist_m"]', 'offset = ["geometry"]', "'offset' of a geopoint names three"),
        ('offset = ["geometry", "bearing", "dist_m"]', 'offset = ["geometry", "x", "dist_m"]', "'x' is not a property"),
    ],
)
def test_a_faulty_warning_is_named(old: str, new: str, fault: str) -> None:
    text = (BUILTIN_DIR / "hazards.toml").read_text(encoding="utf-8")

    with pytest.raises(RegisterError, match=fault):
        parse_register(text.replace(old, new))
