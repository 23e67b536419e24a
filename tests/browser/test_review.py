"""The review queue and the maps in a real browser: thirty decisions by single keys, undo, and no request to anybody else."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import mgrs
import pytest
from playwright.sync_api import Page, Route, sync_playwright
from sqlalchemy import func, select

from server.models import Area, Event
from server.services import authentication, folding
from tests.cast import make_cast
from tests.processes import RunningServer, ServerMaker
from tests.server import patrols

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session")]

DECISIONS, FEW = 30, 5
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
# Presses a key and waits until another question is painted; milliseconds.
PRESS = """key => new Promise(done => {
  const shown = () => document.querySelector("#review-question").dataset.stamp;
  const before = shown(), begun = performance.now();
  const look = () => shown() === before ? requestAnimationFrame(look) : done(performance.now() - begun);
  document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  look();
})"""


@dataclass
class Desk:
    """An officer's browser at a server with open questions; `strangers` are requests to any other host."""

    server: RunningServer
    page: Page
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.server.base_url + path)

    def open_questions(self) -> int:
        return int(self.page.locator(".review-head .btn strong").first.inner_text())

    def judgements(self) -> int:
        with self.server.session() as session:
            return session.scalar(select(func.count()).select_from(Event).where(Event.type == "JUDGE")) or 0


def seed(server: RunningServer, pairs: int) -> str:
    """Pairs of reports about clinics 85 m apart, a few kilometres from pair to pair; returns the officer's cookie."""
    with server.session() as session:
        cast = make_cast(session)
        session.add(Area(code="CF321", level=2, name="Bossangoa", sector_id=cast.sector_ids[0]))
        patrols.publish(session, "key_infrastructure")
        for number in range(pairs):
            lat, lon = 6.2 + number * 0.02, 17.1 + (number * 7 % 32) * 0.03
            for side, (name, metres) in enumerate((("Centre de Santé de", 0.0), ("CS", 0.00055))):
                xml = patrols.clinic(
                    f"{name} Kouki{number}a", f"{lat + metres:.5f} {lon + metres:.5f} 0 8", day=f"2026-11-{3 + side:02d}",
                    entity_id=str(uuid.UUID(int=1000 + 2 * number + side, version=4)),
                )
                patrols.send(session, xml, cast.collector.actor_id)
        folding.drain(session)
        token, _row = authentication.open_session(session, cast.officer.actor_id, "page")
        session.commit()
    return token


def crowding() -> float:
    """How many times longer work takes here than it would on a machine that does nothing else (1 when idle)."""
    begun, worked = time.perf_counter(), time.process_time()
    while time.process_time() - worked < 0.15:
        sum(range(1000))
    return max(1.0, (time.perf_counter() - begun) / 0.15)


@pytest.fixture
def desk(make_server: ServerMaker, request: pytest.FixtureRequest) -> Iterator[Desk]:
    server = make_server(processes=1)
    token = seed(server, getattr(request, "param", FEW))
    server.start()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        context.add_cookies([{"name": authentication.SESSION_COOKIE, "value": token, "url": server.base_url}])
        found = Desk(server, context.new_page())
        found.page.on(
            "request", lambda request: found.strangers.append(request.url)
            if not request.url.startswith((server.base_url, "data:", "blob:")) else None
        )  # fmt: skip
        found.page.on("console", lambda said: found.complaints.append(said.text) if said.type == "error" else None)
        yield found
        browser.close()


def wait_for_judgements(desk: Desk, count: int) -> None:
    """Returns when the page says that nothing is on its way any more; the last answer holds the number of decisions."""
    desk.page.wait_for_function("count => +document.querySelector('.review-head .btn strong').innerText === count", arg=count)


def decide_thirty(desk: Desk, look_ms: int = 0) -> list[float]:
    """Thirty decisions in a row, each pressed `look_ms` after its question was there; milliseconds to each next question."""
    desk.go("/review")
    before = desk.open_questions()
    times = []
    for number in range(DECISIONS):
        desk.page.wait_for_timeout(look_ms)
        times.append(desk.page.evaluate(PRESS, "sd"[number % 2]))
    wait_for_judgements(desk, before - DECISIONS)
    return times


@pytest.mark.parametrize("desk", [DECISIONS + 2], indirect=True)
def test_thirty_decisions_by_key_are_thirty_judgements_with_one_request_each(desk: Desk) -> None:
    sent: list[str] = []
    desk.page.on("request", lambda request: sent.append(request.method) if "/review" in request.url else None)

    decide_thirty(desk)

    assert desk.judgements() == DECISIONS
    assert sent == ["GET"] + ["POST"] * DECISIONS
    assert desk.strangers == desk.complaints == []


