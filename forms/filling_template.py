"""The blank instance a form starts from, and the pattern of each repeat."""

from lxml import etree

from forms.fields import FormDefinition
from forms.nodes import Node, tree_of
from forms.xmlsafe import parse_xml


class Template:
    """One form's blank instance, read once; repeats are taken out and kept as patterns."""

    def __init__(self, definition: FormDefinition) -> None:
        self._definition = definition
        self._patterns: dict[str, Node] = {}
        root: etree._Element = parse_xml(definition.template.encode())
        self._root = tree_of(root)
        self._repeats = frozenset(definition.repeats)
        self._take_out(self._root)

    @classmethod
    def of(cls, definition: FormDefinition) -> "Template":
        """The template of a definition, made on first use."""
        cache = definition.__dict__
        if "_template_cache" not in cache:
            cache["_template_cache"] = cls(definition)
        template: Template = cache["_template_cache"]
        return template

    def fresh(self) -> Node:
        """A new blank instance without any repeat instance."""
        return _copy(self._root, None)

    def add_instance(self, parent: Node, path: str) -> Node:
        """A new instance of the repeat at `path` under `parent`, after those already there, in form order."""
        made = _copy(self._patterns[path], parent)
        order = self._definition.by_path[path].order
        known = self._definition.by_path
        position = next(
            (at for at, each in enumerate(parent.children) if each.path in known and known[each.path].order > order), -1
        )
        parent.insert(position, made)
        return made

    def _take_out(self, node: Node) -> None:
        for child in list(node.children):
            if child.path not in self._repeats:
                self._take_out(child)
                continue
            node.remove(child)
            if child.path not in self._patterns or "template" in child.attributes:
                self._patterns[child.path] = child
            self._take_out(child)


def _copy(node: Node, parent: Node | None) -> Node:
    made = Node(node.name, node.text, parent, node.path)
    made.tag = node.tag
    made.attributes = {name: _copy(attribute, made) for name, attribute in node.attributes.items()}
    made.children = [_copy(child, made) for child in node.children]
    return made
