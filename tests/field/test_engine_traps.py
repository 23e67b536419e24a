"""What the engine of the field app is known to get wrong, or to do silently, and what our build and screens do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
from playwright.sync_api import Page, sync_playwright
from pyxform.xls2xform import convert

from tests.field import engine_pages

FORM = """
| survey | | | | | | | | |
| | type | name | label | required | calculation | choice_filter | appearance | save_to |
| | calculate | new_id | | | once(uuid()) | | | |
| | time | at | At | | | | | |
| | decimal | hours | Hours | | | | | |
| | integer | people | People | | | | | |
| | image | photo | Photo | yes | | | | |
| | select_one_from_file places.csv | place | Place | | | | map | |
| | text | title | Title | | | | | title |
| | begin_repeat | visit | Visit | | | | | |
| | text | area | Area | | | | | |
| | select_one_from_file clinics.csv | clinic | Clinic | | | area=${area} | | |
| | calculate | beds | | | instance('clinics')/root/item[name=${clinic}]/beds | | | |
| | end_repeat | | | | | | | |
| choices | | | | | | | | |
| | list_name | name | label | | | | | |
| entities | | | | | | | | |
| | list_name | label | entity_id | create_if | update_if | | | |
| | places | ${title} | coalesce(${place}, ${new_id}) | ${place} = '' | ${place} != '' | | | |
"""
AREAS = ("A", "B", "05", "5", "2026-11", "")
LISTS = {
    "places": [
        {"name": "p1", "label": "One", "geometry": "6.4 17.4 0 0", "__version": "1", "__trunkVersion": "", "__branchId": ""},
    ],
    "clinics": [
        {"name": f"c{n}", "label": f"Clinic {n}", "area": AREAS[n % len(AREAS)], "beds": str(n)} for n in range(200)
    ],
}  # fmt: skip


@cache
def xform() -> str:
    return str(convert(FORM, file_type=".md").xform)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Page]]:
    """The engine as we build it, and as it is published."""
    folder = tmp_path_factory.mktemp("engine")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield {
            kind: engine_pages.show(browser.new_page(timezone_id="UTC"), engine_pages.build(folder / kind, stock=kind == "stock"))
            for kind in ("ours", "stock")
        }
        browser.close()


@pytest.fixture
def engine(pages: dict[str, Page]) -> Page:
    """A new record of the form, in the engine as we build it."""
    engine_pages.open_form(pages["ours"], xform(), LISTS)
    return pages["ours"]


def put(engine: Page, name: str, text: str) -> None:
    engine.evaluate("([name, text]) => put(name, text)", [name, text])


def read(engine: Page, name: str) -> str:
    return str(engine.evaluate("name => read(name)", name))


def entity_id(engine: Page) -> str:
    found = re.search(r'<entity\b[^>]*\bid="([^"]*)"', str(engine.evaluate("xml()")))
    assert found is not None
    return found[1]


def test_a_time_without_seconds_turns_blank_and_one_with_seconds_and_zone_stays(engine: Page) -> None:
    put(engine, "at", "09:30")
    without = read(engine, "at")
    put(engine, "at", "09:30:00.000+01:00")

    assert (without, read(engine, "at")) == ("", "09:30:00.000+01:00")


def test_a_decimal_comma_turns_blank(engine: Page) -> None:
    put(engine, "hours", "3,5")

    assert read(engine, "hours") == ""


def test_a_number_beyond_32_bits_turns_blank(engine: Page) -> None:
    put(engine, "people", "3000000000")

    assert read(engine, "people") == ""


def test_a_photo_is_still_there_after_the_second_save_and_restore(engine: Page) -> None:
    put(engine, "photo", "bridge")
    saved = [engine.evaluate("again()"), engine.evaluate("again()")]

    assert (saved, read(engine, "photo") != "") == ([1, 1], True)


def test_a_photo_taken_out_of_a_restored_record_leaves_no_name(engine: Page) -> None:
    put(engine, "photo", "bridge")
    engine.evaluate("again()")
    put(engine, "photo", "")

    assert read(engine, "photo") == ""


def test_a_required_photo_taken_out_of_a_restored_record_is_missed(engine: Page) -> None:
    put(engine, "photo", "bridge")
    engine.evaluate("again()")
    put(engine, "photo", "")

    assert engine.evaluate("problems()") == ["/data/photo required"]


def test_the_id_of_a_new_entity_is_the_same_after_a_restore(engine: Page) -> None:
    before = entity_id(engine)
    engine.evaluate("again()")

    assert (entity_id(engine), len(before)) == (before, 36)


def test_choices_from_a_map_know_their_places(engine: Page) -> None:
    assert ["geometry", "6.4 17.4 0 0"] in engine.evaluate("properties('place')")


@pytest.mark.parametrize("area", AREAS)
def test_a_long_list_in_a_repeat_offers_the_same_as_in_the_published_engine(pages: dict[str, Page], area: str) -> None:
    offered = {}
    for kind, page in pages.items():
        engine_pages.open_form(page, xform(), LISTS)
        page.evaluate("area => give({ visit: [{ area: 'B' }, { area }] })", area)
        offered[kind] = page.evaluate("options('/data/visit[2]/clinic')")

    assert offered["ours"] == offered["stock"]


@pytest.mark.parametrize("seed", range(3))
def test_answers_by_chance_give_the_same_record_as_in_the_published_engine(pages: dict[str, Page], seed: int) -> None:
    states = {}
    for kind, page in pages.items():
        engine_pages.open_form(page, xform(), LISTS)
        states[kind] = page.evaluate("seed => wander(seed, 60)", seed)

    assert [without_chance(each) for each in states["ours"]] == [without_chance(each) for each in states["stock"]]


def without_chance(state: object) -> str:
    """A state without ids, which differ by nature."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", str(state))
