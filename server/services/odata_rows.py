"""Rows of OData tables made of a submission's answers: nested groups, repeats with ids that stay the same.

Pure: answers in, dicts out. Row ids of repeats are ODK Central's (SHA-1 over the way to the row), so joins made against
Central keep working.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from server.services.answer_tables import Inner, Instance, Table, instances, numbers, tables_of
from server.services.odata_layout import ROOT, Layout, Node
from server.services.odata_values import Converter, converter

# A question: (name, index of its text, how it is read); a group: (name, its entries); a repeat: (name, number, what it is).
_Entry = tuple[str, Any, Any]


@dataclass(frozen=True)
class _Frame:
    """How a table's row is laid out, in form order. `below`: the frames of the repeats inside, by number."""

    entries: tuple[_Entry, ...]
    below: tuple[_Frame, ...]


class Reading:
    """How rows are wanted: wkt: places as well-known text; expand: repeats inline as arrays."""

    def __init__(self, layout: Layout, wkt: bool = False, expand: bool = False) -> None:
        self.layout, self.expand = layout, expand
        self.root = tables_of(layout)
        self._frame = _frame_of(self.root, wkt)

    def rows(self, table: str, answers: Instance | None, instance_id: str) -> Iterator[dict[str, Any]]:
        """The rows of `table` in one submission; the root table has exactly one (without `__system`, which is no answer).

        answers None: a submission that cannot be read (encrypted); it has a bare root row and no others.
        """
        link, key = f"{ROOT}('{quote(instance_id, safe='')}')", f"{ROOT}#{instance_id}"
        if table == ROOT:
            shown = {} if answers is None else self._row(self._frame, answers, link, key)
            yield {"__id": instance_id, **shown}
        elif answers is not None:
            yield from self._repeats(self.layout.tables[table], answers, instance_id, link, key)

    def answers(self, answers: Instance, instance_id: str) -> dict[str, Any]:
        """The root row's answers alone."""
        return self._row(self._frame, answers, f"{ROOT}('{quote(instance_id, safe='')}')", f"{ROOT}#{instance_id}")

    def _repeats(
        self, way: tuple[Node, ...], answers: Instance, instance_id: str, link: str, key: str
    ) -> Iterator[dict[str, Any]]:
        steps = numbers(self.root, way)
        inners: list[Inner] = []
        frame, table = self._frame, self.root
        for number in steps:
            frame = frame.below[number]
            inners.append(table.inner[number])
            table = inners[-1].table
        around = [node.name for inner in inners[:-1] for node in inner.way]
        parent_name = "__" + "-".join([ROOT, *around]) + "-id"
        for indices, instance in instances(self.root, answers, steps):
            row_link, row_key, row_id, parent = link, key, instance_id, instance_id
            for inner, index in zip(inners, indices, strict=True):
                parent = row_id
                row_key, row_id, row_link = _down(inner, index, row_link, row_key)
            row = self._row(frame, instance, row_link, row_key)
            row["__id"], row[parent_name] = row_id, parent
            yield row

    def _row(self, frame: _Frame, answers: Instance, link: str, key: str) -> dict[str, Any]:
        return self._fill(frame.entries, frame, answers, link, key)

    def _fill(self, entries: tuple[_Entry, ...], frame: _Frame, answers: Instance, link: str, key: str) -> dict[str, Any]:
        row: dict[str, Any] = {}
        texts = answers.texts
        for name, place, how in entries:
            if how is None:
                row[name] = self._fill(place, frame, answers, link, key)
            elif type(how) is Inner:
                row[f"{name}@odata.navigationLink"] = "/".join([link, *(node.name for node in how.way)])
                if self.expand:
                    row[name] = [
                        self._expanded(frame.below[place], how, index, each, link, key)
                        for index, each in enumerate(answers.repeats[place])
                    ]
            else:
                text = texts[place]
                row[name] = how(text) if text else None
        return row

    def _expanded(self, frame: _Frame, inner: Inner, index: int, answers: Instance, link: str, key: str) -> dict[str, Any]:
        row_key, row_id, row_link = _down(inner, index, link, key)
        return {**self._row(frame, answers, row_link, row_key), "__id": row_id}


def _down(inner: Inner, index: int, link: str, key: str) -> tuple[str, str, str]:
    """Key, id and link of an instance of a repeat, from the key and the link of what is around it."""
    *groups, repeat = inner.way
    row_key = "%%".join([key, *(f"{group.tag}#" for group in groups), f"{repeat.tag}#{index}"])
    row_id = hashlib.sha1(row_key.encode(), usedforsecurity=False).hexdigest()
    return row_key, row_id, "/".join([link, *(group.name for group in groups), f"{repeat.name}('{row_id}')"])


def _frame_of(table: Table, wkt: bool) -> _Frame:
    counters = [0, 0]
    entries = _entries(table, table.node, wkt, counters)
    return _Frame(entries, tuple(_frame_of(inner.table, wkt) for inner in table.inner))


def _entries(table: Table, node: Node, wkt: bool, counters: list[int]) -> tuple[_Entry, ...]:
    """Entries of a table's node or of a group in it; counters: leaves and repeats met so far, in the order of `Table`."""
    found: list[_Entry] = []
    for child in node.children:
        if child.kind == "structure":
            found.append((child.name, _entries(table, child, wkt, counters), None))
        elif child.kind == "repeat":
            found.append((child.name, counters[1], table.inner[counters[1]]))
            counters[1] += 1
        else:
            reads: Converter = converter(child.field.type if child.field else "string", wkt)
            found.append((child.name, counters[0], reads))
            counters[0] += 1
    return tuple(found)
