"""Submissions as files that leave the server: CSV (one per table, zipped with the photos) and GeoJSON. Streamed.

Column names are ODK Central's, so that scripts made for it keep working. Text that a spreadsheet would run as a
formula is neutralised; numbers are left alone.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import IO, Any

from lxml import etree
from sqlalchemy.orm import Session

from forms.fields import FormDefinition
from forms.xmlsafe import local_name
from server.config import Settings
from server.exports.csv_file import neutral
from server.models import Form, FormVersion
from server.problems import Problem
from server.queries import forms as form_queries
from server.queries import submission_lists as lists
from server.queries.submission_lists import Listed, Wanted
from server.services import odata_feed, report_versions
from server.services.blobs import BlobStore
from server.services.forms import definition_of
from server.services.odata_layout import ROOT, Layout, Node, layout_of
from server.services.odata_values import GEO_TYPES, geometry

PIECE = 60_000
_SPOOL_IN_MEMORY = 1_000_000
_SYSTEM = (
    "KEY", "SubmitterID", "SubmitterName", "AttachmentsPresent", "AttachmentsExpected", "Status", "ReviewState", "DeviceID",
    "Edits", "FormVersion",
)
_UNSAFE = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')


@dataclass(frozen=True)
class Shape:
    """How the CSV is wanted. group_paths: "site-name" and not "name"; split: a column per choice; deleted_fields: also
    questions of older versions; files: photos and the like in the zip."""

    group_paths: bool = True
    split: bool = False
    deleted_fields: bool = False
    files: bool = True


@dataclass(frozen=True)
class _Column:
    """A question of a table: the tags on the way to it, and its column names (a place has four)."""

    way: tuple[str, ...]
    kind: str
    names: tuple[str, ...]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Table:
    """A table of the export: its file name, its repeat's node (None: root) and its columns."""

    name: str
    way: tuple[Node, ...]
    columns: tuple[_Column, ...]


def definition_for_export(session: Session, form: Form, version: FormVersion, shape: Shape) -> FormDefinition:
    """The version's definition; with deleted_fields also the questions that older versions had."""
    definition = definition_of(version)
    if not shape.deleted_fields:
        return definition
    fields = list(definition.fields)
    known = {field.path for field in fields}
    for older in form_queries.versions(session, form.id):
        for field in definition_of(older).fields:
            if field.path not in known:
                known.add(field.path)
                fields.append(field)
    return replace(definition, fields=tuple(fields))


def root_csv(session: Session, form: Form, definition: FormDefinition, found: Wanted, shape: Shape) -> Iterator[bytes]:
    """The root table as CSV, piece by piece."""
    table = _tables(form, definition, shape)[0]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_header(table))
    for listed in _submissions(session, found):
        writer.writerow(_root_line(table, listed, odata_feed.answers_of(listed)))
        if buffer.tell() > PIECE:
            yield _taken(buffer)
    yield _taken(buffer)


def zipped(
    session: Session, settings: Settings, form: Form, definition: FormDefinition, found: Wanted, shape: Shape
) -> Iterator[bytes]:
    """All tables as CSV files in a zip, and the files of all submissions under media/.

    The root table is sent while it is made; repeats wait in temporary files, so the memory needed does not grow.
    """
    tables = _tables(form, definition, shape)
    sink = _Sink()
    media: list[tuple[str, str]] = []
    with ExitStack() as spooled, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        spools = [spooled.enter_context(_spool()) for _ in tables[1:]]
        writers = [csv.writer(spool) for spool in spools]
        for table, writer in zip(tables[1:], writers, strict=True):
            writer.writerow(_header(table))
        with archive.open(tables[0].name, "w", force_zip64=True) as file:
            yield from _root_file(session, found, tables, writers, file, sink, media if shape.files else None)
        yield sink.taken()
        for table, spool in zip(tables[1:], spools, strict=True):
            spool.seek(0)
            with archive.open(table.name, "w", force_zip64=True) as file:
                while piece := spool.read(PIECE):
                    file.write(piece.encode())
                    yield sink.taken()
        yield from _media(BlobStore(settings), archive, sink, media)
    yield sink.taken()


