"""What may leave: whitelist by audience, place by sensitivity, and when two persons decide."""

from __future__ import annotations

import itertools

import pytest

from sync import release
from sync.registers import load_registers

FACILITIES = load_registers()["facilities"]
CLINIC = {
    "fac_name": "Centre de Santé de Gbadé", "fac_altname": "CS Gbade", "fac_group": "health", "fac_type": "health_centre",
    "functionality": "full", "adm2_pcode": "CF321", "geometry": "6.4901 17.4520 0 8", "unknown_property": "x",
}  # fmt: skip


def leaving(audience: str, sensitivity: str | None) -> release.Leaving:
    return release.leaving(FACILITIES, CLINIC, "Gbadé", (6.49014, 17.45203), audience, sensitivity, "Health, Bossangoa")


@pytest.mark.parametrize(
    ("sensitivity", "place"),
    [
        ("low", (6.49014, 17.45203)), ("moderate", (6.49, 17.45)), ("high", (None, None)), ("severe", (None, None)),
        (None, (None, None)), ("nonsense", (None, None)),
    ],
)  # fmt: skip
def test_the_place_is_as_precise_as_the_sensitivity_allows(
    sensitivity: str | None, place: tuple[float | None, float | None]
) -> None:
    out = leaving("ngo", sensitivity)

    assert (out.lat, out.lon) == place


def test_where_the_place_may_not_go_its_names_stay_too() -> None:
    out = leaving("ngo", "high")

    assert out.label == "Health, Bossangoa"
    assert "Gbad" not in str(out.data)


def test_what_the_register_does_not_give_to_an_audience_stays() -> None:
    assert set(leaving("public", "moderate").data) == {"fac_group", "adm2_pcode"}
    assert leaving("internal", "low").data == {}


@pytest.mark.parametrize("audience", ["ngo", "unct", "mission", "authority", "force", "public", "nobody"])
@pytest.mark.parametrize("sensitivity", ["low", "moderate", "high", "severe"])
def test_a_property_that_no_register_file_names_never_leaves(audience: str, sensitivity: str) -> None:
    out = leaving(audience, sensitivity)

    assert "unknown_property" not in out.data
    assert "geometry" not in out.data


def test_higher_sensitivity_never_opens_more_audiences() -> None:
    open_to = [set(release.audiences(level)) for level in release.LEVELS]

    assert all(higher <= lower for lower, higher in itertools.pairwise(open_to))


@pytest.mark.parametrize(
    ("sensitivity", "markings", "reasons"),
    [
        ("low", ["UNCLASSIFIED", None], ()), ("moderate", [], ()), ("high", [], ("sensitivity",)),
        (None, [], ("sensitivity",)), ("low", ["CONFIDENTIAL"], ("un_class",)), ("severe", ["X"], ("sensitivity", "un_class")),
    ],
)  # fmt: skip
def test_two_persons_decide_where_it_is_sensitive_or_classified(
    sensitivity: str | None, markings: list[str | None], reasons: tuple[str, ...]
) -> None:
    assert release.second_person(sensitivity, markings) == reasons


def counted(people: str) -> release.Leaving:
    data = {"group": "IDP", "people": people, "adm2_pcode": "CF321"}
    return release.leaving(load_registers()["population"], data, f"Gbadé - IDP - {people}", (None, None), "ngo", "low", "People")


@pytest.mark.parametrize("people", ["1", "4", "3.0"])
def test_a_handful_of_people_leaves_as_under_five_and_not_in_the_label_either(people: str) -> None:
    assert (counted(people).data["people"], counted(people).label) == ("under 5", "People")


@pytest.mark.parametrize("people", ["0", "5", "2400", "some"])
def test_any_other_number_of_people_leaves_as_it_is(people: str) -> None:
    assert (counted(people).data["people"], counted(people).label) == (people, f"Gbadé - IDP - {people}")
