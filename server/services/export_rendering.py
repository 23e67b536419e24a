"""What one report says in the wording of each export: CSV lines, the answers of an OData row, the place on the map.

Pure. Texts made here are stored (services.export_parts) or sent at once; both are the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from forms.fields import FormDefinition
from server.services.answer_tables import Instance, Table, instances, numbers, tables_of
from server.services.export_csv import CsvForm, Shape
from server.services.odata_layout import Layout, layout_of
from server.services.odata_rows import Reading
from server.services.odata_values import GEO_TYPES, geometry

# No report can hold these: XML 1.0 has no such characters.
REPORT_END, TABLE_END = b"\x1e", b"\x1f"
# Raise the number when a text changes its wording, so that stored ones are made anew.
WORDING = "2:"
SECTIONS = ("csv", "odata", "places")


class Wording:
    """The default exports of one form version."""

    def __init__(self, form_id: str, definition: FormDefinition, version_sha256: str) -> None:
        self.form_id, self.definition = form_id, definition
        self.key = WORDING + version_sha256
        self.layout: Layout = layout_of(definition)
        self.root: Table = tables_of(self.layout)

    @cached_property
    def csv(self) -> CsvForm:
        """CSV in the default shape."""
        return CsvForm(self.form_id, self.definition, Shape())

    @cached_property
    def reading(self) -> Reading:
        """OData without options."""
        return Reading(self.layout)

    @cached_property
    def place_finder(self) -> PlaceFinder:
        """The first place of a report."""
        return PlaceFinder(self.definition, self.layout, self.root, None)

    def writer(self, section: str) -> Callable[[Instance, str], bytes]:
        """What writes the text of a section (see SECTIONS) from answers and instanceID, in UTF-8."""
        writers: dict[str, Callable[[Instance, str], bytes]] = {
            "csv": self.csv_text, "odata": self.odata_text, "places": self.places_text,
        }
        return writers[section]

    def csv_text(self, answers: Instance, instance_id: str) -> bytes:
        """The root's cells and then the lines of each repeat's table, apart by TABLE_END."""
        return csv_text(self.csv, answers, instance_id)

    def odata_text(self, answers: Instance, instance_id: str) -> bytes:
        """The answers of the root row: a JSON object without its braces."""
        return orjson.dumps(self.reading.answers(answers, instance_id))[1:-1]

    def places_text(self, answers: Instance, instance_id: str) -> bytes:
        """The GeoJSON feature, or nothing."""
        feature = self.place_finder.feature(answers, instance_id)
        return b"" if feature is None else orjson.dumps(feature)


def csv_text(form: CsvForm, answers: Instance, instance_id: str) -> bytes:
    """The lines of a report in all tables of any shape; see Wording.csv_text."""
    tables = (form.repeat_lines(table, answers, instance_id).encode() for table in form.tables[1:])
    return TABLE_END.join([form.root_cells(answers).encode(), *tables])


@dataclass(frozen=True)
class _Place:
    """A question for a place: its path and type, and how to get to its texts."""

    path: str
    kind: str
    way: tuple[int, ...]
    leaf: int


class PlaceFinder:
    """Finds where a report was made. fieldpath: by that question; None: by the form's first outside repeats."""

    def __init__(self, definition: FormDefinition, layout: Layout, root: Table, fieldpath: str | None) -> None:
        self.root = root
        fields = [field for field in definition.fields if field.type in GEO_TYPES]
        chosen = [field.path for field in fields if (field.repeat is None if fieldpath is None else field.path == fieldpath)]
        self.place = next((
            _Place(leaf.path, leaf.field.type, way, index)
            for way, table in _all_tables(root, layout)
            for index, (_groups, leaf) in enumerate(table.leaves)
            if leaf.path in chosen[:1] and leaf.field is not None
        ), None)

    def feature(self, answers: Instance, instance_id: str) -> dict[str, Any] | None:
        """The GeoJSON feature of a report, None if it names no place; what stands in a repeat becomes one of several parts."""
        place = self.place
        if place is None:
            return None
        texts = (each.texts[place.leaf] for _indices, each in instances(self.root, answers, place.way))
        shapes = [shape for text in texts if text and (shape := geometry(place.kind, text))]
        if not shapes:
            return None
        properties: dict[str, Any] = {"fieldpath": place.path}
        if place.way:
            shown = {"type": f"Multi{shapes[0]['type']}", "coordinates": [shape["coordinates"] for shape in shapes]}
        else:
            properties |= shapes[0].pop("properties", {})
            shown = shapes[0]
        return {"type": "Feature", "id": instance_id, "geometry": shown, "properties": properties}


def _all_tables(root: Table, layout: Layout) -> Iterator[tuple[tuple[int, ...], Table]]:
    for way in layout.tables.values():
        steps = numbers(root, way)
        table = root
        for number in steps:
            table = table.inner[number].table
        yield steps, table
