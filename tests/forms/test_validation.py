"""Checking reports: every kind of finding, its place and its words, and that checking ends."""

from __future__ import annotations

import time

import pytest

from forms.definition import parse
from forms.nodes import Lists
from forms.submission import parse_submission
from forms.validation import MAX_FINDINGS, AnswerFinding, validate
from tests.forms.sample_forms import LISTS, NOW, UUID_1, clinic_form, xform

GOOD = {
    "clinic": "",
    "kind": "health",
    "type": "hospital",
    "name": "Clinic A",
    "beds": "12",
}


def check(
    group: dict[str, str] | None = None, rest: str = "<seen>2026-11-20</seen>", lists: object = None
) -> list[AnswerFinding]:
    answers = "".join(f"<{name}>{text}</{name}>" for name, text in (GOOD | (group or {})).items())
    sub = parse_submission(f'<data id="clinic_form"><g>{answers}</g>{rest}</data>'.encode())
    return validate(sub, clinic_form(), LISTS if lists is None else lists, NOW)  # type: ignore[arg-type]


def test_a_good_report_has_no_findings() -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("group", "rest", "path", "code"),
    [
        ({"name": ""}, "<seen>2026-11-20</seen>", "/g/name", "required"),
        ({}, "", "/seen", "required"),
        ({}, "<seen> </seen>", "/seen", "required"),
        ({"beds": "501"}, "<seen>2026-11-20</seen>", "/g/beds", "constraint"),
        ({}, "<seen>2026-11-23</seen>", "/seen", "constraint"),
        ({}, "<seen>2026-11-20</seen><needs>none water</needs>", "/needs", "constraint"),
        ({"kind": "school", "type": "primary"}, "<seen>2026-11-20</seen>", "/g/beds", "relevance"),
        ({"kind": "shop", "type": "", "beds": ""}, "<seen>2026-11-20</seen>", "/g/kind", "choice"),
        ({"type": "primary"}, "<seen>2026-11-20</seen>", "/g/type", "choice"),
        ({"clinic": "unknown"}, "<seen>2026-11-20</seen>", "/g/clinic", "choice"),
        ({}, "<seen>2026-11-20</seen><needs>water gold</needs>", "/needs", "choice"),
        ({"beds": "twelve"}, "<seen>2026-11-20</seen>", "/g/beds", "type"),
        ({}, "<seen>yesterday</seen>", "/seen", "type"),
        ({}, "<seen>2026-11-20</seen><gps>here</gps>", "/gps", "type"),
        ({}, "<seen>2026-11-20</seen><colour>red</colour>", "/colour", "unknown_node"),
        ({"colour": "red"}, "<seen>2026-11-20</seen>", "/g/colour", "unknown_node"),
    ],
)
def test_each_fault_is_found_at_its_place(group: dict[str, str], rest: str, path: str, code: str) -> None:
    findings = check(group, rest)

    assert (path, code) in [(finding.path, finding.code) for finding in findings]


def test_a_fault_in_a_repeat_names_the_instance() -> None:
    findings = check(rest="<seen>2026-11-20</seen><visitor><who>Ada</who></visitor><visitor><who>Ben</who><age>0</age></visitor>")

    assert [(finding.path, finding.indices, finding.code) for finding in findings] == [("/visitor/age", (2,), "constraint")]


def test_the_forms_own_message_is_given_in_both_languages_with_its_answers() -> None:
    (finding,) = check({"beds": "900"})

    assert dict(finding.message) == {"en": "Beds of Clinic A: 0 to 500", "fr": "Lits de Clinic A : 0 à 500"}


def test_every_finding_has_words_in_english_and_french() -> None:
    findings = check({"name": "", "kind": "shop", "beds": "x"}, "<seen>2027-01-01</seen><odd/>")

    assert len(findings) >= 5
    assert all(finding.message["en"] and finding.message["fr"] for finding in findings)


def test_an_irrelevant_question_is_not_required() -> None:
    definition = parse(
        xform(
            '<data id="x"><a/><b/></data>',
            '<bind nodeset="/data/a" type="string"/><bind nodeset="/data/b" relevant="/data/a = \'1\'" required="true()"/>',
        )
    )

    assert validate(parse_submission(b'<data id="x"><a>2</a></data>'), definition, {}, NOW) == []


def test_relevance_follows_relevance() -> None:
    definition = parse(
        xform(
            '<data id="x"><a/><b/><c/></data>',
            '<bind nodeset="/data/b" relevant="/data/a = \'1\'"/><bind nodeset="/data/c" relevant="/data/b = \'1\'"/>',
        )
    )
    sub = parse_submission(b'<data id="x"><a>2</a><b>1</b><c>1</c></data>')

    findings = validate(sub, definition, {}, NOW)

    assert [(finding.path, finding.code) for finding in findings] == [("/b", "relevance"), ("/c", "relevance")]


