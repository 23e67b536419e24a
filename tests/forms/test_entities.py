"""Entity operations: what a report asks to be done to lists, by the ODK entities specification."""

from __future__ import annotations

import pytest

from forms.definition import parse
from forms.entities import EntityOperation, operations
from forms.submission import parse_submission
from tests.forms.sample_forms import UUID_1, UUID_2, clinic_form, xform

FORM = parse(
    xform(
        '<data id="x"><name/><beds/><meta><entity dataset="clinics" create="" update="" id="" baseVersion=""'
        ' trunkVersion="" branchId=""><label/></entity></meta></data>',
        '<bind nodeset="/data/name" xmlns:entities="http://www.opendatakit.org/xforms/entities" entities:saveto="title"/>'
        '<bind nodeset="/data/beds" xmlns:entities="http://www.opendatakit.org/xforms/entities" entities:saveto="beds"/>',
    )
)


def operation(attributes: str, label: str = "<label>A</label>", answers: str = "<name>A</name>") -> EntityOperation:
    xml = f'<data id="x">{answers}<meta><entity dataset="clinics" {attributes}>{label}</entity></meta></data>'
    (found,) = operations(parse_submission(xml.encode()), FORM)
    return found


@pytest.mark.parametrize(
    ("attributes", "action"),
    [
        ('create="1"', "create"),
        ('create="true"', "create"),
        ('update="1"', "update"),
        ('create="1" update="true"', "both"),
        ('create="yes"', "none"),
        ('create="TRUE"', "none"),
        ('create=" 1"', "none"),
        ('create="" update="false"', "none"),
        ('create="0" update="1"', "update"),
        ("", "none"),
    ],
)
def test_only_one_and_true_mean_yes(attributes: str, action: str) -> None:
    assert operation(f'id="{UUID_1}" {attributes}').action == action


@pytest.mark.parametrize("entity_id", [UUID_1, f"uuid:{UUID_1}", UUID_1.upper()])
def test_ids_are_read_with_or_without_scheme_and_in_lower_case(entity_id: str) -> None:
    found = operation(f'create="1" id="{entity_id}"')

    assert (found.entity_id, found.problem) == (UUID_1, None)


@pytest.mark.parametrize("entity_id", ["", "abc", "c7cd9ac3-c1a2-1c9e-9d85-1b8a7d1bb111", UUID_1 + "0", "{" + UUID_1 + "}"])
def test_an_id_that_is_no_version_4_uuid_is_a_problem(entity_id: str) -> None:
    found = operation(f'create="1" id="{entity_id}"')

    assert found.entity_id == ""
    assert found.problem is not None


@pytest.mark.parametrize("label", ["", "<label/>", "<label>  </label>"])
def test_a_create_without_label_is_a_problem(label: str) -> None:
    found = operation(f'create="1" id="{UUID_1}"', label)

    assert found.problem == "A new entity needs a label, and the report has none."


def test_an_update_may_leave_the_label_out() -> None:
    found = operation(f'update="1" id="{UUID_1}"', "<label/>")

    assert (found.label, found.problem) == (None, None)


def test_an_entity_that_asks_for_nothing_is_no_problem() -> None:
    found = operation('id=""', "<label/>")

    assert (found.action, found.problem) == ("none", None)


@pytest.mark.parametrize(("text", "version"), [("3", 3), ("", 0), ("0", 0), ("-1", 0), ("1.5", 0), ("x", 0), ("99999999999", 0)])
def test_a_base_version_that_is_no_positive_whole_number_counts_as_none(text: str, version: int) -> None:
    assert operation(f'update="1" id="{UUID_1}" baseVersion="{text}"').base_version == version


def test_the_offline_branch_is_read() -> None:
    found = operation(f'update="1" id="{UUID_1}" baseVersion="5" trunkVersion="3" branchId="{UUID_2}"')

    assert (found.base_version, found.trunk_version, found.branch_id) == (5, 3, UUID_2)


def test_an_empty_branch_is_none() -> None:
    found = operation(f'update="1" id="{UUID_1}" baseVersion="5" trunkVersion="" branchId=""')

    assert (found.trunk_version, found.branch_id) == (None, None)


def test_values_keep_their_text_and_say_whether_they_were_answered() -> None:
    found = operation(f'create="1" id="{UUID_1}"', answers="<name> A  B </name><beds/>")

    assert found.values == {"title": " A  B ", "beds": ""}
    assert found.answered == {"title": True, "beds": False}
    assert found.source_paths == {"title": "/name", "beds": "/beds"}


def test_a_question_left_out_of_the_report_makes_no_value() -> None:
    found = operation(f'update="1" id="{UUID_1}"', answers="<name>A</name>")

    assert "beds" not in found.values


def test_a_report_for_another_list_than_the_forms_is_a_problem() -> None:
    xml = f'<data id="x"><meta><entity dataset="users" create="1" id="{UUID_1}"><label>A</label></entity></meta></data>'

    (found,) = operations(parse_submission(xml.encode()), FORM)

    assert found.problem == "The report names the list 'users', but its form declares 'clinics'."


def test_repeats_and_several_lists_give_one_operation_each() -> None:
    xml = (
        f'<data id="clinic_form"><g><kind>health</kind><name>A</name><meta><entity dataset="clinics" create="true"'
        f' id="{UUID_1}"><label>A</label></entity></meta></g>'
        f'<visitor><who>Ada</who><meta><entity dataset="people" create="1" id="{UUID_2}"><label>Ada</label></entity></meta>'
        "</visitor>"
        '<visitor><who/><meta><entity dataset="people" create="1" id=""><label/></entity></meta></visitor></data>'
    )

    found = operations(parse_submission(xml.encode()), clinic_form())

    assert [(each.dataset, each.indices, each.entity_id) for each in found] == [
        ("clinics", (), UUID_1),
        ("people", (1,), UUID_2),
        ("people", (2,), ""),
    ]
    assert [dict(each.values) for each in found] == [{"kind": "health", "title": "A"}, {"full": "Ada"}, {"full": ""}]


def test_a_report_without_entity_block_asks_for_nothing() -> None:
    assert operations(parse_submission(b'<data id="x"><name>A</name></data>'), FORM) == []


def test_an_encrypted_report_asks_for_nothing_before_it_is_decrypted() -> None:
    xml = f'<data id="x" encrypted="yes"><meta><entity dataset="clinics" create="1" id="{UUID_1}"/></meta></data>'

    assert operations(parse_submission(xml.encode()), FORM) == []
