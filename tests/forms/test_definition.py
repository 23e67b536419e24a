"""Form definitions: fields, languages, choices, files, entity declarations, caching."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from forms.definition import FormDefinition, FormXmlError, parse, text_in
from tests.forms.sample_forms import clinic_form, form, library_form, xform


def test_fields_come_in_form_order_with_centrals_paths_and_types() -> None:
    definition = clinic_form()

    shape = [(field.path, field.type) for field in definition.fields if field.path.startswith(("/g", "/v"))]

    assert shape == [
        ("/g", "structure"),
        ("/g/clinic", "string"),
        ("/g/kind", "string"),
        ("/g/type", "string"),
        ("/g/name", "string"),
        ("/g/beds", "int"),
        ("/g/twice", "string"),
        ("/g/meta", "structure"),
        ("/g/meta/entity", "structure"),
        ("/g/meta/entity/label", "string"),
        ("/gps", "geopoint"),
        ("/visitor", "repeat"),
        ("/visitor/who", "string"),
        ("/visitor/age", "int"),
        ("/visitor/line", "string"),
        ("/visitor/meta", "structure"),
        ("/visitor/meta/entity", "structure"),
        ("/visitor/meta/entity/label", "string"),
    ]


def test_questions_know_their_repeat() -> None:
    definition = clinic_form()

    assert definition.by_path["/visitor/who"].repeat == "/visitor"


def test_labels_and_messages_come_in_every_language() -> None:
    beds = clinic_form().by_name["beds"]

    assert dict(beds.labels) == {"English (en)": "Beds", "French (fr)": "Lits"}
    assert text_in(beds.constraint_msgs, "fr") == "Lits de {{/data/g/name}} : 0 à 500"


def test_a_missing_translation_falls_back_to_the_default_language() -> None:
    assert text_in({"English (en)": "Beds"}, "fr", "English (en)") == "Beds"


def test_kinds_of_selects_are_told_apart() -> None:
    definition = clinic_form()

    kinds = {name: definition.by_name[name].select for name in ("kind", "needs", "beds")}

    assert kinds == {"kind": "one", "needs": "multiple", "beds": None}


def test_choices_of_an_inline_list_carry_labels_and_filter_columns() -> None:
    definition = clinic_form()

    choices = definition.choices_of(definition.by_name["type"])

    assert [(choice.value, choice.labels["French (fr)"], choice.extra["k"]) for choice in choices] == [
        ("hospital", "Hôpital", "health"),
        ("primary", "Primaire", "school"),
    ]


def test_a_stored_value_is_labelled_in_the_language_asked_for() -> None:
    definition = clinic_form()

    assert definition.choice_label(definition.by_name["kind"], "school", "fr") == "École"


def test_a_choice_filter_is_kept_apart_from_its_list() -> None:
    itemset = clinic_form().by_name["type"].itemset

    assert itemset is not None
    assert (itemset.instance, itemset.filter) == ("type", "k= /data/g/kind")


def test_a_randomized_list_still_names_its_list() -> None:
    definition = form(
        "| survey | | | | |\n| | type | name | label | parameters | choice_filter |\n"
        "| | select_one a | q | Q | randomize=true, seed=4 | x='1' |\n"
        "| choices | | | | |\n| | list_name | name | label | x |\n| | a | one | One | 1 |\n"
    )

    itemset = definition.by_name["q"].itemset

    assert itemset is not None
    assert (itemset.instance, itemset.filter, itemset.randomized) == ("a", "x='1'", True)


def test_media_of_the_translations_are_attachments_with_their_kind() -> None:
    definition = parse(
        xform(
            '<data id="x"><q/></data>',
            model=(
                '<itext><translation lang="en"><text id="a"><value>A</value>'
                '<value form="image">jr://images/a.png</value><value form="audio">jr://audio/a.mp3</value></text>'
                "</translation></itext>"
            ),
        )
    )

    assert {(each.filename, each.type) for each in definition.attachments} == {("a.png", "image"), ("a.mp3", "audio")}


def test_lists_from_files_are_attachments_and_the_last_saved_record_is_none() -> None:
    definition = parse(
        xform(
            '<data id="x"><q/></data>',
            binds='<instance id="c" src="jr://file-csv/c.csv"/><instance id="g" src="jr://file/g.geojson"/>'
            '<instance id="l" src="jr://instance/last-saved"/>',
        )
    )

    assert [each.filename for each in definition.attachments] == ["c.csv", "g.geojson"]


def test_each_saved_property_belongs_to_the_nearest_entity_declaration() -> None:
    blocks = {block.dataset: block for block in clinic_form().entity_blocks}

    assert dict(blocks["clinics"].save_to) == {"/g/kind": "kind", "/g/name": "title", "/g/beds": "beds"}
    assert dict(blocks["people"].save_to) == {"/visitor/who": "full"}
    assert (blocks["clinics"].create, blocks["clinics"].update, blocks["people"].update) == (True, True, False)
    assert blocks["people"].repeat == "/visitor"


def test_a_trigger_is_noted_on_the_question_it_fills() -> None:
    name = clinic_form().by_name["name"]

    assert name.triggers == ("/g/clinic",)
    assert name.trigger_calculate is not None
    assert "instance('clinics')" in name.trigger_calculate


@pytest.mark.parametrize("make", [clinic_form, lambda: library_form("monthly_return")])
def test_a_definition_survives_its_json(make: Callable[[], FormDefinition]) -> None:
    definition = make()

    again = FormDefinition.from_json(json.loads(json.dumps(definition.to_json())))

    assert again == definition


def test_json_of_another_layout_is_refused() -> None:
    stale = {**clinic_form().to_json(), "_format": 0}

    with pytest.raises(ValueError, match="another format"):
        FormDefinition.from_json(stale)


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (b"", "cannot be read"),
        (b"<html/>", "no <model>"),
        (b"<data id='x'/>", "outermost element is <data>"),
        (xform(""), "no primary instance"),
        (xform("<data><q/></data>"), "has no id"),
        (b"<!DOCTYPE html><html/>", "DTD"),
        (b"<a>" * 300 + b"</a>" * 300, "deeper than 200"),
    ],
)
def test_what_is_no_form_is_refused_with_the_reason(xml: bytes, reason: str) -> None:
    with pytest.raises(FormXmlError, match=reason):
        parse(xml)


def test_a_thousand_questions_are_read_in_linear_time() -> None:
    def seconds(count: int) -> float:
        names = "".join(f"<q{number}/>" for number in range(count))
        binds = "".join(f'<bind nodeset="/data/q{number}" type="int"/>' for number in range(count))
        xml = xform(f'<data id="x">{names}</data>', binds)
        start = time.perf_counter()
        assert len(parse(xml).fields) == count
        return time.perf_counter() - start

    small, large = min(seconds(1_000) for _ in range(3)), min(seconds(8_000) for _ in range(3))

    assert large < small * 30
