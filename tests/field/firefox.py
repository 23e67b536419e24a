"""Debian's Firefox ESR, driven over Marionette: a socket on which both sides write `length:[type, id, command, parameters]`.

Playwright drives a Firefox of its own build only, and what people have is this one. Just what the tests need.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

START_SECONDS, WAIT_SECONDS = 90.0, 60.0
PREFERENCES: dict[str, Any] = {
    "marionette.port": 0, "app.update.enabled": False, "browser.shell.checkDefaultBrowser": False,
    "toolkit.telemetry.enabled": False, "datareporting.policy.dataSubmissionEnabled": False,
    "browser.aboutwelcome.enabled": False, "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False, "browser.safebrowsing.malware.enabled": False,
    "intl.accept_languages": "en-GB", "browser.startup.page": 0,
    "services.settings.server": "data:,", "extensions.getAddons.cache.enabled": False,
    "geo.prompt.testing": True, "geo.prompt.testing.allow": True,
    "geo.provider.network.url": 'data:application/json,{"location":{"lat":6.49,"lng":17.45},"accuracy":4}',
}  # fmt: skip


class FirefoxError(Exception):
    """What the browser refused, in its words."""


class Firefox:
    """A running Firefox with a profile on disk. Raises FirefoxError where a command fails."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        profile.mkdir(parents=True, exist_ok=True)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        (profile / "MarionetteActivePort").unlink(missing_ok=True)
        binary = shutil.which("firefox-esr") or shutil.which("firefox")
        if binary is None:
            pytest.fail("Firefox ESR is not installed: `make setup` installs it (firefox-esr).")
        self._process = subprocess.Popen(
            [binary, "--headless", "--marionette", "--no-remote", "--profile", str(profile)], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "MOZ_HEADLESS_WIDTH": "360", "MOZ_HEADLESS_HEIGHT": "740"},
        )  # fmt: skip
        self._socket = self._connect()
        self._number = 0
        self._receive()
        self.command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"pageLoadStrategy": "normal"}}})
        self.command("WebDriver:SetTimeouts", {"script": 120_000, "pageLoad": 120_000, "implicit": 0})

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + START_SECONDS
        told = self.profile / "MarionetteActivePort"
        while time.monotonic() < deadline and self._process.poll() is None:
            if told.exists() and (text := told.read_text().strip()):
                return socket.create_connection(("127.0.0.1", int(text)), timeout=180)
            time.sleep(0.05)
        raise FirefoxError("Firefox did not start.")

    def _receive(self) -> Any:
        head = b""
        while not head.endswith(b":"):
            piece = self._socket.recv(1)
            if not piece:
                raise FirefoxError("Firefox ended.")
            head += piece
        left, body = int(head[:-1]), b""
        while len(body) < left:
            body += self._socket.recv(left - len(body))
        return json.loads(body)

    def command(self, name: str, parameters: dict[str, Any] | None = None) -> Any:
        """Sends a command of the protocol and returns its result."""
        self._number += 1
        text = json.dumps([0, self._number, name, parameters or {}])
        self._socket.sendall(f"{len(text.encode())}:{text}".encode())
        _kind, _number, error, result = self._receive()
        if error:
            raise FirefoxError(f"{name}: {error.get('error')}: {error.get('message')}")
        return result

    def go(self, address: str) -> None:
        """Opens an address and waits until it is loaded."""
        self.command("WebDriver:Navigate", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs an asynchronous function body in the page and returns what it returns."""
        body = "const done = arguments[arguments.length - 1]; const given = Array.from(arguments).slice(0, -1);"
        told = "then((value) => done({value}), (error) => done({error: String(error)}))"
        body += f"(async (...args) => {{ {script} }})(...given).{told};"
        answer = self.command("WebDriver:ExecuteAsyncScript", {"script": body, "args": list(arguments)})["value"]
        if "error" in answer:
            raise FirefoxError(answer["error"])
        return answer.get("value")

    def until(self, condition: str, *arguments: Any) -> Any:
        """Waits until an expression in the page is true and returns its value."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if found := self.run(f"return {condition};", *arguments):
                return found
            time.sleep(0.1)
        shown = self.run("return document.body.innerText")
        raise FirefoxError(f"not so after {WAIT_SECONDS:.0f} s: {condition}\n{shown}")

    def type(self, selector: str, text: str) -> None:
        """Types into a field as a person does."""
        found = self.command("WebDriver:FindElement", {"using": "css selector", "value": selector})["value"]
        self.command("WebDriver:ElementSendKeys", {"id": next(iter(found.values())), "text": text})

    def click(self, selector: str) -> None:
        """Clicks what a selector finds first."""
        found = self.command("WebDriver:FindElement", {"using": "css selector", "value": selector})["value"]
        self.command("WebDriver:ElementClick", {"id": next(iter(found.values()))})

    def press(self, words: str) -> None:
        """Clicks the button with these words."""
        found = "[...document.querySelectorAll('button')].find((each) => each.innerText.trim() === args[0] && !each.disabled)"
        self.until(f"{found} !== undefined", words)
        self.run(f"{found}.click()", words)

    def close(self) -> None:
        """Ends the browser and every process of it."""
        self._socket.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=20)
