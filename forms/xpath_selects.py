"""XPath functions about choices: what is selected, and how it is labelled."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from forms.fields import Field, text_in
from forms.formxml import relative_path
from forms.nodes import Node
from forms.xpath_context import Context, Function, Run, nodes_of, number_of, text_of

Arguments = Sequence[Run]


def _selected(context: Context, arguments: Arguments) -> bool:
    return text_of(context, arguments[1]).strip() in text_of(context, arguments[0]).split()


def _selected_at(context: Context, arguments: Arguments) -> str:
    chosen = text_of(context, arguments[0]).split()
    index = number_of(context, arguments[1])
    return "" if math.isnan(index) or not 0 <= index < len(chosen) else chosen[int(index)]


def _count_selected(context: Context, arguments: Arguments) -> float:
    return float(len(text_of(context, arguments[0]).split()))


def _choice_name(context: Context, arguments: Arguments) -> str:
    """The label of a stored value; the second argument is the question's path as a text. "" when unknown."""
    value, reference = text_of(context, arguments[0]), text_of(context, arguments[1])
    definition = context.environment.definition
    question = definition.find(relative_path(reference, definition.root, context.current.path))
    return _label(context, question, value) if question is not None else ""


def _label(context: Context, question: Field, value: str) -> str:
    environment = context.environment
    language = environment.language or environment.definition.default_language
    label = environment.definition.choice_label(question, value, language)
    if label is not None or question.itemset is None:
        return label or ""
    if question.itemset.instance is None:
        return ""
    data = environment.lists.get(question.itemset.instance)
    positions = data.positions(question.itemset.value_ref, value) if data is not None else ()
    return data.rows[positions[0]].get(question.itemset.label_ref, "") if data is not None and positions else ""


def _itext(context: Context, arguments: Arguments) -> str:
    """The label of the list row that carries this text id; other texts of the form are no values."""
    wanted = text_of(context, arguments[0])
    definition = context.environment.definition
    for instance in definition.instances.values():
        for row in instance.rows:
            if row.get("itextId") == wanted:
                labels = {key.removeprefix("label::"): text for key, text in row.items() if key.startswith("label::")}
                return text_in(labels, context.environment.language, definition.default_language) or ""
    return ""


def _randomize(context: Context, arguments: Arguments) -> list[Node]:
    """The nodes in random order; a seed makes the order repeatable (not the same order as on a phone)."""
    nodes = list(nodes_of(context, arguments[0]))
    rng = context.environment.rng
    if len(arguments) > 1:
        rng = type(rng)(text_of(context, arguments[1]))
    rng.shuffle(nodes)
    return nodes


SELECT_FUNCTIONS: Final[Mapping[str, Function]] = {
    "selected": Function(_selected, 2, 2),
    "is-selected": Function(_selected, 2, 2),
    "selected-at": Function(_selected_at, 2, 2),
    "count-selected": Function(_count_selected, 1, 1),
    "choice-name": Function(_choice_name, 2, 2),
    "itext": Function(_itext, 1, 1),
    "randomize": Function(_randomize, 1, 2),
}
