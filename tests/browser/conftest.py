"""A mission with reports on a real server, and a real browser at a desk and on a phone. One server for all tests of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright

from server.models import Area
from server.services import mission
from tests.cast import Cast, make_cast
from tests.databases import make_settings
from tests.processes import RunningServer
from tests.server.office_reports import photo, publish_patrol, send, visit

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESK, PHONE = (1366, 768), (390, 844)
PLACES = ("Gbadé", "Bossangoa", "Nana-Bakassa", "Markounda", "Kouki", "Zéré")


@dataclass
class Mission:
    """A started server with the cast, areas, a questionnaire and a few reports. `hold` stands in for the app of `send`."""

    server: RunningServer
    cast: Cast
    hold: Flask

    def report(self, changed: dict[str, object] | None = None, **ids: str) -> str:
        """Takes one more report in, as from the first post's phone; returns its receipt number."""
        with self.server.session() as session:
            return send(self.hold, session, self.cast, visit(changed, **ids)).number


@dataclass
class Visit:
    """One browser window. strangers: requests to other hosts; complaints: what the page wrote to the console as errors."""

    page: Page
    base: str
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def log_in(self, email: str, password: str) -> Page:
        self.go("/login")
        self.page.fill("#f-email", email)
        self.page.fill("#f-password", password)
        self.page.click("form button.primary")
        self.page.wait_for_selector("#navigation", state="attached")
        return self.page


@pytest.fixture(scope="module")
def mission_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mission]:
    """The server of a module's tests, on SQLite: what browsers see does not hang on the database."""
    data_dir: Path = tmp_path_factory.mktemp("mission")
    settings = make_settings(data_dir, f"sqlite:///{data_dir / 'fieldpost.sqlite3'}")
    server = RunningServer(settings, processes=1).prepare()
    hold = Flask("hold")
    hold.config["SETTINGS"] = settings
    with server.session() as session:
        cast = make_cast(session)
        mission.initialise(session)
        session.add_all([
            Area(code="CF32", level=1, name="Ouham"),
            Area(code="CF321", level=2, name="Bossangoa", parent_code="CF32", sector_id=cast.sector_ids[0]),
        ])  # fmt: skip
        session.commit()
        publish_patrol(session)
        for number, place in enumerate(PLACES):
            changed = {"settlement_new": place, "pop_total": 300 + 50 * number, "photo": f"{number}.jpg"}
            files = {f"{number}.jpg": photo(800, 600)} if number % 2 == 0 else {}
            send(hold, session, cast, visit(changed, instance_id=f"uuid:{number}"), files)
        send(hold, session, cast, visit({"settlement_new": "Kouki", "pop_total": 9}, instance_id="uuid:4"))
    server.start()
    yield Mission(server, cast, hold)
    server.kill()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without any service that would call out."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


Opener = Callable[[tuple[int, int]], Visit]


@pytest.fixture
def opener(mission_server: Mission, chromium: Browser) -> Iterator[Opener]:
    """A function that opens a window of a size with an empty cookie jar."""
    contexts = []

    def open_window(size: tuple[int, int]) -> Visit:
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
        contexts.append(context)
        page, base = context.new_page(), mission_server.server.base_url
        found = Visit(page, base)
        page.on(
            "request",
            lambda request: found.strangers.append(request.url) if not request.url.startswith((base, "data:", "blob:")) else None,
        )
        page.on("console", lambda said: found.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        return found

    yield open_window
    for context in contexts:
        context.close()
