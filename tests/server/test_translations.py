"""The French of the pages: complete, compiled, with the same placeholders; and no English that gettext does not see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from flask import Flask
from jinja2 import Environment, nodes
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import AppUser, Record, SubmissionSummary
from server.office import translations
from server.problems import CATALOGUE
from tests.cast import Cast
from tests.server.picture import paint

# Names and examples that are the same in both languages, or stand beside their own French.
ALLOWED = {"English", "Français", "EN", "FR", "Fieldpost", "ODK Collect", "S9 BANBATT-3"}
# Little words that no French sentence holds, and the names of the cast neither.
ENGLISH = re.compile(r"\b(the|and|with|this|these|that|are|has|from|nothing|yet|not|your|you)\b", re.IGNORECASE)
SPOKEN = ("title", "placeholder", "aria-label", "alt")


def _keys(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


@pytest.fixture(scope="module")
def used() -> Catalog:
    """The words in use; reading all sources takes a second or two, so once."""
    return translations.words_in_use()


def test_every_word_in_use_is_in_the_catalogue(used: Catalog) -> None:
    kept = translations.french()

    missing = [message.id for message in used if message.id and message.id not in kept]

    assert missing == [], "run `python -m server.office.translations` and translate what it names"


def test_no_word_of_the_catalogue_has_left_the_code(used: Catalog) -> None:
    gone = [message.id for message in translations.french() if message.id and message.id not in used]

    assert gone == [], "run `python -m server.office.translations`"


def test_every_word_has_its_french() -> None:
    assert [message.id for message in translations.lacking(translations.french())] == []


def test_french_keeps_the_placeholders() -> None:
    wrong = []
    for message in translations.french():
        said = [message.string] if isinstance(message.string, str) else list(message.string or ())
        # The singular may do without the number ("one report"), so the plural is what counts.
        wanted = set(re.findall(r"%\(\w+\)\w|\{\w+\}", _keys(message)[-1])) if message.id else set()
        wrong += [text for text in said[-1:] if message.id and set(re.findall(r"%\(\w+\)\w|\{\w+\}", text)) != wanted]

    assert wrong == []


def test_the_compiled_catalogue_says_what_the_kept_one_says() -> None:
    assert translations.COMPILED.exists(), "the French words are not compiled; run `make setup`"
    with translations.COMPILED.open("rb") as file:
        compiled = GNUTranslations(file)

    stale = [
        message.id
        for message in translations.french()
        if isinstance(message.id, str) and message.id and compiled.gettext(message.id) != message.string
    ]

    assert stale == [], "the compiled French words are old; run `make setup`"


def test_every_problem_has_its_french() -> None:
    kept = translations.french()

    texts = [text for kind in CATALOGUE.values() for text in (kind.message, kind.advice) if text and text != "{reason}"]

    assert [text for text in texts if text not in kept] == []


def test_words_are_asked_for_only_where_they_are_looked_for() -> None:
    places = ("field", "office", "partner", "application.py", "extensions.py")

    asking = [
        str(path.relative_to(translations.SERVER))
        for path in translations.SERVER.rglob("*.py")
        if "flask_babel" in path.read_text() and path.relative_to(translations.SERVER).parts[0] not in places
    ]

    assert asking == [], "add the folder to server/office/translations/babel.cfg, and here"


def test_pages_are_french_for_who_wants_french(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "officer")

    page = browser.get("/reports?lang=fr").text

    assert "Comptes rendus" in page
    assert "Everything that came in" not in page


def test_a_refusal_speaks_french_with_its_reason(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "admin")

    answer = browser.get("/reports/nothing-of-that-name?lang=fr")

    assert answer.status_code == 404
    assert "n’a pas été trouvé" in answer.text or "n&#39;a pas été trouvé" in answer.text


def _addresses(app: Flask, session: Session) -> list[str]:
    """Every page without a placeholder, and one of each kind that needs something to show."""
    plain = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments
        and app.view_functions[rule.endpoint].__module__.startswith(("server.office", "server.partner"))
    ]  # fmt: skip
    record = session.scalars(select(Record.id).order_by(Record.entity_count.desc())).first()
    receipts = session.scalars(select(SubmissionSummary.receipt)).all()
    device = session.scalars(select(AppUser.actor_id)).first()
    named = [f"/registers/facilities/{record}", f"/reports/{receipts[0]}", f"/devices/{device}", "/registers/facilities"]
    named += ["/registers/facilities/map", "/registers/facilities/release", "/forms/form/key_infrastructure", "/returns/2026-10"]
    return sorted(address for address in {*plain, *named} if "." not in address)


@pytest.mark.parametrize("role", ["hq_officer", "admin", "partner"])
def test_no_page_in_french_holds_english(app: Flask, session: Session, cast: Cast, role: str) -> None:
    paint(session, cast)
    browser = cast.page_client(app, role)
    kept = translations.french()
    people = {"Admin", "Partner", "Approver", "Auditor", "Observer", "Collector"}
    labels = {key for each in kept for key in _keys(each) if key} - {str(each.string) for each in kept} - people
    mixed, seen = [], 0

    for address in _addresses(app, session):
        answer = browser.get(address, query_string={"lang": "fr"}, follow_redirects=False)
        if answer.mimetype != "text/html" or answer.status_code not in {200, 403}:
            continue
        seen += answer.status_code == 200
        reader = _Spoken()
        reader.feed(answer.text)
        said = [text.strip() for text in reader.found]
        mixed += [f"{address}: {text}" for text in said if ENGLISH.search(text) or text in labels]

    assert seen >= 2
    assert mixed == []


def test_the_sensitivity_of_a_record_is_told_in_words(app: Flask, session: Session, cast: Cast) -> None:
    paint(session, cast)
    record = session.scalars(select(Record.id)).first()

    page = cast.page_client(app, "hq_officer").get(f"/registers/facilities/{record}?lang=fr").text

    assert "sensibilité\u00a0: Modérée" in page


def _templates() -> list[Path]:
    return sorted(translations.SERVER.rglob("templates/**/*.html"))


class _Spoken(HTMLParser):
    """Collects what a reader sees or hears: text between tags and the speaking attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in {"script", "style", "code", "pre"}
        self.found += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in {"script", "style", "code", "pre"}

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def _bare_text(template: nodes.Template) -> list[str]:
    """Words between the tags. Expressions become a control sign, so that a tag with one inside stays a tag."""
    reader = _Spoken()
    reader.feed("\x01".join(each.data for each in template.find_all(nodes.TemplateData)))
    reader.close()
    return [piece.strip() for text in reader.found for piece in re.split(r"[\x01\n·|]", text)]


def _bare_literals(node: nodes.Node) -> Iterator[str]:
    """Sentences in quotes that no gettext call holds."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in {"_", "gettext", "ngettext"}:
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and re.match(r"[A-Z][a-z]+ [a-z]+", node.value):
        yield node.value
    for child in node.iter_child_nodes():
        yield from _bare_literals(child)


@pytest.mark.parametrize("path", _templates(), ids=lambda path: str(path.relative_to(translations.SERVER)))
def test_no_template_holds_bare_english(path: Path) -> None:
    template = Environment(autoescape=True).parse(path.read_text())

    bare = [text for text in _bare_text(template) if re.search(r"[A-Za-z]{3}", text) and text not in ALLOWED]

    assert bare + list(_bare_literals(template)) == []


def test_pages_flash_no_bare_english() -> None:
    bare = []
    for path in sorted((translations.SERVER / "office").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "flash":
                bare += [f"{path.name}:{node.lineno}"] if isinstance(node.args[0], ast.Constant | ast.JoinedStr) else []

    assert bare == []
