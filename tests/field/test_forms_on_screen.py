"""Each questionnaire of the library, filled on the phone's screen page by page, sent sealed, and there once with its photo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Playwright

from server.services import form_library
from tests.field.conftest import FieldMission, Phone
from tests.field.walking import Walker
from tests.server.office_reports import photo

# Answers that a rule of the form asks for; all else is answered by what fits.
ANSWERS: dict[str, dict[str, str]] = {
    "cimic_patrol": {"Second": "Food", "Third": "Health"},
    "supplier": {"Currency": "XAF"},
    "who_what_where": {"Contact: office e-mail": "office@example.org"},
    "monthly_return": {"Year": "2026"},
}
EVERYWHERE = {
    "GPS": "", "Grid": "", "Phone": "23675112233", "Contact: duty phone": "23675112233",
    "Contact: phone": "23675112233",
}
# Lists from which a report must choose, and which other reports would fill.
KNOWN = {"routes": "Bossangoa - Markounda", "projects": "Well at Gbadé"}

# It reports on a request that an officer has completed; there is none here (test_engine_library.py fills it).
NEEDS_A_REQUEST = "after_action"


@pytest.fixture(scope="module")
def enrolled(field_mission: FieldMission, play: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phone]:
    """One phone for all questionnaires of the module."""
    headers = field_mission.cast.admin.bearer
    for dataset, label in KNOWN.items():
        at = f"{field_mission.server.base_url}/v1/projects/1/datasets/{dataset}/entities"
        answer = requests.post(at, json={"label": label, "data": {}}, headers=headers, timeout=30)
        answer.raise_for_status()
    phone = Phone(play, tmp_path_factory.mktemp("phone"), field_mission.server.base_url)
    phone.enrol(field_mission.link())
    yield phone
    phone.close()


@pytest.mark.parametrize("form_id", [name for name in form_library.names() if name != NEEDS_A_REQUEST])
def test_a_questionnaire_is_filled_on_the_screen_and_arrives_once(
    field_mission: FieldMission, enrolled: Phone, form_id: str
) -> None:
    page = enrolled.page
    page.goto(f"{enrolled.base}/field/#/home")
    page.locator("button.begin").first.wait_for()
    key = next(each for each in enrolled.form_keys() if each.startswith(f"{form_id}@"))
    page.goto(f"{enrolled.base}/field/#/form/{key}")
    page.locator("footer button.primary").wait_for()
    walker = Walker(page, {**EVERYWHERE, **ANSWERS.get(form_id, {})}, photo(800, 600))
    walker.to_the_end()
    walker.finish()
    # The newest report stands first; the page may still be reading what it has.
    page.wait_for_function(
        "() => { const newest = document.querySelector('li.card'); "
        "return newest?.querySelector('.state.ok') && !newest.innerText.includes('still to send'); }"
    )

    (report,) = field_mission.submissions(form_id)
    files = field_mission.files(form_id, report["instanceId"])
    assert all(files.values()), files
    assert (enrolled.strangers, enrolled.complaints) == ([], [])


def test_a_questionnaire_without_anything_to_choose_says_so_and_stays_a_draft(enrolled: Phone) -> None:
    page = enrolled.page
    page.goto(f"{enrolled.base}/field/#/home")
    page.locator("button.begin").first.wait_for()
    page.locator(f"button.begin[data-form^='{NEEDS_A_REQUEST}@']").click()
    page.locator("footer button.primary").wait_for()
    walker = Walker(page, EVERYWHERE)
    walker.to_the_end()
    page.get_by_role("button", name="Finish and send").click()
    assert "nothing to choose here" in page.locator(".question.wrong").first.inner_text()
    page.locator("header button[aria-label='Back']").click()
    page.get_by_role("button", name="Go on").wait_for()


def test_what_the_phones_sent_is_folded_without_a_fault(field_mission: FieldMission) -> None:
    field_mission.drain()


def test_a_photo_arrives_as_it_was_taken(field_mission: FieldMission, tmp_path: Path) -> None:
    (report,) = field_mission.submissions("key_infrastructure")
    (name,) = field_mission.files("key_infrastructure", report["instanceId"])
    sent = field_mission.file("key_infrastructure", report["instanceId"], name)
    assert sent.startswith(b"\xff\xd8\xff")
