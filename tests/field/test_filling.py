"""The screen on which a questionnaire is filled, with the real engine, store and vault, but without a server."""

from __future__ import annotations

import mimetypes
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from pyxform.xls2xform import convert

from tests.field.engine_pages import ADDRESS, FIELD, as_files
from tests.field.waiting import until

BUILD = Path(__file__).parent / "filling/build.mjs"
FORM = """
| survey | | | | | | | |
| | type | name | label::English (en) | label::French (fr) | required | choice_filter | constraint | relevant |
| | integer | people | People | Personnes | | | . < 1000 |
| | decimal | hours | Hours | Heures | | | |
| | time | at | At | À | | | |
| | text | called | Called | Appelée | | | | ${clinic} = '' |
| | geopoint | gps | Position | Position | | | |
| | select_one_from_file regions.csv | region | Region | Région | | | |
| | select_one_from_file districts.csv | district | District | District | | region=${region} | |
| | select_one_from_file clinics.csv | clinic | Known clinic | Clinique connue | | district=${district} | |
| | begin_repeat | visit | Visits | Visites | | | |
| | text | who | Who | Qui | | | |
| | end_repeat | | | | | | |
| | text | title | Title of the report | Titre du rapport | yes | | |
| settings | | | | | | | |
| | form_id | form_title | version | instance_name | default_language | | |
| | visits | Visits | 1 | ${title} | English (en) | | |
"""
LISTS: dict[str, Any] = {
    "regions": [{"name": "R1", "label": "Ouham"}, {"name": "R2", "label": "Nana"}],
    "districts": [{"name": "D1", "label": "Bossangoa", "region": "R1"}, {"name": "D2", "label": "Kaga", "region": "R2"}],
    "clinics": [
        {"name": "c1", "label": "Clinic of Gbade", "district": "D1", "geometry": "6.4916 17.45 0 0"},
        {"name": "c2", "label": "Far clinic", "district": "D2", "geometry": "6.6 17.45 0 0"},
    ],
}  # fmt: skip
HERE = "6.49, 17.45"
"""180 m south of the first clinic."""
PAGES = ["people", "hours", "at", "called", "gps", "region", "district", "clinic", "visit", "who", "title"]


@cache
def xform() -> str:
    return str(convert(FORM, file_type=".md").xform)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, built out of the app's sources in about 5 s."""
    out = tmp_path_factory.mktemp("filling")
    subprocess.run(["node", str(BUILD), str(out)], cwd=FIELD, check=True, capture_output=True, text=True, timeout=120)
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, built: Path) -> Iterator[Page]:
    """A phone with the questionnaire open on its first page."""
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True, locale="en-GB")

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(ADDRESS).partition("?")[0].partition("#")[0] or "index.html"
        if (built / name).is_file():
            route.fulfill(path=built / name, content_type=mimetypes.guess_type(name)[0] or "text/html")
        else:
            route.fulfill(status=404)

    context.route(f"{ADDRESS}**", answer)
    made = context.new_page()
    made.goto(ADDRESS)
    made.wait_for_selector("html[data-ready]", state="attached")
    made.evaluate("speak('en')")
    key = made.evaluate("([xml, files]) => keep('visits', 'Visits', xml, files, [])", [xform(), as_files(LISTS)])
    made.evaluate("key => fill(key, null)", key)
    expect(made.get_by_role("heading", name="People")).to_be_visible()
    yield made
    context.close()


def go(page: Page, name: str) -> None:
    """To a page of the form by the list of pages."""
    page.get_by_role("button", name="All questions").click()
    page.locator("dialog .jump-to").nth(PAGES.index(name) if name in PAGES else len(PAGES)).click()


def field(page: Page, label: str) -> Any:
    return page.get_by_role("textbox", name=label)


def saved(page: Page) -> dict[str, Any]:
    """The draft that is kept, once there is one."""
    until(page, "() => drafts().then((found) => found.length === 1)")
    found: dict[str, Any] = page.evaluate("drafts().then((found) => found[0])")
    return found


def keeps(page: Page, text: str) -> None:
    """Waits until the kept draft holds a text."""
    until(page, "text => drafts().then((found) => found.some((each) => each.xml.includes(text)))", text)


def test_what_is_typed_is_kept_within_a_second_without_a_button(page: Page) -> None:
    field(page, "People").fill("42")

    keeps(page, "<people>42</people>")


def test_a_questionnaire_that_was_only_looked_at_makes_no_draft(page: Page) -> None:
    page.get_by_role("button", name="Next").click()
    field(page, "Hours").wait_for()
    page.evaluate("new Promise((done) => setTimeout(() => done(true), 1500))")

    assert page.evaluate("drafts()") == []


def test_a_draft_opens_on_the_page_on_which_it_was_left(page: Page) -> None:
    field(page, "People").fill("42")
    page.get_by_role("button", name="Next").click()
    until(page, "() => drafts().then((found) => found.some((each) => each.place === '/data/hours'))")

    page.evaluate("id => fill(null, id)", saved(page)["id"])

    expect(field(page, "Hours")).to_be_visible()


def test_a_decimal_comma_is_read(page: Page) -> None:
    go(page, "hours")
    field(page, "Hours").fill("3,5")

    keeps(page, "<hours>3.5</hours>")


def test_a_text_that_is_no_number_stays_in_its_field_when_pages_are_turned(page: Page) -> None:
    field(page, "People").fill("about 40")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Back", exact=True).last.click()

    expect(field(page, "People")).to_have_value("about 40")


def test_a_text_that_is_no_number_keeps_the_report_from_being_finished(page: Page) -> None:
    field(page, "People").fill("about 40")
    go(page, "title")
    field(page, "Title of the report").fill("Gbade")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Finish and send").click()

    expect(field(page, "People")).to_be_visible()


