"""Faulty questionnaires: every fault is found in one go, with sheet, row, column and what to do."""

from __future__ import annotations

import pytest

from forms.findings import Finding
from forms.formcheck.xform import read_xform
from forms.xlsform import FormRefused, convert

SETTINGS = "| settings |\n| | form_title | form_id | version |\n| | F | f | 1 |\n"
COLUMNS = "type | name | label | calculation | relevant | constraint | choice_filter | save_to | required"
YN = "| choices |\n| | list_name | name | label |\n| | yn | yes | Yes |\n| | yn | no | No |\n"


def survey(*rows: str, rest: str = "", columns: str = COLUMNS) -> str:
    lines = ["| survey |", f"| | {columns} |", *(f"| | {row} |" for row in rows)]
    return "\n".join(lines) + "\n" + rest + SETTINGS


def findings(text: str) -> tuple[Finding, ...]:
    try:
        return convert(text.encode(), "form.md").findings
    except FormRefused as refusal:
        return refusal.findings


def only(text: str, code: str) -> Finding:
    found = [finding for finding in findings(text) if finding.code == code]
    assert len(found) == 1, [str(f) for f in findings(text)]
    return found[0]


def place(finding: Finding) -> tuple[str | None, int | None, str | None]:
    return finding.sheet, finding.row, finding.column


def test_sound_form_has_no_findings() -> None:
    form = convert(survey("text | a | A").encode(), "form.md")

    assert (form.form_id, form.version, form.title, form.findings) == ("f", "1", "F", ())


@pytest.mark.parametrize(
    ("row", "code", "column", "advice"),
    [
        ("txt | b | B", "unknown-type", "type", "Did you mean `text`?"),
        ("select_one | b | B", "unknown-type", "type", "`select_one yn`"),
        ("Select_One yn | b | B", "unknown-type", "type", "`select_one yn`"),
        ("select_one yno | b | B", "missing-list", "type", "Did you mean yn?"),
        ("select_one_from_file towns | b | B", "missing-extension", "type", "towns.csv"),
        ("text | | B", "missing-name", "name", "Use letters"),
        ("text | b b | B", "bad-name", "name", "Use letters"),
        ("text | 1b | B", "bad-name", "name", "Use letters"),
        ("text | meta | B", "bad-name", "name", "another name"),
        ("text | a | B", "duplicate-name", "name", "name of its own"),
        ("| b | B", "missing-type", "type", "Give it a type"),
        ("text | b |", "missing-label", "label", "what the phone shall show"),
        ("calculate | b |", "missing-calculation", "calculation", "column calculation"),
        ("text | b | B ${aa}", "missing-question", "label", "Did you mean a?"),
        ("text | b | B | | ${zz} = 1", "missing-question", "relevant", "Check the spelling"),
        ("text | b | B | | ${a b} = 1", "bad-reference", "relevant", "Write ${"),
        ("text | b | B | | ${a = 1", "bad-reference", "relevant", "Write ${"),
        ("text | b | B | | (${a} = 1", "brackets", "relevant", "every bracket"),
        ("text | b | B | | ${a} = 'x", "unclosed-quote", "relevant", "closing quotation"),
        ("text | b | B | | ${a} == 1", "bad-operator", "relevant", "Write = for equal"),
        ("text | b | B | | ${a} = 1 && 1 = 1", "bad-character", "relevant", "Write `and`"),
        ("text | b | B | | | slected(., 'x')", "unknown-function", "constraint", "Did you mean selected?"),
        ("text | b | B | | /data/zz = 1", "missing-node", "relevant", "Did you mean"),
        ("text | b | B | | a = 1", "bare-name", "relevant", "Write ${a}"),
        ("text | b | B | | ${a} = yes", "bare-name", "relevant", "'yes' for the text"),
        ("text | b | B | | ../zz = 1", "missing-node", "relevant", "Did you mean"),
        ("calculate | b | | instance('towns')/root/item/label", "missing-instance", "calculation", "towns.csv"),
        ("select_one yn | b | B | | | | region=${a}", "missing-filter-column", "choice_filter", "spelling"),
        ("begin_group | g | G", "unbalanced-group", "type", "end_group"),
        ("end_group | |", "unbalanced-group", "type", "Remove the row"),
        ("text | b | B | | | | | prop", "missing-entities", "save_to", "Add the sheet entities"),
    ],
)
def test_fault_of_a_question_is_named_with_its_cell(row: str, code: str, column: str, advice: str) -> None:
    finding = only(survey("text | a | A", row, rest=YN), code)

    assert (finding.level, *place(finding)) == ("error", "survey", 3, column)
    assert advice in finding.advice


