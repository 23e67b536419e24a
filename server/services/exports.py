"""Downloads of registers: the released part for partners, the whole list in scope for staff. Each one is written down.

Who, which register, format, rows, fields and purpose go into the audit log before the first byte leaves (the purpose
log of rule C.1), so that an agency can be handed the list of what left about it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

from server.config import Settings
from server.exports import csv_file, geojson_file, geopackage_file
from server.exports.table import Column, Kind, Row
from server.models import Record, Release
from server.problems import Problem
from server.queries import partner as released_queries
from server.queries import record_stream
from server.queries.scope import Scope
from server.services import entries, registers, report_duplicates
from server.services.audits import audit
from server.services.identity import AUDIENCE_READS, Identity, Verb
from server.services.journal import now
from sync.registers import Property, Register

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
}
_KINDS: dict[str, Kind] = {"integer": "integer", "decimal": "decimal", "date": "date", "datetime": "datetime"}


@dataclass(frozen=True)
class Download:
    """A file on its way: name, media type, number of rows, and its chunks (to be read once)."""

    filename: str
    content_type: str
    rows: int
    chunks: Iterator[bytes]


@dataclass(frozen=True)
class Wish:
    """How the file is wanted. purpose is the reader's own words; bom and delimiter are for spreadsheets.

    personal: with the names and numbers of persons, which exports leave out unless they are asked for (rule C.9).
    """

    format: str
    purpose: str = ""
    bom: bool = False
    delimiter: str = ","
    personal: bool = False


def released(
    session: Session, settings: Settings, who: Identity | None, dataset: str, wish: Wish, *, audience: str | None = None
) -> Download:
    """The rows in force that this reader may have, and commits the audit row. None is the console: as that audience, or all.

    Raises not_found for an unknown list, not_acceptable for an unknown format, not_allowed without the right.
    """
    scope = _scope(who, Verb.RELEASE_READ)
    if who is None and audience is not None:
        scope = Scope(released_only=True, audiences=AUDIENCE_READS[audience])
    register, instant = registers.register(session, dataset), now()
    fields = released_columns(register, scope)
    total = released_queries.count(session, scope, dataset, instant)
    rows = (_released_row(release, register) for release in released_queries.stream(session, scope, dataset, instant))
    return _send(session, settings, who, "release.download", dataset, wish, fields, total, rows)


def whole(session: Session, settings: Settings, who: Identity | None, dataset: str, wish: Wish, project_id: int = 1) -> Download:
    """Every live record in the reader's scope with all its properties, and commits the audit row. Raises as `released`."""
    scope = _scope(who, Verb.EXPORT)
    register = registers.register(session, dataset, project_id)
    fields = [
        Column("label"), *_property_columns(register, personal=wish.personal), Column("area_code"), Column("version", "integer"),
        Column("reports", "integer"), Column("last_confirmed", "datetime"), Column("contested"), Column("updated_at", "datetime"),
    ]
    total = record_stream.count(session, scope, project_id, dataset)
    rows = _whole_rows(session, register, project_id, record_stream.pages(session, scope, project_id, dataset))
    return _send(session, settings, who, "register.download", dataset, wish, fields, total, rows)


def _scope(who: Identity | None, verb: Verb) -> Scope:
    if who is None:
        return Scope()
    if not who.may(verb):
        raise Problem("not_allowed")
    return who.scope


def released_columns(register: Register, scope: Scope) -> list[Column]:
    """The columns of a released file: what the release says of itself, and the properties its audiences may have at all."""
    own = [Column("release"), Column("label"), Column("area_code"), Column("precision"), Column("audience")]
    properties = _property_columns(register, set(scope.audiences) if scope.released_only else None, released=True)
    return [*own, *properties, Column("released_at", "datetime"), Column("valid_until", "datetime")]


def _kind(rule: Property, *, released: bool) -> Kind:
    # A released number of people may say "under 5".
    return "text" if released and rule.counts_people else _KINDS.get(rule.type, "text")


def _property_columns(
    register: Register, audiences: set[str] | None = None, *, personal: bool = False, released: bool = False
) -> list[Column]:
    # Positions travel as latitude and longitude (or as geometry), so the raw geopoint is left out.
    return [
        Column(rule.export or rule.name, _kind(rule, released=released)) for rule in register.properties.values()
        if rule.type != "geopoint" and (personal or not rule.personal)
        and (audiences is None or register.plain or rule.audiences & audiences)
    ]


def exported(register: Register, data: dict[str, Any], audience: str | None = None) -> dict[str, Any]:
    """A record's data under the names of exports; with an audience only what that audience may have at all."""
    named = {}
    for name, value in data.items():
        rule = register.properties.get(name)
        if rule is None:
            named[name] = value
        elif audience is None or register.plain or audience in rule.audiences:
            named[rule.export or name] = value
    return named


def _released_row(release: Release, register: Register) -> Row:
    values = exported(register, release.data, release.audience)
    values.update(
        release=release.number, label=release.label, area_code=release.area_code, precision=release.precision,
        audience=release.audience, released_at=release.decided_at, valid_until=release.valid_until,
    )
    return Row(release.record_id, values, release.lat, release.lon)


def _whole_rows(session: Session, register: Register, project_id: int, pages: Iterable[Sequence[Record]]) -> Iterator[Row]:
    for some in pages:
        again = report_duplicates.told_again(session, project_id, register.name, [record.id for record in some])
        yield from (_whole_row(record, register, again.get(record.id, 0)) for record in some)


def _whole_row(record: Record, register: Register, told_again: int) -> Row:
    values = exported(register, record.data)
    reports = record.observation_count - told_again
    values.update(
        label=record.label, area_code=record.area_code, version=record.version, reports=reports,
        last_confirmed=record.last_observed_at, contested="yes" if record.contested else "no", updated_at=record.updated_at,
    )
    return Row(record.id, values, record.lat, record.lon)


def _send(
    session: Session, settings: Settings, who: Identity | None, action: str, dataset: str, wish: Wish,
    columns: Sequence[Column], total: int, rows: Iterator[Row],
) -> Download:
    if wish.format not in FORMATS:
        raise Problem("not_acceptable", allowable=", ".join(FORMATS))
    if wish.delimiter not in {",", ";", "\t"}:
        raise Problem("unexpected_value", field="delimiter", value=wish.delimiter, reason="it is a comma, semicolon or tab.")
    purpose = entries.text("Purpose", wish.purpose, 500, required=False)
    audit(session, who, action, f"dataset/{dataset}", {
        "format": wish.format, "rows": total, "fields": [column.name for column in columns], "purpose": purpose or None,
    })
    session.commit()
    kind = "released" if action.startswith("release") else "all"
    filename = f"{dataset}-{kind}-{dt.datetime.now(dt.UTC):%Y-%m-%d}.{wish.format}"
    return Download(filename, FORMATS[wish.format], total, _started(_chunks(settings, dataset, wish, columns, rows)))


def _chunks(settings: Settings, dataset: str, wish: Wish, columns: Sequence[Column], rows: Iterator[Row]) -> Iterator[bytes]:
    if wish.format == "csv":
        return csv_file.write(rows, columns, bom=wish.bom, delimiter=wish.delimiter)
    if wish.format == "geojson":
        return geojson_file.write(rows, columns)
    return geopackage_file.write(rows, columns, dataset, settings.data_dir / "exports")


def _started(chunks: Iterator[bytes]) -> Iterator[bytes]:
    # The first chunk is made here, so that a failure is an error message and not a torn file.
    first = next(chunks, b"")
    return chain((first,), chunks)
