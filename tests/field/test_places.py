"""Questions about places: the receiver, the map, typing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.field.media_harness import Stage, served, stage

POINT = [{"type": "geopoint", "name": "gps", "label": "Position"}]
HERE = {"latitude": 4.85, "longitude": 31.6, "accuracy": 4}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served() as found:
        yield found


@pytest.fixture
def here(port: int) -> Iterator[Stage]:
    with stage(port, geolocation=HERE, permissions=["geolocation"]) as found:
        yield found


def plain(answer: str) -> str:
    """The answer without the `.0` that the engine writes behind whole numbers."""
    return re.sub(r"\.0\b", "", answer)


def typed(found: Stage, text: str, button: str) -> None:
    found.page.get_by_label("Position in degrees or as grid reference").fill(text)
    found.page.get_by_role("button", name=button).click()


def test_a_fix_within_five_metres_is_taken_by_itself(here: Stage) -> None:
    here.open(POINT).get_by_role("button", name="Take my position").click()
    assert plain(here.wait_for("gps")) == "4.85 31.6 0 4"


def test_a_rough_fix_waits_until_it_is_accepted(port: int) -> None:
    with stage(port, geolocation={**HERE, "accuracy": 31}, permissions=["geolocation"]) as found:
        page = found.open(POINT)
        page.get_by_role("button", name="Take my position").click()
        page.locator(".fair .number", has_text="31").wait_for()
        assert found.answer("gps") == ""
        page.get_by_role("button", name="Accept now").click()
        assert plain(found.wait_for("gps")) == "4.85 31.6 0 31"


def test_who_refused_the_position_is_told_what_to_do(port: int) -> None:
    with stage(port, permissions=[]) as found:
        found.open(POINT).get_by_role("button", name="Take my position").click()
        found.page.get_by_text("The browser may not use the position.").wait_for()


@pytest.mark.parametrize(
    ("text", "answer"),
    [("4.85, 31.6", "4.85 31.6 0 0"), ("4,85 31,6", "4.85 31.6 0 0"), ("31.6 E 4.85 N", "4.85 31.6 0 0")],
)
def test_a_typed_position_is_the_answer(here: Stage, text: str, answer: str) -> None:
    here.open(POINT).get_by_role("button", name="Type it").click()
    typed(here, text, "Use this position")
    assert plain(here.wait_for("gps")) == answer


def test_a_typed_grid_reference_is_the_middle_of_its_square(here: Stage) -> None:
    import mgrs

    here.open(POINT).get_by_role("button", name="Type it").click()
    typed(here, "36n ul 12345 67890", "Use this position")
    lat, lon = mgrs.MGRS().toLatLon("36NUL1234567890")
    assert [float(each) for each in here.wait_for("gps").split()[:2]] == pytest.approx([lat, lon], abs=2e-6)


def test_swapped_degrees_are_refused_with_the_reason(here: Stage) -> None:
    here.open(POINT).get_by_role("button", name="Type it").click()
    typed(here, "131.6 4.85", "Use this position")
    here.page.get_by_text("look swapped").wait_for()
    assert here.answer("gps") == ""


def test_a_tap_on_the_map_is_taken_only_with_the_button(here: Stage) -> None:
    page = here.open([{**POINT[0], "appearance": "placement-map"}])
    page.locator(".ol-viewport canvas").first.wait_for()
    page.get_by_role("button", name="Put a point under the cross").click()
    assert here.answer("gps") == ""
    page.get_by_role("button", name="Use this position").click()
    lat, lon = (float(each) for each in here.wait_for("gps").split()[:2])
    assert (round(lat), round(lon)) == (6, 20)
