"""A mission with every questionnaire on a real server, and phones: real Chromium processes with a profile of their own.

A phone can be killed as by an empty battery (`kill`) and started again on the same profile, which is what drafts are for.
"""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from flask import Flask
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from server.models import Area
from server.services import folding, form_library, mission
from tests.cast import Cast, make_cast
from tests.databases import make_settings
from tests.processes import RunningServer

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]
PHONE, DESK = (360, 640), (1366, 768)
PIN = "green lorry 58"
AREAS = (("CF32", 1, "Ouham", None), ("CF321", 2, "Bossangoa", "CF32"), ("CF325", 2, "Markounda", "CF32"))
# Where the camp stands; a clinic of the register lies 180 m north of it.
HERE = {"latitude": 6.49, "longitude": 17.45, "accuracy": 4}


@dataclass
class FieldMission:
    """A started server with all questionnaires, two posts with a device each. `hold` stands in for the app of services."""

    server: RunningServer
    cast: Cast
    hold: Flask

    def link(self, device: int = 0) -> str:
        """The enrolment link of a device, as the office's page shows it."""
        said = json.dumps({"server": self.cast.key_path(device)}).encode()
        return f"{self.server.base_url}/field/#enrol={base64.urlsafe_b64encode(said).decode().rstrip('=')}"

    def drain(self) -> None:
        """Processes everything that has come; nothing may fail."""
        with self.server.session() as session:
            assert folding.drain(session).failing == ()

    def submissions(self, form_id: str) -> list[dict[str, Any]]:
        """The reports of a form as ODK Central's API lists them to an administrator."""
        answer = requests.get(
            f"{self.server.base_url}/v1/projects/1/forms/{form_id}/submissions", headers=self.cast.admin.bearer, timeout=30
        )
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def xml(self, form_id: str, instance_id: str) -> str:
        """One report as the server keeps it."""
        at = f"{self.server.base_url}/v1/projects/1/forms/{form_id}/submissions/{instance_id}.xml"
        answer = requests.get(at, headers=self.cast.admin.bearer, timeout=30)
        answer.raise_for_status()
        return answer.text

    def files(self, form_id: str, instance_id: str) -> dict[str, bool]:
        """The files that a report names, and whether each is here."""
        at = f"{self.server.base_url}/v1/projects/1/forms/{form_id}/submissions/{instance_id}/attachments"
        answer = requests.get(at, headers=self.cast.admin.bearer, timeout=30)
        answer.raise_for_status()
        return {each["name"]: each["exists"] for each in answer.json()}

    def file(self, form_id: str, instance_id: str, name: str) -> bytes:
        """One file of a report."""
        at = f"{self.server.base_url}/v1/projects/1/forms/{form_id}/submissions/{instance_id}/attachments/{name}"
        answer = requests.get(at, headers=self.cast.admin.bearer, timeout=30)
        answer.raise_for_status()
        return answer.content


def make_field_mission(folder: Path, form_ids: list[str] | None = None) -> FieldMission:
    """A server on SQLite (what browsers see does not hang on the database), started, with the library's questionnaires."""
    settings = make_settings(folder, f"sqlite:///{folder / 'fieldpost.sqlite3'}")
    server = RunningServer(settings, processes=1).prepare()
    hold = Flask("hold")
    hold.config["SETTINGS"] = settings
    with server.session() as session:
        cast = make_cast(session)
        mission.initialise(session)
        session.add_all([
            Area(code=code, level=level, name=name, parent_code=parent, sector_id=cast.sector_ids[0] if level > 1 else None)
            for code, level, name, parent in AREAS
        ])  # fmt: skip
        session.commit()
        for form_id in form_ids or form_library.names():
            form_library.publish_from_library(session, settings, form_id, None)
            mission.set_form_duties(session, None, form_id, ["patrol_unit", "team_site"])
        session.commit()
    server.start()
    return FieldMission(server, cast, hold)


