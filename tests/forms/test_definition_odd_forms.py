"""Forms as they really occur: odd ids, odd names, no meta, default namespaces, nested and self-named repeats."""

from __future__ import annotations

import pytest

from forms.definition import parse
from forms.submission import parse_submission, rows, value
from tests.forms.sample_forms import xform


@pytest.mark.parametrize("form_id", ["with spaces", "a/b", "http://x.org/form", "{braces}", "ü#1", "x" * 249])
def test_any_form_id_is_kept_as_it_is(form_id: str) -> None:
    definition = parse(xform(f'<data id="{form_id}"><q/></data>'))

    assert definition.form_id == form_id


def test_the_openrosa_version_wins_over_the_plain_one() -> None:
    definition = parse(xform('<data id="x" version="1" orx:version="2"><q/></data>'))

    assert definition.version == "2"


@pytest.mark.parametrize("attributes", ["", ' version=""'])
def test_no_version_is_none(attributes: str) -> None:
    assert parse(xform(f'<data id="x"{attributes}><q/></data>')).version is None


@pytest.mark.parametrize("name", ["a.b", "été", "a-b", "_x"])
def test_odd_node_names_are_found_by_their_binds(name: str) -> None:
    definition = parse(xform(f'<data id="x"><{name}/></data>', f'<bind nodeset="/data/{name}" type="int"/>'))

    assert definition.by_path[f"/{name}"].type == "int"


def test_a_default_namespace_on_the_answers_changes_no_path() -> None:
    definition = parse(xform('<data xmlns="http://example.org/x" id="x"><q/></data>', '<bind nodeset="/data/q" type="date"/>'))

    assert (definition.namespace, definition.by_path["/q"].type) == ("http://example.org/x", "date")


def test_answers_are_found_whatever_namespace_the_sender_writes() -> None:
    sub = parse_submission(b'<d:data xmlns:d="http://example.org/x" id="x"><d:q>5</d:q></d:data>')

    assert value(sub, "/q") == "5"


def test_a_form_without_meta_is_read_and_says_so() -> None:
    assert parse(xform('<data id="x"><q/></data>')).has_meta is False


def test_a_namespaced_meta_block_is_a_field_like_any_other() -> None:
    definition = parse(
        xform(
            '<data id="x"><orx:meta><orx:instanceID/></orx:meta></data>',
            '<bind nodeset="/data/orx:meta/orx:instanceID" type="string" jr:preload="uid"/>',
        )
    )

    assert definition.by_path["/meta/instanceID"].preload == "uid"


def test_a_child_named_as_its_repeat_keeps_both() -> None:
    definition = parse(xform('<data id="x"><a><a/></a></data>', body='<group ref="/data/a"><repeat nodeset="/data/a"/></group>'))

    assert [(field.path, field.type) for field in definition.fields] == [("/a", "repeat"), ("/a/a", "unknown")]


def test_a_repeats_template_and_first_instance_are_one_field() -> None:
    definition = parse(
        xform(
            '<data id="x"><r jr:template=""><q/></r><r><q/></r><r><q/></r></data>',
            body='<group ref="/data/r"><repeat nodeset="/data/r"><input ref="/data/r/q"/></repeat></group>',
        )
    )

    assert [field.path for field in definition.fields] == ["/r", "/r/q"]


def test_three_nested_repeats_are_read_and_their_answers_nest() -> None:
    body = '<repeat nodeset="/data/a"><repeat nodeset="/data/a/b"><repeat nodeset="/data/a/b/c"/></repeat></repeat>'
    definition = parse(xform('<data id="x"><a><b><c><q/></c></b></a></data>', body=body))
    sub = parse_submission(b'<data id="x"><a><b><c><q>1</q></c><c><q>2</q></c></b></a><a><b/></a></data>')

    answers = rows(sub, definition)

    assert definition.by_path["/a/b/c/q"].repeat == "/a/b/c"
    assert answers == {"a": [{"b": [{"c": [{"q": "1"}, {"q": "2"}]}]}, {"b": [{"c": []}]}]}


def test_controls_may_name_their_bind_instead_of_their_node() -> None:
    definition = parse(
        xform(
            '<data id="x"><q/></data>',
            '<bind id="b" nodeset="/data/q" type="string"/>',
            '<select bind="b"><label>Q</label><item><label>One</label><value>1</value></item></select>',
        )
    )

    question = definition.by_path["/q"]

    assert (question.select, [choice.value for choice in question.choices]) == ("multiple", ["1"])


def test_the_public_key_is_kept_byte_for_byte() -> None:
    definition = parse(xform('<data id="x"><q/></data>', '<submission base64RsaPublicKey="AB+/=="/>'))

    assert definition.public_key == "AB+/=="


@pytest.mark.parametrize(
    ("appearance", "query", "filename"),
    [("search('places')", "", "places.csv"), ("minimal", "instance('c')/root/item[a=1]", "itemsets.csv")],
)
def test_older_ways_to_name_a_list_file_are_seen(appearance: str, query: str, filename: str) -> None:
    attribute = f' query="{query}"' if query else ""
    body = f'<input ref="/data/q" appearance="{appearance}"{attribute}/>'
    definition = parse(xform('<data id="x"><q/></data>', body=body))

    assert [each.filename for each in definition.attachments] == [filename]
