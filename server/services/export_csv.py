"""The CSV tables of a form, in ODK Central's columns, and the lines of a submission in them.

Text that a spreadsheet would run as a formula is neutralised; numbers and places are left alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from forms.fields import FormDefinition
from server.exports.csv_file import neutral
from server.exports.zip_stream import entry_name
from server.services.answer_tables import Inner, Instance, Table, instances, numbers, tables_of
from server.services.odata_layout import ROOT, layout_of
from server.services.odata_values import GEO_TYPES

SYSTEM = (
    "KEY", "SubmitterID", "SubmitterName", "AttachmentsPresent", "AttachmentsExpected", "Status", "ReviewState", "DeviceID",
    "Edits", "FormVersion",
)
# Characters of a line.
_LONG = 65_536
_PLACE = re.compile(r"[\d.eE+\-\s;,]*")
_PARTS = ("Latitude", "Longitude", "Altitude", "Accuracy")


@dataclass(frozen=True)
class Shape:
    """How the CSV is wanted. group_paths: "site-name" and not "name"; split: a column per choice; deleted_fields: also
    questions of older versions; files: photos and the like in the zip."""

    group_paths: bool = True
    split: bool = False
    deleted_fields: bool = False
    files: bool = True

    @property
    def plain(self) -> bool:
        """Whether the lines (the header aside) are those of the default shape."""
        return not self.split and not self.deleted_fields


@dataclass(frozen=True)
class _Column:
    """A question: index of its text, its type, its column names (a place has four) and the choices with a column each."""

    leaf: int
    kind: str
    names: tuple[str, ...]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class CsvTable:
    """A table of the export: its file's name, the way to its repeat by number (empty: the root) and its columns."""

    name: str
    way: tuple[int, ...]
    inners: tuple[Inner, ...]
    columns: tuple[_Column, ...]

    @property
    def header(self) -> list[str]:
        """The names of all columns."""
        names = [neutral(name) for column in self.columns for name in column.names]
        return [*names, "PARENT_KEY", "KEY"] if self.way else ["SubmissionDate", *names, *SYSTEM]


