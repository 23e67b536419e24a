"""XPath functions of truth, choice of values, nodes and lists."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from forms.nodes import position_of
from forms.xpath_context import Context, Function, Run, find_list, nodes_of, number_of, text_of
from forms.xpath_parser import XPathProblem
from forms.xpath_values import Value, to_boolean, to_string

Arguments = Sequence[Run]


def _if(context: Context, arguments: Arguments) -> Value:
    return arguments[1](context) if to_boolean(arguments[0](context)) else arguments[2](context)


def _coalesce(context: Context, arguments: Arguments) -> Value:
    for argument in arguments:
        value = argument(context)
        if to_string(value) != "":
            return value
    return ""


def _once(context: Context, arguments: Arguments) -> Value:
    """Keeps what the node holds already, so that a value made once never changes."""
    held = context.current.text
    return held if held else arguments[0](context)


def _not(context: Context, arguments: Arguments) -> Value:
    return not to_boolean(arguments[0](context))


def _boolean(context: Context, arguments: Arguments) -> Value:
    return to_boolean(arguments[0](context))


def _boolean_from_string(context: Context, arguments: Arguments) -> Value:
    return text_of(context, arguments[0]) in {"1", "true"}


def _true_count(context: Context, arguments: Arguments) -> int:
    count = 0
    for argument in arguments:
        value = argument(context)
        members = [[node] for node in value] if isinstance(value, list) else [value]
        count += sum(to_boolean(member) for member in members)
    return count


def _checklist(context: Context, arguments: Arguments) -> Value:
    return _between(_true_count(context, arguments[2:]), number_of(context, arguments[0]), number_of(context, arguments[1]))


def _weighted_checklist(context: Context, arguments: Arguments) -> Value:
    """Unlike checklist(), -1 is an ordinary bound here, on phones as well."""
    pairs = zip(arguments[2::2], arguments[3::2], strict=True) if len(arguments) % 2 == 0 else None
    if pairs is None:
        raise XPathProblem("weighted-checklist() needs a weight for each value.")
    total = sum(number_of(context, weight) for value, weight in pairs if _true_count(context, [value]))
    return number_of(context, arguments[0]) <= total <= number_of(context, arguments[1])


def _between(count: float, least: float, most: float) -> bool:
    """-1 means no bound."""
    return (least == -1 or count >= least) and (most == -1 or count <= most)


def _count(context: Context, arguments: Arguments) -> Value:
    return float(len(nodes_of(context, arguments[0])))


def _count_non_empty(context: Context, arguments: Arguments) -> Value:
    return float(sum(node.string() != "" for node in nodes_of(context, arguments[0])))


def _position(context: Context, arguments: Arguments) -> Value:
    if not arguments:
        return float(context.position)
    nodes = nodes_of(context, arguments[0])
    return float(position_of(nodes[0])) if nodes else math.nan


def _last(context: Context, arguments: Arguments) -> Value:
    return float(context.size)


def _name(context: Context, arguments: Arguments) -> Value:
    nodes = nodes_of(context, arguments[0]) if arguments else [context.node]
    return nodes[0].name if nodes else ""


def _current(context: Context, arguments: Arguments) -> Value:
    return [context.current]


def _instance(context: Context, arguments: Arguments) -> Value:
    data = find_list(context.environment, text_of(context, arguments[0]))
    return [data.document()] if data is not None else []


def _pulldata(context: Context, arguments: Arguments) -> Value:
    """pulldata(list, column, key column, key): the first row's value, "" when there is none."""
    name, column, key_column, key = (text_of(context, argument) for argument in arguments)
    data = find_list(context.environment, name.removesuffix(".csv"))
    positions = data.positions(key_column, key) if data is not None else ()
    return data.rows[positions[0]].get(column, "") if data is not None and positions else ""


def _indexed_repeat(context: Context, arguments: Arguments) -> Value:
    """indexed-repeat(node, repeat, index, ...): the node read in the named instance of each repeat."""
    if len(arguments) % 2 == 0:
        raise XPathProblem("indexed-repeat() needs an index for each repeat.")
    pins = dict(context.pins)
    inner = context
    for group, index in zip(arguments[1::2], arguments[2::2], strict=True):
        instances = nodes_of(inner, group)
        number = number_of(context, index)
        if math.isnan(number) or not 1 <= number <= len(instances):
            return []
        chosen = instances[int(number) - 1]
        pins[chosen.path] = chosen
        inner = Context(context.environment, context.node, context.current, pins)
    return nodes_of(inner, arguments[0])


def _property(context: Context, arguments: Arguments) -> Value:
    return context.environment.properties.get(text_of(context, arguments[0]), "")


def _version(context: Context, arguments: Arguments) -> Value:
    return context.environment.definition.version or ""


LOGIC_FUNCTIONS: Final[Mapping[str, Function]] = {
    "if": Function(_if, 3, 3),
    "coalesce": Function(_coalesce, 1, None),
    "once": Function(_once, 1, 1),
    "not": Function(_not, 1, 1),
    "boolean": Function(_boolean, 1, 1),
    "boolean-from-string": Function(_boolean_from_string, 1, 1),
    "true": Function(lambda context, arguments: True, 0, 0),
    "false": Function(lambda context, arguments: False, 0, 0),
    "checklist": Function(_checklist, 2, None),
    "weighted-checklist": Function(_weighted_checklist, 2, None),
    "count": Function(_count, 1, 1),
    "count-non-empty": Function(_count_non_empty, 1, 1),
    "position": Function(_position, 0, 1),
    "last": Function(_last, 0, 0),
    "name": Function(_name, 0, 1),
    "local-name": Function(_name, 0, 1),
    "current": Function(_current, 0, 0),
    "instance": Function(_instance, 1, 1),
    "pulldata": Function(_pulldata, 4, 4),
    "indexed-repeat": Function(_indexed_repeat, 3, None),
    "property": Function(_property, 1, 1),
    "version": Function(_version, 0, 0),
}
