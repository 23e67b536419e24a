"""GeoJSON after RFC 7946: one FeatureCollection, longitude first, WGS84, no `crs` member."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from server.exports.table import Column, Row, batched, plain


def write(rows: Iterable[Row], columns: Sequence[Column]) -> Iterator[bytes]:
    """Chunks of the collection; a thing without position has a null geometry and is not left out."""
    return batched(_pieces(rows, columns))


def _pieces(rows: Iterable[Row], columns: Sequence[Column]) -> Iterator[str]:
    yield '{"type":"FeatureCollection","features":['
    separator = "\n"
    for row in rows:
        yield separator + json.dumps(feature(row, columns), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        separator = ",\n"
    yield "\n]}\n"


def feature(row: Row, columns: Sequence[Column]) -> dict[str, object]:
    """One feature: id, point or null, every column as a property (null where there is no value)."""
    point = None
    if row.lat is not None and row.lon is not None:
        point = {"type": "Point", "coordinates": [round(row.lon, 7), round(row.lat, 7)]}
    properties = {column.name: plain(row.values.get(column.name), column.kind) for column in columns}
    return {"type": "Feature", "id": row.id, "geometry": point, "properties": properties}
