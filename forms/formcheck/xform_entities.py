"""Checks of what an XForm declares about entities: the specification's version, names of lists and properties, actions.

As ODK Central checks it: a fault here cannot be waved through, an old version of the specification can.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from forms.entities import is_list_name, is_property_name
from forms.findings import Finding, Place, error, warning
from forms.formxml import attribute
from forms.xmlsafe import local_name

ENTITIES: Final = "{http://www.opendatakit.org/xforms/entities}"
OLDEST: Final = (2022, 1)
OFFLINE: Final = (2024, 1)
NEWEST: Final = (2025, 1)
FATAL: Final = frozenset({"entities-version", "entities-list-name", "entities-property-name", "entities-action"})
_ADVICE: Final = "Convert it with pyxform 4.5."


def entity_findings(model: etree._Element, primary: etree._Element) -> Iterator[Finding]:
    """Every finding about entities of a form with this model and primary instance."""
    blocks = list(_blocks(primary))
    declared = model.get(f"{ENTITIES}entities-version")
    if blocks or declared:
        yield from _version_findings(declared, bool(blocks))
    for container, entity in blocks:
        yield from _declaration_findings(container, entity)
    yield from _property_findings(model, {container for container, _entity in blocks})


def _version_findings(declared: str | None, used: bool) -> Iterator[Finding]:
    number = _version(declared or "")
    if declared is None:
        yield error("entities-version", "Entities specification version is missing.", _ADVICE)
    elif number is None or number > NEWEST or (used and number < OLDEST):
        yield error("entities-version", f"Entities specification version [{declared}] is not supported.", _ADVICE)
    elif used and number < OFFLINE:
        message = (
            f"Entities specification version [{declared}] is not compatible with Offline Entities. "
            "Please use version 2024.1.0 or later."
        )
        yield warning("entities-old-version", message, _ADVICE)


def _version(text: str) -> tuple[int, int] | None:
    parts = text.strip().split(".")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def _blocks(primary: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Each `meta/entity` of the primary instance with the path of the group or repeat that holds the meta block."""
    stack: list[tuple[etree._Element, str]] = [(primary, f"/{local_name(primary)}")]
    while stack:
        element, path = stack.pop()
        for child in element:
            name = local_name(child)
            if name == "entity" and path.endswith("/meta"):
                yield path.removesuffix("/meta"), child
            else:
                stack.append((child, f"{path}/{name}"))


def _declaration_findings(container: str, entity: etree._Element) -> Iterator[Finding]:
    name = (attribute(entity, "dataset") or "").strip()
    place = Place("entities", None, f"{container}/meta/entity")
    if not name:
        yield error("entities-list-name", "Dataset name is missing.", "Name the entity list.", place)
    elif not is_list_name(name):
        message = f"Invalid dataset name: {name[:80]!r}."
        yield error("entities-list-name", message, "It is an XML name without a period and does not begin with __.", place)
    if attribute(entity, "create") is None and attribute(entity, "update") is None:
        message = "The form must specify at least one entity action, for example, create or update."
        yield error("entities-action", message, "Add create or update.", place)


def _property_findings(model: etree._Element, containers: set[str]) -> Iterator[Finding]:
    """Impossible names, and two questions of one entity that are saved to one property."""
    taken: dict[tuple[str, str], str] = {}
    for bind in model:
        name = bind.get(f"{ENTITIES}saveto")
        if name is None:
            continue
        nodeset = (bind.get("nodeset") or bind.get("ref") or "").strip()
        place = Place(None, None, nodeset)
        if not is_property_name(name):
            message = f"Invalid entity property name: {name[:80]!r}."
            yield error("entities-property-name", message, "It is no name or label, and does not begin with __.", place)
        container = nodeset
        while container and container not in containers:
            container = container.rpartition("/")[0]
        key = (container, name.lower())
        if key in taken:
            message = f"Multiple Form Fields cannot be saved to a single property: {nodeset} and {taken[key]} to {name[:80]}."
            yield error("entities-property-name", message, "Each property takes one question.", place)
        taken.setdefault(key, nodeset)
