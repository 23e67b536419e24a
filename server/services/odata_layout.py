"""The tables of a form as OData and CSV show them: one root table and one per repeat, names made valid and unique.

Pure: made from a form definition, kept per version, knows neither rows nor requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forms.fields import Field, FormDefinition
from server.services.odata_values import identifier

ROOT = "Submissions"


@dataclass(frozen=True)
class Node:
    """A group, repeat or question. `tag` is its XML name, `name` its OData name, `path` the form's own path.

    table: for the root and repeats, the table's name, such as "Submissions.people".
    """

    name: str
    tag: str
    path: str
    kind: str
    field: Field | None
    children: tuple[Node, ...] = ()
    table: str = ""


@dataclass(frozen=True)
class Layout:
    """All tables of a form. `tables` maps a table's name to the nodes from below the root down to its repeat."""

    root: Node
    tables: Mapping[str, tuple[Node, ...]]

    def node(self, table: str) -> Node:
        """The root node or the repeat that a table shows. Raises KeyError for a table that the form does not have."""
        way = self.tables[table]
        return way[-1] if way else self.root


def layout_of(definition: FormDefinition) -> Layout:
    """The tables of this form version."""
    root = _node(definition, "", definition.root, ROOT, "repeat", None, (ROOT,))
    tables: dict[str, tuple[Node, ...]] = {ROOT: ()}
    _collect(root, (), tables)
    return Layout(root, tables)


def _node(
    definition: FormDefinition, path: str, tag: str, name: str, kind: str, field: Field | None, names: tuple[str, ...]
) -> Node:
    children: list[Node] = []
    taken: set[str] = set()
    for child in definition.children.get(path, ()):
        child_name = _unique(identifier(child.name), taken)
        taken.add(child_name)
        child_kind = child.type if child.is_structure else "leaf"
        if child.is_structure:
            children.append(_node(definition, child.path, child.name, child_name, child_kind, child, (*names, child_name)))
        else:
            children.append(Node(child_name, child.name, child.path, child_kind, child))
    return Node(name, tag, path, kind, field, tuple(children), ".".join(names) if kind == "repeat" else "")


def _unique(name: str, taken: set[str]) -> str:
    """Names that differ only in letters OData does not know ("é", "-") get a number, so that no answer is hidden."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _collect(node: Node, way: tuple[Node, ...], tables: dict[str, tuple[Node, ...]]) -> None:
    for child in node.children:
        if child.kind in {"repeat", "structure"}:
            if child.kind == "repeat":
                tables[child.table] = (*way, child)
            _collect(child, (*way, child), tables)
