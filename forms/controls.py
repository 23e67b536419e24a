"""The body of a form: which question is asked how, with which label, choices and actions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from forms.fields import Action, Attachment, Choice, Itemset, Labels, SelectKind
from forms.formxml import action_of, children, plain, relative_path
from forms.itext import Itext, label_texts
from forms.xmlsafe import local_name

_SELECTS: Final[Mapping[str, SelectKind]] = {"select1": "one", "select": "multiple", "rank": "rank"}
_QUESTIONS: Final = frozenset({"input", "upload", "trigger", "range", "secret", "textarea", *_SELECTS})
_NOT_PARAMETERS: Final = frozenset({"ref", "bind", "appearance", "mediatype", "class", "nodeset"})
_INSTANCE: Final = re.compile(r"""^instance\(\s*(['"])(.*?)\1\s*\)/root/item""")
_SEARCH: Final = re.compile(r"""search\(\s*['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True)
class Control:
    """How one node is shown; `kind` is the element's name, None for a node that is not in the body."""

    kind: str | None
    select: SelectKind | None = None
    labels: Labels = field(default_factory=dict)
    hints: Labels = field(default_factory=dict)
    appearance: str = ""
    media_type: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    itemset: Itemset | None = None
    choices: tuple[Choice, ...] = ()


@dataclass
class Controls:
    """Everything read from the body. `repeats` maps a repeat's path to its count expression, if it has one."""

    by_path: dict[str, Control] = field(default_factory=dict)
    repeats: dict[str, str | None] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)


def read_controls(body: etree._Element | None, root: str, binds: Mapping[str, str], itext: Itext) -> Controls:
    """Read the body; `binds` maps bind ids to paths, for controls that name their bind instead of a node."""
    reader = _Reader(root, binds, itext, Controls())
    if body is not None:
        reader.read(body, "", None)
    return reader.found


@dataclass
class _Reader:
    root: str
    binds: Mapping[str, str]
    itext: Itext
    found: Controls

    def read(self, element: etree._Element, context: str, repeat: str | None) -> None:
        for child in element:
            name = local_name(child)
            if name == "group":
                self._group(child, context, repeat)
            elif name == "repeat":
                self._repeat(child, context)
            elif name in _QUESTIONS:
                self._question(child, name, context, repeat)
            elif name in {"setvalue", "setgeopoint"}:
                self.found.actions.append(action_of(child, self.root, None, repeat))

    def _path(self, element: etree._Element, context: str) -> str | None:
        bind = element.get("bind")
        if bind is not None and bind in self.binds:
            return self.binds[bind]
        reference = element.get("ref") or element.get("nodeset")
        return relative_path(reference, self.root, context) if reference else None

    def _group(self, element: etree._Element, context: str, repeat: str | None) -> None:
        path = self._path(element, context)
        if path:
            self.found.by_path[path] = self._control(element, "group")
        self.read(element, path or context, repeat)

    def _repeat(self, element: etree._Element, context: str) -> None:
        # A group around a repeat often has the repeat's own path and carries its label.
        path = self._path(element, context) or context
        count = next((str(value) for key, value in element.attrib.items() if plain(str(key)) == "count"), None)
        self.found.repeats[path] = (count or "").strip() or None
        self.found.by_path.setdefault(path, self._control(element, "repeat"))
        self.read(element, path, path)

    def _question(self, element: etree._Element, name: str, context: str, repeat: str | None) -> None:
        path = self._path(element, context)
        if not path:
            return
        self.found.by_path[path] = self._control(element, name)
        for action in element:
            if local_name(action) in {"setvalue", "setgeopoint"}:
                self.found.actions.append(action_of(action, self.root, path, repeat))
        if element.get("query"):
            self.found.files.append(Attachment("itemsets.csv", "file"))
        searched = _SEARCH.search(element.get("appearance") or "")
        if searched:
            self.found.files.append(Attachment(searched.group(1).removesuffix(".csv") + ".csv", "file"))

    def _control(self, element: etree._Element, name: str) -> Control:
        return Control(
            kind=name,
            select=_SELECTS.get(name),
            labels=label_texts(next(children(element, "label"), None), self.itext),
            hints=label_texts(next(children(element, "hint"), None), self.itext),
            appearance=(element.get("appearance") or "").strip(),
            media_type=element.get("mediatype"),
            parameters={
                plain(str(key)): str(value) for key, value in element.attrib.items() if plain(str(key)) not in _NOT_PARAMETERS
            },
            itemset=_itemset(next(children(element, "itemset"), None)),
            choices=tuple(self._choice(item) for item in children(element, "item")),
        )

    def _choice(self, item: etree._Element) -> Choice:
        value = next(children(item, "value"), None)
        text = (value.text or "").strip() if value is not None else ""
        return Choice(text, label_texts(next(children(item, "label"), None), self.itext))


def _itemset(element: etree._Element | None) -> Itemset | None:
    if element is None:
        return None
    nodeset = (element.get("nodeset") or "").strip()
    value = next(children(element, "value"), None)
    label = next(children(element, "label"), None)
    inner, randomized = _without_randomize(nodeset)
    found = _INSTANCE.match(inner)
    return Itemset(
        nodeset=nodeset,
        instance=found.group(2) if found else None,
        filter=_predicate(inner[found.end() :]) if found else None,
        value_ref=(value.get("ref") or "name").strip() if value is not None else "name",
        label_ref=_label_ref(label),
        randomized=randomized,
    )


def _without_randomize(nodeset: str) -> tuple[str, bool]:
    """Take `randomize(nodeset, seed)` apart: the order of choices does not concern what may be answered."""
    found = re.match(r"randomize\s*\(", nodeset)
    if not found:
        return nodeset, False
    inner = nodeset[found.end() :].rstrip()
    depth = 0
    for index, character in enumerate(inner):
        depth += (character in "([") - (character in ")]")
        if depth < 0 or (character == "," and depth == 0):
            return inner[:index].strip(), True
    return inner, True


def _predicate(rest: str) -> str | None:
    """The conditions of `item[a][b]` as one expression, or None."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(rest):
        if character == "[":
            start = index + 1 if depth == 0 else start
            depth += 1
        elif character == "]":
            depth -= 1
            if depth == 0:
                parts.append(rest[start:index].strip())
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else " and ".join(f"({part})" for part in parts)


def _label_ref(label: etree._Element | None) -> str:
    reference = (label.get("ref") or "label").strip() if label is not None else "label"
    found = re.fullmatch(r"jr:itext\(\s*(.+?)\s*\)", reference)
    return found.group(1) if found else reference