def _spool() -> tempfile.SpooledTemporaryFile[str]:
    return tempfile.SpooledTemporaryFile(max_size=_SPOOL_IN_MEMORY, mode="w+", encoding="utf-8", newline="")


def _root_file(
    session: Session, found: Wanted, tables: list[_Table], writers: list[Any], file: IO[bytes], sink: _Sink,
    media: list[tuple[str, str]] | None,
) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_header(tables[0]))
    for listed in _submissions(session, found):
        element = odata_feed.answers_of(listed)
        writer.writerow(_root_line(tables[0], listed, element))
        for table, repeat in zip(tables[1:], writers, strict=True):
            repeat.writerows(_repeat_lines(table, element, listed.summary.root_instance_id))
        if media is not None and listed.summary.files_present:
            files = report_versions.versions(session, listed.summary)[-1].files
            media += [(name, each.blob_sha256) for name, each in files.items()]
        if buffer.tell() > PIECE:
            file.write(_taken(buffer))
            yield sink.taken()
    file.write(_taken(buffer))


def _media(store: BlobStore, archive: zipfile.ZipFile, sink: _Sink, media: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """The files by name; of several with one name the first keeps it and the others get a number."""
    taken: dict[str, str] = {}
    for name, sha256 in media:
        target, number = f"media/{_UNSAFE.sub('_', name)}", 2
        while taken.get(target, sha256) != sha256:
            stem, dot, suffix = name.rpartition(".")
            target = f"media/{_UNSAFE.sub('_', f'{stem or name}~{number}{dot}{suffix if dot else str()}')}"
            number += 1
        if target in taken or not store.exists(sha256):
            continue
        taken[target] = sha256
        # Photos are compressed already; deflating them again would only cost time.
        with archive.open(zipfile.ZipInfo(target), "w", force_zip64=True) as file:
            for piece in store.chunks(sha256):
                file.write(piece)
                yield sink.taken()


class _Sink(io.RawIOBase):
    """What the zip writes into: bytes wait here until the answer takes them."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Everything written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _submissions(session: Session, found: Wanted) -> Iterator[Listed]:
    if found.order:
        return lists.by_ids(session, lists.page_ids(session, found, None, 0))
    return lists.newest_first(session, found)


def _tables(form: Form, definition: FormDefinition, shape: Shape) -> list[_Table]:
    layout = layout_of(definition)
    stem = _UNSAFE.sub("_", form.xml_form_id)
    found, names = [], {f"{stem}.csv"}
    for table, way in layout.tables.items():
        name = f"{stem}.csv"
        if table != ROOT:
            name, number = f"{stem}-{_UNSAFE.sub('_', way[-1].tag)}.csv", 1
            while name in names:
                name, number = f"{stem}-{_UNSAFE.sub('_', way[-1].tag)}~{number}.csv", number + 1
            names.add(name)
        found.append(_Table(name, way, _columns(definition, layout, table, shape)))
    return found


def _columns(definition: FormDefinition, layout: Layout, table: str, shape: Shape) -> tuple[_Column, ...]:
    found: list[_Column] = []
    for way, leaf in _leaves(layout.node(table)):
        name = "-".join(way) if shape.group_paths else way[-1]
        kind = leaf.field.type if leaf.field else "string"
        if kind == "geopoint":
            names: tuple[str, ...] = tuple(f"{name}-{part}" for part in ("Latitude", "Longitude", "Altitude", "Accuracy"))
            found.append(_Column(way, kind, names))
        elif shape.split and leaf.field is not None and leaf.field.select_multiple:
            choices = tuple(choice.value for choice in definition.choices_of(leaf.field))
            found.append(_Column(way, "choices", (name, *(f"{name}/{choice}" for choice in choices)), choices))
        else:
            found.append(_Column(way, kind, (name,)))
    return tuple(found)


def _leaves(node: Node) -> Iterator[tuple[tuple[str, ...], Node]]:
    for child in node.children:
        if child.kind == "structure":
            for way, leaf in _leaves(child):
                yield (child.tag, *way), leaf
        elif child.kind != "repeat":
            yield (child.tag,), child


def _header(table: _Table) -> list[str]:
    names = [neutral(name) for column in table.columns for name in column.names]
    return [*names, "PARENT_KEY", "KEY"] if table.way else ["SubmissionDate", *names, *_SYSTEM]


def _root_line(table: _Table, listed: Listed, element: etree._Element | None) -> list[Any]:
    system = odata_feed.system(listed)
    return [
        system["submissionDate"], *_cells(table, element), listed.summary.root_instance_id, system["submitterId"],
        neutral(system["submitterName"] or ""), system["attachmentsPresent"], system["attachmentsExpected"],
        system["status"] or "", system["reviewState"] or "", neutral(system["deviceId"] or ""), system["edits"],
        neutral(system["formVersion"] or ""),
    ]


def _repeat_lines(table: _Table, element: etree._Element | None, instance_id: str) -> Iterator[list[Any]]:
    if element is not None:
        for instance, parent, key in _walk(table.way, element, instance_id, instance_id):
            yield [*_cells(table, instance), parent, key]


def _walk(way: tuple[Node, ...], element: etree._Element, parent: str, path: str) -> Iterator[tuple[etree._Element, str, str]]:
    """Instances of the last repeat of `way` with the key of the repeat instance around them and their own."""
    step, rest = way[0], way[1:]
    number = 0
    for child in element:
        if local_name(child) != step.tag:
            continue
        number += 1
        here = f"{path}/{step.tag}[{number}]" if step.kind == "repeat" else f"{path}/{step.tag}"
        if rest:
            yield from _walk(rest, child, here if step.kind == "repeat" else parent, here)
        else:
            yield child, parent, here
        if step.kind != "repeat":
            return


def _cells(table: _Table, element: etree._Element | None) -> list[str]:
    cells: list[str] = []
    for column in table.columns:
        text = _text(element, column.way)
        if column.kind == "geopoint":
            parts = text.split()[:4]
            cells += [neutral(part) for part in [*parts, "", "", "", ""][:4]]
        elif column.kind == "choices":
            chosen = set(text.split())
            cells += [neutral(text), *(("1" if choice in chosen else "0") if text else "" for choice in column.choices)]
        else:
            cells.append(neutral(text))
    return cells


def _text(element: etree._Element | None, way: tuple[str, ...]) -> str:
    for step in way:
        if element is None:
            return ""
        element = next((child for child in element if local_name(child) == step), None)
    return (element.text or "") if element is not None and len(element) == 0 else ""


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def geojson(session: Session, definition: FormDefinition, found: Iterable[Listed], fieldpath: str | None) -> Iterator[str]:
    """A FeatureCollection with the place of each submission: of the question `fieldpath`, else the first with an answer.

    Raises Problem unexpected_value, before the first piece, for a path that is no place.
    """
    places = [field for field in definition.fields if field.type in GEO_TYPES]
    if fieldpath is not None:
        places = [field for field in places if field.path == fieldpath]
        if not places:
            raise Problem("unexpected_value", field="fieldpath", value=fieldpath[:100], reason="the form has no such place.")
    else:
        # By default one place per submission, and those in repeats are places of something else.
        places = [field for field in places if field.repeat is None]
    return _features(found, [(field.path, field.type) for field in places])


def _features(found: Iterable[Listed], places: list[tuple[str, str]]) -> Iterator[str]:
    yield '{"type":"FeatureCollection","features":['
    separator = ""
    for listed in found:
        element = odata_feed.answers_of(listed)
        for path, kind in places if element is not None else ():
            shapes = [shape for text in _texts(element, path.split("/")[1:]) if (shape := geometry(kind, text))]
            for shape in shapes:
                extra = shape.pop("properties", {})
                properties = {"fieldpath": path, **extra}
                feature = {"type": "Feature", "id": listed.summary.root_instance_id, "geometry": shape, "properties": properties}
                yield separator + json.dumps(feature, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
                separator = ","
            if shapes:
                break
    yield "]}"


def _texts(element: etree._Element | None, steps: list[str]) -> list[str]:
    level = [element] if element is not None else []
    for step in steps:
        level = [child for each in level for child in each if local_name(child) == step]
    return [each.text for each in level if each.text]