def test_answers_in_an_irrelevant_group_are_found() -> None:
    definition = parse(xform('<data id="x"><g><q/></g></data>', '<bind nodeset="/data/g" relevant="false()"/>'))

    (finding,) = validate(parse_submission(b'<data id="x"><g><q>1</q></g></data>'), definition, {}, NOW)

    assert (finding.path, finding.code, finding.value) == ("/g/q", "relevance", "1")


def test_choices_of_a_list_that_is_not_known_are_not_judged() -> None:
    assert check({"clinic": "anything"}, lists={}) == []


def test_a_known_but_empty_list_allows_nothing() -> None:
    findings = check({"clinic": UUID_1}, lists={"clinics": []})

    assert [(finding.path, finding.code) for finding in findings] == [("/g/clinic", "choice")]


def test_lists_may_be_named_by_their_file() -> None:
    assert check({"clinic": UUID_1}, lists={"clinics.csv": LISTS["clinics"]}) == []


def test_prepared_lists_may_be_used_again() -> None:
    lists = Lists(clinic_form(), LISTS)

    assert check({"clinic": UUID_1}, lists=lists) == check({"clinic": UUID_1}, lists=lists) == []


def test_a_rule_that_cannot_be_read_is_one_finding_and_stops_nothing() -> None:
    definition = parse(
        xform(
            '<data id="x"><a/><b/></data>',
            '<bind nodeset="/data/a" constraint="nonsense(.)"/><bind nodeset="/data/b" constraint=". = 1"/>',
        )
    )

    findings = validate(parse_submission(b'<data id="x"><a>1</a><b>2</b></data>'), definition, {}, NOW)

    assert [(finding.path, finding.code) for finding in findings] == [("/b", "constraint"), ("/a", "evaluation")]
    assert "nonsense() is not known" in findings[1].message["en"]


def test_choices_from_a_repeat_are_the_answers_there() -> None:
    definition = parse(
        xform(
            '<data id="x"><r><n/></r><pick/></data>',
            body='<repeat nodeset="/data/r"><input ref="/data/r/n"/></repeat><select1 ref="/data/pick">'
            '<itemset nodeset="/data/r[n != \'\']"><value ref="n"/><label ref="n"/></itemset></select1>',
        )
    )

    def codes(pick: str) -> list[str]:
        sub = parse_submission(f'<data id="x"><r><n>a</n></r><r><n>b</n></r><pick>{pick}</pick></data>'.encode())
        return [finding.code for finding in validate(sub, definition, {}, NOW)]

    assert (codes("b"), codes("c")) == ([], ["choice"])


def test_meta_data_of_the_sender_is_not_unknown() -> None:
    assert check(rest="<seen>2026-11-20</seen><meta><instanceID>uuid:1</instanceID><timeEnd>x</timeEnd></meta>") == []


def test_an_encrypted_report_is_not_checked() -> None:
    assert validate(parse_submission(b'<data id="clinic_form" encrypted="yes"/>'), clinic_form(), LISTS, NOW) == []


def test_a_thousand_questions_are_checked_in_seconds() -> None:
    names = "".join(f"<q{number}>{number}</q{number}>" for number in range(1_000))
    binds = "".join(
        f'<bind nodeset="/data/q{number}" type="int" required="true()" relevant="/data/q{max(number - 1, 0)} != \'\'"'
        f' constraint=". &gt;= 0 and . &lt;= /data/q999"/>'
        for number in range(1_000)
    )
    definition = parse(xform(f'<data id="x">{names}</data>', binds))
    sub = parse_submission(f'<data id="x">{names}</data>'.encode())

    start = time.perf_counter()
    findings = validate(sub, definition, {}, NOW)

    assert findings == []
    assert time.perf_counter() - start < 5


def test_findings_are_bounded() -> None:
    visitors = b"<visitor><who/><age>-1</age></visitor>" * 3_000
    sub = parse_submission(b'<data id="clinic_form">' + visitors + b"</data>")

    assert len(validate(sub, clinic_form(), LISTS, NOW)) == MAX_FINDINGS


def test_a_report_of_a_million_elements_is_not_walked() -> None:
    sub = parse_submission(b'<data id="clinic_form">' + b"<a/>" * 300_000 + b"</data>")

    (finding,) = validate(sub, clinic_form(), LISTS, NOW)

    assert finding.code == "evaluation"


def test_deeply_nested_unknown_answers_are_survived() -> None:
    sub = parse_submission(b'<data id="clinic_form">' + b"<visitor>" * 900 + b"x" + b"</visitor>" * 900 + b"</data>")

    codes = {finding.code for finding in validate(sub, clinic_form(), LISTS, NOW)}

    assert codes == {"evaluation"}
