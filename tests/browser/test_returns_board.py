"""The returns board as something that hangs on a wall: printed on one page in A4, with every state told by its shape too."""

from __future__ import annotations

import datetime as dt
import re

import pypdfium2
import pytest
from playwright.sync_api import Page

from server.models import Post, ReturnPlan, Unit
from server.services import journal
from sync.periods import RHYTHMS, Period, Week, period_of
from sync.returns import DAYS, STATES, Terms
from tests.browser.conftest import DESK, PHONE, Mission, Opener, mission_server
from tests.cast import PASSWORD
from tests.server.test_returns import BANGUI, send

__all__ = ["mission_server"]
pytestmark = pytest.mark.browser
OFFICER, FORM = "officer.east@example.org", "monthly_return"
SITES = 20
A4_LANDSCAPE = (842, 595)


@pytest.fixture(scope="module")
def periods(mission_server: Mission) -> list[Period]:
    """Twenty team sites that owe a return each month, week and day, in the states that come and go; one period per rhythm."""
    today = journal.now().astimezone(BANGUI).date()
    with mission_server.server.session() as session:
        east = mission_server.cast.sector_ids[0]
        for rhythm in RHYTHMS:
            days, missing, freeze = DAYS[rhythm]
            session.add(ReturnPlan(
                xml_form_id=FORM, post_type="observer_site", rhythm=rhythm, due_day=days, missing_day=missing, freeze_day=freeze
            ))  # fmt: skip
        for number in range(SITES):
            code = f"TS-{number:02d}"
            session.add(Unit(code=code, name=f"Team site {number}", sector_id=east))
            session.flush()
            session.add(Post(code=f"MILOBS {code}", name=f"MILOBS {code}", type="observer_site", unit_code=code, sector_id=east))
        shown: list[Period] = []
        for rhythm in reversed(RHYTHMS):
            last = period_of(rhythm, today).plus(-2)
            shown.append(last)
            for step in range(14):
                period, terms = last.plus(-step), Terms(BANGUI, *DAYS[rhythm])
                due = terms.due(period)
                for number in range(SITES):
                    kind = (number + step) % 6
                    moments = {0: [-30], 1: [-20], 2: [40], 3: [60], 4: [-40, -10]}.get(kind, [])
                    for hours in moments:
                        at = (due + dt.timedelta(hours=hours)).astimezone(dt.UTC)
                        end = at - dt.timedelta(days=4) if kind == 2 else at
                        send(session, f"TS-{number:02d}", at, end, kind == 1, period=str(period))
        session.commit()
    return shown


def printed(page: Page) -> list[tuple[int, int]]:
    """The size (points) of each page as it comes from the printer."""
    document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))
    return [(round(width), round(height)) for width, height in (each.get_size() for each in document)]


def opened(opener: Opener, period: Period, size: tuple[int, int] = DESK, language: str = "en") -> Page:
    """The board as an officer reads it in a window of that size. The language is the account's and so set each time."""
    window = opener(size)
    window.log_in(OFFICER, PASSWORD)
    page = window.go(f"/returns/{period}")
    page.get_by_role("button", name=language.upper(), exact=True).click()
    page.wait_for_selector(f"html[lang={language}]")
    return page


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("which", [0, 1, 2], ids=["months", "weeks", "days"])
def test_a_board_of_twenty_posts_is_printed_on_one_page_in_a4_landscape(
    opener: Opener, periods: list[Period], language: str, which: int
) -> None:
    assert printed(opened(opener, periods[which], language=language)) == [A4_LANDSCAPE]


def test_another_page_is_printed_upright(opener: Opener, periods: list[Period]) -> None:
    window = opener(DESK)
    window.log_in(OFFICER, PASSWORD)

    assert all(width < height for width, height in printed(window.go("/reports")))


def test_the_printed_board_names_mission_period_and_time_and_explains_its_shapes(
    opener: Opener, periods: list[Period]
) -> None:
    week = periods[1]
    assert isinstance(week, Week)
    page = opened(opener, week)
    page.emulate_media(media="print")

    head = page.locator(".board-head").inner_text()

    assert head.startswith(f"Test mission · Returns for week {week.week}: ")
    assert re.search(r"printed \d+ \w+ \d{4}", head)
    assert page.locator(".legend .badge").count() == len(STATES)
    assert page.locator(".legend").is_visible()
    assert not page.get_by_role("button", name="Print").is_visible()


def test_no_two_states_have_the_same_shape(opener: Opener, periods: list[Period]) -> None:
    page = opened(opener, periods[0])

    shapes = page.eval_on_selector_all(".legend .badge", """badges => badges.map(badge => {
        const style = getComputedStyle(badge, "::before");
        const filled = style.backgroundColor !== "rgba(0, 0, 0, 0)";
        return [style.clipPath, style.borderTopLeftRadius, style.borderTopWidth, style.width, style.height, filled].join(" ");
    })""")

    assert len(set(shapes)) == len(STATES)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("which", [0, 1, 2], ids=["months", "weeks", "days"])
def test_the_board_is_no_wider_than_the_window(
    opener: Opener, periods: list[Period], size: tuple[int, int], which: int, language: str
) -> None:
    page = opened(opener, periods[which], size, language)

    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.evaluate("(wrap => wrap.scrollWidth <= wrap.clientWidth)(document.querySelector('.table-wrap'))")
