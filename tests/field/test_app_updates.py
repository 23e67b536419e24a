"""A new version of the app waits until no questionnaire is open in any tab; then it takes over, and the draft is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, Playwright

from tests.field.conftest import PIN, FieldMission, Phone
from tests.field.waiting import until
from tests.field.walking import Walker

# What belongs to one connection, or what the answer no longer is once it was unpacked.
_OWN = {"connection", "transfer-encoding", "content-encoding", "content-length", "host", "accept-encoding", "keep-alive"}


@dataclass
class Release:
    """The server's address as phones see it. `newer`: whether it serves the next version of the app."""

    url: str = ""
    newer: bool = False


@pytest.fixture
def release(field_mission: FieldMission) -> Iterator[Release]:
    """A way to the server on which the app's version can change, as after an upgrade of the server."""
    said = Release()

    class Way(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            if said.newer:
                headers = {name: value for name, value in headers.items() if not name.lower().startswith("if-")}
            answer = requests.request(
                self.command, field_mission.server.base_url + self.path, headers=headers, data=body, timeout=30,
                allow_redirects=False,
            )  # fmt: skip
            content = answer.content
            if said.newer and self.path == "/field/sw.js":
                content = content.replace(b'const VERSION = "', b'const VERSION = "newer-')
            if said.newer and self.path == "/field/":
                content = content.replace(b"<html ", b'<html data-release="newer" ')
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _OWN and not (said.newer and name.lower() == "etag"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_POST = do_HEAD = do_PATCH = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Way)
    said.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield said
    server.shutdown()
    server.server_close()


@pytest.fixture
def phone(field_mission: FieldMission, release: Release, play: Playwright, tmp_path: Path) -> Iterator[Phone]:
    """A phone that keeps the app and is unlocked."""
    made = Phone(play, tmp_path / "phone", release.url)
    page = made.enrol(field_mission.link().replace(field_mission.server.base_url, release.url))
    made.start_offline_ready()
    page.reload()
    unlock(page)
    yield made
    made.close()


@pytest.fixture
def filling(phone: Phone, release: Release) -> Phone:
    """The same with a patrol report begun, when the next version of the app arrives and has been fetched."""
    page = phone.page
    page.locator("button.begin[data-form^='cimic_patrol@']").click()
    page.locator("footer button.primary").wait_for()
    walker = Walker(page)
    for _ in range(4):
        walker.answer_page()
        walker.turn()
    page.wait_for_function("() => /saved \\d/.test(document.querySelector('footer .saved')?.innerText)")
    page.evaluate("window.before = true")
    upgrade(page, release)
    return phone


def upgrade(page: Page, release: Release) -> None:
    """Upgrades the server and waits until the phone has fetched the app's next version."""
    release.newer = True
    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    until(page, "() => navigator.serviceWorker.getRegistration().then((one) => one.waiting !== null)")


def unlock(page: Page) -> None:
    """Types the PIN."""
    page.locator("#pin").fill(PIN)
    page.get_by_role("button", name="Unlock").click()
    page.locator("#pin").wait_for(state="detached")


def waits(page: Page) -> bool:
    """Whether the next version is waiting still."""
    found: bool = page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.waiting !== null)")
    return found


def test_it_waits_while_a_questionnaire_is_open(filling: Phone) -> None:
    assert (waits(filling.page), filling.page.evaluate("window.before === true")) == (True, True)


def test_it_takes_over_when_the_questionnaire_is_closed_and_the_draft_is_there(filling: Phone) -> None:
    page = filling.page
    page.get_by_role("button", name="Back", exact=True).first.click()
    page.locator("html[data-release=newer]").wait_for(state="attached")
    unlock(page)
    page.get_by_role("button", name="Go on").first.wait_for()
    assert not waits(page)


def test_another_tab_cannot_make_it_take_over_and_says_why(filling: Phone) -> None:
    other = filling.context.new_page()
    other.goto(f"{filling.base}/field/#/settings")
    unlock(other)
    other.get_by_role("button", name="Use it now").click()
    other.get_by_text("A questionnaire is open in another tab.").wait_for()
    assert (waits(other), filling.page.evaluate("window.before === true")) == (True, True)


def test_with_no_questionnaire_open_it_is_taken_at_will(phone: Phone, release: Release) -> None:
    page = phone.page
    page.goto(f"{release.url}/field/#/settings")
    upgrade(page, release)
    page.get_by_role("button", name="Use it now").click()
    page.locator("html[data-release=newer]").wait_for(state="attached")
