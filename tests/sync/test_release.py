"""What may leave: fields by audience, place by sensitivity, two persons where the rules ask for them."""

from __future__ import annotations

import pytest

from sync.registers import load_registers
from sync.release import audiences, leaving, second_person

FACILITIES = load_registers()["facilities"]
DATA = {"fac_name": "CS Gbade", "fac_group": "health", "functionality": "partial", "geometry": "6.49012 17.45201", "secret": "x"}
PLACE = (6.49012, 17.45201)


def test_only_named_fields_leave_and_never_the_raw_position() -> None:
    found = leaving(FACILITIES, DATA, "CS Gbade", PLACE, "ngo", "moderate", "Health facility")

    assert found.data == {"fac_name": "CS Gbade", "fac_group": "health", "functionality": "partial"}


def test_the_public_gets_kind_and_district_only() -> None:
    found = leaving(FACILITIES, DATA, "CS Gbade", PLACE, "public", "moderate", "Health facility")

    assert (found.label, found.data, found.lat) == ("Health facility", {"fac_group": "health"}, None)


@pytest.mark.parametrize(("sensitivity", "place"), [("moderate", (6.49, 17.45)), ("high", (None, None)), (None, (None, None))])
def test_the_place_is_as_exact_as_the_sensitivity_allows(
    sensitivity: str | None, place: tuple[float | None, float | None]
) -> None:
    found = leaving(FACILITIES, DATA, "CS Gbade", PLACE, "ngo", sensitivity, "Health facility")

    assert (found.lat, found.lon) == place


def test_a_name_stays_where_the_place_may_not_be_known() -> None:
    found = leaving(FACILITIES, DATA, "CS Gbade", PLACE, "ngo", "high", "Health facility")

    assert (found.label, "fac_name" in found.data) == ("Health facility", False)


def test_an_unknown_audience_gets_nothing() -> None:
    assert leaving(FACILITIES, DATA, "CS Gbade", PLACE, "nobody", "moderate", "Health facility").data == {}


@pytest.mark.parametrize(
    ("sensitivity", "marking", "reasons"),
    [
        ("low", "UNCLASSIFIED", ()),
        ("high", None, ("sensitivity",)),
        ("low", "CONFIDENTIAL", ("un_class",)),
        (None, None, ("sensitivity",)),
    ],
)
def test_a_second_person_decides_where_the_rules_ask_for_it(
    sensitivity: str | None, marking: str | None, reasons: tuple[str, ...]
) -> None:
    assert second_person(sensitivity, [marking]) == reasons


def test_only_low_goes_to_the_public() -> None:
    assert [level for level in ("low", "moderate", "high", "severe") if "public" in audiences(level)] == ["low"]
