"""The trees XPath runs over: answers as light nodes without namespaces, and lists as rows with an index.

A node that is not relevant counts as absent, as ODK's clients treat it.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Final

from lxml import etree

from forms.fields import FormDefinition
from forms.formxml import plain
from forms.xmlsafe import local_name

Rows = Sequence[Mapping[str, str]]


_NO_ATTRIBUTES: Final[Mapping[str, "Node"]] = {}


class Node:
    """One element or attribute of the answers. `path` is relative to the root ("" for the root itself).

    `tag` is the name with its namespace as lxml writes it, for putting the XML together again.
    """

    __slots__ = ("_named", "_places", "attributes", "children", "name", "parent", "path", "relevant", "tag", "text")

    def __init__(self, name: str, text: str, parent: "Node | None", path: str) -> None:
        self.name = name
        self.tag = name
        self.text = text
        self.parent = parent
        self.path = path
        self.children: list[Node] = []
        self.attributes: Mapping[str, Node] = _NO_ATTRIBUTES
        self.relevant = True
        self._named: dict[str, list[Node]] | None = None
        self._places: dict[int, int] | None = None

    def named(self, name: str) -> list["Node"]:
        """Child elements of that name, relevant or not, in document order."""
        if self._named is None:
            self._named = {}
            for child in self.children:
                self._named.setdefault(child.name, []).append(child)
        return self._named.get(name, [])

    def place(self, child: "Node") -> int:
        """Position, from 1, of a child among those of its name."""
        if self._places is None:
            names = dict.fromkeys(each.name for each in self.children)
            self._places = {id(each): at for name in names for at, each in enumerate(self.named(name), 1)}
        return self._places.get(id(child), 1)

    def elements(self) -> Sequence["Node"]:
        """All child elements."""
        return self.children

    def insert(self, position: int, child: "Node") -> None:
        """Put a child in place; -1 appends."""
        self.children.insert(len(self.children) if position < 0 else position, child)
        self._named = self._places = None

    def remove(self, child: "Node") -> None:
        """Take a child out."""
        self.children.remove(child)
        self._named = self._places = None

    def string(self) -> str:
        """The text, or for a group the texts in it one after the other."""
        if not self.children:
            return self.text
        return "".join(each.text for each in self.descendants() if not each.children)

    def descendants(self) -> Iterator["Node"]:
        """All relevant elements below, in document order. Iterative, since what arrives may nest deeply."""
        pending = [iter(self.elements())]
        while pending:
            for child in pending[-1]:
                if child.relevant:
                    yield child
                    pending.append(iter(child.elements()))
                    break
            else:
                pending.pop()


class RowNode(Node):
    """One row of a list; its columns become nodes only when asked for."""

    __slots__ = ("row",)

    def __init__(self, row: Mapping[str, str], parent: Node) -> None:
        super().__init__("item", "", parent, "")
        self.row = row

    def named(self, name: str) -> list[Node]:
        text = self.row.get(name)
        return [] if text is None else [Node(name, text, self, "")]

    def elements(self) -> Sequence[Node]:
        return [Node(name, text, self, "") for name, text in self.row.items()]


class ListData:
    """The rows of one list with an index per column, made on first use. It must not change afterwards."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._indexes: dict[str, dict[str, list[int]]] = {}
        self._nodes: dict[int, RowNode] = {}
        self._root = _ListRoot(self)

    def positions(self, column: str, value: str) -> Sequence[int]:
        """Positions of the rows whose `column` is `value`."""
        if column not in self._indexes:
            index: dict[str, list[int]] = {}
            for position, row in enumerate(self.rows):
                if column in row:
                    index.setdefault(row[column], []).append(position)
            self._indexes[column] = index
        return self._indexes[column].get(value, ())

    def node(self, position: int) -> RowNode:
        """The row at `position` as a node, always the same one."""
        if position not in self._nodes:
            self._nodes[position] = RowNode(self.rows[position], self._root)
        return self._nodes[position]

    def document(self) -> Node:
        """What `instance('...')` returns: a document whose one child holds the rows, whatever they are called."""
        return _ListDocument(self._root)


class _ListRoot(Node):
    __slots__ = ("_data",)

    def __init__(self, data: ListData) -> None:
        super().__init__("root", "", None, "")
        self._data = data

    def named(self, name: str) -> list[Node]:
        return [self._data.node(position) for position in range(len(self._data.rows))]

    def elements(self) -> Sequence[Node]:
        return self.named("item")


class _ListDocument(Node):
    __slots__ = ("_root",)

    def __init__(self, root: Node) -> None:
        super().__init__("", "", None, "")
        self._root = root

    def named(self, name: str) -> list[Node]:
        return [self._root]

    def elements(self) -> Sequence[Node]:
        return [self._root]


class Lists:
    """The lists a form reads: inline ones from the form, others by instance id or file name from the caller.

    Prepare once and reuse it for many submissions: the indexes are kept.
    """

    def __init__(self, definition: FormDefinition, rows: Mapping[str, Rows]) -> None:
        self._definition = definition
        self._rows = rows
        self._data: dict[str, ListData | None] = {}

    @classmethod
    def of(cls, definition: FormDefinition, lists: "Mapping[str, Rows] | Lists") -> "Lists":
        """`lists` itself when it is prepared already."""
        return lists if isinstance(lists, Lists) else cls(definition, lists)

    def get(self, instance_id: str) -> ListData | None:
        """The list behind `instance('id')`; None when its rows are not known."""
        if instance_id not in self._data:
            rows = self._find(instance_id)
            self._data[instance_id] = ListData(rows) if rows is not None else None
        return self._data[instance_id]

    def _find(self, instance_id: str) -> Rows | None:
        instance = self._definition.instances.get(instance_id)
        if instance is not None and instance.src is None:
            return instance.rows
        filename = instance.filename if instance is not None and instance.filename else instance_id
        for name in (instance_id, filename, filename.rpartition(".")[0]):
            if name in self._rows:
                return self._rows[name]
        return None


ROOT_PATH: Final = ""


def tree_of(root: etree._Element) -> Node:
    """Nodes of a submission or template. Iterative, since what arrives may nest deeply."""
    top = _node(root, local_name(root), None, ROOT_PATH)
    pending: list[tuple[etree._Element, Node]] = [(root, top)]
    while pending:
        element, node = pending.pop()
        for child in element:
            name = local_name(child)
            made = _node(child, name, node, f"{node.path}/{name}")
            node.children.append(made)
            if len(child):
                pending.append((child, made))
    return top


def _node(element: etree._Element, name: str, parent: Node | None, path: str) -> Node:
    text = "" if len(element) else str(element.text or "")
    node = Node(name, text, parent, path)
    node.tag = str(element.tag)
    if element.attrib:
        node.attributes = {made.name: made for made in _attributes(element, node)}
    return node


def _attributes(element: etree._Element, node: Node) -> Iterator[Node]:
    for key, value in element.attrib.items():
        name = plain(str(key))
        made = Node(name, str(value), node, f"{node.path}/@{name}")
        made.tag = str(key)
        yield made


def indices_of(node: Node, repeats: Container[str]) -> tuple[int, ...]:
    """Positions, from 1, of the repeat instances around (and including) a node, outermost first."""
    found: list[int] = []
    each: Node | None = node
    while each is not None and each.parent is not None:
        if each.path in repeats:
            found.append(position_of(each))
        each = each.parent
    return tuple(reversed(found))


def position_of(node: Node) -> int:
    """Position, from 1, among the siblings of the same name."""
    return node.parent.place(node) if node.parent is not None else 1
