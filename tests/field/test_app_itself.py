"""The app as a program: headers, size, start without a network, installation, readability for everybody, Firefox."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page

from server.field.app_files import STATIC
from tests.field.conftest import DESK, FieldMission, Phone, PhoneMaker
from tests.field.firefox import Firefox

AXE = Path(__file__).resolve().parents[2] / "web" / "field" / "node_modules" / "axe-core" / "axe.min.js"
# Issue's limit for the first visit: shell and engine, as sent.
MOST_FIRST_VISIT = 400_000


def address(mission: FieldMission, path: str = "") -> str:
    """An address of the app."""
    return f"{mission.server.base_url}/field/{path}"


def shell_files(mission: FieldMission) -> list[str]:
    """What the service worker fetches on the first visit."""
    text = requests.get(address(mission, "sw.js"), timeout=30).text
    line = next(each for each in text.splitlines() if each.startswith("const SHELL = "))
    return [name.strip('"') for name in line.removeprefix("const SHELL = [").removesuffix("];").split(",")]


def test_nothing_but_the_servers_own_files_may_run(field_mission: FieldMission) -> None:
    policy = requests.get(address(field_mission), timeout=30).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    assert "unsafe-inline" not in policy
    assert "http" not in policy


def test_the_first_visit_is_small(field_mission: FieldMission) -> None:
    headers = {"Accept-Encoding": "br"}
    sizes = {}
    for name in shell_files(field_mission):
        with requests.get(address(field_mission, name.removeprefix("./")), headers=headers, timeout=30, stream=True) as answer:
            sizes[name] = len(answer.raw.read(decode_content=False))
    assert sum(sizes.values()) < MOST_FIRST_VISIT, sizes


def test_maps_and_bar_codes_are_no_part_of_the_first_visit(field_mission: FieldMission) -> None:
    assert [name for name in shell_files(field_mission) if "maps-" in name or name.endswith(".wasm")] == []


def test_files_named_by_content_are_kept_and_the_worker_is_not(field_mission: FieldMission) -> None:
    asset = next(name for name in shell_files(field_mission) if name.startswith("assets/"))
    kept = [requests.get(address(field_mission, name), timeout=30).headers["Cache-Control"] for name in (asset, "sw.js")]
    assert ("immutable" in kept[0], kept[1]) == (True, "no-cache")


@pytest.mark.parametrize("name", ["../__init__.py", "%2e%2e/app_files.py", ".built", "assets/../../app_files.py", "sw.js.br"])
def test_no_file_beside_the_app_is_handed_out(field_mission: FieldMission, name: str) -> None:
    assert requests.get(address(field_mission, name), timeout=30).status_code == 404


def test_a_known_file_is_not_sent_again(field_mission: FieldMission) -> None:
    first = requests.get(address(field_mission), timeout=30)
    again = requests.get(address(field_mission), headers={"If-None-Match": first.headers["ETag"]}, timeout=30)
    assert (again.status_code, again.content) == (304, b"")


def test_it_starts_without_a_network_after_one_visit_before_it_is_set_up(field_mission: FieldMission, phone: Phone) -> None:
    page = phone.page
    page.goto(address(field_mission))
    phone.start_offline_ready()
    phone.context.set_offline(True)
    page.reload()
    page.get_by_role("heading", name="Questionnaires for patrols and observers").wait_for()
    assert phone.strangers == []


def test_phones_may_install_it(field_mission: FieldMission) -> None:
    said = requests.get(address(field_mission, "manifest.webmanifest"), timeout=30)
    assert said.headers["Content-Type"].startswith("application/manifest+json")
    icons = {each["sizes"] for each in said.json()["icons"]}
    assert (said.json()["display"], {"192x192", "512x512"} <= icons) == ("standalone", True)


def faults(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA on the page."""
    page.add_script_tag(path=str(AXE))
    found: list[str] = page.evaluate(
        """async () => {
            const said = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] });
            return said.violations.flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.html.slice(0, 160)}`));
        }"""
    )
    return found


@pytest.fixture
def looked_at(field_mission: FieldMission, make_phone: PhoneMaker) -> Phone:
    """A phone whose pages may be looked at by axe, which the app's policy would keep out."""
    phone = make_phone(bypass_csp=True)
    phone.enrol(field_mission.link())
    return phone


@pytest.mark.parametrize("screen", ["home", "queue", "settings", "form", "all questions", "locked"])
def test_a_screen_has_no_fault_of_accessibility(looked_at: Phone, screen: str) -> None:
    page = looked_at.page
    page.locator("button.begin").first.wait_for()
    if screen in {"form", "all questions"}:
        page.locator("button.begin[data-form^='cimic_patrol@']").click()
        page.locator("footer button.primary").wait_for()
        if screen == "all questions":
            page.get_by_role("button", name="All questions").click()
            page.locator("dialog[open]").wait_for()
    elif screen == "locked":
        page.get_by_role("button", name="Lock").click()
        page.locator("#pin").wait_for()
    else:
        page.goto(f"{looked_at.base}/field/#/{screen}")
        page.get_by_role("heading", name={"settings": "Settings", "queue": "Reports", "home": "New report"}[screen]).wait_for()
    assert faults(page) == []


def test_the_start_page_has_no_fault_of_accessibility_on_a_laptop(field_mission: FieldMission, make_phone: PhoneMaker) -> None:
    page = make_phone(size=DESK, bypass_csp=True).page
    page.goto(address(field_mission))
    page.locator("#link").wait_for()
    assert faults(page) == []


def test_it_speaks_french(field_mission: FieldMission, make_phone: PhoneMaker) -> None:
    page = make_phone(locale="fr-FR").page
    page.goto(address(field_mission))
    page.get_by_role("heading", name="Questionnaires des patrouilles et observateurs").wait_for()


def test_every_word_has_its_french() -> None:
    folder = AXE.parents[2] / "src" / "words"
    keys = {
        path.name: {line.split('"')[1] for line in path.read_text().splitlines() if line.strip().startswith('"')}
        for path in folder.glob("*.??.ts")
    }
    missing = {name: keys[name] ^ keys[name.replace(".en.", ".fr.")] for name in keys if ".en." in name}
    assert {name: words for name, words in missing.items() if words} == {}


def test_firefox_sets_up_fills_in_and_sends(field_mission: FieldMission, tmp_path: Path) -> None:
    firefox = Firefox(tmp_path / "firefox")
    try:
        firefox.go(field_mission.link())
        firefox.until("document.querySelector('#pin-new') !== null")
        firefox.type("#pin-new", "green lorry 58")
        firefox.type("#pin-again", "green lorry 58")
        firefox.press("Set up")
        firefox.until("document.querySelectorAll('button.begin').length > 0")
        firefox.run("document.querySelector(`button.begin[data-form^='capability_return@']`).click()")
        firefox.until("document.querySelector('footer button.primary') !== null")
        assert "1 of" in firefox.run("return document.querySelector('footer .saved').innerText")
        firefox.press("Next")
        firefox.until("document.querySelector('footer .saved').innerText.startsWith('2 of')")
        firefox.go(address(field_mission))
        firefox.until("document.querySelector('#pin') !== null")
    finally:
        firefox.close()


def test_the_app_was_built() -> None:
    assert (STATIC / "index.html").is_file(), "run `make setup`"
