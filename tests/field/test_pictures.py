"""Pictures of the field app for the documents, English and French, on a phone: taken anew with `pytest -m soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.field.conftest import PIN, FieldMission, PhoneMaker
from tests.field.walking import Walker
from tests.server.office_reports import photo

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
WORDS = {"en": ("Set up", "All questions"), "fr": ("Préparer", "Toutes les questions")}


@pytest.mark.soak
@pytest.mark.parametrize("language", ["en", "fr"])
def test_pictures_of_the_field_app(field_mission: FieldMission, make_phone: PhoneMaker, language: str) -> None:
    set_up, jump = WORDS[language]
    phone = make_phone(locale={"en": "en-GB", "fr": "fr-FR"}[language])
    page = phone.page

    def picture(name: str) -> None:
        page.wait_for_timeout(300)
        page.screenshot(path=str(PICTURES / f"field-{name}-{language}.png"))

    page.goto(f"{phone.base}/field/")
    page.locator("#link").wait_for()
    picture("start")
    page.goto("about:blank")
    page.goto(field_mission.link())
    page.locator("#pin-new").fill(PIN)
    page.locator("#pin-again").fill(PIN)
    picture("enrol")
    page.get_by_role("button", name=set_up).click()
    page.locator("button.begin").first.wait_for()
    page.locator("button.begin[data-form^='key_infrastructure@']").click()
    page.locator("footer button.primary").wait_for()
    walker = Walker(page, {}, photo(800, 600))
    while not page.locator("input[type=radio]").count():
        walker.answer_page()
        walker.turn()
    picture("choice")
    while "GPS" not in page.locator(".question .label").first.inner_text():
        walker.answer_page()
        walker.turn()
    page.locator(".geopoint").wait_for()
    picture("position")
    page.get_by_role("button", name=jump).click()
    picture("jump")
    page.keyboard.press("Escape")
    page.locator("header button").first.click()
    page.locator("button.begin").first.wait_for()
    picture("home")
    page.goto(f"{phone.base}/field/#/settings")
    page.locator("#photos").wait_for()
    picture("settings")
    page.goto(f"{phone.base}/field/#/queue")
    picture("queue")
    assert phone.strangers == []