def test_all_faults_are_reported_in_one_go() -> None:
    rows = ("txt | a | A", "text | b b | B", "select_one lost | c | C", "text | d | D | fo(1)", "text | e | | | ${x} = 1")

    found = findings(survey(*rows, rest=YN.replace("no | No", "yes | No")))

    assert {(f.sheet, f.row) for f in found if f.level == "error"} == {
        *(("survey", row) for row in (2, 3, 4, 5, 6)),
        ("choices", 3),
    }


def test_every_finding_says_what_to_do() -> None:
    found = findings(survey("txt | a | A", "text | b | | | ../q = fo(", "begin_group | c | C"))

    assert all(finding.message and finding.advice for finding in found)


def test_findings_come_with_errors_before_warnings() -> None:
    with pytest.raises(FormRefused) as refusal:
        convert(b"| survey |\n| | type | name | label |\n| | txt | a | A |\n", "x.md", "fallback")

    levels = [finding.level for finding in refusal.value.findings]
    assert levels == sorted(levels)
    assert set(levels) == {"error", "warning"}


def test_end_of_another_kind_points_at_the_row_it_closes() -> None:
    finding = only(survey("begin_repeat | r | R", "text | a | A", "end_group | |"), "unbalanced-group")

    assert place(finding) == ("survey", 4, "type")
    assert "row 2" in finding.message


def test_same_name_in_two_groups_is_allowed_until_someone_refers_to_it() -> None:
    groups = ("begin_group | g | G", "text | a | A", "end_group | |", "begin_group | h | H", "text | a | A", "end_group | |")

    assert findings(survey(*groups)) == ()
    finding = only(survey(*groups, "note | n | ${a}"), "ambiguous-reference")
    assert place(finding) == ("survey", 8, "label")


def test_names_that_differ_in_capitals_only_are_a_warning() -> None:
    finding = only(survey("text | a | A", "text | A | B"), "similar-name")

    assert (finding.level, *place(finding)) == ("warning", "survey", 3, "name")


def test_calculated_question_without_label_is_fine() -> None:
    assert findings(survey("text | a | A", "text | b | | ${a}")) == ()


def test_disabled_row_is_not_checked() -> None:
    columns = "type | name | label | disabled"

    codes = {f.code for f in findings(survey("text | a | A |", "txt | b b | | yes", columns=columns))}

    assert codes == {"pyxform"}


@pytest.mark.parametrize(
    ("expression", "context"),
    [
        ("instance('yn')/root/item[name=${a}]/label != ''", "a list of the choices sheet"),
        ("${a} div 2 and (${a} mod 2 = 0 or not(${a}))", "words as operators"),
        ("../a = 'it is (not) a bracket'", "text in quotes"),
        ("position(..) = 1", "a parent as argument"),
        ("count(/data/*) > 0", "a wildcard"),
        ("‘x’ = ${a}", "quotes of a word processor, which pyxform mends"),
        ("current()/../a = 1", "current()"),
        ("${last-saved#a} = 1", "the last saved record"),
    ],
)
def test_sound_expression_is_left_alone(expression: str, context: str) -> None:
    found = findings(survey("text | a | A", f"text | b | B | | {expression}", "select_one yn | c | C", rest=YN))

    assert found == (), context


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("yn | yes | Again", "duplicate-choice", "name"),
        ("yn | | Maybe", "missing-choice-name", "name"),
        ("| x | X", "missing-list-name", "list_name"),
        ("yn | x |", "missing-label", "label"),
    ],
)
def test_fault_of_a_choice_is_named_with_its_cell(row: str, code: str, column: str) -> None:
    finding = only(survey("select_one yn | a | A", rest=f"{YN}| | {row} |\n"), code)

    assert (finding.level, *place(finding)) == ("error", "choices", 4, column)


