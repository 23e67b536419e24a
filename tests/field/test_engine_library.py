"""Each of the fourteen questionnaires filled in the field app's engine: nothing is wrong with what comes out.

It says the same as our own filling, which is compared with the engine inside ODK Collect elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from lxml import etree
from playwright.sync_api import Page, Playwright, sync_playwright
from pyxform.xls2xform import convert

from forms.entities import operations
from forms.filling import answer_text, fill
from forms.submission import parse_submission
from forms.validation import validate
from forms.xmlsafe import local_name, parse_xml
from tests.field import engine_pages
from tests.forms.by_hand import BY_HAND
from tests.forms.sample_forms import LIBRARY, NOW
from tests.forms.test_filling_laws import LIBRARY_FORMS, MISSION, mission

CHANCE = {"start", "end", "today", "deviceid", "username", "instanceID", "new_id"}
"""Differ by nature: times and ids."""
DEFAULTS = {"__trunkVersion": "", "__branchId": ""}
"""What the app's overlay adds to the columns of an entity list."""


@cache
def xform(form_id: str) -> str:
    return str(convert((LIBRARY / f"{form_id}.xlsx").read_bytes(), file_type=".xlsx").xform)


def spoken(answers: dict[str, Any]) -> dict[str, Any]:
    """Answers as text, as a screen hands them to the engine."""
    return {
        name: [spoken(each) for each in said] if has_entries(said) else answer_text(said, name) for name, said in answers.items()
    }  # fmt: skip


def has_entries(said: Any) -> bool:
    """Whether an answer is a repeat's list of entries."""
    return isinstance(said, list) and len(said) > 0 and isinstance(said[0], dict)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    built = engine_pages.build(tmp_path_factory.mktemp("engine"))
    with sync_playwright() as play:
        yield from _page(play, built)


def _page(play: Playwright, built: Path) -> Iterator[Page]:
    browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    page = browser.new_page(timezone_id="UTC")
    page.clock.set_fixed_time(NOW)
    yield engine_pages.show(page, built)
    browser.close()


@cache
def lists() -> dict[str, Any]:
    return {name: [{**row, **DEFAULTS} for row in rows] for name, rows in MISSION.items()}


def filled(engine: Page, form_id: str) -> bytes:
    engine_pages.open_form(engine, xform(form_id), lists())
    engine.evaluate("answers => give(answers)", spoken(BY_HAND[form_id]))
    return str(engine.evaluate("finished()")).encode()


def lists_of_words(answers: dict[str, Any]) -> set[str]:
    """Names of questions to which several choices were given: the engine keeps them in the order of the list of choices."""
    inside = [lists_of_words(row) for said in answers.values() if has_entries(said) for row in said]
    return {name for name, said in answers.items() if isinstance(said, list) and not has_entries(said)}.union(*inside)


def plain(form_id: str, name: str, text: str) -> str:
    """35.0 is 35, and several choices are a set."""
    if name in lists_of_words(BY_HAND[form_id]):
        return " ".join(sorted(text.split()))
    return re.sub(r"\b(\d+)\.0\b", r"\1", text)


def flat(form_id: str, root: etree._Element, path: str = "") -> dict[str, str]:
    """Every leaf with its text, each entry of a repeat by its number; what is blank is left out."""
    found = {path: plain(form_id, local_name(root), root.text)} if len(root) == 0 and root.text else {}
    seen: dict[str, int] = {}
    for child in root:
        name = local_name(child)
        seen[name] = seen.get(name, 0) + 1
        if name not in CHANCE:
            found |= flat(form_id, child, f"{path}/{name}[{seen[name]}]")
    return found


@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_a_form_filled_in_the_engine_has_no_finding(engine: Page, form_id: str) -> None:
    xml = filled(engine, form_id)
    definition, rows = mission(form_id)

    found = [(each.path, each.code, each.value) for each in validate(parse_submission(xml), definition, rows, NOW)]

    assert (engine.evaluate("problems()"), found) == ([], [])


@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_a_form_filled_in_the_engine_says_what_our_own_filling_says(engine: Page, form_id: str) -> None:
    definition, rows = mission(form_id)
    ours = fill(definition, BY_HAND[form_id], rows, NOW, rng=Random(1))

    assert flat(form_id, parse_xml(filled(engine, form_id))) == flat(form_id, parse_xml(ours))


@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_a_form_filled_in_the_engine_does_the_same_to_lists(engine: Page, form_id: str) -> None:
    definition, rows = mission(form_id)
    ours = parse_submission(fill(definition, BY_HAND[form_id], rows, NOW, rng=Random(1)))

    theirs = parse_submission(filled(engine, form_id))

    def told(sub: Any) -> list[tuple[str, str, str | None]]:
        return [(each.dataset, each.action, each.label) for each in operations(sub, definition)]

    assert told(theirs) == told(ours)


@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_a_form_left_half_way_is_the_same_when_it_is_opened_again(engine: Page, form_id: str) -> None:
    engine_pages.open_form(engine, xform(form_id), lists())
    engine.evaluate("answers => give(answers)", spoken(BY_HAND[form_id]))
    before = flat(form_id, parse_xml(str(engine.evaluate("xml()")).encode()))

    engine.evaluate("again()")

    assert flat(form_id, parse_xml(str(engine.evaluate("xml()")).encode())) == before
