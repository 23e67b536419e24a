"""The questions about places and media on a page of their own, on the real engine, in a Chromium with made-up devices.

The page is built once a run into a temporary folder and served with the policy of the field app.
"""

from __future__ import annotations

import base64
import functools
import io
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from pyxform.xls2xform import convert

REPOSITORY = Path(__file__).resolve().parents[2]
FIELD = REPOSITORY / "web" / "field"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    # A name that is no secure context, as a server on the local network without a certificate is.
    "--host-resolver-rules=MAP field.test 127.0.0.1",
]  # fmt: skip
PHONE, DESK = (360, 640), (1366, 768)
POLICY = (
    "default-src 'self'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'"
)
CONFIG = """
import vue from "FIELD/node_modules/@vitejs/plugin-vue/dist/index.mjs";
import { enginePatch } from "FIELD/build/engine-patch.js";
export default {
  root: "HERE/harness", base: "./", publicDir: false, logLevel: "error",
  plugins: [vue(), enginePatch()],
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
  resolve: { alias: [{ find: "@field", replacement: "FIELD/src" },
    { find: /^vue$/, replacement: "FIELD/node_modules/vue/dist/vue.runtime.esm-bundler.js" }] },
  build: { outDir: "OUT", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0,
    modulePreload: false, minify: false, reportCompressedSize: false, rollupOptions: { checks: { eval: false } } },
};
"""


@functools.cache
def built() -> Path:
    """The folder with the built page."""
    place = Path(tempfile.mkdtemp(prefix="field-questions-"))
    config = place / "vite.config.mjs"
    text = CONFIG.replace("FIELD", str(FIELD)).replace("HERE", str(Path(__file__).parent)).replace("OUT", str(place / "out"))
    config.write_text(text)
    program = str(FIELD / "node_modules" / "vite" / "bin" / "vite.js")
    done = subprocess.run(["node", program, "build", "--config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "out"


class Handler(SimpleHTTPRequestHandler):
    """Files of the built page, with the policy of the field app."""

    def end_headers(self) -> None:
        """Adds the policy."""
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def served() -> Iterator[int]:
    """The port of the page on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(built())))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def xform(survey: list[dict[str, str]], choices: list[dict[str, str]] | None = None) -> str:
    """The XForm of rows as in a workbook."""
    workbook = {"survey": survey, "choices": choices or [], "settings": [{"form_title": "Questions", "form_id": "questions"}]}
    return str(convert(workbook, warnings=[]).xform)


def photo(width: int = 640, height: int = 480) -> bytes:
    """A photo as a phone makes it."""
    held = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(held, "JPEG")
    return held.getvalue()


@dataclass
class Stage:
    """A page with open questions. strangers: requests to other hosts; complaints: errors of the page."""

    page: Page
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(
        self, survey: list[dict[str, str]], choices: list[dict[str, str]] | None = None, *, draft: dict[str, Any] | None = None,
        max_body: int | None = None, files: dict[str, str] | None = None, language: str = "en",
    ) -> Page:  # fmt: skip
        """Shows the questions of a form, empty or as the draft has them."""
        self.page.evaluate("(language) => speak(language)", language)
        given = [xform(survey, choices), files or {}, draft, max_body]
        self.page.evaluate("([xml, files, draft, most]) => openForm(xml, files, draft, most)", given)
        return self.page

    def answer(self, name: str) -> str:
        """What the engine stores for a question, without its element."""
        xml = str(self.page.evaluate("(name) => answer(name)", name))
        return "" if xml.endswith("/>") else xml.split(">", 1)[1].rsplit("<", 1)[0]

    def wait_for(self, name: str) -> str:
        """Waits until the question has an answer."""
        self.page.wait_for_function("(name) => !answer(name).endsWith('/>') && !/><\\//.test(answer(name))", arg=name)
        return self.answer(name)

    def file(self, name: str) -> tuple[dict[str, Any], bytes]:
        """Name, type and size of the file in the answer, and its bytes."""
        self.wait_for(name)
        said = self.page.evaluate("(name) => file(name)", name)
        return said, base64.b64decode(said["base64"])


@contextmanager
def stage(
    port: int, size: tuple[int, int] = PHONE, flags: tuple[str, ...] = (), host: str = "127.0.0.1", **context: Any
) -> Iterator[Stage]:
    """A window on the page. `flags` go to Chromium, the rest to Playwright's context (geolocation, permissions)."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=[*FLAGS, *flags])
        page = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB", **context).new_page()
        found = Stage(page)
        base = f"http://{host}:{port}"
        ours = (base, "blob:", "data:")
        page.on("request", lambda request: found.strangers.append(request.url) if not request.url.startswith(ours) else None)
        page.on("console", lambda said: found.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.goto(f"{base}/index.html")
        page.wait_for_selector("html[data-ready]", state="attached")
        yield found
        browser.close()