@pytest.fixture(scope="module")
def field_mission(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FieldMission]:
    """The server of a module's tests."""
    made = make_field_mission(tmp_path_factory.mktemp("field"))
    yield made
    made.server.kill()


@dataclass
class Phone:
    """One browser with a profile on disk. strangers: requests to other hosts; complaints: errors on its console."""

    play: Playwright
    profile: Path
    base: str
    size: tuple[int, int] = PHONE
    locale: str = "en-GB"
    bypass_csp: bool = False
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _context: BrowserContext | None = None

    @property
    def context(self) -> BrowserContext:
        """The running browser, started when it is not."""
        if self._context is None:
            self._context = self.play.chromium.launch_persistent_context(
                str(self.profile), executable_path="/usr/bin/chromium", args=FLAGS, locale=self.locale, geolocation=HERE,
                viewport={"width": self.size[0], "height": self.size[1]}, has_touch=self.size == PHONE,
                permissions=["geolocation", "camera", "microphone"], accept_downloads=True, bypass_csp=self.bypass_csp,
            )
            self._context.on("request", self._watch)
        return self._context

    @property
    def page(self) -> Page:
        """Its first tab."""
        pages = self.context.pages
        page = pages[0] if pages else self.context.new_page()
        if not getattr(page, "_fieldpost_watched", False):
            page.on("console", self._hear)
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
            page._fieldpost_watched = True  # type: ignore[attr-defined]
        return page

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.strangers.append(request.url)

    def _hear(self, message: Any) -> None:
        # Chromium writes every refused or cut request to the console itself; the app's own complaints come without that.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def enrol(self, link: str, pin: str = PIN) -> Page:
        """Opens the enrolment link, chooses the PIN and waits for the home screen."""
        page = self.page
        page.goto(link)
        page.locator("#pin-new").fill(pin)
        page.locator("#pin-again").fill(pin)
        page.get_by_role("button", name="Set up").click()
        page.locator("#forms").wait_for()
        return page

    def form_keys(self) -> list[str]:
        """formId@version of the questionnaires on the home screen."""
        keys: list[str] = self.page.eval_on_selector_all("button.begin", "(all) => all.map((each) => each.dataset.form)")
        return keys

    def start_offline_ready(self) -> None:
        """Waits until the service worker keeps the app."""
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")

    def unlock(self, pin: str = PIN) -> Page:
        """Opens the app anew and unlocks it."""
        page = self.page
        page.goto(f"{self.base}/field/")
        page.locator("#pin").fill(pin)
        page.get_by_role("button", name="Unlock").click()
        page.locator("#forms").wait_for()
        return page

    def kill(self) -> None:
        """Ends every process of the browser at once, as an empty battery does; the profile stays."""
        mine = [
            each for each in psutil.process_iter(["cmdline"])
            if any(f"--user-data-dir={self.profile}" in part for part in each.info["cmdline"] or [])
        ]  # fmt: skip
        for process in [*mine, *(child for each in mine for child in each.children(recursive=True))]:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        psutil.wait_procs(mine, timeout=20)
        self._context = None
        for lock in self.profile.glob("Singleton*"):
            lock.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the browser as a person does."""
        if self._context is not None:
            self._context.close()
            self._context = None


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    """Playwright's driver."""
    with sync_playwright() as started:
        yield started


PhoneMaker = Callable[..., Phone]


@pytest.fixture
def make_phone(field_mission: FieldMission, play: Playwright, tmp_path: Path) -> Iterator[PhoneMaker]:
    """Makes phones, each with an empty profile; closed at the end."""
    made: list[Phone] = []

    def make(**said: Any) -> Phone:
        phone = Phone(play, tmp_path / f"phone{len(made)}", field_mission.server.base_url, **said)
        made.append(phone)
        return phone

    yield make
    for phone in made:
        phone.close()


@pytest.fixture
def phone(make_phone: PhoneMaker) -> Phone:
    """A phone of 360 by 640 points, not enrolled."""
    return make_phone()