def test_space_in_a_choice_that_can_be_ticked_is_refused() -> None:
    finding = only(survey("select_multiple yn | a | A", rest=f"{YN}| | yn | not sure | ? |\n"), "space-in-choice")

    assert place(finding) == ("choices", 4, "name")


def test_unused_list_is_a_warning() -> None:
    finding = only(survey("text | a | A", rest=YN), "unused-list")

    assert (finding.level, *place(finding)) == ("warning", "choices", 2, "list_name")


def test_filter_on_an_existing_column_passes() -> None:
    choices = "| choices |\n| | list_name | name | label | region |\n| | t | x | X | n |\n"

    assert findings(survey("text | a | A", "select_one t | b | B | | | | region=${a}", rest=choices)) == ()


TWO_LANGUAGES = "type | name | label::English (en) | label::French (fr) | hint::English (en) | hint::French (fr)"


def test_missing_translation_names_the_language_and_the_cell() -> None:
    finding = only(survey("text | a | A | | |", columns=TWO_LANGUAGES), "missing-translation")

    assert (finding.level, *place(finding)) == ("warning", "survey", 2, "label::French (fr)")


def test_translated_hint_must_exist_in_each_language() -> None:
    finding = only(survey("text | a | A | B | hint |", columns=TWO_LANGUAGES), "missing-translation")

    assert place(finding) == ("survey", 2, "hint::French (fr)")


def test_misspelt_column_is_a_warning_with_a_suggestion() -> None:
    finding = only(survey("text | a | A | 1 = 1", columns="type | name | label | relevent"), "unknown-column")

    assert (finding.level, *place(finding)) == ("warning", "survey", 1, "relevent")
    assert finding.advice == "Did you mean relevant?"


def test_form_without_settings_needs_a_form_id() -> None:
    text = "| survey |\n| | type | name | label |\n| | text | a | A |\n"

    assert only(text, "missing-form-id").sheet == "settings"
    assert convert(text.encode(), "form.md", "my_form").form_id == "my_form"


def test_missing_version_is_a_warning() -> None:
    text = survey("text | a | A").replace("| version |", "| style |").replace("| f | 1 |", "| f | pages |")

    finding = only(text, "missing-version")

    assert finding.level == "warning"


def test_default_language_must_be_one_of_the_labels() -> None:
    text = survey("text | a | A | B | |", columns=TWO_LANGUAGES)
    text = text.replace("| version |", "| version | default_language |").replace("| f | 1 |", "| f | 1 | french |")

    assert "French (fr)" in only(text, "bad-default-language").advice


def test_file_without_survey_sheet_is_refused() -> None:
    finding = only("| choices |\n| | list_name | name | label |\n| | a | b | c |\n", "missing-sheet")

    assert finding.sheet == "survey"


def test_reference_in_a_setting_must_exist() -> None:
    text = survey("text | a | A").replace("| version |", "| version | instance_name |")
    text = text.replace("| f | 1 |", "| f | 1 | ${b} |")

    assert place(only(text, "missing-question")) == ("settings", 2, "instance_name")


def test_reference_in_a_choice_must_exist() -> None:
    finding = only(survey("select_one yn | a | A", rest=f"{YN}| | yn | x | ${{b}} |\n"), "missing-question")

    assert place(finding) == ("choices", 4, "label")


def test_metadata_that_the_form_gets_by_itself_may_be_referred_to() -> None:
    assert findings(survey("text | a | A", "calculate | b | | ${instanceID}")) == ()


ENTITY = "| entities |\n| | list_name | label | entity_id | create_if | update_if |\n"
KNOWN = "select_one_from_file towns.csv | town | Town"


