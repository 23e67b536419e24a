"""The field app's engine on long lists, in a real browser: main-thread CPU to open, change a cascade, choose from the list.

The form is key_infrastructure; its list of facilities has 2,000 and 20,000 rows over six districts. "ours" is the engine as the
field app is built with it, "published" as it comes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from forms.conversion import convert_here
from server.services import form_library
from tests.field import engine_pages

Row = dict[str, Any]
FORM = "key_infrastructure"
SIZES = (2_000, 20_000)
DISTRICTS = [f"CF32{number}" for number in range(1, 7)]
GROUPS = ("health", "education", "water")
# Issue's budgets for 20,000 rows, in CPU seconds.
OPEN_S, CASCADE_S = 1.5, 0.3


def lists(rows: int) -> dict[str, list[dict[str, str]]]:
    """The lists that the form asks for."""
    facilities = [
        {
            "name": f"f{number}", "label": f"Facility {number}", "adm2_pcode": DISTRICTS[number % len(DISTRICTS)],
            "fac_group": GROUPS[number % len(GROUPS)], "fac_type": "health_centre", "fac_name": f"Facility {number}",
            "geometry": f"{6 + number / 1e5:.5f} 17.45 0 5", "ownership": "public", "functionality": "full", "damage": "0",
            "__version": "1",
        }
        for number in range(rows)
    ]  # fmt: skip
    return {
        "units": [{"name": "BANBATT-3", "label": "BANBATT-3"}], "adm1": [{"name": "CF32", "label": "Ouham"}],
        "adm2": [{"name": code, "label": code, "adm1_pcode": "CF32"} for code in DISTRICTS],
        "settlements": [{"name": "s1", "label": "Gbadé", "adm2_pcode": DISTRICTS[0]}],
        "organisations": [{"name": "o1", "label": "WFP"}], "facilities": facilities,
    }  # fmt: skip


def _cpu(session: CDPSession) -> float:
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def _spent(session: CDPSession, action: Callable[[], object]) -> float:
    before = _cpu(session)
    action()
    return round(_cpu(session) - before, 3)


def _measured(page: Page, xml: str, rows: int, engine: str) -> Iterator[Row]:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    given = lists(rows)
    put = "([name, text]) => put(name, text)"
    steps: tuple[tuple[str, Callable[[], object], float | None], ...] = (
        ("open", lambda: engine_pages.open_form(page, xml, given), OPEN_S),
        ("region", lambda: page.evaluate(put, ["adm1", "CF32"]), CASCADE_S),
        ("kind", lambda: page.evaluate(put, ["fac_group", "health"]), CASCADE_S),
        ("district", lambda: page.evaluate(put, ["adm2", DISTRICTS[0]]), CASCADE_S),
        ("facility", lambda: page.evaluate(put, ["facility", "f0"]), None),
    )
    for what, action, budget in steps:
        spent = _spent(session, action)
        yield {"what": what, "engine": engine, "rows": rows, "cpu_s": spent, "budget_s": budget}


def rows() -> Iterator[Row]:
    """One figure per step, size and engine."""
    xml = convert_here(form_library.source(FORM), f"{FORM}.xlsx", FORM, False).xml.decode()
    with tempfile.TemporaryDirectory(prefix="fieldpost-field-") as name, sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for engine in ("ours", "published"):
            built = engine_pages.build(Path(name) / engine, stock=engine == "published")
            for size in SIZES:
                page = engine_pages.show(browser.new_page(), built)
                yield from _measured(page, xml, size, engine)
                page.close()
        browser.close()
