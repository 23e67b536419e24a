"""Check a submission against its form: required, constraints, relevance, choices, types, unknown nodes.

Findings are shown with the report and never hold it back, so nothing here refuses anything.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from random import Random
from typing import Final, Literal

from lxml import etree

from forms.answers import AnswerTree
from forms.fields import Field, FormDefinition, Labels, fill_outputs, outputs, text_in
from forms.nodes import Lists, Node, Rows, tree_of
from forms.submission import ParsedSubmission
from forms.values import read_date, read_datetime, read_decimal, read_int, read_point, read_points, read_time
from forms.xpath import Environment
from forms.xpath_values import to_string

FindingCode = Literal["required", "constraint", "relevance", "choice", "type", "unknown_node", "evaluation"]

MAX_FINDINGS: Final = 1_000
MAX_NODES: Final = 50_000
"""Largest submission, in XML elements, that is checked (a second); real ones have below 10,000."""
MAX_DEPTH: Final = 200
"""Deepest submission that is checked; no form is deeper."""
MAX_SHOWN: Final = 500
"""Characters of an answer that a finding repeats."""


@dataclass(frozen=True, slots=True)
class AnswerFinding:
    """One remark about one answer. `indices`: repeat positions from 1; `message`: language code -> sentence."""

    path: str
    indices: tuple[int, ...]
    code: FindingCode
    value: str
    message: Mapping[str, str]


def validate(
    sub: ParsedSubmission, definition: FormDefinition, lists: Mapping[str, Rows] | Lists, now: datetime
) -> list[AnswerFinding]:
    """Everything the form's rules hold against a submission, in form order, at most MAX_FINDINGS.

    `lists` maps an instance id or file name to rows (each a dict of column -> text), or is a prepared `Lists`; rules
    that need a list that is missing there are skipped. `now` is aware; its zone is the one dates are read in.
    An encrypted submission has nothing to check.
    """
    if sub.encrypted:
        return []
    if (reason := _beyond_checking(sub.root)) is not None:
        return [AnswerFinding("", (), "evaluation", "", _sentence("evaluation", reason))]
    tree = tree_of(sub.root)
    environment = Environment(definition, tree, Lists.of(definition, lists), now, Random(0))
    answers = AnswerTree(definition, tree, environment)
    unknown = list(islice(_unknown_nodes(answers), MAX_FINDINGS))
    answers.complete()
    pairs = list(answers.pairs())
    answers.settle_relevance(pairs)
    return list(islice((*check(answers, pairs), *unknown), MAX_FINDINGS))


def _beyond_checking(root: etree._Element) -> str | None:
    """What makes a submission so large or so deep that checking it would take memory and time as its sender pleases."""
    if sum(1 for _element in islice(root.iter(), MAX_DEPTH + 1)) <= MAX_DEPTH:
        return None  # so few cannot be too deep either
    count = depth = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if count > MAX_NODES:
            return f"> {MAX_NODES} XML elements"
        if depth > MAX_DEPTH:
            return f"> {MAX_DEPTH} levels of XML elements"
    return None


def check(answers: AnswerTree, pairs: Iterable[tuple[Field, Node]] | None = None) -> list[AnswerFinding]:
    """Findings on a complete tree whose relevance has settled. pairs: what its `pairs()` gives, if it is at hand."""
    found: list[AnswerFinding] = []
    for field, node in pairs or answers.pairs():
        # Most questions are no groups, and many that are empty may be.
        if (field.required is None and not node.text) or field.is_structure:
            continue
        found += _check_answer(answers, field, node)
        if len(found) >= MAX_FINDINGS:
            break
    return [*found, *_problems(answers)]


def _check_answer(answers: AnswerTree, field: Field, node: Node) -> Iterator[AnswerFinding]:
    relevant = answers.is_relevant(node)
    if not node.text.strip():
        if relevant and field.required is not None and answers.holds(field.required, node):
            yield _finding(answers, "required", node, field.required_msgs)
        return
    if not relevant:
        yield _finding(answers, "relevance", node)
        return
    reader = _READERS.get(field.type)
    if reader is not None and not reader(node.text):
        yield _finding(answers, "type", node, detail=field.type)
    if field.constraint is not None and answers.holds(field.constraint, node) is False:
        yield _finding(answers, "constraint", node, field.constraint_msgs)
    if field.select is not None:
        yield from _check_choices(answers, field, node)


def _check_choices(answers: AnswerTree, field: Field, node: Node) -> Iterator[AnswerFinding]:
    chosen = [node.text.strip()] if field.select == "one" else list(dict.fromkeys(node.text.split()))
    for value in chosen:
        if answers.allows(field, node, value) is False:
            yield _finding(answers, "choice", node, detail=value[:MAX_SHOWN])


def _unknown_nodes(answers: AnswerTree) -> Iterator[AnswerFinding]:
    """Nodes the form does not have, each path once. Meta data of the sender's own are nobody's mistake."""
    known = answers.definition.by_path
    seen: set[str] = set()
    pending = [answers.root]
    while pending:
        for node in pending.pop().children:
            if node.path in known:
                pending.append(node)
            elif node.path not in seen and not (node.path == "/meta" or node.path.startswith("/meta/")):
                seen.add(node.path)
                yield AnswerFinding(
                    node.path[:MAX_SHOWN],
                    (),
                    "unknown_node",
                    node.string()[:MAX_SHOWN],
                    _sentence("unknown_node", node.name[:MAX_SHOWN]),
                )


def _problems(answers: AnswerTree) -> Iterator[AnswerFinding]:
    for (path, expression), reason in answers.problems.items():
        yield AnswerFinding(path, (), "evaluation", expression[:MAX_SHOWN], _sentence("evaluation", reason))


def _finding(answers: AnswerTree, code: FindingCode, node: Node, own: Labels | None = None, detail: str = "") -> AnswerFinding:
    message = _sentence(code, detail)
    if own:
        message = {language: _own_text(answers, own, language, node) or text for language, text in message.items()}
    return AnswerFinding(node.path, answers.indices(node), code, node.text[:MAX_SHOWN], message)


def _own_text(answers: AnswerTree, own: Labels, language: str, node: Node) -> str | None:
    """The form's own message in a language, with the answers it quotes filled in."""
    text = text_in(own, language, answers.definition.default_language)
    if text is None:
        return None
    values = {each: answers.value(each, node) for each in outputs(text)}
    return fill_outputs(text, {each: to_string(value) for each, value in values.items() if value is not None})


