"""The engine of the field app alone on a page of its own, patched or as it is published, for tests that need no screen."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

from forms.nodes import Rows

HERE = Path(__file__).parent / "engine"
FIELD = Path(__file__).parents[2] / "web/field"
ADDRESS = "http://localhost:9/"
"""Answered by the browser's own interception; localhost, because the engine wants a secure context for its ids."""
PAGE = "<!doctype html><title>engine</title><script type=module src=drive.js></script>"


def build(out: Path, *, stock: bool = False) -> Path:
    """The built page; takes about 3 s."""
    told = ["node", str(HERE / "build.mjs"), str(HERE / "drive.js"), str(out), *(["stock"] if stock else [])]
    subprocess.run(told, cwd=FIELD, check=True, capture_output=True, text=True, timeout=120)
    return out


def show(page: Page, built: Path) -> Page:
    """Opens the page; nothing goes over a network."""

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        if name == "":
            route.fulfill(body=PAGE, content_type="text/html")
        elif (built / name).is_file():
            route.fulfill(path=built / name, content_type="text/javascript")
        else:
            route.fulfill(status=404)

    page.route(f"{ADDRESS}**", answer)
    page.goto(ADDRESS)
    page.wait_for_selector("html[data-ready]", state="attached")
    return page


def as_csv(rows: Iterable[Mapping[str, str]]) -> str:
    """Rows as the server hands a list out."""
    kept = list(rows)
    columns = list(dict.fromkeys(["name", "label", *(name for row in kept for name in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(kept)
    return text.getvalue()


def as_files(lists: Mapping[str, Rows]) -> dict[str, str]:
    """Lists as files by the names that forms ask for."""
    return {f"{name}.csv": as_csv(rows) for name, rows in lists.items()}


def open_form(page: Page, xml: str, lists: Mapping[str, Any]) -> None:
    """A new record of a form."""
    page.evaluate("([xml, files]) => begin(xml, files)", [xml, as_files(lists)])
