"""Officers' pages in a real browser, at a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, Mission, Opener
from tests.cast import PASSWORD

pytestmark = pytest.mark.browser
OFFICER, ADMIN = "officer.east@example.org", "admin@example.org"
PAGES = (
    "/reports", "/duty", "/quarantine", "/entry", "/registers", "/returns", "/releases", "/review", "/forms",
    "/forms/form/cimic_patrol", "/keys", "/devices", "/devices/cards", "/organisation?tab=sectors", "/organisation?tab=units",
    "/organisation?tab=posts", "/people", "/people/new", "/setup", "/setup/mission", "/setup/areas", "/audit", "/account",
)  # fmt: skip


def beat(page: Page) -> None:
    """Asks for the pulse now instead of within twenty seconds."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_an_officer_logs_in_and_reads_a_report(opener: Opener) -> None:
    page = opener(DESK).log_in(OFFICER, PASSWORD)

    page.get_by_role("link", name=re.compile("Markounda")).first.click()

    expect(page.get_by_text("Most pressing need")).to_be_visible()


def test_searching_narrows_the_list_without_loading_the_page_anew(opener: Opener) -> None:
    page = opener(DESK).log_in(OFFICER, PASSWORD)
    page.evaluate("window.same = true")

    page.fill("#f-text", "Markounda")

    expect(page.locator("#reports tbody tr")).to_have_count(1)
    assert page.evaluate("window.same") is True
    assert "text=Markounda" in page.url


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_no_page_is_wider_than_the_window_complains_or_calls_out(opener: Opener, size: tuple[int, int]) -> None:
    window = opener(size)
    page = window.log_in(ADMIN, PASSWORD)

    wide = []
    for path in PAGES:
        window.go(path)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)

    assert wide == []
    assert window.complaints == []
    assert window.strangers == []


def test_own_script_of_a_page_stays_under_a_hundred_kilobytes(opener: Opener) -> None:
    window = opener(DESK)
    sizes: dict[str, int] = {}
    page = window.log_in(OFFICER, PASSWORD)
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}) if ".js" in answer.url else None)

    page.goto(window.base + "/reports", wait_until="networkidle")

    assert sizes
    assert sum(sizes.values()) < 100_000


def test_the_drawer_of_a_phone_opens_and_leads_on(opener: Opener) -> None:
    page = opener(PHONE).log_in(OFFICER, PASSWORD)
    hidden = page.locator("#navigation").get_by_role("link", name="Quarantine").is_visible()

    page.get_by_role("button", name="Menu", exact=True).click()
    page.locator("#navigation").get_by_role("link", name="Quarantine").click()

    assert not hidden
    expect(page.get_by_role("heading", name="Quarantine")).to_be_visible()


def test_the_language_changes_in_place(opener: Opener) -> None:
    page = opener(DESK).log_in(OFFICER, PASSWORD)

    page.get_by_role("button", name="FR").click()

    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.get_by_role("button", name="EN").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_an_alarm_shows_on_every_open_page_until_somebody_takes_it(opener: Opener, mission_server: Mission) -> None:
    page = opener(DESK).log_in(OFFICER, PASSWORD)
    expect(page.locator("#alarm .alarm-banner")).to_have_count(0)

    mission_server.report({"settlement_new": "Ndjo", "urgent": "yes", "urgent_text": "Ferry sank"})
    beat(page)
    expect(page.locator("#alarm")).to_contain_text("Ndjo")
    title = page.title()
    page.locator("#alarm a").click()
    page.get_by_role("button", name=re.compile("I take it")).click()

    assert title.startswith("(1)")
    expect(page.get_by_text("No open alarm")).to_be_visible()
    expect(page.locator("#alarm .alarm-banner")).to_have_count(0)


def test_an_officer_accepts_a_conflicting_copy_after_comparing(opener: Opener) -> None:
    page = opener(DESK).log_in(OFFICER, PASSWORD)

    page.get_by_role("link", name=re.compile("Quarantine")).first.click()
    page.get_by_role("link", name="Same report number, other content").click()
    expect(page.locator(".diff mark").first).to_have_text("9")
    page.get_by_label("a correction of the one that is there").check()
    page.get_by_role("button", name="Accept").click()

    expect(page.get_by_role("heading", name="What the correction changed")).to_be_visible()


def start_entry(page: Page) -> None:
    """To the patrol form, for a report by radio."""
    page.get_by_role("link", name="Enter a report").first.click()
    page.get_by_role("button", name="Fill it in").click()


def answer_all(page: Page) -> None:
    """Answers what an ordinary visit needs."""
    page.locator('[name="/g_loc/adm1"][value="CF32"]').check()
    for name, value in (
        ("/g_report/reporter_role", "patrol"),
        ("/g_visit/visit_purpose", "cimic"),
        ("/g_visit/consent_share", "yes"),
    ):
        page.locator(f'[name="{name}"][value="{value}"]').check()


def test_a_question_comes_when_needed_and_typed_text_is_never_lost(opener: Opener) -> None:
    page = opener(DESK).log_in(OFFICER, PASSWORD)
    start_entry(page)
    urgent_text = page.locator('[name="/g_need/urgent_text"]')
    expect(urgent_text).to_be_hidden()

    page.locator('[name="/g_need/urgent"][value="yes"]').check()
    expect(urgent_text).to_be_visible()
    urgent_text.press_sequentially("Thirty people cut off", delay=15)
    page.locator('[name="/g_pop/pop_total"]').fill("900000")
    page.locator('[name="/g_pop/pop_total"]').press("Tab")

    expect(page.locator('[data-q="/g_pop/pop_total"].wrong')).to_be_visible()
    assert urgent_text.input_value() == "Thirty people cut off"


def test_a_radio_report_with_open_questions_is_sent_after_one_more_question(opener: Opener) -> None:
    page = opener(PHONE).log_in(OFFICER, PASSWORD)
    page.goto(page.url.split("/reports")[0] + "/entry")
    page.get_by_role("button", name="Fill it in").click()
    answer_all(page)

    page.get_by_role("button", name="Send the report").click()
    page.get_by_label("Send it although something is open").check()
    page.get_by_role("button", name="Send the report").click()

    expect(page.get_by_role("heading", name="Report stored")).to_be_visible()
    page.get_by_role("link", name="Open the report").click()
    expect(page.get_by_text("Radio").first).to_be_visible()


def test_keyboard_alone_reaches_the_content(opener: Opener) -> None:
    page = opener(DESK).log_in(OFFICER, PASSWORD)

    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.className")
    page.keyboard.press("Enter")

    assert first == "skip"
    assert page.evaluate("document.activeElement.id") == "content"
