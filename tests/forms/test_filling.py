"""Filling forms as a phone does: defaults, calculations, triggers, repeats, relevance, entities; and web evaluation."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from random import Random
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from forms.definition import FormDefinition, parse
from forms.entities import operations
from forms.filling import FillingProblem, evaluate, fill
from forms.submission import ParsedSubmission, parse_submission, value
from forms.validation import validate
from forms.values import Point
from tests.forms.sample_forms import ANSWERS, LISTS, NOW, UUID_1, clinic_form, form, xform


def filled(answers: dict[str, Any], definition: FormDefinition | None = None, **options: Any) -> ParsedSubmission:
    options = {"rng": Random(1), **options}
    return parse_submission(fill(definition or clinic_form(), answers, LISTS, NOW, **options))


def test_a_filled_form_is_a_proper_submission_without_findings() -> None:
    sub = filled(ANSWERS)

    assert (sub.form_id, sub.version) == ("clinic_form", "7")
    assert UUID(str(sub.instance_id).removeprefix("uuid:")).version == 4
    assert sub.instance_name == "Clinic A 2026-11-22"
    assert validate(sub, clinic_form(), LISTS, NOW) == []


def test_the_xml_looks_like_one_from_a_phone() -> None:
    xml = fill(clinic_form(), ANSWERS, LISTS, NOW, rng=Random(1))

    assert xml.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<data id=\"clinic_form\" version=\"7\">")
    assert b"template" not in xml


def test_meta_data_is_written() -> None:
    start = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    sub = filled(ANSWERS, device_id="fp:1", instance_id="uuid:mine", start=start)

    assert (sub.instance_id, value(sub, "/deviceid")) == ("uuid:mine", "fp:1")
    assert (value(sub, "/start"), value(sub, "/today")) == ("2026-11-22T09:00:00.000Z", "2026-11-22")


def test_dynamic_defaults_are_set_and_answers_win_over_them() -> None:
    assert value(filled(ANSWERS), "/seen") == "2026-11-22"
    assert value(filled({**ANSWERS, "seen": date(2026, 11, 1)}), "/seen") == "2026-11-01"


def test_an_emptied_answer_wins_over_the_default_and_an_untouched_one_does_not() -> None:
    assert value(filled({**ANSWERS, "seen": ""}), "/seen") is None
    assert value(filled({**ANSWERS, "seen": None}), "/seen") == "2026-11-22"


def test_calculations_are_computed_from_answers() -> None:
    assert value(filled(ANSWERS), "/g/twice") == "24"


def test_a_calculation_that_is_no_number_stays_empty() -> None:
    assert value(filled({**ANSWERS, "beds": None}), "/g/twice") is None


def test_calculations_that_build_on_later_ones_settle() -> None:
    binds = "".join(f'<bind nodeset="/data/q{n}" type="int" calculate="/data/q{n + 1} + 1"/>' for n in range(200))
    definition = parse(xform('<data id="x">' + "".join(f"<q{n}/>" for n in range(201)) + "</data>", binds))

    assert value(filled({"q200": 0}, definition), "/q0") == "200"


def test_calculations_in_a_circle_end() -> None:
    binds = '<bind nodeset="/data/a" calculate="/data/b + 1"/><bind nodeset="/data/b" calculate="coalesce(/data/a, 0) + 1"/>'
    definition = parse(xform('<data id="x"><a/><b/></data>', binds))

    assert value(filled({}, definition), "/a") is not None


def test_irrelevant_questions_are_left_out() -> None:
    sub = filled({**ANSWERS, "kind": "school", "type": "primary"})

    assert sub.root.find("g/beds") is None
    assert value(sub, "/g/twice") is None


def test_choosing_a_known_place_copies_its_name() -> None:
    answers = {key: text for key, text in ANSWERS.items() if key != "name"}

    assert value(filled({**answers, "clinic": UUID_1}), "/g/name") == "Old clinic"


def test_a_given_answer_is_not_overwritten_by_a_trigger() -> None:
    assert value(filled({**ANSWERS, "clinic": UUID_1}), "/g/name") == "Clinic A"


def test_repeats_hold_one_instance_per_answer_in_form_order() -> None:
    sub = filled(ANSWERS)

    assert [element.findtext("who") for element in sub.root.findall("visitor")] == ["Ada", "Ben"]
    assert [element.findtext("line") for element in sub.root.findall("visitor")] == ["1-Ada", "2-Ben"]
    tags = [child.tag for child in sub.root]
    assert tags.index("photo") < tags.index("visitor") < tags.index("meta")


def test_a_repeat_without_answers_has_no_instance() -> None:
    assert filled({**ANSWERS, "visitor": []}).root.find("visitor") is None


def test_a_counted_repeat_has_as_many_instances_as_the_form_says() -> None:
    definition = form(
        "| survey | | | | |\n| | type | name | label | repeat_count |\n| | integer | n | N | |\n"
        "| | begin_repeat | r | R | ${n} |\n| | text | q | Q | |\n| | end_repeat | | | |\n"
    )

    assert [each.findtext("q") for each in filled({"n": 3, "r": [{"q": "a"}]}, definition).root.findall("r")] == ["a", "", ""]
    assert len(filled({"n": 1, "r": [{"q": "a"}, {"q": "b"}]}, definition).root.findall("r")) == 1


def test_nested_repeats_are_filled() -> None:
    definition = form(
        "| survey | | | |\n| | type | name | label |\n| | begin_repeat | a | A |\n| | text | x | X |\n"
        "| | begin_repeat | b | B |\n| | text | y | Y |\n| | end_repeat | | |\n| | end_repeat | | |\n"
    )

    sub = filled({"a": [{"x": "1", "b": [{"y": "1a"}, {"y": "1b"}]}, {"x": "2"}]}, definition)

    assert [[y.text for y in a.findall("b/y")] for a in sub.root.findall("a")] == [["1a", "1b"], []]


def test_a_new_thing_makes_a_create_with_an_id_of_its_own() -> None:
    clinic, *people = operations(filled(ANSWERS), clinic_form())

    assert (clinic.action, clinic.label, clinic.problem) == ("create", "Clinic A", None)
    assert clinic.values == {"kind": "health", "title": "Clinic A", "beds": "12"}
    assert [(each.action, each.label, each.problem) for each in people] == [("create", "Ada", None), ("create", "Ben", None)]
    assert len({each.entity_id for each in (clinic, *people)}) == 3


def test_a_known_thing_makes_an_update_on_the_version_the_device_had() -> None:
    clinic = operations(filled({**ANSWERS, "clinic": UUID_1}), clinic_form())[0]

    assert (clinic.action, clinic.entity_id, clinic.base_version) == ("update", UUID_1, 4)


def test_the_same_chance_gives_the_same_bytes_and_other_chance_other_ids() -> None:
    first, again, other = (filled(ANSWERS, rng=Random(seed)) for seed in (5, 5, 6))

    assert first.canonical_hash == again.canonical_hash
    assert first.instance_id != other.instance_id


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("text", "text"),
        (5, "5"),
        (2.50, "2.5"),
        (True, "true"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00.000Z"),
        (time(3, 4, tzinfo=UTC), "03:04:00.000Z"),
        (Point(6.5, 17.25, None, 5.0), "6.5 17.25 0 5"),
        (["water", "food"], "water food"),
        ({"water", "food"}, "food water"),
        ("a\x00b\x1f<&>é\ud800", "ab<&>é"),
    ],
)
def test_every_kind_of_answer_is_written_as_a_phone_writes_it(answer: object, text: str) -> None:
    definition = parse(xform('<data id="x"><q/></data>', '<bind nodeset="/data/q" type="string"/>'))

    assert value(filled({"q": answer}, definition), "/q") == text


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"colour": "red"}, "no question “colour”"),
        ({"who": "Ada"}, "no question “who”"),
        ({"visitor": "Ada"}, "is a repeat"),
        ({"visitor": ["Ada"]}, "is a repeat"),
        ({"visitor": [{"colour": 1}]}, "in the repeat /visitor"),
        ({"g": "x"}, "is a group"),
        ({"label": "x"}, "no question “label”"),
        ({"instanceID": "x"}, "no question “instanceID”"),
        ({"name": object()}, "which no question takes"),
        ({"beds": float("nan")}, "no finite number"),
        ({"seen": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001 - the fault under test
    ],
)
def test_answers_that_do_not_fit_are_refused(answers: dict[str, Any], reason: str) -> None:
    with pytest.raises(FillingProblem, match=reason):
        fill(clinic_form(), answers, LISTS, NOW)


def test_answers_may_be_given_by_path_or_in_groups() -> None:
    by_path = filled({"/g/kind": "health", "g/name": "A", "/visitor": [{"/visitor/who": "Ada"}]})
    in_groups = filled({"g": {"kind": "health", "name": "A"}, "visitor": [{"who": "Ada"}]})

    assert by_path.canonical_hash == in_groups.canonical_hash


def test_a_name_that_occurs_twice_needs_a_path() -> None:
    definition = parse(xform('<data id="x"><a><q/></a><b><q/></b></data>'))

    with pytest.raises(FillingProblem, match="several questions"):
        fill(definition, {"q": "1"}, {}, NOW)
    assert value(filled({"/b/q": "1"}, definition), "/b/q") == "1"


def test_a_form_without_meta_gets_an_instance_id() -> None:
    definition = parse(xform('<data id="x"><q/></data>'))

    sub = filled({"q": "1"}, definition, instance_id="uuid:7")

    assert sub.instance_id == "uuid:7"
    assert sub.root.find("{http://openrosa.org/xforms}meta") is not None


@pytest.mark.parametrize("meta", ["<meta><instanceID/></meta>", "<orx:meta><orx:instanceID/></orx:meta>", ""])
def test_an_edit_names_the_report_it_replaces(meta: str) -> None:
    definition = parse(xform(f'<data id="x"><q/>{meta}</data>'))

    sub = filled({"q": "1"}, definition, instance_id="uuid:2", deprecated_id="uuid:1")

    assert (sub.instance_id, sub.deprecated_id) == ("uuid:2", "uuid:1")


def test_namespaces_of_the_form_are_kept() -> None:
    definition = parse(
        xform(
            '<data xmlns="http://example.org/x" id="x" orx:version="3"><q/><orx:meta><orx:instanceID/></orx:meta></data>',
            '<bind nodeset="/data/orx:meta/orx:instanceID" jr:preload="uid"/>',
        )
    )

    sub = filled({"q": "1"}, definition)

    assert (etree.QName(sub.root).namespace, sub.version) == ("http://example.org/x", "3")
    assert sub.instance_id is not None


def test_once_survives_recalculation() -> None:
    sub = filled({**ANSWERS, "clinic": ""})

    assert operations(sub, clinic_form())[0].entity_id == value(sub, "/new_id")


def test_a_web_page_learns_what_to_show() -> None:
    shown = evaluate(clinic_form(), {"kind": "health", "visitor": [{"who": "Ada"}, {}]}, LISTS, NOW)

    assert "/g/beds" in shown.relevant
    assert shown.values["/visitor[1]/line"] == "1-Ada"
    assert [choice.value for choice in shown.choices["/g/type"]] == ["hospital"]
    assert [choice.labels for choice in shown.choices["/g/clinic"]] == [
        {"English (en)": "Old clinic"},
        {"English (en)": "Other clinic"},
    ]
    assert {(finding.path, finding.indices, finding.code) for finding in shown.findings} == {
        ("/g/name", (), "required"),
        ("/visitor/who", (2,), "required"),
    }


def test_a_web_page_hides_what_an_answer_rules_out() -> None:
    shown = evaluate(clinic_form(), {"kind": "school"}, LISTS, NOW)

    assert "/g/beds" not in shown.relevant
    assert [choice.value for choice in shown.choices["/g/type"]] == ["primary"]
