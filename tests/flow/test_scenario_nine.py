"""Acceptance scenario 9: a mine found by a child, from the phone to the tombstone of the warning (rules A.1, C.2, C.10)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from forms.submission import parse_submission
from forms.validation import validate
from server.models import Record, Release
from server.queries import inbox
from server.services import folding, keeping_away
from sync.merge.faces import distance_m
from sync.merge.facts import Position
from sync.merge.positions import away_from
from tests.flow.missions import Mission, Phone, day

BANBATT = "BANBATT-3"
# The observer stands here; 150 m at 40 degrees lies what the child found, and 200 m from that the school.
STOOD = Position(6.4901, 17.4520, 5.0)
OBJECT = away_from(STOOD, 40, 150)
SCHOOL = away_from(OBJECT, 300, 200)
CHILD_FOUND: dict[str, Any] = {
    "adm1": "CF32", "adm2": "CF321", "settlement_new": "Gbadé", "gps": f"{STOOD.lat} {STOOD.lon} 0 5", "bearing": 40,
    "dist_m": 150, "hz_class": "spot", "eo_type": ["unknown"], "hz_source": "ki_youth", "hz_marked": "no",
    "hz_landmark": "Path behind the school", "hz_near": ["education"], "hz_priority": "1", "accident": "no", "ma_told": "yes",
    "release_to": ["ngo"],
}  # fmt: skip


@pytest.fixture
def patrol(mission: Mission) -> Phone:
    """A patrol that knows the primary school and finds what the child had found."""
    mission.publish("key_infrastructure", "eo_hazard")
    phone = mission.phone(BANBATT)
    phone.pull(day(2))
    school = {"fac_group": "education", "fac_type": "school_primary", "fac_name": "École primaire de Gbadé"}
    place = {"adm1": "CF32", "adm2": "CF321", "settlement_new": "Gbadé", "gps": f"{SCHOOL.lat} {SCHOOL.lon} 0 5"}
    rest = {"ownership": "public", "damage": "0", "fac_source": "observed", "functionality": "full"}
    phone.report("key_infrastructure", {**school, **place, **rest}, day(3))
    phone.send(day(3, 16))
    mission.drain()
    phone.report("eo_hazard", CHILD_FOUND, day(4, 9))
    phone.send(day(4, 9, 1))
    mission.drain()
    return phone


def hazard(mission: Mission) -> Record:
    (found,) = mission.records("hazards")
    return found


def page(mission: Mission, record: Record, role: str = "officer") -> str:
    """The record's page."""
    return mission.browser(role).get(f"{mission.base_url}/registers/{record.dataset}/{record.id}", timeout=60).text


def warn(mission: Mission) -> str:
    """The duty officer releases the warning to NGOs, alone; returns its number."""
    address = f"{mission.base_url}/registers/hazards/{hazard(mission).id}/release"
    answer = mission.browser("officer").post(address, data={"audience": "ngo", "until": "2030-01-01"}, timeout=60)
    found = re.search(r"REL-\d{4}-\d{4}", answer.text)
    assert found, answer.text
    return found[0]


def feed(mission: Mission) -> list[dict[str, Any]]:
    """What NGOs get of hazards."""
    browser = mission.browser("partner")
    answer = browser.get(f"{mission.base_url}/partner/registers/hazards.geojson?purpose=safety", timeout=60)
    features: list[dict[str, Any]] = answer.json()["features"]
    return features


def cleared(mission: Mission) -> None:
    """Mine action returns its id and "cleared"; the officer writes down both."""
    browser, record = mission.browser("officer"), hazard(mission)
    for name, value in (("ma_ref", "CAF-HA-0113"), ("hz_class", "cleared")):
        said = {"property": name, "value": value, "reason": "Mine action, letter of today"}
        answer = browser.post(f"{mission.base_url}/registers/hazards/{record.id}/pin", data=said, timeout=60)
        assert answer.status_code == 200, answer.text
    with mission.session() as session:
        keeping_away.end(session)
        session.commit()
        folding.drain(session)


