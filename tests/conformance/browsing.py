"""The officers' pages in a browser without a screen: logged in as the administrator, forms sent with their token."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

import requests

from tests.conformance.conftest import ADMIN, PASSWORD
from tests.conformance.mission import TIMEOUT


def browse(base_url: str) -> requests.Session:
    """A browser in which the administrator is logged in."""
    browser = requests.Session()
    page = browser.get(f"{base_url}/login", timeout=TIMEOUT).text
    token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert token is not None
    form = {"email": ADMIN, "password": PASSWORD, "csrf_token": token.group(1)}
    assert browser.post(f"{base_url}/login", data=form, timeout=TIMEOUT, allow_redirects=False).status_code == 303
    return browser


def submit(browser: requests.Session, address: str, data: dict[str, str] | None = None, **options: Any) -> None:
    """Sends a form of a page, as the browser in which somebody is logged in."""
    page = browser.get(urljoin(address, "/account"), timeout=TIMEOUT).text
    token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert token is not None
    sent = {**(data or {}), "csrf_token": token.group(1)}
    answer = browser.post(address, data=sent, timeout=TIMEOUT, allow_redirects=False, **options)
    assert answer.status_code == 303, answer.text[:2000]
