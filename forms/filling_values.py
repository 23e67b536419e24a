"""What a form computes by itself while it is filled: defaults, preloads, calculations, triggered values."""

import math
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from graphlib import CycleError, TopologicalSorter
from random import Random
from typing import Final
from uuid import UUID

from forms.answers import MAX_PASSES, AnswerTree
from forms.fields import Action, Field, FormDefinition
from forms.filling_template import Template
from forms.nodes import Node
from forms.values import Point
from forms.xpath import XPathProblem, compile_xpath
from forms.xpath_parser import Path
from forms.xpath_values import Moment, Value, number_text, to_number, to_string, zone_text

LOAD_EVENTS: Final = frozenset({"odk-instance-first-load", "odk-instance-load", "xforms-ready"})
MAX_INSTANCES: Final = 10_000
"""Most instances a repeat's count may ask for."""

_CHANCE: Final = re.compile(r"\b(?:uuid|random|randomize)\s*\(")


class FillingProblem(ValueError):
    """Answers that do not fit the form; the message names the question."""


class Calculator:
    """Runs a form's computations on a tree in the order a phone does."""

    def __init__(self, tree: AnswerTree, template: Template) -> None:
        self._tree = tree
        self._template = template
        self._definition = tree.definition
        self._order = _calculation_order(tree.definition)
        self._counted = [field for field in tree.definition.fields if field.repeat_count is not None]

    def load(self) -> None:
        """Values set when the form is opened."""
        for action in self._definition.actions:
            if LOAD_EVENTS.intersection(action.events):
                for node in self._targets(action, self._tree.root):
                    self._set(action, node)

    def preload(self, start: datetime, end: datetime, instance_id: str | None) -> None:
        """Meta data: times, device, user and the instanceID, which is made where `instance_id` is None."""
        environment = self._tree.environment
        for field, node in self._tree.pairs():
            parameter = field.preload_params or ""
            if field.preload == "timestamp":
                node.text = answer_text(end if parameter == "end" else start, field.name)
            elif field.preload == "date":
                node.text = environment.now.date().isoformat()
            elif field.preload == "property":
                node.text = environment.properties.get(parameter, "")
            elif field.preload == "uid":
                node.text = instance_id or new_instance_id(environment.rng)
        if not any(field.preload == "uid" for field in self._definition.fields):
            put_meta(self._tree.root, "instanceID", instance_id or new_instance_id(environment.rng))

    def add_instance(self, parent: Node, path: str) -> Node:
        """A new repeat instance with its defaults."""
        instance = self._template.add_instance(parent, path)
        done: set[tuple[str, str | None]] = set()
        for wanted in ("odk-new-repeat", "odk-instance-first-load"):
            for action in self._definition.actions:
                target = (action.target, action.attribute)
                if wanted in action.events and action.target.startswith(f"{path}/") and target not in done:
                    done.add(target)
                    for node in self._targets(action, instance):
                        self._set(action, node)
        return instance

    def fire_triggers(self, given: Sequence[Node]) -> None:
        """Run what given answers set elsewhere, and what those set in turn; given answers themselves stay."""
        kept = {id(node) for node in given}
        queue = [node for node in given if node.text]
        fired: set[int] = set()
        while queue:
            source = queue.pop(0)
            for action in self._definition.actions:
                if action.trigger != source.path or "xforms-value-changed" not in action.events:
                    continue
                for node in self._targets(action, self._nearest(source, action.target)):
                    if id(node) in kept or id(node) in fired:
                        continue
                    before = node.text
                    self._set(action, node)
                    if node.text != before:
                        fired.add(id(node))
                        queue.append(node)

    def _nearest(self, source: Node, target: str) -> Node:
        """The innermost node around `source` under which `target` lies: a trigger acts in its own repeat instance."""
        node = source
        while node.parent is not None and not target.startswith(f"{node.path}/"):
            node = node.parent
        return node

    def _targets(self, action: Action, scope: Node) -> list[Node]:
        steps = action.target[len(scope.path) :].split("/")[1:]
        found = [scope]
        for step in steps:
            found = [child for node in found for child in node.named(step)]
        if action.attribute is None:
            return found
        return [node.attributes[action.attribute] for node in found if action.attribute in node.attributes]

    def _set(self, action: Action, node: Node) -> None:
        if action.kind != "setvalue":
            return  # setgeopoint needs a device that knows where it is
        if action.expression is None:
            node.text = action.text
            return
        value = self._tree.value(action.expression, node)
        node.text = "" if value is None else self._text(value, node)

    def settle(self) -> None:
        """Calculate, count repeats and judge relevance until nothing changes (at most MAX_PASSES rounds)."""
        for _pass in range(MAX_PASSES):
            changed = self._calculate()
            changed |= self._count_repeats()
            changed |= self._tree.settle_relevance()
            if not changed:
                return

    def _calculate(self) -> bool:
        changed = False
        for field in self._order:
            for node in self._tree.nodes_at(field.path):
                changed |= self._assign(field.calculate or "", node)
        for path, expression in self._definition.attribute_calculates.items():
            owner, _at, name = path.partition("/@")
            for node in self._tree.nodes_at(owner):
                if name in node.attributes:
                    changed |= self._assign(expression, node.attributes[name])
        return changed

    def _assign(self, expression: str, node: Node) -> bool:
        if node.text and _CHANCE.search(expression):
            return False  # drawn once; another draw would never settle
        value = self._tree.value(expression, node)
        text = "" if value is None else self._text(value, node)
        changed = text != node.text
        node.text = text
        return changed

    def _text(self, value: Value, node: Node) -> str:
        """A computed value as the question's type stores it; what is no number leaves a number question empty."""
        field = self._definition.by_path.get(node.path)
        if isinstance(value, bool):
            return "1" if value else "0"  # so ODK Collect stores a computed truth
        if isinstance(value, float):
            if math.isnan(value):
                return ""
            return str(int(value)) if field is not None and field.type == "int" and math.isfinite(value) else number_text(value)
        if isinstance(value, Moment) and field is not None and field.type == "date":
            return value.at.date().isoformat()
        return to_string(value)

    def _count_repeats(self) -> bool:
        """Make as many instances as the form's own count says; surplus answers are dropped, as on a phone."""
        changed = False
        for field in self._counted:
            for parent in self._tree.nodes_at(field.parent):
                changed |= self._count(field, parent)
        return changed

    def _count(self, field: Field, parent: Node) -> bool:
        value = self._tree.value(field.repeat_count or "", parent)
        number = to_number(value, self._tree.environment.zone) if value is not None else math.nan
        if math.isnan(number):
            return False
        wanted = int(max(0, min(number, MAX_INSTANCES)))
        instances = parent.named(field.name)
        for surplus in instances[wanted:]:
            parent.remove(surplus)
        for _missing in range(wanted - len(instances)):
            self.add_instance(parent, field.path)
        return wanted != len(instances)


