"""Fill a form as a phone would: answers in, a submission's XML out; and evaluate a half-filled form for a web page.

Defaults, preloads, calculations, triggered values, repeats, relevance and entity blocks follow the form's own
rules. Deterministic when `rng`, `now` and the ids are given.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from lxml import etree

from forms.answers import AnswerTree
from forms.fields import Choice, FormDefinition
from forms.filling_answers import Answer, FillingProblem, give_answers
from forms.filling_template import Template
from forms.filling_values import Calculator, answer_text, put_meta
from forms.nodes import Lists, Node, Rows
from forms.validation import AnswerFinding, check
from forms.xpath import Environment

__all__ = ["Answer", "Evaluation", "FillingProblem", "answer_text", "evaluate", "fill"]

OPENROSA: Final = "http://openrosa.org/xforms"
XFORMS: Final = "http://www.w3.org/2002/xforms"


@dataclass(frozen=True)
class Evaluation:
    """A half-filled form. Keys are paths with repeat positions: "/g_loc/adm1", "/place[2]/p_need".

    `relevant` holds every relevant question, group and repeat instance; `values` every non-empty value, calculated
    ones included; `choices` what each relevant select offers now; `findings` as `forms.validation` reports them.
    """

    relevant: frozenset[str]
    values: Mapping[str, str]
    findings: tuple[AnswerFinding, ...]
    choices: Mapping[str, tuple[Choice, ...]]


def fill(
    definition: FormDefinition,
    answers: Mapping[str, Answer],
    lists: Mapping[str, Rows] | Lists,
    now: datetime,
    *,
    device_id: str | None = None,
    username: str | None = None,
    instance_id: str | None = None,
    deprecated_id: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    rng: Random | None = None,
) -> bytes:
    """The XML of a submission with these answers.

    `answers` maps a question's name or path ("/g_loc/adm1") to its value: text, number, truth, date, datetime (aware),
    time, `forms.values.Point`, or a list of texts for a select of many; a repeat maps to a list of such mappings, a
    group may map to one. None means untouched: defaults and triggers may fill it; "" means emptied on purpose.
    Files are named by the caller. `lists` as in `forms.validation.validate`; entity lists carry `__version` where it
    is known. `deprecated_id` is the instanceID that an edit replaces. `now` is aware.
    Raises FillingProblem for an answer to a question that the form does not have or a value of no known kind.
    """
    filled = _filled(definition, answers, lists, now, rng or Random(), device_id, username, instance_id, start, end)
    if deprecated_id is not None:
        put_meta(filled.root, "deprecatedID", deprecated_id)
    return _xml(filled)


def evaluate(
    definition: FormDefinition,
    answers: Mapping[str, Answer],
    lists: Mapping[str, Rows] | Lists,
    now: datetime,
) -> Evaluation:
    """What a web form must show with these answers: see `Evaluation`. Parameters as in `fill`."""
    tree = _filled(definition, answers, lists, now, Random(0), None, None, None, None, None)
    relevant: list[str] = []
    values: dict[str, str] = {}
    choices: dict[str, tuple[Choice, ...]] = {}
    for field, node in tree.pairs():
        if not tree.is_relevant(node):
            continue
        key = tree.key(node)
        relevant.append(key)
        if not field.is_structure and node.text:
            values[key] = node.text
        if field.select is not None:
            choices[key] = tree.choices(field, node)
    return Evaluation(frozenset(relevant), values, tuple(check(tree)), choices)


def _filled(
    definition: FormDefinition,
    answers: Mapping[str, Answer],
    lists: Mapping[str, Rows] | Lists,
    now: datetime,
    rng: Random,
    device_id: str | None,
    username: str | None,
    instance_id: str | None,
    start: datetime | None,
    end: datetime | None,
) -> AnswerTree:
    template = Template.of(definition)
    root = template.fresh()
    properties = {"deviceid": device_id or "", "username": username or ""}
    environment = Environment(definition, root, Lists.of(definition, lists), now, rng, properties=properties)
    tree = AnswerTree(definition, root, environment)
    calculator = Calculator(tree, template)
    calculator.load()
    calculator.preload(start or now, end or now, instance_id)
    given = give_answers(tree, template, calculator, answers)
    calculator.settle()
    calculator.fire_triggers(given)
    calculator.settle()
    return tree


def _xml(tree: AnswerTree) -> bytes:
    nsmap: dict[str | None, str] = {"orx": OPENROSA} if _uses(tree.root, OPENROSA) else {}
    if tree.definition.namespace:
        nsmap[None] = tree.definition.namespace
    # lxml-stubs declares the prefixes of nsmap as text only, though lxml takes None for the default namespace.
    root = etree.Element(_tag(tree.root), nsmap=nsmap)  # type: ignore[arg-type]
    pending = [(tree.root, root)]
    while pending:
        node, element = pending.pop()
        for attribute in node.attributes.values():
            if attribute.name != "template":
                element.set(_tag(attribute), attribute.text)
        if node.text and not node.children:
            element.text = _legal(node.text)
        for child in node.children:
            if child.relevant:
                pending.append((child, etree.SubElement(element, _tag(child))))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _tag(node: Node) -> str:
    """The qualified name; XForms' own namespace is inherited from the form around the template and dropped."""
    return node.tag.removeprefix(f"{{{XFORMS}}}")


def _uses(root: Node, namespace: str) -> bool:
    wanted = f"{{{namespace}}}"
    nodes = [root, *root.descendants()]
    return any(each.tag.startswith(wanted) for node in nodes for each in (node, *node.attributes.values()))


def _legal(text: str) -> str:
    """XML cannot hold control characters; a phone's keyboard cannot make them, a pasted text can."""
    return _ILLEGAL.sub("", text)


_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
