"""Reads the rows of a table out of a submission's XML: nested groups, repeats with ids that stay the same.

Pure: element in, dicts out. Row ids of repeats are ODK Central's (SHA-1 over the way to the row), so joins made
against Central keep working.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lxml import etree

from forms.xmlsafe import local_name
from server.services.odata_layout import ROOT, Layout, Node
from server.services.odata_values import convert

Way = tuple[tuple[Node, int], ...]
"""The groups and repeat instances from below the root down to a row, each with its index counted from 0."""


@dataclass(frozen=True)
class Reading:
    """How rows are wanted: wkt: places as well-known text; expand: repeats inline as arrays."""

    layout: Layout
    wkt: bool = False
    expand: bool = False


def rows(reading: Reading, table: str, root: etree._Element | None, instance_id: str) -> Iterator[dict[str, Any]]:
    """The rows of `table` in one submission; the root table has exactly one (without `__system`, which is no answer).

    root None: a submission whose answers cannot be read (encrypted); it has a bare root row and no others.
    """
    if table == ROOT:
        row: dict[str, Any] = {"__id": instance_id}
        if root is not None:
            row |= _frame(reading, reading.layout.root, root, (), instance_id)
        yield row
    elif root is not None:
        yield from _instances(reading, reading.layout.tables[table], root, (), instance_id)


def _instances(
    reading: Reading, way: tuple[Node, ...], element: etree._Element, walked: Way, instance_id: str
) -> Iterator[dict[str, Any]]:
    step, rest = way[0], way[1:]
    found = [child for child in element if local_name(child) == step.tag]
    for index, child in enumerate(found if step.kind == "repeat" else found[:1]):
        here = (*walked, (step, index))
        if rest:
            yield from _instances(reading, rest, child, here, instance_id)
        else:
            row = _frame(reading, step, child, here, instance_id)
            row["__id"] = row_id(instance_id, here)
            parent = _parent(here)
            row["__" + "-".join([ROOT, *(node.name for node, _index in parent)]) + "-id"] = row_id(instance_id, parent)
            yield row


def _frame(reading: Reading, node: Node, element: etree._Element, way: Way, instance_id: str) -> dict[str, Any]:
    """The answers of one group or repeat instance; a repeat inside leaves a link, or its rows when they are expanded."""
    frame = node.blank()
    counts: dict[str, int] = {}
    for child in element:
        tag = local_name(child)
        known = node.by_tag.get(tag)
        if known is None:
            continue
        index = counts.get(tag, 0)
        counts[tag] = index + 1
        if known.kind == "repeat":
            if reading.expand:
                here = (*way, (known, index))
                row = _frame(reading, known, child, here, instance_id)
                row["__id"] = row_id(instance_id, here)
                frame.setdefault(known.name, []).append(row)
        elif index:
            continue
        elif known.kind == "structure":
            frame[known.name] = _frame(reading, known, child, (*way, (known, 0)), instance_id)
        else:
            frame[known.name] = convert(known.field.type if known.field else "string", child.text, reading.wkt)
    _link_repeats(reading, node, frame, way, instance_id, counts)
    return frame


def _link_repeats(reading: Reading, node: Node, frame: dict[str, Any], way: Way, instance_id: str, seen: Container[str]) -> None:
    """Every repeat gets its link, whether the submission has instances of it or not, also in groups it lacks."""
    for child in node.children:
        if child.kind == "repeat":
            frame[f"{child.name}@odata.navigationLink"] = _link(way, child, instance_id)
            if reading.expand:
                frame.setdefault(child.name, [])
        elif child.kind == "structure" and child.tag not in seen:
            _link_repeats(reading, child, frame[child.name], (*way, (child, 0)), instance_id, ())


def _link(way: Way, repeat: Node, instance_id: str) -> str:
    parts = [f"{ROOT}('{quote(instance_id, safe='')}')"]
    for position, (node, _index) in enumerate(way):
        known = f"('{row_id(instance_id, way[: position + 1])}')" if node.kind == "repeat" else ""
        parts.append(node.name + known)
    return "/".join([*parts, repeat.name])


def _parent(way: Way) -> Way:
    """The way to the repeat instance around the last one; empty for the submission itself."""
    for end in range(len(way) - 1, 0, -1):
        if way[end - 1][0].kind == "repeat":
            return way[:end]
    return ()


def row_id(instance_id: str, way: Way) -> str:
    """The id of a repeat's row: SHA-1 over the way to it, as ODK Central makes it; the instanceID for the root."""
    if not way:
        return instance_id
    parts = [f"{ROOT}#{instance_id}"]
    parts += [f"{node.tag}#{index}" if node.kind == "repeat" else f"{node.tag}#" for node, index in way]
    return hashlib.sha1("%%".join(parts).encode(), usedforsecurity=False).hexdigest()