def test_finishing_goes_to_the_first_question_that_is_wrong(page: Page) -> None:
    go(page, "the end")
    page.get_by_role("button", name="Finish and send").click()

    expect(field(page, "Title of the report")).to_be_focused()


def test_a_number_that_breaks_a_rule_is_said_at_once(page: Page) -> None:
    field(page, "People").fill("5000")

    expect(page.get_by_role("alert")).to_be_visible()


def test_a_known_clinic_near_by_is_offered_before_a_new_one_is_made(page: Page) -> None:
    position(page)

    expect(page.get_by_role("button", name="Clinic of Gbade")).to_contain_text("180 m away")


def test_choosing_the_known_clinic_answers_region_district_and_clinic(page: Page) -> None:
    position(page)
    page.get_by_role("button", name="Clinic of Gbade").click()

    for said in ("<region>R1</region>", "<district>D1</district>", "<clinic>c1</clinic>"):
        keeps(page, said)


def test_the_page_stays_when_an_answer_hides_a_page_before_it(page: Page) -> None:
    position(page)
    page.get_by_role("button", name="Clinic of Gbade").click()
    keeps(page, "<clinic>c1</clinic>")

    expect(page.get_by_role("heading", name="Position")).to_be_visible()


def test_a_clinic_far_away_is_not_offered(page: Page) -> None:
    position(page)
    page.get_by_role("button", name="Clinic of Gbade").wait_for()

    expect(page.get_by_role("button", name="Far clinic")).to_have_count(0)


def position(page: Page) -> None:
    go(page, "gps")
    page.get_by_role("button", name="Type it").click()
    page.get_by_role("textbox").fill(HERE)
    page.get_by_role("button", name="Use this position").click()


def test_an_entry_of_a_repeat_is_added_and_shown(page: Page) -> None:
    go(page, "visit")
    page.get_by_role("button", name="Add").click()
    field(page, "Who").fill("Chief")

    keeps(page, "<who>Chief</who>")


def test_an_entry_is_taken_away_only_after_a_question(page: Page) -> None:
    go(page, "visit")
    page.get_by_role("button", name="Take Visits 1 away").click()

    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_form_speaks_the_language_that_is_chosen(page: Page) -> None:
    page.get_by_role("combobox", name="Language").select_option(label="Français")

    expect(page.get_by_role("heading", name="Personnes")).to_be_visible()


def test_a_finger_drawn_to_the_left_turns_the_page(page: Page) -> None:
    swipe(page, 300, 100)

    expect(field(page, "Hours")).to_be_visible()


def swipe(page: Page, start: int, end: int) -> None:
    """A finger over the empty part of the screen."""
    page.evaluate(
        """([start, end]) => {
            const main = document.querySelector("main");
            const told = (name, x) => main.dispatchEvent(new PointerEvent(name, {
                pointerType: "touch", isPrimary: true, bubbles: true, clientX: x, clientY: 400,
            }));
            told("pointerdown", start); told("pointerup", end);
        }""",
        [start, end],
    )


RIGHT = """
| survey | | | | |
| | type | name | label::English (en) | label::Arabic (ar) |
| | integer | people | People | عدد السكان |
| | text | village | Village | القرية |
| settings | | | | |
| | form_id | form_title | version | default_language |
| | right | Right | 1 | Arabic (ar) |
"""


def in_arabic(page: Page) -> Page:
    """The page with a questionnaire open in Arabic."""
    xml = str(convert(RIGHT, file_type=".md").xform)
    key = page.evaluate("([xml, files]) => keep('right', 'Right', xml, files, [])", [xml, {}])
    page.evaluate("key => fill(key, null)", key)
    page.get_by_label("Language").select_option("Arabic (ar)")
    page.get_by_role("heading", name="عدد السكان").wait_for()
    return page


def test_a_questionnaire_in_arabic_is_read_from_the_right(page: Page) -> None:
    shown = in_arabic(page).locator("main")
    heading = page.get_by_role("heading", name="عدد السكان")

    assert (shown.get_attribute("lang"), shown.get_attribute("dir")) == ("ar", "rtl")
    assert heading.evaluate("(each) => getComputedStyle(each).direction") == "rtl"


def test_a_questionnaire_in_arabic_is_turned_the_other_way(page: Page) -> None:
    swipe(in_arabic(page), 100, 300)

    expect(page.get_by_role("heading", name="القرية")).to_be_visible()


def test_a_questionnaire_whose_language_has_an_odd_code_opens(page: Page) -> None:
    xml = str(convert(RIGHT.replace("Arabic (ar)", "Ours (en-1)"), file_type=".md").xform)
    key = page.evaluate("([xml, files]) => keep('odd', 'Odd', xml, files, [])", [xml, {}])
    page.evaluate("key => fill(key, null)", key)
    page.get_by_label("Language").select_option("Ours (en-1)")

    expect(page.get_by_role("heading", name="عدد السكان")).to_be_visible()


def test_the_language_is_offered_in_its_own_words_and_english_runs_from_the_left(page: Page) -> None:
    in_arabic(page).get_by_label("Language").select_option(label="English")
    page.get_by_role("heading", name="People").wait_for()

    assert page.locator("main").get_attribute("dir") == "ltr"


def test_a_turned_page_is_read_out_by_its_heading(page: Page) -> None:
    page.get_by_role("button", name="Next").click()

    expect(page.get_by_role("heading", name="Hours")).to_be_focused()


def test_every_control_is_large_enough_for_a_thumb(page: Page) -> None:
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input:not([type=radio]):not([type=checkbox])")]
            .filter((each) => each.offsetParent && Math.min(each.offsetHeight, each.offsetWidth) < 48)
            .map((each) => each.outerHTML)"""
    )

    assert small == []
