"""Browsers of their own for the keeping page: real Chromium with a profile on disk that outlives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import BrowserContext, Page, Playwright

HERE = Path(__file__).parent
FIELD = Path(__file__).parents[3] / "web/field"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
PIN = "green lorry 58"


def build(out: Path) -> Path:
    """The built page; takes about 2 s."""
    told = ["node", str(HERE / "build.mjs"), str(HERE / "page.ts"), str(out)]
    subprocess.run(told, cwd=FIELD, check=True, capture_output=True, text=True, timeout=120)
    return out


@dataclass
class Phone:
    """One browser profile on the keeping page."""

    play: Playwright
    profile: Path
    url: str
    _context: BrowserContext | None = None

    @property
    def context(self) -> BrowserContext:
        """The running browser, started when it is not."""
        if self._context is None:
            launch = self.play.chromium.launch_persistent_context
            self._context = launch(str(self.profile), executable_path="/usr/bin/chromium", args=FLAGS)
        return self._context

    def open(self) -> Page:
        """A new tab with the page, the vault's state read."""
        page = self.context.new_page()
        page.goto(self.url)
        page.wait_for_selector("html[data-ready]", state="attached")
        page.evaluate("fp.vault.load()")
        return page

    def begin(self, sealing_key: dict[str, str], server: str) -> Page:
        """A new tab with a vault of its own, set up for a server."""
        page = self.open()
        page.evaluate("pin => fp.vault.create(pin)", PIN)
        enrolled: dict[str, Any] = {
            "server": server, "token": "device-key", "project": 1, "label": "ZULU 7", "post": "CP Ouham", "mission": "UNTEST",
            "sealingKey": sealing_key, "enrolledAt": "2026-11-24T01:00:00Z",
        }  # fmt: skip
        page.evaluate("made => fp.enrolment.save(made)", enrolled)
        return page

    def unlock(self) -> Page:
        """A new tab, unlocked."""
        page = self.open()
        assert page.evaluate("pin => fp.vault.unlock(pin)", PIN) == {"ok": True}
        return page

    def kill(self) -> None:
        """Ends every process of this browser at once, as an empty battery does; the profile stays."""
        mine = [
            each for each in psutil.process_iter(["cmdline"])
            if any(f"--user-data-dir={self.profile}" in part for part in each.info["cmdline"] or [])
        ]  # fmt: skip
        for process in mine:
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
