"""Axes and arithmetic of XPath: how a step reaches nodes, and what the operators do with numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from forms.nodes import Node

Axis = Callable[[Node, str], Sequence[Node]]


def _child(node: Node, test: str) -> Sequence[Node]:
    return node.elements() if test in {"*", "node()"} else [] if test == "text()" else node.named(test)


def _self(node: Node, test: str) -> Sequence[Node]:
    return [node] if _matches(node, test) else []


def _parent(node: Node, test: str) -> Sequence[Node]:
    return [node.parent] if node.parent is not None and _matches(node.parent, test) else []


def _attribute(node: Node, test: str) -> Sequence[Node]:
    if test in {"*", "node()"}:
        return list(node.attributes.values())
    found = node.attributes.get(test)
    return [found] if found is not None else []


def _ancestor(node: Node, test: str) -> Sequence[Node]:
    found, each = [], node.parent
    while each is not None:
        if _matches(each, test):
            found.append(each)
        each = each.parent
    return found


def _ancestor_or_self(node: Node, test: str) -> Sequence[Node]:
    return [*_self(node, test), *_ancestor(node, test)]


def _descendant(node: Node, test: str) -> Sequence[Node]:
    return [each for each in node.descendants() if _matches(each, test)]


def _descendant_or_self(node: Node, test: str) -> Sequence[Node]:
    return [*_self(node, test), *_descendant(node, test)]


def _preceding_sibling(node: Node, test: str) -> Sequence[Node]:
    siblings = _siblings(node)
    return [each for each in reversed(siblings[: _place(node, siblings)]) if _matches(each, test)]


def _following_sibling(node: Node, test: str) -> Sequence[Node]:
    siblings = _siblings(node)
    return [each for each in siblings[_place(node, siblings) + 1 :] if _matches(each, test)]


def _siblings(node: Node) -> Sequence[Node]:
    return node.parent.elements() if node.parent is not None else [node]


def _place(node: Node, siblings: Sequence[Node]) -> int:
    return next((at for at, each in enumerate(siblings) if each is node), 0)


def _matches(node: Node, test: str) -> bool:
    return test in {"*", "node()", node.name}


AXES: Final[Mapping[str, Axis]] = {
    "child": _child,
    "self": _self,
    "parent": _parent,
    "attribute": _attribute,
    "ancestor": _ancestor,
    "ancestor-or-self": _ancestor_or_self,
    "descendant": _descendant,
    "descendant-or-self": _descendant_or_self,
    "preceding-sibling": _preceding_sibling,
    "following-sibling": _following_sibling,
}


def _divide(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left)


def _remainder(left: float, right: float) -> float:
    return math.nan if right == 0 or math.isinf(left) or math.isnan(right) else math.fmod(left, right)


ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "div": _divide,
    "mod": _remainder,
}
