"""What looks like the acceptance scenarios and is not: twins, renamed, moved, reopened, and positions that are wrong."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from server.models import Observation, Record, ReviewTask
from server.services import folding
from server.services import mission as services
from tests.flow.missions import Mission, Phone, day

BANBATT, TEAM_SITE = "BANBATT-3", "TS-BOSSANGOA"
PLACE = "6.4901 17.4520 0 5"
NAME = "Centre de Santé de Gbadé"


@pytest.fixture
def phones(mission: Mission) -> tuple[Phone, Phone]:
    """A patrol that has reported the clinic of Gbadé on 3 November, and observers who have not been there."""
    mission.publish("key_infrastructure")
    patrol, observers = mission.phone(BANBATT), mission.phone(TEAM_SITE, "team_site")
    for phone in (patrol, observers):
        phone.pull(day(2))
    patrol.clinic(NAME, PLACE, day(3), "full")
    patrol.send(day(3, 16))
    mission.drain()
    return patrol, observers


def report(
    mission: Mission, phone: Phone, name: str, place: str, number: int, functionality: str = "full", **answers: Any
) -> None:
    """One more report about a clinic, on that day of November, sent and worked in."""
    phone.clinic(name, place, day(number), functionality, **answers)
    phone.send(day(number, 18))
    mission.drain()


def visit(mission: Mission, phone: Phone, number: int, place: str = PLACE, functionality: str = "full", **answers: Any) -> None:
    """A report about the clinic that the phone's list knows."""
    phone.pull(day(number, 8))
    (known,) = phone.device.rows("facilities.csv")
    report(mission, phone, answers.pop("name", NAME), place, number, functionality, facility=known["name"], **answers)


def questions(mission: Mission) -> list[ReviewTask]:
    with mission.session() as session:
        return list(session.scalars(select(ReviewTask)))


def answer(mission: Mission, said: str) -> None:
    """The officer answers the one open question on its page."""
    (question,) = questions(mission)
    answered = mission.browser("officer").post(f"{mission.base_url}/review/{question.id}", data={"answer": said}, timeout=60)
    assert answered.status_code == 200


def page(mission: Mission, record: Record, language: str = "en") -> str:
    address = f"{mission.base_url}/registers/facilities/{record.id}"
    return mission.browser("officer").get(address, headers={"Accept-Language": language}, timeout=60).text


