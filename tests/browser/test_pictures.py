"""Takes the pictures of every page for the documentation, from the demo mission, at a desk and on a phone.

Part of `make soak`: it fills a whole mission and writes docs/pictures/*.png. A picture is only taken of a page that
answered well and fits its window, so the run is a test as well.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from server.models import AppUser, ImportBatch, Record, Submission, SubmissionSummary
from tests.browser.conftest import DESK, PHONE
from tests.databases import make_settings
from tests.processes import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.soak]
UNTIL = "2026-11-20"
OFFICER = {
    "reports": "/reports",
    "duty": "/duty",
    "review": "/review",
    "quarantine": "/quarantine",
    "entry": "/entry",
    "registers": "/registers",
    "register": "/registers/facilities",
    "register-map": "/registers/facilities/map",
    "returns": "/returns",
    "releases": "/releases",
    "forms": "/forms",
    "form": "/forms/form/cimic_patrol",
    "keys": "/keys",
    "devices": "/devices",
    "posts": "/organisation",
    "held": "/held",
    "doubles": "/doubles",
    "imports": "/imports",
    "setup": "/setup",
    "account": "/account",
}


@dataclass
class Shown:
    """The demo mission on a started server, with its log-ins by role."""

    server: RunningServer
    logins: dict[str, tuple[str, str]]
    pages: list[tuple[str, str, str]]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    data_dir: Path = tmp_path_factory.mktemp("demo")
    server = RunningServer(make_settings(data_dir, f"sqlite:///{data_dir / 'fieldpost.sqlite3'}"), processes=1)
    told = subprocess.run(
        [sys.executable, "-c", "from server.cli import main; main()", "demo", "--until", UNTIL],
        env=server.environment() | {"FIELDPOST_TIME_ZONE": "Africa/Bangui"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert told.returncode == 0, told.stderr
    logins: dict[str, tuple[str, str]] = {}
    for line in (data_dir / "demo-logins.txt").read_text().splitlines():
        role, email, password = line.split(maxsplit=2)
        logins.setdefault(role, (email, password.strip()))
    check_list(server, data_dir, logins["hq_officer"][0])
    server.start()
    yield Shown(server, logins, tour(server))
    server.kill()


def check_list(server: RunningServer, folder: Path, email: str) -> None:
    """A partner's list of known facilities, written a little otherwise and 300 m to the north, and of two that are new."""
    with server.session() as session:
        known = session.scalars(select(Record).where(Record.dataset == "facilities", Record.lat.is_not(None)).limit(40)).all()
        rows = [
            (each.label.upper(), each.data.get("fac_type", ""), (each.lat or 0) + 0.0027, each.lon or 0) for each in known
        ]
    lat, lon = rows[0][2:]
    rows += [("Poste de santé Gbadé 2", "health_post", lat + 0.2, lon), ("École Saint-Joseph", "primary", lat + 0.3, lon)]
    rows.append(("", "health_post", lat, lon))
    path = folder / "partner.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("Name", "Type", "Latitude", "Longitude"), *rows])
    told = subprocess.run(
        [
            sys.executable, "-c", "from server.cli import main; main()", "import", "check", str(path), "--name", "Health posts",
            "--owner", "Health cluster", "--date", "2026-11-01", "--as", email,
        ],
        env=server.environment(), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr


def tour(server: RunningServer) -> list[tuple[str, str, str]]:
    """(name, role, address) of every page worth a picture, with things chosen that have something to show."""
    with server.session() as session:
        with_photo = (
            session.scalars(
                select(SubmissionSummary.receipt).where(SubmissionSummary.files_present > 0, SubmissionSummary.findings_count > 0)
            ).first()
            or session.scalars(select(SubmissionSummary.receipt).where(SubmissionSummary.files_present > 0)).first()
        )
        copy = session.scalars(select(Submission.receipt).where(Submission.reason == "same_id_other_content")).first()
        record = session.scalars(
            select(Record).where(Record.dataset == "facilities").order_by(Record.entity_count.desc())
        ).first()
        batch = session.scalars(select(ImportBatch.id)).one()
        device = session.scalars(select(AppUser.actor_id).where(AppUser.revoked_at.is_(None))).first()
    pages = [(name, "hq_officer", path) for name, path in OFFICER.items()]
    pages += [("report", "hq_officer", f"/reports/{with_photo}"), ("device", "hq_officer", f"/devices/{device}")]
    pages.append(("import", "hq_officer", f"/imports/{batch}"))
    pages += [("people", "admin", "/people"), ("audit", "admin", "/audit"), ("partner", "partner", "/")]
    pages.append(("weights", "admin", "/setup/matching"))
    if copy:
        pages.append(("quarantine-copy", "hq_officer", f"/quarantine/{copy}"))
    if record is not None:
        pages.append(("record", "hq_officer", f"/registers/facilities/{record.id}"))
        pages.append(("past", "hq_officer", f"/registers/facilities/{record.id}/past?on=2026-10-15"))
    return pages


def log_in(page: Page, base: str, login: tuple[str, str]) -> None:
    page.goto(f"{base}/login")
    page.fill("#f-email", login[0])
    page.fill("#f-password", login[1])
    page.click("form button.primary")
    page.wait_for_selector("#navigation", state="attached")


def speak(page: Page, language: str) -> None:
    """Chooses the account's language as a person does, with the button at the top."""
    page.locator(f"form.lang button[value={language}]").first.dispatch_event("click")
    page.wait_for_function("wanted => document.documentElement.lang === wanted", arg=language)


def keep(page: Page, path: Path) -> None:
    """Takes the picture and makes it small: 128 colours are enough for pages, and keep the repository light."""
    page.screenshot(path=path)
    with Image.open(path) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


@pytest.mark.parametrize(("kind", "size"), [("desk", DESK), ("phone", PHONE)])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_page_is_worth_a_picture(
    demo: Shown, chromium: Browser, repository: Path, tmp_path: Path, kind: str, size: tuple[int, int], language: str
) -> None:
    """The English pictures go into the documentation; PICTURES_IN_FRENCH names a folder for the French ones."""
    french = Path(os.environ.get("PICTURES_IN_FRENCH", tmp_path))
    folder = repository / "docs" / "pictures" if language == "en" else french
    folder.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    for role in dict.fromkeys(role for _name, role, _path in demo.pages):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
        page = context.new_page()
        log_in(page, demo.server.base_url, demo.logins[role])
        speak(page, language)
        for name, _role, path in (each for each in demo.pages if each[1] == role):
            answer = page.goto(demo.server.base_url + path, wait_until="networkidle")
            if answer is None or answer.status != 200:
                faults.append(f"{path} answered {answer.status if answer else 'nothing'}")
                continue
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                faults.append(f"{path} is wider than the window")
            keep(page, folder / f"{name}-{kind}.png")
        context.close()

    assert faults == []
    assert os.listdir(folder)