def _sentence(code: FindingCode, detail: str) -> dict[str, str]:
    return {language: text.replace("{}", detail) for language, text in _SENTENCES[code].items()}


_SENTENCES: Final[Mapping[FindingCode, Mapping[str, str]]] = {
    "required": {
        "en": "This question must be answered and is empty.",
        "fr": "Cette question est obligatoire et reste sans réponse.",
    },
    "constraint": {
        "en": "The answer is outside what the form allows.",
        "fr": "La réponse sort de ce que le formulaire permet.",
    },
    "relevance": {
        "en": "There is an answer, although the other answers rule this question out.",
        "fr": "Il y a une réponse, alors que les autres réponses excluent cette question.",
    },
    "choice": {
        "en": "“{}” is not among the choices of this question.",
        "fr": "« {} » ne figure pas parmi les choix de cette question.",
    },
    "type": {
        "en": "The answer cannot be read as {}.",
        "fr": "La réponse ne peut pas être lue comme {}.",
    },
    "unknown_node": {
        "en": "The report holds “{}”, which this version of the form does not have.",
        "fr": "Le rapport contient « {} », que cette version du formulaire ne connaît pas.",
    },
    "evaluation": {
        "en": "A rule of the form could not be checked: {}",
        "fr": "Une règle du formulaire n'a pas pu être vérifiée : {}",
    },
}

_READERS: Final[Mapping[str, Callable[[str], bool]]] = {
    "int": lambda text: read_int(text) is not None,
    "integer": lambda text: read_int(text) is not None,
    "decimal": lambda text: read_decimal(text) is not None,
    "date": lambda text: read_date(text) is not None,
    "time": lambda text: read_time(text) is not None,
    "dateTime": lambda text: read_datetime(text) is not None,
    "geopoint": lambda text: read_point(text) is not None,
    "geotrace": lambda text: read_points(text) is not None,
    "geoshape": lambda text: read_points(text) is not None,
}