@pytest.mark.parametrize(
    ("declaration", "code", "column"),
    [
        ("| ${a} | | |", "missing-list-name", "list_name"),
        ("my.towns | ${a} | | |", "bad-list-name", "list_name"),
        ("__towns | ${a} | | |", "bad-list-name", "list_name"),
        ("towns | | | |", "missing-entity-label", "label"),
        ("towns | ${a} | | | ${a} = 1", "missing-entity-id", "entity_id"),
        ("towns | ${a} | ${town} | true() |", "missing-update-if", "update_if"),
        ("towns | ${zz} | | |", "missing-question", "label"),
        ("towns | ${a} | coalesce(${town}, uuid()) | ${town} = '' | ${town} != ''", "bare-uuid", "entity_id"),
        ("roads | ${a} | ${town} | |", "missing-instance", "list_name"),
        ("towns | ${a} | | fo(1) |", "unknown-function", "create_if"),
    ],
)
def test_fault_of_an_entity_is_named_with_its_cell(declaration: str, code: str, column: str) -> None:
    text = survey("text | a | A | | | | | pop", KNOWN, rest=f"{ENTITY}| | {declaration} |\n")

    finding = only(text, code)

    assert (finding.level, *place(finding)) == ("error", "entities", 2, column)


def test_bare_uuid_hidden_in_a_calculation_is_found() -> None:
    declaration = f"{ENTITY}| | towns | ${{a}} | coalesce(${{town}}, ${{id}}) | ${{town}} = '' | ${{town}} != '' |\n"
    rows = ("text | a | A | | | | | pop", KNOWN)

    finding = only(survey(*rows, "calculate | id | | uuid()", rest=declaration), "bare-uuid")

    assert place(finding) == ("survey", 4, "calculation")
    assert findings(survey(*rows, "calculate | id | | once(uuid())", rest=declaration)) == ()


@pytest.mark.parametrize(
    ("save_to", "code"),
    [("name", "bad-save-to"), ("Label", "bad-save-to"), ("__x", "bad-save-to"), ("a.b", "bad-save-to"), ("x y", "bad-save-to")],
)
def test_reserved_property_name_is_refused(save_to: str, code: str) -> None:
    finding = only(survey(f"text | a | A | | | | | {save_to}", rest=f"{ENTITY}| | towns | ${{a}} | | | |\n"), code)

    assert place(finding) == ("survey", 2, "save_to")


def test_two_questions_cannot_fill_one_property() -> None:
    rows = ("text | a | A | | | | | pop", "text | b | B | | | | | pop")

    finding = only(survey(*rows, rest=f"{ENTITY}| | towns | ${{a}} | | | |\n"), "duplicate-save-to")

    assert place(finding) == ("survey", 3, "save_to")
    assert "row 2" in finding.message


def test_group_cannot_be_saved_to_a_property() -> None:
    rows = ("begin_group | g | G | | | | | pop", "text | a | A | | | | | size", "end_group | |")

    finding = only(survey(*rows, rest=f"{ENTITY}| | towns | ${{a}} | | | |\n"), "bad-save-to")

    assert place(finding) == ("survey", 2, "save_to")


def test_entity_list_without_any_property_is_a_warning() -> None:
    finding = only(survey("text | a | A", rest=f"{ENTITY}| | towns | ${{a}} | | | |\n"), "no-save-to")

    assert finding.level == "warning"


def test_the_same_fault_a_thousand_times_is_summed_up() -> None:
    rows = [f"text | q{n} | Q | | fo(1)" for n in range(1000)]

    found = [f for f in findings(survey(*rows)) if f.code == "unknown-function"]

    assert len(found) == 101
    assert found[-1].message == "The same was found 900 times more."


def test_finding_goes_through_json_unchanged() -> None:
    finding = only(survey("txt | a | A"), "unknown-type")

    assert Finding.from_dict(finding.as_dict()) == finding


def test_bind_may_write_every_prefix_of_the_instance() -> None:
    form = (
        '<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"'
        ' xmlns:orx="http://openrosa.org/xforms"><h:head><h:title>A</h:title><model><instance><data id="a" version="1"><q/>'
        "<orx:meta><orx:instanceID/></orx:meta></data></instance>"
        '<bind nodeset="/data/q" type="string"/><bind nodeset="/data/orx:meta/orx:instanceID" type="string"/>'
        '</model></h:head><h:body><input ref="/data/q"><label>Q</label></input></h:body></h:html>'
    )

    assert read_xform(form.encode())[1] == ()
