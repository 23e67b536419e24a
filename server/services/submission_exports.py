"""Submissions as files that leave the server: CSV (one per table, zipped with the photos) and GeoJSON. Streamed.

The memory needed does not grow with the number of submissions.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy.orm import Session

from forms import client_audit
from forms.fields import FormDefinition
from server.exports.zip_stream import Deflated, ZipStream, entry_name
from server.models import Form, FormVersion
from server.problems import Problem
from server.queries import forms as form_queries
from server.queries import list_rows, report_files
from server.queries import submission_lists as lists
from server.queries import submissions as submission_queries
from server.queries.submission_lists import Wanted
from server.services import clean_photos, client_audits
from server.services.definitions import definition_of
from server.services.export_csv import CsvForm, Shape
from server.services.export_parts import StoredTexts, wording
from server.services.export_rendering import TABLE_END, PlaceFinder, Wording, csv_text
from server.services.odata_values import GEO_TYPES
from server.services.report_reading import Encrypted, Source
from server.services.sealed import ClearFile

# With more rows than this an entry of the zip might pass 4 GB, at 20 kB a row.
_LARGE = 200_000
# What ODK Central's CSV says for what its OData calls otherwise.
_STATUS = {
    "notDecrypted": "not decrypted", "missingEncryptedFormData": "missing encrypted form data",
    "signatureBad": "signature bad", None: "",
}


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


@dataclass(frozen=True)
class Export:
    """What is exported: a form at one version, which submissions, in which shape."""

    source: Source
    form: Form
    version: FormVersion
    found: Wanted
    shape: Shape

    @property
    def words(self) -> Wording:
        """The default wording of the version."""
        return wording(self.form.xml_form_id, self.version)

    def batches(self) -> Iterator[list_rows.Batch]:
        """The submissions, newest first or in the order asked for."""
        session = self.source.session
        columns = list_rows.export_columns(session.get_bind().dialect.name)
        if self.found.order:
            return list_rows.by_ids(session, lists.page_ids(session, self.found, None, 0), columns)
        return list_rows.newest_first(session, self.found, columns)


def root_csv(export: Export) -> Iterator[bytes]:
    """The root table as CSV, piece by piece."""
    form = _csv_form(export)
    yield form.header(form.tables[0]).encode()
    for lines in _lines(export, form):
        yield b"".join([form.root_line(row, text.partition(TABLE_END)[0], status) for row, text, status in lines])


def zipped(export: Export) -> Iterator[bytes]:
    """All tables as CSV files in a zip, and the files of all submissions under media/.

    The root table is sent while it is made; repeats wait in temporary files.
    """
    session = export.source.session
    form = _csv_form(export)
    with ExitStack() as opened:
        archive = opened.enter_context(ZipStream(large=lists.more_than(session, export.found, _LARGE)))
        repeats = [opened.enter_context(Deflated()) for _ in form.tables[1:]]
        for table, repeat in zip(form.tables[1:], repeats, strict=True):
            repeat.write(form.header(table).encode())
        yield from archive.entry(form.tables[0].name, _root_pieces(export, form, repeats))
        for table, repeat in zip(form.tables[1:], repeats, strict=True):
            yield from archive.deflated(table.name, repeat)
        # Only forms that keep a log of how they were filled: to find out otherwise is to look at every submission.
        logged = any(field.name == "audit" for field in export.words.definition.fields)
        if logged:
            yield from _logs(export, archive)
        if export.shape.files:
            yield from _media(export, archive, {client_audit.FILE_NAME} if logged else set())
        yield from archive.finish()


def _root_pieces(export: Export, form: CsvForm, repeats: list[Deflated]) -> Iterator[bytes]:
    """The root table; what belongs to the tables of repeats goes there meanwhile."""
    # The header goes out at once: a client should not wait for the first rows.
    yield form.header(form.tables[0]).encode()
    for lines in _lines(export, form):
        parts = [text.split(TABLE_END) for _row, text, _status in lines]
        for number, repeat in enumerate(repeats, 1):
            # A report that cannot be read has cells for the root only.
            repeat.write(b"".join([part[number] for part in parts if len(part) > number]))
        yield b"".join([
            form.root_line(row, part[0], status) for (row, _text, status), part in zip(lines, parts, strict=True)
        ])


def _csv_form(export: Export) -> CsvForm:
    shape = export.shape
    if shape.plain and shape.group_paths:
        return export.words.csv
    definition = definition_for_export(export.source.session, export.form, export.version, shape)
    choices = _further_choices(export, definition) if shape.split else {}
    return CsvForm(export.form.xml_form_id, definition, shape, choices)


def _lines(export: Export, form: CsvForm) -> Iterator[list[tuple[Any, bytes, str]]]:
    """Batches of submissions: row, lines in all tables (see export_rendering.csv_text) and status of each."""
    blank = form.root_cells(None).encode()
    stored = StoredTexts(export.source, export.found, export.words, "csv") if export.shape.plain else None
    for batch in export.batches():
        if stored is not None:
            texts, secrets = stored.of(batch)
        else:
            texts, secrets = _written(export, form, batch)
        if secrets:
            yield [(row, text or blank, _status(row, secrets)) for row, text in zip(batch, texts, strict=True)]
        else:
            yield [(row, text or blank, "") for row, text in zip(batch, texts, strict=True)]


def _written(
    export: Export, form: CsvForm, batch: list_rows.Batch
) -> tuple[list[bytes | None], dict[int, Encrypted]]:
    """The lines of submissions in a shape that is not stored."""
    plain = export.source.answers(form.root, [row.current_fact_id for row in batch if not row.encrypted])
    secrets = export.source.encrypted(form.root, [row.current_fact_id for row in batch if row.encrypted])
    found = [(row, secrets[row.current_fact_id].answers if row.encrypted else next(plain)) for row in batch]
    texts = [None if answers is None else csv_text(form, answers, row.root_instance_id) for row, answers in found]
    return texts, secrets


def _status(row: Any, secrets: Mapping[int, Encrypted]) -> str:
    return _STATUS[secrets[row.current_fact_id].status] if row.encrypted else ""


def _further_choices(export: Export, definition: FormDefinition) -> dict[str, list[str]]:
    """What was chosen in questions whose choices the form does not hold (lists from files), by path: a pass of its own."""
    blank = CsvForm(export.form.xml_form_id, definition, replace(export.shape, split=False))
    fields = {
        field.path for field in definition.fields if field.select_multiple and not definition.choices_of(field)
    }
    found: dict[str, set[str]] = {}
    if not fields:
        return {}
    for batch in export.batches():
        ids = [row.current_fact_id for row in batch if not row.encrypted]
        for answers in export.source.answers(blank.root, ids):
            for path, text in blank.answers_at(fields, answers) if answers is not None else ():
                found.setdefault(path, set()).update(text.split())
    return {path: sorted(chosen) for path, chosen in found.items()}


def _logs(export: Export, archive: ZipStream) -> Iterator[bytes]:
    """How forms were filled, of all submissions that say so in one table; no table when none does."""
    logs = client_audits.table(export.source.session, export.source.store, export.found)
    first = next(logs, None)
    if first is not None:
        name = entry_name(client_audits.file_name(export.form.xml_form_id))
        yield from archive.entry(name, itertools.chain([first], logs))


def _media(export: Export, archive: ZipStream, without: Container[str]) -> Iterator[bytes]:
    """The files by name, newest submission first; of several with one name the first keeps it and the others get a number."""
    store, session = export.source.store, export.source.session
    clean = clean_photos.wanted(session, export.form.project_id)
    with closing(_Names()) as names:
        for batch in export.batches():
            secrets = export.source.encrypted(export.words.root, [row.current_fact_id for row in batch if row.encrypted])
            plain = [row.root_instance_id for row in batch if row.files_present and not row.encrypted]
            came = report_files.current_files(session, export.found, plain)
            for row in batch:
                if row.encrypted:
                    files: Iterable[ClearFile] = secrets[row.current_fact_id].files
                else:
                    files = [ClearFile(name, sha256) for name, sha256 in came.get(row.root_instance_id, {}).items()]
                for file in files:
                    if file.name in without:
                        continue
                    target = names.taken(entry_name(file.name), file.blob_sha256)
                    if target is None or not store.exists(file.blob_sha256):
                        continue
                    pieces = clean_photos.leaving(file.name, file.chunks(store)) if clean else file.chunks(store)
                    if pieces is not None:
                        yield from archive.entry(f"media/{target}", pieces)


class _Names:
    """The names given so far, on disk: a mission may have a million photos."""

    def __init__(self) -> None:
        self._taken = sqlite3.connect("")
        self._taken.execute("CREATE TABLE taken (name TEXT PRIMARY KEY COLLATE NOCASE, sha256 TEXT) WITHOUT ROWID")

    def taken(self, name: str, sha256: str) -> str | None:
        """The name for a file of that content: its own, else with a number; None if just this file is there under it."""
        candidate, number = name, 2
        stem, dot, suffix = name.rpartition(".")
        while True:
            try:
                self._taken.execute("INSERT INTO taken VALUES (?, ?)", (candidate, sha256))
                return candidate
            except sqlite3.IntegrityError:
                there = self._taken.execute("SELECT sha256 FROM taken WHERE name = ?", (candidate,)).fetchone()
                if there == (sha256,):
                    return None
                candidate, number = f"{stem or name}~{number}{dot}{suffix if dot else ''}", number + 1

    def close(self) -> None:
        """Lets the names go."""
        self._taken.close()


def geojson(export: Export, fieldpath: str | None, limit: int | None = None) -> Iterator[bytes]:
    """A FeatureCollection with the place of each submission: of the question `fieldpath`, else the first with an answer.

    Raises Problem unexpected_value, before the first piece, for a path that is no place.
    """
    words = export.words
    _check_path(words, fieldpath)
    texts = _places(export, words) if fieldpath is None else _places_at(export, words, fieldpath)
    return _collection(texts, limit)


def _check_path(words: Wording, fieldpath: str | None) -> None:
    places = {field.path for field in words.definition.fields if field.type in GEO_TYPES}
    if fieldpath is not None and fieldpath not in places:
        raise Problem("unexpected_value", field="fieldpath", value=fieldpath[:100], reason="the form has no such place.")


def _collection(features: Iterable[bytes], limit: int | None) -> Iterator[bytes]:
    separator = b'{"type":"FeatureCollection","features":['
    found = iter(features)
    left = limit
    while piece := list(itertools.islice(found, list_rows.BATCH if left is None else min(list_rows.BATCH, left))):
        yield separator + b",".join(piece)
        separator = b","
        left = None if left is None else left - len(piece)
    yield b"]}" if separator == b"," else separator + b"]}"


def _places(export: Export, words: Wording) -> Iterator[bytes]:
    stored = StoredTexts(export.source, export.found, words, "places")
    for batch in export.batches():
        texts, _secrets = stored.of(batch)
        yield from (text for text in texts if text)


def _places_at(export: Export, words: Wording, fieldpath: str) -> Iterator[bytes]:
    finder = PlaceFinder(words.definition, words.layout, words.root, fieldpath)
    for batch in export.batches():
        plain = export.source.answers(words.root, [row.current_fact_id for row in batch if not row.encrypted])
        secrets = export.source.encrypted(words.root, [row.current_fact_id for row in batch if row.encrypted])
        for row in batch:
            answers = secrets[row.current_fact_id].answers if row.encrypted else next(plain)
            if answers is not None and (feature := finder.feature(answers, row.root_instance_id)):
                yield orjson.dumps(feature)


def one_place(export: Export, instance_id: str, fieldpath: str | None) -> Iterator[bytes]:
    """The same of one submission, by its first instanceID. Raises not_found and unexpected_value before the first piece."""
    session = export.source.session
    place = lists.place_of(session, export.found, instance_id)
    if place is None or not lists.count(session, lists.only(export.found, place)):
        raise Problem("not_found")
    return geojson(replace(export, found=lists.only(export.found, place)), fieldpath)



def version_place(export: Export, instance_id: str, version_id: str, fieldpath: str | None) -> Iterator[bytes]:
    """The same of one version of it. Raises not_found and unexpected_value before the first piece."""
    session, words, found = export.source.session, export.words, export.found
    _check_path(words, fieldpath)
    place = lists.place_of(session, found, instance_id)
    if place is None or not lists.count(session, lists.only(found, place)):
        raise Problem("not_found")
    row = submission_queries.stored(
        session, found.project_id, found.xml_form_id, [version_id], found.is_draft
    ).get(version_id)
    if row is None or row.root_instance_id != instance_id:
        raise Problem("not_found")
    if row.encrypted:
        answers = export.source.encrypted(words.root, [row.fact_id])[row.fact_id].answers
    else:
        answers = next(export.source.answers(words.root, [row.fact_id]))
    finder = PlaceFinder(words.definition, words.layout, words.root, fieldpath)
    feature = finder.feature(answers, version_id) if answers is not None else None
    return _collection([orjson.dumps(feature)] if feature else [], None)
