"""A form's answers as a tree with its rules: walking fields, relevance, conditions, choices.

Shared by checking (`forms.validation`) and filling (`forms.filling`). A rule that cannot be computed, or needs a
list that is not known, is never held against the answer; the former is noted in `problems`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from forms.fields import Choice, Field, FormDefinition, Itemset
from forms.nodes import Node, indices_of
from forms.xpath import Compiled, Context, Environment, XPathProblem, compile_xpath
from forms.xpath_context import pins_around
from forms.xpath_values import Value, to_boolean, to_string

MAX_PASSES: Final = 20
"""Rounds until relevance and calculations must have settled; forms without cycles need two or three."""


class AnswerTree:
    """Answers under `root` (its name is the form's) and what the form's rules say about them."""

    def __init__(self, definition: FormDefinition, root: Node, environment: Environment) -> None:
        self.definition = definition
        self.root = root
        self.environment = environment
        self.repeats = frozenset(definition.repeats)
        self.problems: dict[tuple[str, str], str] = {}
        """(path, expression) -> why it could not be computed."""
        root.name = definition.root

    def pairs(self, parent: Node | None = None) -> Iterator[tuple[Field, Node]]:
        """Every field with its node, in form order, each repeat instance on its own; missing nodes are left out."""
        parent = parent or self.root
        for field in self.definition.children.get(parent.path, ()):
            nodes = parent.named(field.name)
            for node in nodes if field.type == "repeat" else nodes[:1]:
                yield field, node
                if field.is_structure:
                    yield from self.pairs(node)

    def nodes_at(self, path: str) -> list[Node]:
        """All nodes at a path, over all repeat instances, relevant or not."""
        found = [self.root]
        for step in path.split("/")[1:]:
            found = [child for node in found for child in node.named(step)]
        return found

    def complete(self) -> None:
        """Put an empty node wherever a question or group is missing, so that its rules can be looked at."""
        pending = [self.root]
        while pending:
            parent = pending.pop()
            fields = self.definition.children.get(parent.path, ())
            missing = [field for field in fields if field.type != "repeat" and not parent.named(field.name)]
            for field in missing:  # only now, as each insertion drops the index of names
                parent.insert(-1, Node(field.name, "", parent, field.path))
            pending += [node for field in fields if field.is_structure for node in parent.named(field.name)]

    def indices(self, node: Node) -> tuple[int, ...]:
        """Repeat positions of a node, from 1, outermost first."""
        return indices_of(node, self.repeats)

    def key(self, node: Node) -> str:
        """The node's path with repeat positions: "/place[2]/p_need"."""
        parts: list[str] = []
        each: Node | None = node
        while each is not None and each.parent is not None:
            at = f"[{self.indices(each)[-1]}]" if each.path in self.repeats else ""
            parts.append(f"/{each.name}{at}")
            each = each.parent
        return "".join(reversed(parts))

    def value(self, expression: str, node: Node) -> Value | None:
        """An expression's value at a node; None when it cannot be computed or asks for an unknown list."""
        self.environment.missing.clear()
        try:
            value = compile_xpath(expression).evaluate(self.environment, node)
        except XPathProblem as problem:
            self.problems.setdefault((node.path, expression), str(problem))
            return None
        return None if self.environment.missing else value

    def holds(self, expression: str | None, node: Node) -> bool | None:
        """A condition's truth at a node; None when it is not known. No condition holds."""
        if expression is None:
            return True
        value = self.value(expression, node)
        return None if value is None else to_boolean(value)

    def settle_relevance(self, pairs: Iterable[tuple[Field, Node]] | None = None) -> bool:
        """Mark every node relevant or not until nothing changes; says whether anything did.

        pairs: what `pairs()` gives, from who has walked it already.
        """
        ruled = [(field, node) for field, node in pairs or self.pairs() if field.relevant is not None]
        changed_at_all = False
        for _pass in range(MAX_PASSES):
            changed = False
            for field, node in ruled:
                relevant = self.holds(field.relevant, node) is not False
                changed |= relevant != node.relevant
                node.relevant = relevant
            changed_at_all |= changed
            if not changed:
                break
        return changed_at_all

    def is_relevant(self, node: Node) -> bool:
        """Whether the node and everything around it is relevant."""
        each: Node | None = node
        while each is not None:
            if not each.relevant:
                return False
            each = each.parent
        return True

    def allows(self, field: Field, node: Node, value: str) -> bool | None:
        """Whether `value` is among a select's choices at this node, filter included; None when that is not known."""
        itemset = field.itemset
        if "search(" in field.appearance:
            return None
        if itemset is None:
            return any(choice.value == value for choice in field.choices) if field.choices else None
        if itemset.instance is None:
            values = self._values_of_nodes(itemset, node)
            return None if values is None else value in values
        data = self.environment.lists.get(itemset.instance)
        if data is None:
            return None
        rows: list[Node] = [data.node(position) for position in data.positions(itemset.value_ref, value)]
        return bool(rows) if itemset.filter is None else self._any_row(itemset.filter, rows, node)

    def _any_row(self, condition: str, rows: list[Node], node: Node) -> bool | None:
        verdicts = [self._row_passes(condition, row, node) for row in rows]
        return None if None in verdicts else any(verdicts)

    def _row_passes(self, condition: str, row: Node, node: Node) -> bool | None:
        self.environment.missing.clear()
        try:
            compiled: Compiled = compile_xpath(condition)
            value = compiled.run(Context(self.environment, row, node, pins_around(node)))
        except XPathProblem as problem:
            self.problems.setdefault((node.path, condition), str(problem))
            return None
        return None if self.environment.missing else to_boolean(value)

    def _values_of_nodes(self, itemset: Itemset, node: Node) -> list[str] | None:
        found = self.value(itemset.nodeset, node)
        if not isinstance(found, list):
            return None
        return [to_string(list(each.named(itemset.value_ref))) for each in found]

    def choices(self, field: Field, node: Node) -> tuple[Choice, ...]:
        """The choices a select offers at this node, filter applied; empty when its list is not known."""
        itemset = field.itemset
        if itemset is None:
            return field.choices
        default = self.definition.default_language
        if itemset.instance is None:
            found = self.value(itemset.nodeset, node)
            nodes = found if isinstance(found, list) else []
            return tuple(_choice(each, itemset, default) for each in nodes)
        data = self.environment.lists.get(itemset.instance)
        if data is None:
            return ()
        rows = self._offered(itemset, node)
        if rows is None:
            return ()
        known = {choice.value: choice for choice in self.definition.choices_of(field)}
        made = (_choice(row, itemset, default) for row in rows)
        return tuple(known.get(choice.value, choice) for choice in made)

    def _offered(self, itemset: Itemset, node: Node) -> list[Node] | None:
        """Rows of the list that pass the filter, found through the list's index where the filter allows."""
        quote = '"' if "'" in (itemset.instance or "") else "'"
        condition = f"[{itemset.filter}]" if itemset.filter is not None else ""
        found = self.value(f"instance({quote}{itemset.instance}{quote})/root/item{condition}", node)
        return found if isinstance(found, list) else None


def _choice(row: Node, itemset: Itemset, language: str) -> Choice:
    value = to_string(list(row.named(itemset.value_ref)))
    label = to_string(list(row.named(itemset.label_ref))) or value
    return Choice(value, {language: label}, {})
