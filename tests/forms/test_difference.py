"""What is different between two versions of a form."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.difference import Change, Changed, compare
from tests.forms.sample_forms import CLINIC, form


def changes(old: str, new: str) -> dict[str, Change]:
    """Changes of the clinics' form by name, after writing `new` for `old` in its sheet."""
    assert old in CLINIC
    return {each.name: each for each in compare(form(CLINIC), form(CLINIC.replace(old, new))).changes}


def test_a_form_does_not_differ_from_itself() -> None:
    assert not compare(form(CLINIC), form(CLINIC))


def test_a_new_version_number_alone_is_no_difference() -> None:
    assert not compare(form(CLINIC), form(CLINIC.replace("| Clinics | clinic_form | 7 |", "| Clinics | clinic_form | 8 |")))


@pytest.mark.parametrize(("old", "new", "name", "changed"), [
    ("| integer | beds |", "| decimal | beds |", "beds", Changed("type", "integer", "decimal")),
    ("| Beds | Lits |", "| Beds | Places |", "beds", Changed("label", "Lits (fr)", "Places (fr)")),
    (". >= 0 and . <= 500", ". >= 0 and . <= 900", "beds", Changed("constraint", ". >= 0 and . <= 500", ". >= 0 and . <= 900")),
    ("${kind} = 'health'", "${kind} = 'school'", "beds", Changed("relevant", "${kind} = 'health'", "${kind} = 'school'")),
    ("| Name | Nom | yes |", "| Name | Nom | |", "name", Changed("required", "true()", "")),
    ("${beds} * 2", "${beds} * 3", "twice", Changed("calculation", "${beds} * 2", "${beds} * 3")),
    ("clinics#beds", "clinics#rooms", "beds", Changed("save_to", "beds", "rooms")),
    ("| needs | none | None | Aucun | |", "| needs | heat | Heat | Chauffage | |", "needs", Changed("choices", "none", "heat")),
    ("| Water | Eau |", "| Clean water | Eau |", "needs", Changed("choice_labels", "water: Water", "water: Clean water")),
    ("k=${kind}", "k!=${kind}", "type", Changed("filter", "k = ${kind}", "k != ${kind}")),
    ("| ${clinic} = '' |", "| |", "entity", Changed("entity", "create: ${clinic} = ''", "create: ")),
])  # fmt: skip
def test_what_about_a_question_changed_is_told(old: str, new: str, name: str, changed: Changed) -> None:
    assert changed in changes(old, new)[name].aspects


def test_a_question_more_is_added_and_a_question_less_is_removed() -> None:
    line = "| | geopoint | gps | Position | Position | | | | | | | | | | |\n"

    gone = compare(form(CLINIC), form(CLINIC.replace(line, ""))).changes
    came = compare(form(CLINIC.replace(line, "")), form(CLINIC)).changes

    assert [(each.kind, each.path, each.asked) for each in gone] == [("removed", "/gps", "geopoint")]
    assert [(each.kind, each.path, each.asked) for each in came] == [("added", "/gps", "geopoint")]


def test_a_question_in_another_group_has_moved() -> None:
    line = "| | geopoint | gps | Position | Position | | | | | | | | | | |\n"
    start = "| | begin_group | g | Place | Lieu | | | | | | | | | | |\n"

    moved = compare(form(CLINIC), form(CLINIC.replace(line, "").replace(start, start + line))).changes

    assert [(each.kind, each.old_path, each.path) for each in moved] == [("moved", "/gps", "/g/gps")]


def test_other_words_do_not_change_what_answers_mean() -> None:
    assert not changes("| Beds | Lits |", "| Beds | Places |")["beds"].of_meaning
    assert changes("| integer | beds |", "| decimal | beds |")["beds"].of_meaning


def test_a_language_more_is_told_once() -> None:
    found = compare(form(CLINIC), form(CLINIC.replace("French (fr)", "Spanish (es)")))

    assert (found.languages_added, found.languages_removed) == (("es",), ("fr",))
    assert found.changes == ()


LINES = [line for line in CLINIC.splitlines() if line.startswith(("| | geopoint", "| | image", "| | date | seen"))]


@settings(max_examples=20, deadline=None)
@given(st.sets(st.sampled_from(LINES)), st.sets(st.sampled_from(LINES)))
def test_what_is_added_one_way_is_removed_the_other(first: set[str], second: set[str]) -> None:
    def without(lines: set[str]) -> str:
        # The name of an instance speaks of one of them.
        kept = [line for line in CLINIC.splitlines() if line not in lines]
        return "\n".join(kept).replace("concat(${name}, ' ', ${seen})", "${name}")

    old, new = form(without(first)), form(without(second))
    there, back = compare(old, new).changes, compare(new, old).changes

    assert {each.path for each in there if each.kind == "added"} == {each.path for each in back if each.kind == "removed"}
    assert {each.path for each in there if each.kind == "removed"} == {each.path for each in back if each.kind == "added"}