@pytest.mark.parametrize("refused", ["cha", "cleared"])
def test_scenario_9_the_form_refuses_what_only_mine_action_decides(mission: Mission, refused: str) -> None:
    mission.publish("eo_hazard")
    phone = mission.phone(BANBATT)
    phone.pull(day(2))
    answers = {**CHILD_FOUND, "reporting_unit": BANBATT, "reporter_role": "patrol", "report_date": day(4).date()}

    def faults(hz_class: str) -> list[tuple[str, str]]:
        """What the form's own rules hold against the answers on the phone."""
        xml = phone.device.fill("eo_hazard", {**answers, "hz_class": hz_class}, day(4))
        form, lists = phone.device.definition("eo_hazard"), phone.device.lists("eo_hazard")
        return [(one.path, one.message["en"]) for one in validate(parse_submission(xml), form, lists, day(4))]

    assert faults("spot") == []
    assert faults(refused) == [("/g_hz/hz_class", "Only mine action decides this")]


def test_scenario_9_the_position_is_worked_out_from_bearing_and_distance(mission: Mission, patrol: Phone) -> None:
    record = hazard(mission)

    assert record.lat is not None
    assert record.lon is not None
    assert distance_m(Position(record.lat, record.lon), OBJECT) < 0.1
    assert distance_m(Position(record.lat, record.lon), STOOD) == pytest.approx(150, abs=0.1)


def test_scenario_9_the_page_shows_the_point_error_and_the_circle_to_keep_away_from(mission: Mission, patrol: Phone) -> None:
    shown = page(mission, hazard(mission))

    assert f"±{OBJECT.accuracy_m:.0f} m" in shown
    assert "Keep away (m)" in shown
    assert '"accuracy_m": 500' in shown.replace("&#34;", '"')


def test_scenario_9_the_duty_officer_is_told_at_once(mission: Mission, patrol: Phone) -> None:
    with mission.session() as session:
        (alarm,) = inbox.alarms(session, mission.person("officer").scope)

    assert alarm.alarm == "mine"
    assert "Path behind the school" in mission.browser("officer").get(f"{mission.base_url}/duty", timeout=60).text


def test_scenario_9_the_school_stands_beside_the_warning_and_the_warning_beside_the_school(
    mission: Mission, patrol: Phone
) -> None:
    (school,) = mission.records("facilities")

    assert "École primaire de Gbadé" in page(mission, hazard(mission))
    assert "200 m apart" in page(mission, hazard(mission))
    assert hazard(mission).id in page(mission, school)


def test_scenario_9_one_officer_warns_the_agencies_of_the_place_and_the_distance(mission: Mission, patrol: Phone) -> None:
    number = warn(mission)

    (feature,) = feed(mission)
    assert feature["properties"]["release"] == number
    assert feature["properties"]["avoid_m"] in (500, "500")
    assert feature["geometry"]["coordinates"] == pytest.approx([OBJECT.lon, OBJECT.lat], abs=1e-5)
    assert "Path behind" not in str(feature)


def test_scenario_9_when_mine_action_has_cleared_it_the_warning_ends_and_both_ids_stay(mission: Mission, patrol: Phone) -> None:
    number, before = warn(mission), hazard(mission).id
    cleared(mission)

    record = hazard(mission)
    (school,) = mission.records("facilities")
    with mission.session() as session:
        row = session.get(Release, number)
        assert row is not None
        assert (row.state, row.note) == ("withdrawn", keeping_away.OVER)
    assert feed(mission) == []
    address = f"{mission.base_url}/partner/registers/hazards/withdrawn.json"
    gone = mission.browser("partner").get(address, timeout=60).json()["withdrawn"]
    assert [one["release"] for one in gone] == [number]
    assert (record.id, record.data["ma_ref"], record.data["hz_class"]) == (before, "CAF-HA-0113", "cleared")
    assert "avoid_m" not in record.data
    assert record.id not in page(mission, school)


def test_scenario_9_the_end_of_a_warning_is_told_once(mission: Mission, patrol: Phone) -> None:
    warn(mission)
    cleared(mission)

    with mission.session() as session:
        assert keeping_away.end(session) == []