def put_meta(root: Node, name: str, text: str) -> None:
    """Set one node of the meta block, making what is missing; a meta block's own namespace goes to what is put in it."""
    meta = next(iter(root.named("meta")), None)
    if meta is None:
        meta = _openrosa("meta", root)
    node = next(iter(meta.named(name)), None)
    if node is None:
        node = _openrosa(name, meta)
        node.tag = f"{meta.tag.removesuffix('meta')}{name}"
    node.text = text


def _openrosa(name: str, parent: Node) -> Node:
    node = Node(name, "", parent, f"{parent.path}/{name}")
    node.tag = f"{{http://openrosa.org/xforms}}{name}"
    parent.insert(-1, node)
    return node


def new_instance_id(rng: Random) -> str:
    """`uuid:` and a version 4 UUID."""
    return f"uuid:{UUID(int=rng.getrandbits(128), version=4)}"


def _calculation_order(definition: FormDefinition) -> tuple[Field, ...]:
    """Calculated fields, those first that others build on; form order where they go round in circles."""
    cache = definition.__dict__
    if "_order_cache" not in cache:
        cache["_order_cache"] = tuple(_sorted_calculations(definition))
    order: tuple[Field, ...] = cache["_order_cache"]
    return order


def _sorted_calculations(definition: FormDefinition) -> list[Field]:
    calculated = {field.path: field for field in definition.fields if field.calculate is not None}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for path, field in calculated.items():
        sorter.add(path, *(each for each in _dependencies(field) if each in calculated and each != path))
    try:
        return [calculated[path] for path in sorter.static_order()]
    except CycleError:
        return list(calculated.values())


def _dependencies(field: Field) -> Iterator[str]:
    try:
        paths = compile_xpath(field.calculate or "").paths
    except XPathProblem:
        return
    for path in paths:
        found = _resolved(path, field.path)
        if found is not None:
            yield found


def _resolved(path: Path, context: str) -> str | None:
    """The path of the field that a location path names, seen from a field; None when it is not plain."""
    if path.start is not None and path.start != "/":
        return None
    steps = list(path.steps[1:]) if path.start == "/" else list(path.steps)
    where = [] if path.start == "/" else context.split("/")[1:]
    for step in steps:
        if step.axis == "parent":
            where = where[:-1]
        elif step.axis == "child":
            where.append(step.test)
        elif step.axis != "self":
            return None
    return "".join(f"/{each}" for each in where)


def answer_text(value: object, question: str) -> str:
    """A given answer as a submission writes it; raises FillingProblem for a value of no known kind.

    Datetimes must be aware; a point without altitude or accuracy gets 0 for it, as phones write.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value, question)
    if isinstance(value, datetime):
        return _datetime_text(value, question)
    if isinstance(value, date | time):
        return value.isoformat() if isinstance(value, date) else zone_text(value.isoformat(timespec="milliseconds"))
    if isinstance(value, Point):
        numbers = (value.lat, value.lon, value.alt or 0.0, value.acc or 0.0)
        return " ".join(number_text(float(number)) for number in numbers)
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(each, str) for each in value):
        return " ".join(sorted(value) if isinstance(value, set | frozenset) else value)
    raise FillingProblem(f"The answer to “{question}” is a {type(value).__name__}, which no question takes.")


def _float_text(value: float, question: str) -> str:
    if not math.isfinite(value):
        raise FillingProblem(f"The answer to “{question}” is no finite number.")
    return number_text(value)


def _datetime_text(value: datetime, question: str) -> str:
    if value.tzinfo is None:
        raise FillingProblem(f"The time given for “{question}” has no time zone.")
    return zone_text(value.isoformat(timespec="milliseconds"))
