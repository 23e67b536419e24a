"""Submissions: ids, canonical hash, answers, repeats and files."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.definition import parse
from forms.submission import (
    SubmissionXmlError,
    all_values,
    canonical_hash,
    derived_instance_id,
    expected_files,
    first_value,
    parse_submission,
    rows,
    value,
    walk,
)
from tests.forms.sample_forms import clinic_form, xform

REPORT = (
    b'<data id="clinic_form" version="7"><g><kind>health</kind><name> A  B </name></g><photo>1.jpg</photo>'
    b"<visitor><who>Ada</who></visitor><visitor><who/></visitor>"
    b'<orx:meta xmlns:orx="http://openrosa.org/xforms"><orx:instanceID>uuid:1</orx:instanceID>'
    b"<orx:deprecatedID>uuid:0</orx:deprecatedID><orx:instanceName>Clinic</orx:instanceName></orx:meta></data>"
)


def test_identity_is_read_from_root_and_meta() -> None:
    sub = parse_submission(REPORT)

    assert (sub.form_id, sub.version, sub.instance_id) == ("clinic_form", "7", "uuid:1")
    assert (sub.deprecated_id, sub.instance_name, sub.encrypted) == ("uuid:0", "Clinic", False)


def test_an_unqualified_meta_block_counts_as_well() -> None:
    sub = parse_submission(b'<data id="x"><meta><instanceID> uuid:2 </instanceID></meta></data>')

    assert sub.instance_id == "uuid:2"


@pytest.mark.parametrize(
    "xml", [b'<data id="x"/>', b'<data id="x" version=""><meta/></data>', b'<data id="x"><meta><instanceID/></meta></data>']
)
def test_missing_ids_and_versions_are_none(xml: bytes) -> None:
    sub = parse_submission(xml)

    assert (sub.version, sub.instance_id, sub.deprecated_id) == (None, None, None)


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (b"<data/>", "no id"),
        (b'<data id=""/>', "no id"),
        (b'<data id="' + b"x" * 250 + b'"/>', "250 characters"),
        (b'<data id="x" version="' + b"1" * 250 + b'"/>', "form version"),
        (b'<data id="x"><meta><instanceID>' + b"u" * 250 + b"</instanceID></meta></data>", "instanceID"),
        (b'<data id="x"><meta><instanceID>a</instanceID><instanceID>b</instanceID></meta></data>', "more than one instanceID"),
        (
            b'<data id="x"><meta><deprecatedID>a</deprecatedID></meta><meta><deprecatedID>a</deprecatedID></meta></data>',
            "more than",
        ),
    ],
)
def test_what_is_no_submission_is_refused_with_the_reason(xml: bytes, reason: str) -> None:
    with pytest.raises(SubmissionXmlError, match=reason):
        parse_submission(xml)


def test_ids_of_249_characters_are_accepted() -> None:
    sub = parse_submission(f'<data id="{"é" * 249}"><meta><instanceID>{"u" * 249}</instanceID></meta></data>'.encode())

    assert (len(sub.form_id), len(sub.instance_id or "")) == (249, 249)


@pytest.mark.parametrize(
    "same",
    [
        b"<data version='7' id='x'><a>1 &lt; 2</a><b/></data>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<data   id="x"\n version="7" >\n  <a>1 &#60; 2</a>\r\n\t<b></b>\n</data>\n',
        b'<!-- from a phone --><data id="x" version="7"><a><![CDATA[1 < 2]]></a><!-- b --><b/></data>',
        b'<data id="x" version="7" xmlns:jr="http://openrosa.org/javarosa"><a>1 &lt; 2</a><b/></data>',
        '<data id="x" version="7"><a>1 &lt; 2</a><b/></data>'.encode("utf-16"),
    ],
)
def test_the_hash_does_not_depend_on_how_the_same_answers_are_written(same: bytes) -> None:
    reference = parse_submission(b'<data id="x" version="7"><a>1 &lt; 2</a><b/></data>')

    assert parse_submission(same).canonical_hash == reference.canonical_hash


@pytest.mark.parametrize("namespace", ["http://openrosa.org/xforms", "1234"])
def test_a_report_of_very_many_nodes_has_the_hash_that_it_had_in_one_piece(namespace: str) -> None:
    node = f'<o:a xmlns:o="{namespace}" k="&lt;&#10;">1 &lt; 2&#13;</o:a><b/>'

    parsed = parse_submission(f"<data id='x' version='7'>{node * 10_001}</data>".encode())

    assert parsed.canonical_hash == canonical_hash(parsed.root)


@pytest.mark.parametrize(
    "other",
    [
        b'<data id="x" version="7"><a>1 &lt; 2 </a><b/></data>',
        b'<data id="x" version="8"><a>1 &lt; 2</a><b/></data>',
        b'<data id="x" version="7"><b/><a>1 &lt; 2</a></data>',
        b'<data id="x" version="7"><a>1 &lt; 2</a><b> </b></data>',
        b'<data id="x" version="7"><a>1 &lt; 2</a></data>',
    ],
)
def test_the_hash_tells_other_answers_apart(other: bytes) -> None:
    reference = parse_submission(b'<data id="x" version="7"><a>1 &lt; 2</a><b/></data>')

    assert parse_submission(other).canonical_hash != reference.canonical_hash


names = st.text(string.ascii_letters, min_size=1, max_size=8)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=20)
spaces = st.text(" \n\t", max_size=3)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(names, texts, max_size=4), st.dictionaries(names, texts, max_size=5), st.data())
def test_attribute_order_and_space_between_tags_never_change_the_hash(
    attributes: dict[str, str], answers: dict[str, str], data: st.DataObject
) -> None:
    attributes = {"id": "x", **{f"a{name}": text for name, text in attributes.items()}}
    pairs = [f'{name}="{_escaped(text)}"' for name, text in attributes.items()]
    nodes = [f"<{name}>{_escaped(text)}</{name}>" for name, text in answers.items()]
    shuffled = data.draw(st.permutations(pairs))

    plain = f"<data {' '.join(pairs)}>{''.join(nodes)}</data>"
    spaced = f"<data {'  '.join(shuffled)} >" + "".join(data.draw(spaces) + node for node in nodes) + "\n</data>"
    if not nodes:
        spaced = spaced.replace("\n</data>", "</data>")

    assert parse_submission(plain.encode()).canonical_hash == parse_submission(spaced.encode()).canonical_hash


def test_the_derived_id_is_stable_and_differs_between_reports() -> None:
    first, second = parse_submission(b'<data id="x"><a>1</a></data>'), parse_submission(b'<data id="x"><a>2</a></data>')

    ids = [derived_instance_id(sub.canonical_hash) for sub in (first, first, second)]

    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("uuid:")


def test_values_are_found_by_path_with_spaces_kept() -> None:
    sub = parse_submission(REPORT)

    assert value(sub, "/g/name") == " A  B "


def test_the_first_answered_path_wins() -> None:
    sub = parse_submission(REPORT)

    assert first_value(sub, "/g/nothing", "/visitor/who", "/g/kind") == "Ada"


def test_all_instances_of_a_repeat_are_read() -> None:
    sub = parse_submission(b'<data id="x"><r><q>1</q></r><r/><r><q>2</q></r></data>')

    assert all_values(sub, "/r/q") == ["1", "2"]


def test_rows_nest_groups_and_repeats_and_leave_empty_answers_out() -> None:
    answers = rows(parse_submission(REPORT), clinic_form())

    assert answers["g"] == {"kind": "health", "name": " A  B ", "meta": {"entity": {}}}
    assert answers["visitor"] == [{"who": "Ada", "meta": {"entity": {}}}, {"meta": {"entity": {}}}]
    assert "seen" not in answers


def test_walk_names_every_question_with_its_repeat_position() -> None:
    walked = [(field.path, indices, text) for field, indices, text in walk(parse_submission(REPORT), clinic_form())]

    assert ("/visitor/who", (1,), "Ada") in walked
    assert ("/visitor/who", (2,), None) in walked
    assert ("/seen", (), None) in walked


def test_files_named_in_the_answers_are_expected() -> None:
    assert expected_files(parse_submission(REPORT), clinic_form()) == ["1.jpg"]


def test_files_in_repeats_are_expected_once_each() -> None:
    definition = parse(
        xform(
            '<data id="x"><r><p/></r></data>',
            '<bind nodeset="/data/r/p" type="binary"/>',
            '<repeat nodeset="/data/r"><upload ref="/data/r/p" mediatype="image/*"/></repeat>',
        )
    )
    sub = parse_submission(b'<data id="x"><r><p>a.jpg</p></r><r><p/></r><r><p>b.jpg</p></r><r><p>a.jpg</p></r></data>')

    assert expected_files(sub, definition) == ["a.jpg", "b.jpg"]


def test_an_encrypted_submission_expects_the_files_of_its_manifest() -> None:
    sub = parse_submission(
        b'<data xmlns="http://opendatakit.org/submissions" id="x" encrypted="yes"><base64EncryptedKey>k</base64EncryptedKey>'
        b'<meta xmlns="http://openrosa.org/xforms"><instanceID>uuid:1</instanceID></meta>'
        b"<media><file>1.jpg.enc</file></media><encryptedXmlFile>submission.xml.enc</encryptedXmlFile></data>"
    )

    assert (sub.encrypted, sub.instance_id) == (True, "uuid:1")
    assert expected_files(sub, clinic_form()) == ["1.jpg.enc", "submission.xml.enc"]


def test_two_kilobytes_are_read_in_well_under_a_millisecond() -> None:
    xml = REPORT.replace(b"</data>", b"".join(b"<q%d>some answer</q%d>" % (n, n) for n in range(60)) + b"</data>")

    def once() -> float:
        start = time.perf_counter()
        parse_submission(xml)
        return time.perf_counter() - start

    assert min(once() for _ in range(50)) < 0.002