class CsvForm:
    """All tables of a form in one shape. choices: per question's path, choices that get a column beside the form's own."""

    def __init__(
        self, form_id: str, definition: FormDefinition, shape: Shape, choices: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.definition, self.shape, self.choices = definition, shape, choices or {}
        layout = layout_of(definition)
        self.root = tables_of(layout)
        self.tables: list[CsvTable] = []
        names = _file_names(form_id, [way[-1].tag if way else "" for way in layout.tables.values()])
        for (table, way), name in zip(layout.tables.items(), names, strict=True):
            steps = numbers(self.root, way) if table != ROOT else ()
            inners = tuple(_inners(self.root, steps))
            shown = inners[-1].table if inners else self.root
            self.tables.append(CsvTable(name, steps, inners, tuple(self._columns(shown))))
        self._writer = _Lines()

    def _columns(self, table: Table) -> Iterator[_Column]:
        for index, (groups, leaf) in enumerate(table.leaves):
            way = [*(group.tag for group in groups), leaf.tag]
            name = "-".join(way) if self.shape.group_paths else way[-1]
            kind = leaf.field.type if leaf.field else "string"
            if kind == "geopoint":
                yield _Column(index, kind, tuple(f"{name}-{part}" for part in _PARTS))
            elif self.shape.split and leaf.field is not None and leaf.field.select_multiple:
                own = [choice.value for choice in self.definition.choices_of(leaf.field)]
                choices = tuple(dict.fromkeys([*own, *self.choices.get(leaf.path, ())]))
                yield _Column(index, "choices", (name, *(f"{name}/{choice}" for choice in choices)), choices)
            else:
                yield _Column(index, kind, (name,))

    def header(self, table: CsvTable) -> str:
        """The table's first line."""
        return self._writer.line(table.header)

    def root_cells(self, answers: Instance | None) -> str:
        """The answers of the root row as CSV without end of line; empty cells for one that cannot be read."""
        table = self.tables[0]
        if not table.columns:
            return ""
        if answers is None:
            return "," * (sum(len(column.names) for column in table.columns) - 1)
        # One empty cell alone would be written as "" in quotes, which reads the same.
        return self._writer.line(_cells(table, answers.texts))[:-2]

    def repeat_lines(self, table: CsvTable, answers: Instance, instance_id: str) -> str:
        """The lines of a repeat's table in one submission, ends of lines included."""
        rows, root_key = [], neutral(instance_id)
        for indices, each in instances(self.root, answers, table.way):
            parent = key = root_key
            for inner, index in zip(table.inners, indices, strict=True):
                parent = key
                *groups, repeat = inner.way
                key = "/".join([key, *(group.tag for group in groups), f"{repeat.tag}[{index + 1}]"])
            rows.append([*_cells(table, each.texts), parent, key])
        return self._writer.lines(rows) if rows else ""

    def answers_at(self, paths: Container[str], answers: Instance) -> Iterator[tuple[str, str]]:
        """The answers to these questions, wherever they stand: (path, text)."""
        for table in self.tables:
            shown = table.inners[-1].table if table.inners else self.root
            wanted = [(index, leaf.path) for index, (_groups, leaf) in enumerate(shown.leaves) if leaf.path in paths]
            for _indices, each in instances(self.root, answers, table.way) if wanted else ():
                yield from ((path, text) for index, path in wanted if (text := each.texts[index]))

    def root_line(self, row: Any, cells: bytes, status: str) -> bytes:
        """The whole line of the root table. row: as queries.list_rows.export_columns gives it."""
        (
            _root, _current, instance_id, submitted_at, _updated_at, _deleted_at, submitter_id, submitter, present, expected,
            review, device, edits, version, _encrypted,
        ) = row
        system = (
            f"{_cell(neutral(instance_id))},{'' if submitter_id is None else submitter_id},{_known(submitter)},"
            f"{present},{expected},{status},{_known(review)},{_known(device)},{edits},{_known(version)}\r\n"
        )
        between = b"," if self.tables[0].columns else b""
        return b"%b,%b%b%b" % (submitted_at.encode(), cells, between, system.encode())


class _Lines:
    """Writes lines of CSV (RFC 4180)."""

    def __init__(self) -> None:
        self._rows: list[str] = []
        self.writer = csv.writer(self)

    def write(self, line: str) -> None:
        """Takes a line from the writer. A StringIO would hold four bytes a character, and keep them."""
        self._rows.append(line)

    def line(self, cells: Sequence[str]) -> str:
        # So would the writer itself: a long answer is quoted here, by the writer's rules.
        if sum(map(len, cells)) > _LONG:
            return ",".join(map(_cell, cells)) + "\r\n"
        self.writer.writerow(cells)
        return self._rows.pop()

    def lines(self, rows: Sequence[Sequence[str]]) -> str:
        return "".join(map(self.line, rows))


def _cell(text: str) -> str:
    """A text as a CSV cell."""
    if '"' in text or "," in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


@lru_cache(4096)
def _known(text: str | None) -> str:
    """The cell of a text that comes again and again: names, devices, versions."""
    return _cell(neutral(text)) if text else ""


def _inners(table: Table, way: tuple[int, ...]) -> Iterator[Inner]:
    for number in way:
        yield table.inner[number]
        table = table.inner[number].table


def _file_names(form_id: str, repeats: Sequence[str]) -> Iterator[str]:
    """`form.csv`, `form-repeat.csv`; repeats of one name are all numbered from 1, as in ODK Central. repeats: "" first."""
    taken: set[str] = set()
    for position, tag in enumerate(repeats):
        name = entry_name(f"{form_id}-{tag}.csv" if position else f"{form_id}.csv")
        number, several = 1, position > 0 and repeats.count(tag) > 1
        while several or name.lower() in taken:
            several = False
            name, number = entry_name(f"{form_id}-{tag}~{number}.csv"), number + 1
        taken.add(name.lower())
        yield name


def _cells(table: CsvTable, texts: Sequence[str | None]) -> list[str]:
    cells: list[str] = []
    for column in table.columns:
        text = texts[column.leaf] or ""
        kind = column.kind
        if kind == "geopoint":
            cells += [_place(part) for part in [*text.split()[:4], "", "", "", ""][:4]]
        elif kind == "choices":
            chosen = set(text.split())
            cells.append(neutral(text))
            cells += ["1" if choice in chosen else "0" for choice in column.choices]
        elif not text:
            cells.append("")
        else:
            cells.append(_place(text) if kind in GEO_TYPES else neutral(text))
    return cells


def _place(text: str) -> str:
    """Coordinates may begin with a minus and are no formula; anything else in a question for a place is text."""
    return text if _PLACE.fullmatch(text) else neutral(text)
