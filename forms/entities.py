"""What a submission asks to be done to entity lists: the form's `<entity>` declarations, filled in.

Follows the ODK entities specification (2022.1 to 2025.1). It only reads; whether an update meets an existing
entity is decided where the chains of creates and updates are kept.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from lxml import etree

from forms.fields import EntityBlock, FormDefinition
from forms.formxml import attribute
from forms.submission import ParsedSubmission
from forms.values import read_int
from forms.xmlsafe import local_name

EntityAction = Literal["create", "update", "both", "none"]

_UUID_V4: Final = re.compile(r"(?:uuid:)?([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})", re.IGNORECASE)
_LIST_NAME: Final = re.compile(r"(?!__)(?:[^\W\d]|:)[\w:-]*")
_PROPERTY_NAME: Final = re.compile(r"(?!__)[^\W\d][\w.-]*")
_KEPT_NAMES: Final = frozenset({"name", "label"})
MAX_NAME: Final = 249
_YES: Final = frozenset({"1", "true"})
_BRANCH: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EntityOperation:
    """One create and/or update that a submission asks for.

    `path`: the `<entity>` node; `indices`: repeat instances around it, from 1. `entity_id` is the lower-case UUID
    without `uuid:` ("" when it is not a version 4 UUID: then `problem` says so). `values` holds every property the
    form saves whose question is in the submission, with the text as it is ("" when empty); `answered` says per
    property whether its question holds text; `source_paths` names the question. `base_version` is 0 unless a
    positive whole number was sent. `problem` is a sentence for the officer; such an operation must not be applied.
    `fault` is its code: other_list, no_list, bad_id, no_id, no_label or not_permitted.
    """

    dataset: str
    path: str
    indices: tuple[int, ...]
    action: EntityAction
    entity_id: str
    label: str | None
    values: Mapping[str, str]
    base_version: int
    trunk_version: int | None
    branch_id: str | None
    problem: str | None
    answered: Mapping[str, bool]
    source_paths: Mapping[str, str]
    fault: str | None = None


def operations(sub: ParsedSubmission, definition: FormDefinition) -> list[EntityOperation]:
    """Every entity operation of a submission, in document order per declaration.

    An `<entity>` that asks for nothing gives action "none" without a problem. One that the submission left out
    (not relevant) gives nothing. An encrypted submission gives nothing before it is decrypted.
    """
    if sub.encrypted:
        return []
    repeats = frozenset(definition.repeats)
    return [
        _operation(block, container, indices, entity)
        for block in definition.entity_blocks
        for container, indices in _containers(sub.root, block.container, repeats)
        for entity in _children(container, ("meta", "entity"))
    ]


def _containers(root: etree._Element, path: str, repeats: frozenset[str]) -> Iterator[tuple[etree._Element, tuple[int, ...]]]:
    """Every node at `path`, with its repeat indices."""
    found: list[tuple[etree._Element, tuple[int, ...]]] = [(root, ())]
    walked = ""
    for step in path.split("/")[1:]:
        walked = f"{walked}/{step}"
        in_repeat = walked in repeats
        found = [
            (child, (*indices, index) if in_repeat else indices)
            for parent, indices in found
            for index, child in enumerate(_children(parent, (step,)), 1)
        ]
    yield from found


def _children(element: etree._Element, path: tuple[str, ...]) -> list[etree._Element]:
    found = [element]
    for step in path:
        found = [child for parent in found for child in parent if local_name(child) == step]
    return found


def _named(parents: Iterable[etree._Element]) -> dict[str, list[etree._Element]]:
    """The children of all these nodes by name, in document order."""
    found: dict[str, list[etree._Element]] = {}
    for parent in parents:
        for child in parent:
            found.setdefault(local_name(child), []).append(child)
    return found


def _operation(
    block: EntityBlock,
    container: etree._Element,
    indices: tuple[int, ...],
    entity: etree._Element,
) -> EntityOperation:
    action = _action(entity)
    entity_id = entity_uuid(attribute(entity, "id"))
    label = next(((child.text or "").strip() for child in _children(entity, ("label",))), "") or None
    dataset = (attribute(entity, "dataset") or "").strip() or block.dataset
    values, sources = _values(block, container)
    fault, problem = _fault(action, dataset, block, attribute(entity, "id"), entity_id, label) or (None, None)
    return EntityOperation(
        dataset=dataset,
        path=block.path,
        indices=indices,
        action=action,
        entity_id=entity_id or "",
        label=label,
        values=values,
        base_version=_positive(attribute(entity, "baseVersion")) or 0,
        trunk_version=_positive(attribute(entity, "trunkVersion")),
        branch_id=_branch(attribute(entity, "branchId")),
        problem=problem,
        answered={name: bool(text.strip()) for name, text in values.items()},
        source_paths=sources,
        fault=fault,
    )


def is_list_name(text: str) -> bool:
    """Whether a list may be called so: an XML name without `.` that does not begin with `__`."""
    return len(text) <= MAX_NAME and _LIST_NAME.fullmatch(text) is not None


def is_property_name(text: str) -> bool:
    """Whether a property may be called so: an XML name that does not begin with `__` and is not name or label in any case."""
    return len(text) <= MAX_NAME and _PROPERTY_NAME.fullmatch(text) is not None and text.lower() not in _KEPT_NAMES


def entity_uuid(text: str | None) -> str | None:
    """The lower-case UUID of an entity id, with or without `uuid:` before it; None unless it is version 4."""
    found = _UUID_V4.fullmatch((text or "").strip())
    return found.group(1).lower() if found else None


def _action(entity: etree._Element) -> EntityAction:
    """Only "1" and "true" mean yes; anything else, also "yes" or "TRUE", means no."""
    create = (attribute(entity, "create") or "") in _YES
    update = (attribute(entity, "update") or "") in _YES
    if create and update:
        return "both"
    return "create" if create else "update" if update else "none"


def _values(block: EntityBlock, container: etree._Element) -> tuple[dict[str, str], dict[str, str]]:
    values: dict[str, str] = {}
    sources: dict[str, str] = {}
    # Children by name per place, looked through once: a form saves twenty answers out of the same group.
    named: dict[tuple[str, ...], dict[str, list[etree._Element]]] = {(): _named([container])}
    for path, name in block.save_to:
        steps = tuple(path[len(block.container) :].split("/")[1:])
        if not steps:
            continue
        for depth in range(1, len(steps)):
            if steps[:depth] not in named:
                named[steps[:depth]] = _named(named[steps[: depth - 1]].get(steps[depth - 1], ()))
        found = named[steps[:-1]].get(steps[-1])
        if found:
            values[name] = str(found[0].text or "")
            sources[name] = path
    return values, sources


def _positive(text: str | None) -> int | None:
    number = read_int(text)
    return number if number is not None and 0 < number < 2**31 else None


def _branch(text: str | None) -> str | None:
    """A branch id is a UUID; anything else counts as none."""
    text = (text or "").strip()
    return text.lower() if _BRANCH.fullmatch(text) else None


def _fault(
    action: EntityAction, dataset: str, block: EntityBlock, raw_id: str | None, entity_id: str | None, label: str | None
) -> tuple[str, str] | None:
    """Why the operation must not be applied: a code and a sentence; None when nothing is wrong with it by itself."""
    if action == "none":
        return None
    if not dataset:
        return "no_list", "The form does not name the list that the entity belongs to."
    if dataset != block.dataset:
        return "other_list", f"The report names the list {dataset!r}, but its form declares {block.dataset!r}."
    for asked, allowed in (("create", block.create), ("update", block.update)):
        if action in (asked, "both") and not allowed:
            return "not_permitted", f"The report asks to {asked} an entity, which its form does not declare."
    if entity_id is None:
        shown = (raw_id or "")[:80]
        if not shown.strip():
            return "no_id", "The entity has no id."
        return "bad_id", f"The entity id {shown!r} is not a version 4 UUID."
    if action == "create" and label is None:
        return "no_label", "A new entity needs a label, and the report has none."
    return None
