"""Questions about places: the receiver, the map, typing; lines and shapes; a choice from the map."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.field.media_harness import DESK, Stage, served, stage

POINT = [{"type": "geopoint", "name": "gps", "label": "Position"}]
SHAPE = [{"type": "geoshape", "name": "field", "label": "Field"}]
TRACE = [{"type": "geotrace", "name": "road", "label": "Road"}]
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


def test_a_shape_is_stored_closed_and_says_its_area(here: Stage) -> None:
    here.open(SHAPE).get_by_role("button", name="Type it").click()
    for text in ("4.85, 31.6", "4.85, 31.601", "4.851, 31.601"):
        typed(here, text, "Add this point")
    corners = ["4.85 31.6 0 0", "4.85 31.601 0 0", "4.851 31.601 0 0", "4.85 31.6 0 0"]
    assert plain(here.wait_for("field")).replace("; ", ";").split(";") == corners
    # Half of 111.2 m by 110.8 m.
    assert "area 6,16" in here.page.get_by_text("3 points").first.inner_text()


def test_two_corners_are_no_shape_yet(here: Stage) -> None:
    here.open(SHAPE).get_by_role("button", name="Type it").click()
    for text in ("0, 0", "0, 0.001"):
        typed(here, text, "Add this point")
    here.page.get_by_text("A shape needs three points").wait_for()
    assert here.answer("field") == ""


def test_a_border_that_crosses_itself_is_warned_about(here: Stage) -> None:
    here.open(SHAPE).get_by_role("button", name="Type it").click()
    for text in ("0, 0", "1, 1", "0, 1", "1, 0"):
        typed(here, text, "Add this point")
    here.page.get_by_text("The border crosses itself").wait_for()


def test_the_last_point_of_a_line_can_be_taken_back(here: Stage) -> None:
    here.open(TRACE).get_by_role("button", name="Type it").click()
    for text in ("4.85, 31.6", "4.85, 31.7", "4.85, 31.8"):
        typed(here, text, "Add this point")
    here.page.get_by_role("button", name="Undo last point").click()
    assert plain(here.wait_for("road")).replace("; ", ";") == "4.85 31.6 0 0;4.85 31.7 0 0"


def test_a_walk_is_recorded_by_metres(here: Stage) -> None:
    page = here.open(TRACE)
    page.get_by_text("Record while walking").click()
    page.get_by_label("A point every").select_option("10m")
    page.get_by_role("button", name="Start recording").click()
    page.get_by_text("1 point", exact=False).first.wait_for()
    page.wait_for_function("() => document.querySelector('.line > p.strong')?.innerText.startsWith('1 point')")
    page.context.set_geolocation({**HERE, "latitude": 4.851})
    assert plain(here.wait_for("road")).replace("; ", ";") == "4.85 31.6 0 4;4.851 31.6 0 4"


PLACES = '{"type":"FeatureCollection","features":[' + ",".join(
    f'{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{lon},{lat}]}},"properties":{{"id":"{name}","title":"{name}"}}}}'
    for name, lat, lon in (("kouki", 7.16, 17.3), ("torit", 4.41, 32.57))
) + "]}"  # fmt: skip
CHOICE = [{"type": "select_one_from_file places.geojson", "name": "place", "label": "Place", "appearance": "map"}]


def test_a_choice_from_the_map_can_be_made_in_the_list(here: Stage) -> None:
    page = here.open(CHOICE, files={"places.geojson": PLACES})
    page.get_by_label("torit").check()
    assert here.wait_for("place") == "torit"


def test_the_choices_can_be_sorted_by_distance(here: Stage) -> None:
    page = here.open(CHOICE, files={"places.geojson": PLACES})
    page.get_by_role("button", name="Nearest first").click()
    page.wait_for_function("() => document.querySelector('.choice')?.innerText.includes(' km')")
    assert page.locator(".choice").first.inner_text().startswith("torit")


def test_the_map_asks_no_other_host_and_breaks_no_policy(port: int) -> None:
    with stage(port, DESK) as found:
        found.open(TRACE).locator(".ol-viewport canvas").first.wait_for()
        found.page.wait_for_load_state("networkidle")
        assert (found.strangers, found.complaints) == ([], [])
