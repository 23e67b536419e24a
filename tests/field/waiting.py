"""Waiting for a page of the field app: for what a promise answers, never for the promise itself."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page


def until(page: Page, asks: str, arg: Any = None, seconds: int = 15) -> None:
    """Waits until an async question in JavaScript (a function) is answered with yes; fails after some seconds.

    Playwright's wait_for_function does not do: it takes the promise itself for a yes.
    """
    page.evaluate(
        f"""async (arg) => {{
            const asks = {asks};
            const end = Date.now() + {seconds * 1000};
            while (!(await asks(arg))) {{
                if (Date.now() > end) throw new Error("waited in vain");
                await new Promise((done) => setTimeout(done, 50));
            }}
        }}""",
        arg,
    )
