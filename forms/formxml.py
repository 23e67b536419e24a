"""Small readers of a form's XML that definition, controls and itext share: children, attributes, paths, actions."""

from collections.abc import Iterator

from lxml import etree

from forms.fields import Action
from forms.xmlsafe import local_name


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Child elements of that local name, whatever their namespace."""
    return (child for child in element if local_name(child) == name)


def plain(key: str) -> str:
    """An attribute's or tag's name without its namespace."""
    return key[key.rfind("}") + 1 :]


def attribute(element: etree._Element, name: str) -> str | None:
    """An attribute by local name, whatever its namespace."""
    return next((str(value) for key, value in element.attrib.items() if plain(str(key)) == name), None)


def relative_path(nodeset: str, root: str, context: str = "") -> str:
    """A nodeset as a path relative to the root, without prefixes: "/data/orx:meta/x" -> "/meta/x"; "" is the root.

    A relative nodeset counts from `context`, itself such a path.
    """
    text = nodeset.strip()
    steps = [step.strip().rsplit(":", 1)[-1] for step in text.split("/")]
    if text.startswith("/"):
        return _joined([], steps[2:] if steps[1] == root else steps[1:])
    return _joined(context.split("/"), steps)


def _joined(base: list[str], steps: list[str]) -> str:
    path = [step for step in base if step]
    for step in steps:
        if step == "..":
            path = path[:-1]
        elif step and step != ".":
            path.append(step)
    return "".join(f"/{step}" for step in path)


def action_of(element: etree._Element, root: str, trigger: str | None, repeat: str | None) -> Action:
    """Read one setvalue/setgeopoint element; `trigger` is the question around it, `repeat` the repeat."""
    target, _at, name = relative_path(element.get("ref", ""), root).partition("/@")
    return Action(
        kind=local_name(element),
        events=tuple((attribute(element, "event") or "").split()),
        target=target,
        attribute=name or None,
        expression=element.get("value"),
        text=element.text or "",
        trigger=trigger,
        repeat=repeat,
    )
