"""Entity lists as tables that leave the server: OData, CSV, GeoJSON. Streamed, within the actor's scope."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from server.exports.csv_file import neutral
from server.models import Actor, Dataset, Record
from server.problems import Problem
from server.queries import entities as queries
from server.queries import odata_filter
from server.queries.entities import WantedRecords
from server.services import datasets, entities
from server.services.identity import Identity
from server.services.journal import now
from server.services.odata_options import Options, select_columns, skip_token
from server.services.odata_values import geometry, identifier
from server.services.times import stamp

TABLE = "Entities"
PIECE = 60_000


def wanted(session: Session, who: Identity, dataset: Dataset, options: Options) -> WantedRecords:
    """The records that the options ask for. Raises the problems of `odata_filter`."""
    base = entities.wanted(who, dataset, None if options.wants_deleted else False)
    dialect = session.get_bind().dialect.name
    condition = odata_filter.condition(options.filter, queries.FILTER_FIELDS, now(), dialect) if options.filter else None
    order = odata_filter.ordering(options.orderby, queries.FILTER_FIELDS) if options.orderby else []
    words = tuple((options.search or "").strip('"').lower().split()[:10])
    return replace(base, condition=condition, order=order, words=words)


@dataclass(frozen=True)
class Request:
    """One request for the table; service: absolute URL up to ".svc"; query: the query as sent."""

    service: str
    query: Mapping[str, str]
    options: Options


def odata(session: Session, asked: Request, dataset: Dataset, found: WantedRecords) -> Iterator[str]:
    """The JSON of the table, piece by piece. Raises unexpected_value for a token of another list before the first piece."""
    options = asked.options
    page = queries.ids(session, found)
    total = len(page)
    resume = options.token.get("uuid")
    if resume is not None:
        if resume not in page:
            raise Problem("unexpected_value", field="$skiptoken", value=resume[:50], reason="that entity is not there.")
        page = page[page.index(resume) + 1 :]
    page = page[options.skip if resume is None else 0 :]
    more = options.top is not None and len(page) > options.top
    page = page[: options.top]
    names = [each.name for each in datasets.properties(session, dataset)]
    return _json(session, asked, found, page, names, total, more)


def _json(
    session: Session, asked: Request, found: WantedRecords, page: list[str], names: list[str], total: int, more: bool
) -> Iterator[str]:
    pieces = [f'{{"@odata.context":{json.dumps(f"{asked.service}/$metadata#{TABLE}")},"value":[']
    size, separator = 0, ""
    for record, creator in queries.by_ids(session, found, page):
        row = select_columns(odata_row(record, creator, names), asked.options.select)
        text = separator + json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        separator = ","
        pieces.append(text)
        size += len(text)
        if size > PIECE:
            yield "".join(pieces)
            pieces, size = [], 0
    pieces.append("]")
    if more and page:
        pieces.append(f',"@odata.nextLink":{json.dumps(_next_link(asked, page[-1]))}')
    if asked.options.count:
        pieces.append(f',"@odata.count":{total}')
    yield "".join([*pieces, "}"])


def _next_link(asked: Request, last: str) -> str:
    query = {name: text for name, text in asked.query.items() if name not in {"$skiptoken", "$skip"}}
    if asked.options.orderby:
        query["$skip"] = str(asked.options.skip + (asked.options.top or 0))
    else:
        query["$skiptoken"] = skip_token({"uuid": last})
    return f"{asked.service}/{TABLE}?{urlencode(query)}"


def odata_row(record: Record, creator: Actor | None, properties: list[str]) -> dict[str, Any]:
    """An entity as OData shows it: all properties of the list, null where nothing is known."""
    row: dict[str, Any] = {
        "__id": record.id, "label": record.label,
        "__system": {
            "createdAt": stamp(record.created_at), "creatorId": str(record.creator_id or 0),
            "creatorName": creator.display_name if creator else None, "updates": record.version - 1,
            "updatedAt": stamp(record.updated_at), "deletedAt": stamp(record.deleted_at), "version": record.version,
            "conflict": record.conflict,
        },
    }
    for name in properties:
        row[identifier(name)] = record.data.get(name)
    return row


def csv_rows(session: Session, dataset: Dataset, found: WantedRecords) -> Iterator[bytes]:
    """The list as CSV: __id, label, properties, then the system columns. Text that would run as a formula is neutralised."""
    names = [each.name for each in datasets.properties(session, dataset)]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    system = ["__createdAt", "__creatorId", "__creatorName", "__updates", "__updatedAt", "__version"]
    writer.writerow(["__id", "label", *names, *system])
    for record, creator in queries.by_ids(session, found, queries.ids(session, found)):
        cells = [neutral(_text(record.data.get(name))) for name in names]
        writer.writerow([
            record.id, neutral(record.label), *cells, stamp(record.created_at), record.creator_id or 0,
            neutral(creator.display_name) if creator else "", record.version - 1, stamp(record.updated_at) or "", record.version,
        ])
        if buffer.tell() > PIECE:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def geojson(session: Session, found: WantedRecords) -> Iterator[str]:
    """The list as a FeatureCollection; records without a position are left out."""
    yield '{"type":"FeatureCollection","features":['
    separator = ""
    for record, _creator in queries.by_ids(session, found, queries.ids(session, found)):
        shape = place_of(record)
        if shape is None:
            continue
        shown = {"type": "Feature", "id": record.id, "geometry": shape, "properties": {**record.data, "label": record.label}}
        yield separator + json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        separator = ","
    yield "]}"


def place_of(record: Record) -> dict[str, Any] | None:
    """Where a record is: its position, or what its property `geometry` says (ODK's name for a list's places)."""
    if record.lat is not None and record.lon is not None:
        return {"type": "Point", "coordinates": [record.lon, record.lat]}
    text = _text(record.data.get("geometry"))
    kind = "geopoint" if ";" not in text else "geotrace"
    shape = geometry(kind, text) if text else None
    return {"type": shape["type"], "coordinates": shape["coordinates"]} if shape else None


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