@pytest.mark.soak
@pytest.mark.parametrize("look_ms", [0, 300], ids=["pressed at once", "looked at for 0.3 s"])
@pytest.mark.parametrize("desk", [DECISIONS + 2], indirect=True)
def test_the_next_question_is_there_within_150_ms_of_each_of_thirty_decisions(desk: Desk, look_ms: int) -> None:
    crowd = crowding()
    times = decide_thirty(desk, look_ms)

    median, worst = statistics.median(times), max(times)
    print(f"looked {look_ms} ms: next after {median:.0f} ms (median), {worst:.0f} ms (worst), crowding {crowd:.1f}")  # noqa: T201
    assert desk.judgements() == DECISIONS
    # Keys pressed with no look at all wait until the decision before is stored: the server's own speed, so its share of
    # the machine counts.
    assert (worst if look_ms else median / crowd) < 150, [round(one) for one in times]


def test_the_next_question_is_shown_while_the_decision_is_still_under_way(desk: Desk) -> None:
    desk.go("/review")
    first = desk.page.locator(".compare thead").inner_text()
    held: list[Route] = []
    # Playwright looks at the handler's parameters, and a builtin method shows none.
    desk.page.route("**/review/*", lambda route: held.append(route))  # noqa: PLW0108

    desk.page.evaluate(PRESS, "d")

    assert desk.page.locator(".compare thead").inner_text() != first
    assert desk.judgements() == 0
    held[0].continue_()
    wait_for_judgements(desk, FEW - 1)
    assert desk.judgements() == 1


def test_a_key_pressed_while_a_decision_is_under_way_decides_the_question_then_shown(desk: Desk) -> None:
    desk.go("/review")
    held: list[Route] = []
    desk.page.route("**/review/*", lambda route: held.append(route) if not held else route.continue_())
    desk.page.evaluate(PRESS, "d")
    second = desk.page.locator("#review-question form").first.get_attribute("action")

    desk.page.keyboard.press("s")
    held[0].continue_()
    wait_for_judgements(desk, FEW - 2)

    assert desk.judgements() == 2
    assert desk.page.locator("#review-question form").first.get_attribute("action") != second


def test_a_decision_that_was_not_stored_puts_its_question_back_and_says_so(desk: Desk) -> None:
    desk.go("/review")
    first = desk.page.locator(".compare thead").inner_text()
    desk.page.route("**/review/*", lambda route: route.abort())

    desk.page.keyboard.press("d")
    desk.page.wait_for_selector(".review-done.failed")

    assert desk.page.locator(".compare thead").inner_text() == first
    assert "Not stored" in desk.page.locator(".review-done").inner_text()
    assert desk.judgements() == 0


def test_undo_by_key_asks_the_question_again(desk: Desk) -> None:
    desk.go("/review")
    asked = desk.page.locator(".compare thead").inner_text()
    before = desk.open_questions()
    desk.page.evaluate(PRESS, "d")
    wait_for_judgements(desk, before - 1)

    desk.page.evaluate(PRESS, "z")

    assert desk.open_questions() == before
    assert desk.page.locator(".compare thead").inner_text() == asked


def test_next_and_back_go_through_the_queue_without_deciding(desk: Desk) -> None:
    desk.go("/review")
    asked = desk.page.locator(".compare thead").inner_text()

    desk.page.evaluate(PRESS, "j")
    other = desk.page.locator(".compare thead").inner_text()
    desk.page.evaluate(PRESS, "k")

    assert other != asked
    assert desk.page.locator(".compare thead").inner_text() == asked
    assert desk.judgements() == 0


def test_a_letter_typed_into_a_field_decides_nothing(desk: Desk) -> None:
    desk.go("/review")
    desk.page.evaluate("document.querySelector('#content').insertAdjacentHTML('beforeend', '<input id=note>')")

    desk.page.locator("#note").press_sequentially("suds")

    assert desk.judgements() == 0


def test_the_map_of_a_register_works_without_any_network(desk: Desk) -> None:
    desk.go("/registers/facilities/map")
    desk.page.wait_for_selector('[data-map-ready="yes"]')

    assert desk.page.locator("[data-map]").get_attribute("data-map-count") == str(2 * FEW)
    assert desk.strangers == desk.complaints == []


def test_the_map_is_walked_by_keyboard_to_the_record(desk: Desk) -> None:
    desk.go("/registers/facilities/map?q=kouki3a")
    desk.page.wait_for_selector('[data-map-ready="yes"]')
    desk.page.locator("[data-map]").focus()

    desk.page.keyboard.press("n")
    desk.page.wait_for_selector(".map-popup a")
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url("**/registers/facilities/*-*")

    assert "Kouki3a" in desk.page.locator("h1").inner_text()


def test_the_pointer_reads_the_same_grid_as_the_reference(desk: Desk) -> None:
    desk.go("/registers/facilities/map")
    desk.page.wait_for_selector('[data-map-ready="yes"]')

    box = desk.page.locator("[data-map]").bounding_box()
    assert box is not None
    desk.page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
    shown = desk.page.locator(".map-readout").inner_text().replace("\u00a0", " ")
    zone, square, east, north, lat, lon = shown.replace(",", " ").split()

    reference = str(mgrs.MGRS().toMGRS(float(lat), float(lon)))
    assert reference[:-10] == zone + square
    # The readout shows five decimals of a degree (about a metre).
    assert abs(int(reference[-10:-5]) - int(east)) <= 2
    assert abs(int(reference[-5:]) - int(north)) <= 2