def test_a_primary_and_a_secondary_school_side_by_side_stay_two(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    _patrol, observers = phones
    school = {"fac_group": "education", "fac_type": "school_primary"}
    report(mission, observers, "École primaire de Gbadé", "6.4901 17.4540 0 5", 4, **school)

    secondary = {**school, "fac_type": "school_secondary"}
    report(mission, observers, "École secondaire de Gbadé", "6.4902 17.4541 0 5", 4, **secondary)

    kinds = sorted(record.data["fac_type"] for record in mission.records("facilities"))
    assert kinds == ["health_centre", "school_primary", "school_secondary"]


def test_two_that_an_officer_called_different_are_not_asked_again_when_one_is_visited(
    mission: Mission, phones: tuple[Phone, Phone]
) -> None:
    patrol, observers = phones
    report(mission, observers, "CS Gbade", "6.4905 17.4527 0 5", 4)
    answer(mission, "different")
    patrol.pull(day(5))
    known = next(row for row in patrol.device.rows("facilities.csv") if "Centre" in row["label"])

    report(mission, patrol, NAME, PLACE, 6, "partial", facility=known["name"])

    assert questions(mission) == []
    assert sorted(record.data["functionality"] for record in mission.records("facilities")) == ["full", "partial"]


def test_a_renamed_clinic_is_one_record_that_keeps_its_old_name(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    _patrol, observers = phones

    visit(mission, observers, 9, name="Centre de Santé Espoir")

    (record,) = mission.records("facilities")
    assert (record.data["fac_name"], record.aliases) == ("Centre de Santé Espoir", [NAME])
    found = mission.browser("officer").get(f"{mission.base_url}/registers/facilities?q=gbade", timeout=60)
    assert record.id in found.text


def test_a_renamed_clinic_reported_as_new_is_asked_about_by_its_old_name(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    _patrol, observers = phones

    report(mission, observers, "Centre de Santé Espoir", "6.4905 17.4527 0 5", 9, fac_altname="CS Gbadé")
    # Nobody ties it unasked, and what an officer accepts keeps all three names.
    answer(mission, "same")

    (record,) = mission.records("facilities")
    assert record.aliases == ["CS Gbadé", NAME]


def test_a_moved_clinic_is_a_proposal_with_both_dates(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    _patrol, observers = phones

    visit(mission, observers, 9, place="6.4951 17.4520 0 5")

    (question,), (record,) = questions(mission), mission.records("facilities")
    assert question.kind == "proposal"
    assert (question.features["current_observed"], question.features["observed"]) == ("2026-11-03", "2026-11-09")
    assert record.data["geometry"] == PLACE
    assert "556 m" in page(mission, record)


def test_a_moved_clinic_stands_at_its_new_place_once_accepted_and_keeps_its_history(
    mission: Mission, phones: tuple[Phone, Phone]
) -> None:
    _patrol, observers = phones
    visit(mission, observers, 9, place="6.4951 17.4520 0 5")

    answer(mission, "same")

    (record,) = mission.records("facilities")
    assert record.data["geometry"].split()[0] == "6.4951"
    assert "6.49010, 17.45200" in page(mission, record)


def test_a_clinic_that_closed_and_opened_again_is_one_record_with_its_history(
    mission: Mission, phones: tuple[Phone, Phone]
) -> None:
    patrol, observers = phones
    visit(mission, patrol, 9, functionality="abandoned")
    closed = [record.data["functionality"] for record in mission.records("facilities")]

    visit(mission, observers, 20, functionality="partial")

    (record,) = mission.records("facilities")
    assert (closed, record.data["functionality"], record.observation_count) == (["abandoned"], "partial", 3)


def test_a_position_two_kilometres_off_is_asked_about_and_moves_nothing(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    _patrol, observers = phones

    report(mission, observers, "CS Gbade", "6.5081 17.4520 0 5", 4)
    apart = len(mission.records("facilities"))
    answer(mission, "same")

    (record,), (question,) = mission.records("facilities"), questions(mission)
    assert apart == 2
    assert record.data["geometry"] == PLACE
    assert (question.kind, question.features["distance_m"]) == ("proposal", 2002)


def test_swapped_coordinates_are_recognised_and_named(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    _patrol, observers = phones

    report(mission, observers, "CS Gbade", "17.4520 6.4901 0 5", 4)

    (question,) = questions(mission)
    shown = mission.browser("officer").get(f"{mission.base_url}/review/{question.id}", timeout=60).text
    assert "latitude and longitude look swapped" in shown


def test_swapped_coordinates_of_a_known_clinic_never_move_it(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    patrol, observers = phones
    visit(mission, observers, 5, place="17.4520 6.4901 0 5")
    mistakes = [question.features["mistake"] for question in questions(mission)]

    visit(mission, patrol, 6)

    (record,) = mission.records("facilities")
    assert mistakes == ["swapped"]
    assert record.data["geometry"] == PLACE
    # Two readings vouch for the place by now: nobody is asked about the slip any more.
    assert questions(mission) == []


def test_the_position_of_the_camp_is_not_taken_for_the_clinic(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    patrol, observers = phones
    with mission.session() as session:
        services.put_unit(session, None, TEAM_SITE, TEAM_SITE, mission.sector_id(session), camp="6.5600 17.5000")

    report(mission, observers, "Dispensaire Boali", "6.5601 17.5001 0 5", 4)
    boali = next(record for record in mission.records("facilities") if "Boali" in record.label)
    doubtful = boali.provenance["geometry"]["rule"], "read in the reporter&#39;s camp" in page(mission, boali)
    patrol.pull(day(5))
    known = next(row for row in patrol.device.rows("facilities.csv") if "Boali" in row["label"])
    report(mission, patrol, "Dispensaire Boali", "6.6200 17.5600 0 5", 6, facility=known["name"])

    boali = next(record for record in mission.records("facilities") if "Boali" in record.label)
    assert doubtful == ("camp", True)
    assert boali.data["geometry"] == "6.6200 17.5600 0 5"
    assert questions(mission) == []


def test_two_clinics_reported_from_one_camp_are_not_one_for_that(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    _patrol, observers = phones
    with mission.session() as session:
        services.put_unit(session, None, TEAM_SITE, TEAM_SITE, mission.sector_id(session), camp="6.5600 17.5000")

    report(mission, observers, "CS Gbade", "6.5600 17.5000 0 5", 4)
    report(mission, observers, "Dispensaire Gbade", "6.5600 17.5000 0 5", 5)

    assert len(mission.records("facilities")) == 3


def test_a_camp_entered_later_is_told_from_places_reported_before(mission: Mission, phones: tuple[Phone, Phone]) -> None:
    _patrol, observers = phones
    report(mission, observers, "Dispensaire Boali", "6.5601 17.5001 0 5", 4)
    with mission.session() as session:
        services.put_unit(session, None, TEAM_SITE, TEAM_SITE, mission.sector_id(session), camp="6.5600 17.5000")
        assert folding.drain(session).failing == ()

    with mission.session() as session:
        seen = session.scalars(select(Observation).where(Observation.unit == TEAM_SITE)).one()
    boali = next(record for record in mission.records("facilities") if "Boali" in record.label)
    assert (seen.details or {})["at_camp"] is True
    assert boali.provenance["geometry"]["rule"] == "camp"
