"""Put given answers where they belong in a form's tree, making repeat instances on the way."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, TypeAlias

from forms.answers import AnswerTree
from forms.fields import Field
from forms.filling_template import Template
from forms.filling_values import Calculator, FillingProblem, answer_text
from forms.nodes import Node
from forms.values import Point

__all__ = ["Answer", "FillingProblem", "give_answers"]

Simple: TypeAlias = str | int | float | bool | date | datetime | time | Point | None
Answer: TypeAlias = Simple | Sequence[str] | frozenset[str] | Mapping[str, Any] | Sequence[Mapping[str, Any]]


def give_answers(tree: AnswerTree, template: Template, calculator: Calculator, answers: Mapping[str, Answer]) -> list[Node]:
    """Write the answers into the tree; returns the nodes that got one, in form order.

    Raises FillingProblem for an unknown question and for a value that cannot be written.
    """
    giver = _Giver(tree, template, calculator)
    giver.give(tree.root, "", None, answers)
    order = {field.path: field.order for field in tree.definition.fields}
    return sorted(giver.given, key=lambda node: order[node.path])


class _Giver:
    def __init__(self, tree: AnswerTree, template: Template, calculator: Calculator) -> None:
        self._tree = tree
        self._template = template
        self._calculator = calculator
        self.given: list[Node] = []

    def give(self, scope: Node, group: str, repeat: str | None, answers: Mapping[str, Answer]) -> None:
        """Answers of one repeat instance (or the root); `scope` is its node, `group` where bare names are sought first."""
        for key, value in answers.items():
            field = self._field(key, group, repeat)
            if value is None:
                continue
            if field.type == "repeat":
                self._give_repeat(scope, field, value)
            elif field.is_structure:
                if not isinstance(value, Mapping):
                    raise FillingProblem(f"“{key}” is a group; its answer must be a mapping.")
                self.give(scope, field.path, repeat, value)
            else:
                node = self._parent(scope, field).named(field.name)[0]
                node.text = answer_text(value, key)
                self.given.append(node)

    def _give_repeat(self, scope: Node, field: Field, value: Answer) -> None:
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
            raise FillingProblem(f"“{field.name}” is a repeat; its answer must be a list of mappings.")
        parent = self._parent(scope, field)
        for each in value:
            if not isinstance(each, Mapping):
                raise FillingProblem(f"“{field.name}” is a repeat; its answer must be a list of mappings.")
            instance = self._calculator.add_instance(parent, field.path)
            self.give(instance, field.path, field.path, each)

    def _parent(self, scope: Node, field: Field) -> Node:
        node = scope
        for step in field.parent[len(scope.path) :].split("/")[1:]:
            node = node.named(step)[0]
        return node

    def _field(self, key: str, group: str, repeat: str | None) -> Field:
        definition = self._tree.definition
        for path in (key,) if key.startswith("/") else (f"{group}/{key}", f"/{key}"):
            field = definition.by_path.get(path)
            if field is not None and field.repeat == repeat:
                return field
        # What lies in a meta block (an entity's label, the instanceID) is never meant by a bare name.
        found = [each for each in definition.fields if each.name == key and each.repeat == repeat and "/meta/" not in each.path]
        if len(found) > 1:
            raise FillingProblem(f"“{key}” is the name of several questions; give the path of one.")
        if not found:
            where = f" in the repeat {repeat}" if repeat else ""
            raise FillingProblem(f"The form {definition.form_id} has no question “{key}”{where}.")
        return found[0]
