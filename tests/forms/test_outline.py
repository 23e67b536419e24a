"""A form as a page shows it, and conditions as data that a page words."""
# ruff: noqa: E501 - a form written as a table is as wide as the table

from __future__ import annotations

import pytest

from forms.conditions import Said, said, written
from forms.outline import Item, asked, computed, language_of, outline
from tests.forms.sample_forms import CLINIC, form


def items(language: str = "en") -> dict[str, Item]:
    """Every item of the clinics' form by name."""
    found: dict[str, Item] = {}

    def collect(each: tuple[Item, ...]) -> None:
        for item in each:
            found[item.name] = item
            collect(item.children)

    collect(outline(form(CLINIC), language))
    return found


def test_questions_stand_in_their_groups_in_order() -> None:
    top = outline(form(CLINIC), "en")

    assert [(item.name, item.asked) for item in top][:2] == [("g", "group"), ("seen", "date")]
    assert [item.name for item in top[0].children] == ["clinic", "kind", "type", "name", "beds"]
    assert [(item.asked, [inner.name for inner in item.children]) for item in top if item.name == "visitor"] == [("repeat", ["who", "age"])]


@pytest.mark.parametrize(("language", "label", "choice"), [("en", "Kind", "Health"), ("fr", "Genre", "Santé"), ("French (fr)", "Genre", "Santé"), ("es", "Kind", "Health")])
def test_texts_are_in_the_language_asked_for_or_the_forms_own(language: str, label: str, choice: str) -> None:
    kind = items(language)["kind"]

    assert (kind.label, kind.choices[0]) == (label, (choice, "health"))


def test_a_question_tells_its_kind_whether_it_must_be_answered_and_where_its_choices_come_from() -> None:
    found = items()

    assert (found["kind"].asked, found["kind"].required, found["kind"].save_to) == ("select_one", True, "kind")
    assert (found["needs"].asked, found["needs"].required) == ("select_multiple", False)
    assert (found["clinic"].file, found["clinic"].choices) == ("clinics.csv", ())
    assert found["type"].filter == "k = ${kind}"
    assert found["photo"].asked == "image"


def test_what_nobody_is_asked_is_apart() -> None:
    assert "twice" not in items()
    assert {item.name: (item.asked, item.calculation) for item in computed(form(CLINIC), "en")}["twice"] == ("calculate", "${beds} * 2")


def test_an_answer_inside_a_text_stands_as_the_question_it_comes_from() -> None:
    assert items("fr")["beds"].message == "Lits de [Nom] : 0 à 500"


def test_a_note_is_told_from_a_question_that_is_only_read() -> None:
    definition = form("| survey | | | |\n| | type | name | label |\n| | note | n | Read |\n| | text | t | Say |\n| settings | | |\n| | form_id | form_title |\n| | f | F |\n")

    assert [asked(each) for each in definition.fields if each.control] == ["note", "text"]


@pytest.mark.parametrize(("expression", "expected"), [
    (" /data/g/kind  = 'health'", Said("is", "Kind", "Health")),
    ("/data/g/kind != ''", Said("answered", "Kind")),
    ("not(/data/g/kind != '')", Said("unanswered", "Kind")),
    ("selected(/data/needs, 'water')", Said("includes", "Needs", "Water")),
    ("not(selected(/data/needs, 'water'))", Said("excludes", "Needs", "Water")),
    ("/data/needs = /data/g/kind", Said("is", "Needs", "Kind", word="question")),
    (". <= today()", Said("at_most", "", "", word="today")),
    ("5 < .", Said("more", "", "5")),
    ("../kind >= -1.5", Said("at_least", "Kind", "-1.5")),
    ("count-selected(/data/needs) <= 3", Said("at_most", "Needs", "3", measure="count")),
    (". >= 0 and . <= 500", Said("all", parts=(Said("at_least", "", "0"), Said("at_most", "", "500")))),
    ("not(. = 1 or . = 2)", Said("all", parts=(Said("is_not", "", "1"), Said("is_not", "", "2")))),
    ("regex(., '^a+$')", Said("as_written", value="regex(., '^a+$')")),
    (". = 1 and regex(/data/g/name, 'x')", Said("all", parts=(Said("is", "", "1"), Said("as_written", value="regex(${name}, 'x')")))),
    ("not(regex(., 'a'))", Said("as_written", value="not(regex(., 'a'))")),
    ("((", Said("as_written", value="((")),
])  # fmt: skip
def test_a_condition_is_read_into_words_or_kept_as_written(expression: str, expected: Said) -> None:
    definition = form(CLINIC)
    expression = expression.replace("/data/", f"/{definition.root}/")

    assert said(expression, definition, "/g/beds", "en") == expected


def test_an_expression_is_written_as_in_a_sheet() -> None:
    definition = form(CLINIC)
    twice = definition.by_name["name"].trigger_calculate or ""

    assert written(twice, definition, "/g/name") == "instance('clinics')/root/item[name = ${clinic}]/label"
    assert written("(1 + ../beds) * 2 - -3", definition, "/g/name") == "(1 + ${beds}) * 2 - -3"


def test_a_language_is_found_by_code_and_else_the_forms_own_is_taken() -> None:
    assert [language_of(form(CLINIC), each) for each in ("fr", "English (en)", "de")] == ["French (fr)", "English (en)", "English (en)"]


@pytest.mark.parametrize("expression", [
    " or ".join(["1 = 1"] * 5000), "1 + " * 5000 + "1", "not(" * 5000 + "true()" + ")" * 5000, "(" * 5000,
])  # fmt: skip
def test_an_expression_deeper_than_any_page_can_tell_is_kept_as_written(expression: str) -> None:
    definition = form(CLINIC)

    assert said(expression, definition, "/name", "en") == Said("as_written", value=" ".join(expression.split()))
    assert written(expression, definition, "/name") == " ".join(expression.split())
