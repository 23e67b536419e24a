"""Reads a report's XML once into the rows of its tables: texts of questions in form order, instances of repeats below them.

Pure: element in, texts out; OData and CSV write what is read here, so they cannot disagree about what a report says.
The first node of a name counts (but for repeats), names are matched without their namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from server.services.odata_layout import Layout, Node

_LEAF, _GROUP, _REPEAT = 0, 1, 2
# What a tag leads to: (leaf, index of its text), (group, steps inside) or (repeat, its number, its table).
_Step = tuple[int, Any, Any]


@dataclass(slots=True)
class Instance:
    """A submission or one instance of a repeat. texts: by leaf, None where the XML lacks the node; repeats: by number."""

    texts: list[str | None]
    repeats: list[list[Instance]]


@dataclass(frozen=True)
class Inner:
    """A repeat inside a table: the nodes from the table down to it (groups, then the repeat) and its own table."""

    way: tuple[Node, ...]
    table: Table


@dataclass(frozen=True)
class Table:
    """The root or a repeat: its questions in form order, groups flattened, and the repeats directly below it."""

    node: Node
    leaves: tuple[tuple[tuple[Node, ...], Node], ...]
    inner: tuple[Inner, ...]
    steps: Mapping[str, _Step] = field(repr=False)

    def blank(self) -> Instance:
        """An instance that says nothing."""
        return Instance([None] * len(self.leaves), [[] for _ in self.inner])

    def read(self, element: etree._Element) -> Instance:
        """The answers of this table in one element, with everything below."""
        found = self.blank()
        _read(self.steps, element, found)
        return found


def tables_of(layout: Layout) -> Table:
    """The root table of a form, with all others below it."""
    return _table(layout.root)


def _table(node: Node) -> Table:
    leaves: list[tuple[tuple[Node, ...], Node]] = []
    inner: list[Inner] = []
    steps = _steps(node, (), leaves, inner)
    return Table(node, tuple(leaves), tuple(inner), steps)


def _steps(
    node: Node, groups: tuple[Node, ...], leaves: list[tuple[tuple[Node, ...], Node]], inner: list[Inner]
) -> dict[str, _Step]:
    steps: dict[str, _Step] = {}
    for child in node.children:
        if child.kind == "structure":
            steps[child.tag] = (_GROUP, _steps(child, (*groups, child), leaves, inner), None)
        elif child.kind == "repeat":
            table = _table(child)
            steps[child.tag] = (_REPEAT, len(inner), table)
            inner.append(Inner((*groups, child), table))
        else:
            steps[child.tag] = (_LEAF, len(leaves), None)
            leaves.append((groups, child))
    return steps


def _read(steps: Mapping[str, _Step], element: etree._Element, into: Instance) -> None:
    texts, groups_seen = into.texts, None
    for child in element:
        tag = child.tag
        step = steps.get(tag)
        if step is None:
            step = steps.get(tag[tag.rfind("}") + 1 :])
            if step is None:
                continue
        kind, place, table = step
        if kind == _LEAF:
            if texts[place] is None:
                texts[place] = "" if len(child) else child.text or ""
        elif kind == _REPEAT:
            into.repeats[place].append(table.read(child))
        else:
            groups_seen = set() if groups_seen is None else groups_seen
            if id(place) not in groups_seen:
                groups_seen.add(id(place))
                _read(place, child, into)


def numbers(table: Table, way: tuple[Node, ...]) -> tuple[int, ...]:
    """The repeat numbers that lead down the nodes of `way` (groups and repeats, as in Layout.tables)."""
    for number, inner in enumerate(table.inner):
        depth = len(inner.way)
        if way[depth - 1 : depth] and way[depth - 1] is inner.way[-1]:
            return (number, *numbers(inner.table, way[depth:]))
    return ()


def instances(table: Table, instance: Instance, way: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Instance]]:
    """The instances of the repeat reached by these repeat numbers, each with its indices counted from 0."""
    if not way:
        yield (), instance
        return
    number, rest = way[0], way[1:]
    inner = table.inner[number].table
    for index, each in enumerate(instance.repeats[number]):
        for deeper, found in instances(inner, each, rest):
            yield (index, *deeper), found
