"""ODK's XPath: operators, paths, repeats, dates, functions, lists, and what goes wrong."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.nodes import Lists, Node, tree_of
from forms.submission import parse_submission
from forms.xpath import Environment, XPathProblem, compile_xpath
from forms.xpath_functions import FUNCTIONS
from forms.xpath_values import Value, to_string
from tests.forms.sample_forms import CLINICS, UUID_1, clinic_form

NOW = datetime(2026, 11, 22, 0, 30, tzinfo=timezone(timedelta(hours=1)))
ANSWERS = (
    b'<data id="clinic_form"><g><kind>health</kind><name>Clinic A</name><beds>12</beds></g><seen>2026-11-20</seen>'
    b"<needs>water food</needs><gps>6.5 17.5 400 5</gps><empty/>"
    b"<visitor><who>Ada</who><age>30</age><trip><day>1</day></trip><trip><day>2</day></trip></visitor>"
    b"<visitor><who>Ben</who><age/><trip><day>3</day></trip></visitor></data>"
)
LISTS = {
    "clinics": CLINICS,
    "places": [{"name": f"p{n}", "label": f"Place {n}", "area": f"a{n % 3}", "size": str(n)} for n in range(9)],
}


def environment(lists: Mapping[str, list[dict[str, str]]] = LISTS) -> Environment:
    definition = clinic_form()
    tree = tree_of(parse_submission(ANSWERS).root)
    return Environment(definition, tree, Lists(definition, lists), NOW, Random(1))


def evaluate(expression: str, path: str = "", at: int = 0) -> Value:
    env = environment()
    nodes = [env.root]
    for step in path.split("/")[1:]:
        nodes = [child for node in nodes for child in node.named(step)]
    return compile_xpath(expression).evaluate(env, nodes[at])


def text(expression: str, path: str = "", at: int = 0) -> str:
    return to_string(evaluate(expression, path, at))


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 div 2", "3.5"),
        ("7 mod 4", "3"),
        ("-7 mod 4", "-3"),
        ("5 - -2", "7"),
        ("--5", "5"),
        ("1 div 0", "Infinity"),
        ("0 div 0", "NaN"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1000000 * 1000000", "1000000000000"),
        ("1 div 4000000", "0.00000025"),
        ("1 = 1 and 2 > 1", "true"),
        ("1 > 2 or 2 > 3", "false"),
        ("1 = 1 = 1", "true"),
        ("'a' = \"a\"", "true"),
        ("'b' != 'a'", "true"),
        ("'10' > '9'", "true"),
        ("'x' > 1", "false"),
        ("'x' < 1", "false"),
        ("/data/g/kind = 'health'", "true"),
        ("/data/g/beds + 1", "13"),
        ("/data/g/beds >= 12", "true"),
        ("/data/orx:g/orx:kind", "health"),
        ("//age", "30"),
        ("count(//day)", "3"),
        ("count(/data/*)", "7"),
        ("/data/visitor[2]/who", "Ben"),
        ("/data/visitor[who='Ben']/trip/day", "3"),
        ("count(/data/visitor[age > 20])", "1"),
        ("/data/visitor[last()]/who", "Ben"),
        ("/data/visitor[position() = 1]/who", "Ada"),
        ("count(/data/g | /data/visitor)", "3"),
        ("name(/data/g)", "g"),
        ("/data/@id", "clinic_form"),
    ],
)
def test_operators_and_paths(expression: str, result: str) -> None:
    assert text(expression) == result


@pytest.mark.parametrize(
    "expression", ["/data/nothing = ''", "/data/empty = ''", "not(/data/nothing != '')", "string(/data/nothing) = ''"]
)
def test_an_absent_answer_is_an_empty_text(expression: str) -> None:
    assert text(expression) == "true"


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        (". <= today()", True),
        (". >= date('2020-01-01')", True),
        (". < date('2026-11-20')", False),
        (". = date('2026-11-20')", True),
        (". <= now()", True),
        ("today() - . = 2", True),
        ("date(. + 1) = '2026-11-21'", True),
        ("'2026-11-22T00:29:59.000+01:00' <= now()", True),
        ("'2026-11-21T23:31:00.000Z' <= now()", False),
        ("'2026-11-22' <= today()", True),
        ("'2026-11-23' <= today()", False),
        ("'08:30' < '09:00:00.000+01:00'", True),
    ],
)
def test_dates_compare_as_days_in_the_forms_zone(expression: str, result: bool) -> None:
    assert evaluate(expression, "/seen") is result


@pytest.mark.parametrize(
    ("expression", "at", "result"),
    [
        ("../who", 0, "Ada"),
        (" ../who ", 1, "Ben"),
        ("/data/visitor/who", 1, "Ben"),
        ("position(..)", 1, "2"),
        ("count(/data/visitor)", 1, "2"),
        ("count(/data/visitor/trip)", 0, "2"),
        ("count(/data/visitor/trip)", 1, "1"),
        ("indexed-repeat(/data/visitor/who, /data/visitor, 1)", 1, "Ada"),
        ("indexed-repeat(/data/visitor/who, /data/visitor, position(..) - 1)", 1, "Ada"),
        ("indexed-repeat(/data/visitor/trip/day, /data/visitor, 1, /data/visitor/trip, 2)", 1, "2"),
        ("indexed-repeat(/data/visitor/who, /data/visitor, 9)", 0, ""),
        ("sum(/data/visitor/trip/day)", 0, "3"),
        ("current()/../who", 1, "Ben"),
        ("../preceding-sibling::visitor/who", 1, "Ada"),
        ("ancestor::data/g/kind", 0, "health"),
    ],
)
def test_paths_in_a_repeat_stay_in_their_instance(expression: str, at: int, result: str) -> None:
    assert text(expression, "/visitor/who", at) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("selected(/data/needs, 'food')", "true"),
        ("selected('waterfall', 'water')", "false"),
        ("selected-at(/data/needs, 1)", "food"),
        ("selected-at(/data/needs, 5)", ""),
        ("count-selected(/data/needs)", "2"),
        ("jr:choice-name('health', ' /data/g/kind ')", "Health"),
        ("jr:choice-name('nothing', '/data/g/kind')", ""),
        (f"jr:choice-name('{UUID_1}', '/data/g/clinic')", "Old clinic"),
        ("jr:itext('kind-0')", "Health"),
        ("jr:itext('nothing')", ""),
        ("if(1 = 1, 'yes', 'no')", "yes"),
        ("coalesce('', 'b')", "b"),
        ("coalesce(/data/empty, /data/nothing)", ""),
        ("once('new')", "new"),
        ("concat('a', 1, /data/visitor/who)", "a1AdaBen"),
        ("join('; ', /data/visitor/who)", "Ada; Ben"),
        ("regex('12 34', '[0-9 ]+')", "true"),
        ("regex('x12', '[0-9]+')", "false"),
        ("regex('é', '\\p{L}')", "true"),
        ("string-length('abc')", "3"),
        ("substr('hello', 1, 3)", "el"),
        ("substr('hello', -3)", "llo"),
        ("substring('hello', 2, 3)", "ell"),
        ("substring-before('a-b', '-')", "a"),
        ("substring-before('ab', '-')", ""),
        ("substring-after('a-b', '-')", "b"),
        ("contains('abc', 'b')", "true"),
        ("starts-with('abc', 'ab')", "true"),
        ("ends-with('abc', 'bc')", "true"),
        ("translate('a-b-c', '-b', 'x')", "axxc"),
        ("normalize-space('  a   b ')", "a b"),
        ("upper-case('é')", "É"),
        ("lower-case('É')", "é"),
        ("int(-2.7)", "-2"),
        ("int('12.9')", "12"),
        ("round(2.345, 2)", "2.35"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-2"),
        ("round(1234, -2)", "1200"),
        ("number('12')", "12"),
        ("number('twelve')", "NaN"),
        ("number('2026-11-22')", "20779"),
        ("floor(-1.5)", "-2"),
        ("ceiling(1.2)", "2"),
        ("abs(-3)", "3"),
        ("pow(2, 10)", "1024"),
        ("pow(-1, 0.5)", "NaN"),
        ("sqrt(16)", "4"),
        ("round(pi(), 4)", "3.1416"),
        ("round(log10(1000), 6)", "3"),
        ("round(sin(0) + tan(0) + asin(0) + atan(0) + atan2(0, 1), 3)", "0"),
        ("cos(0) + acos(1)", "1"),
        ("asin(2)", "NaN"),
        ("exp(0) + exp10(2)", "101"),
        ("round(log(exp(3)), 6)", "3"),
        ("log(0)", "-Infinity"),
        ("ceil(1.2)", "2"),
        ("is-selected('a b', 'b')", "true"),
        ("decimal-date('1970-01-02')", "1"),
        ("min(3, 1, 2)", "1"),
        ("max(/data/visitor/trip/day)", "3"),
        ("min(/data/nothing)", "NaN"),
        ("sum(/data/visitor/trip/day)", "6"),
        ("count(/data/visitor)", "2"),
        ("count-non-empty(/data/visitor/age)", "1"),
        ("true()", "true"),
        ("not(false())", "true"),
        ("boolean('a')", "true"),
        ("boolean-from-string('1')", "true"),
        ("boolean-from-string('yes')", "false"),
        ("checklist(1, 2, 1 = 1, 'yes', 1 = 2)", "true"),
        ("checklist(-1, 1, 1 = 1, 'yes')", "false"),
        ("checklist(1, 1, '1', '')", "true"),
        ("weighted-checklist(5, 13, 1 = 1, 4, '', 9)", "false"),
        ("weighted-checklist(5, 13, 1 = 1, 4, 'yes', 9)", "true"),
        ("weighted-checklist(5, -1, 1 = 1, 4, 'yes', 9)", "false"),
        ("sum(/data/visitor/age)", "30"),
        ("max(1, '')", "1"),
        ("concat()", ""),
        ("today()", "2026-11-22"),
        ("now()", "2026-11-22T00:30:00.000+01:00"),
        ("date('2026-02-30')", ""),
        ("date(0)", "1970-01-01"),
        ("date-time('2026-11-22T10:00:00Z')", "2026-11-22T11:00:00.000+01:00"),
        ("format-date('2026-01-05', '%Y-%m-%d %e %n %y %b %a')", "2026-01-05 5 1 26 Jan Mon"),
        ("format-date-time(now(), '%H:%M:%S.%3 100%%')", "00:30:00.000 100%"),
        ("format-date('', '%Y')", ""),
        ("decimal-date-time('1970-01-02')", "1"),
        ("decimal-time('18:00:00.000+01:00')", "0.75"),
        ("round(distance('0 0 0 0; 0 1 0 0') div 1000, 1)", "111.3"),
        ("distance('0 0 0 0')", "0"),
        ("round(enclosed-area('0 0; 0 1; 1 1; 1 0') div 1000000, 0)", "12391"),
        ("round(area('0 0; 0 1; 1 1; 1 0') div 1000000, 0)", "12391"),
        ("geofence('0.5 0.5', '0 0; 0 1; 1 1; 1 0')", "true"),
        ("geofence('1.5 0.5', '0 0; 0 1; 1 1; 1 0')", "false"),
        ("digest('abc', 'SHA-256', 'hex')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("digest('abc', 'MD5')", "kAFQmDzST7DWlj99KOF/cg=="),
        ("base64-decode('SGVsbG8=')", "Hello"),
        ("version()", "7"),
        ("string-length(uuid())", "36"),
        ("string-length(uuid(8))", "8"),
        ("random() < 1", "true"),
        ("count(randomize(instance('places')/root/item))", "9"),
        ("pulldata('places', 'label', 'name', 'p4')", "Place 4"),
        ("pulldata('places', 'label', 'name', 'none')", ""),
        ("property('deviceid')", ""),
        ("local-name(/data/g)", "g"),
    ],
)
def test_functions(expression: str, result: str) -> None:
    assert text(expression) == result


def test_every_function_is_tried_above() -> None:
    source = Path(__file__).read_text(encoding="utf-8")

    untried = {name for name in FUNCTIONS if not re.search(rf"(?<![\w-]){re.escape(name)}\(", source)}

    assert untried == set()


def test_once_keeps_what_the_question_holds() -> None:
    assert text("once(uuid())", "/g/name") == "Clinic A"


def test_chance_comes_from_the_given_generator() -> None:
    assert text("uuid()") == text("uuid()")


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("instance('places')/root/item[name = 'p5']/label", "Place 5"),
        ("instance('places')/root/item[name = /data/nothing]/label", ""),
        ("count(instance('places')/root/item)", "9"),
        ("count(instance('places')/root/item[area = 'a1'])", "3"),
        ("count(instance('places')/root/item[area = 'a1' and size > 3])", "2"),
        ("count(instance('places')/root/item[size > 3][area = 'a1'])", "2"),
        ("count(instance('places')/root/item[area = 'a1' or name = 'p0'])", "4"),
        ("instance('places')/root/item[area = 'a1'][2]/name", "p4"),
        ("instance('places')/root/item[size = 4]/name", "p4"),
        ("instance('places')/root/item[starts-with(name, 'p8')]/label", "Place 8"),
        ("count(instance('type')/root/item[k = /data/g/kind])", "1"),
        ("instance('places')/root/item[3]/name", "p2"),
        ("instance('places')/root/item[area = 'a1' and position() = 2]/name", "p1"),
        ("instance('places')/root/item[area = 'a1' and position() = 1]/name", ""),
        ("string-length(instance('places')/root/item[name = coalesce(/data/empty, 'p7')]/label)", "7"),
    ],
)
def test_lists_are_read(expression: str, result: str) -> None:
    assert text(expression) == result


def test_an_unknown_list_is_empty_and_noted() -> None:
    env = environment({})

    value = compile_xpath("instance('clinics')/root/item[name = 'x']/label").evaluate(env, env.root)

    assert (value, env.missing) == ([], {"clinics"})


def test_a_lookup_in_a_long_list_does_not_scan_it() -> None:
    rows = [{"name": f"n{n}", "label": f"L{n}"} for n in range(50_000)]
    env = environment({"clinics": rows})
    lookup = compile_xpath("instance('clinics')/root/item[name = 'n49999']/label")
    lookup.evaluate(env, env.root)

    start = time.perf_counter()
    for _ in range(1_000):
        lookup.evaluate(env, env.root)

    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("nonsense(1)", "nonsense.. is not known"),
        ("selected('a')", "1 arguments"),
        ("1 +", "goes wrong at"),
        ("(1", "lacks"),
        ("'open", "goes wrong at"),
        ("1 2", "goes wrong at"),
        ("$x", "goes wrong at"),
        ("", "goes wrong at"),
        ("(" * 500 + "1" + ")" * 500, "nests deeper"),
        ("1 + " * 20_000 + "1", "characters"),
        ("namespace::a", "axis"),
        ("regex('a', '(')", "pattern"),
        ("count('a')", "needs nodes"),
        ("digest('a', 'CRC32')", "algorithm"),
        ("format-date(today(), '%Q')", "%Q"),
        ("indexed-repeat(/data/a, /data/b)", "arguments"),
        ("(1)/a", "no node"),
    ],
)
def test_what_cannot_be_computed_is_a_problem_with_a_reason(expression: str, reason: str) -> None:
    with pytest.raises(XPathProblem, match=reason):
        evaluate(expression)


def test_an_expression_that_visits_too_many_nodes_is_stopped() -> None:
    env = environment({"clinics": [{"name": str(n)} for n in range(300)]})
    env.work_left = 20_000
    quadratic = compile_xpath("count(instance('clinics')/root/item[count(instance('clinics')/root/item[name > 1]) > 1])")

    with pytest.raises(XPathProblem, match="too many nodes"):
        quadratic.evaluate(env, env.root)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("regex('{}', '(a+)+b')", 3.0),
        ("regex('{}', '(a|aa)+b')", 3.0),
        ("regex('{}', '([a-z]+[0-9]*)*!')", 3.0),
        ("regex('{}', 'a*a*a*a*a*b')", 3.0),
        ("regex('{}', '.*.*.*x')", 3.0),
    ],
)
@pytest.mark.parametrize("length", [20, 60, 3_000, 60_000])
def test_no_pattern_can_stop_the_server(expression: str, seconds: float, length: int) -> None:
    run = compile_xpath(expression.replace("{}", "a" * min(length, 40_000)))
    env = environment()

    start = time.perf_counter()
    try:
        outcome: object = run.evaluate(env, env.root)
    except XPathProblem as problem:
        outcome = str(problem)

    assert outcome is False or "too long" in str(outcome)
    assert time.perf_counter() - start < seconds


@pytest.mark.parametrize(
    ("pattern", "text", "result"),
    [
        ("^[+]?[0-9 ()-]{6,20}$", "+236 70 00 00 00", "true"),
        ("^[0-9]{1,2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]([0-9]{4}|[0-9]{6}|[0-9]{8}|[0-9]{10})$", "34NCG12345678", "true"),
        ("[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+[.][A-Za-z]{2,}", "cimic@mission.example.org", "true"),
        ("([0-9]+,)*[0-9]+", "1,22,333", "true"),
        ("[A-Z]{3}", "XAF ", "false"),
    ],
)
def test_patterns_that_forms_use_are_tried_as_usual(pattern: str, text: str, result: str) -> None:
    env = environment()

    assert to_string(compile_xpath(f"regex('{text}', '{pattern}')").evaluate(env, env.root)) == result


def test_an_irrelevant_answer_counts_as_absent() -> None:
    env = environment()
    env.root.named("g")[0].relevant = False

    assert compile_xpath("/data/g/kind = ''").evaluate(env, env.root) is True


def test_deep_answers_are_walked_without_recursion() -> None:
    top = node = Node("data", "", None, "")
    for _ in range(20_000):
        child = Node("a", "", node, "/a")
        node.insert(-1, child)
        node = child
    node.text = "end"

    assert (top.string(), sum(1 for _ in top.descendants())) == ("end", 20_000)


PIECES = [
    "1",
    "'a'",
    ".",
    "..",
    "/data/g",
    "//who",
    "(",
    ")",
    "[",
    "]",
    "+",
    "-",
    "*",
    "=",
    "<",
    "and",
    "or",
    "div",
    "count(",
    "selected(",
    "if(",
    ",",
    "@id",
    "position()",
    "today()",
    "instance('places')/root/item",
    "|",
    "::",
    "uuid()",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_any_expression_gives_a_value_or_a_problem(expression: str) -> None:
    try:
        outcome = evaluate(expression, "/g/kind")
    except XPathProblem as problem:
        outcome = str(problem)

    assert isinstance(outcome, str | bool | float | list) or math.isfinite(outcome.days())
