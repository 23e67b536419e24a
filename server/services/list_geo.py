"""Features of GeoJSON and GeoPackage as rows of texts, one at a time; the position becomes the column `geometry`.

GeoJSON is cut into features while it is read, so that a large file is never whole in memory. A GeoPackage is opened read only
and only its own tables are asked; WGS 84 (EPSG:4326) is the one reference system taken. Points, or the middle of other shapes.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from server.problems import Problem
from server.services.positions import middle

_CHUNK = 1 << 18
_LARGEST_FEATURE = 20_000_000
GEOMETRY = "geometry"
Numbered = tuple[int, list[str]]


def _unreadable(reason: str, row: int = 1) -> Problem:
    return Problem("list_unreadable", row=row, reason=reason)


def _features(path: Path) -> Iterator[dict[str, Any]]:
    """The members of "features", decoded one by one."""
    decoder = json.JSONDecoder()
    with path.open("r", encoding="utf-8-sig", errors="strict", newline="") as file:
        number = 1
        try:
            text = _from_features(file)
            while True:
                text = text.lstrip(" \t\r\n,")
                if text.startswith("]"):
                    return
                try:
                    feature, end = decoder.raw_decode(text) if text else (None, 0)
                except ValueError:
                    end = 0
                if end:
                    number += 1
                    if not isinstance(feature, dict):
                        raise _unreadable("there is no feature", number)
                    yield feature
                    text = text[end:]
                    continue
                more = file.read(_CHUNK)
                if not more or len(text) > _LARGEST_FEATURE:
                    raise _unreadable("the feature does not end, or is no JSON", number + 1)
                text += more
        except (UnicodeError, RecursionError) as error:
            raise _unreadable("the file is no GeoJSON in UTF-8", number + 1) from error


def _from_features(file: Any) -> str:
    """Reads on to the opening of the list of features."""
    text = file.read(_CHUNK)
    if not text.lstrip().startswith("{") or '"FeatureCollection"' not in text[:_CHUNK]:
        raise _unreadable("it is no GeoJSON FeatureCollection")
    at = text.find('"features"')
    opening = text.find("[", at) if at >= 0 else -1
    if opening < 0 or text[at + len('"features"') : opening].strip() != ":":
        raise _unreadable("it is no GeoJSON FeatureCollection")
    return str(text[opening + 1 :])


def geojson_headings(path: Path, most: int) -> list[str]:
    """The names of all properties, in the order in which they first come, and the position's."""
    names: dict[str, None] = {}
    for feature in _features(path):
        names.update(dict.fromkeys(str(name)[:120] for name in (feature.get("properties") or {}) if name != GEOMETRY))
        if len(names) > most:
            raise Problem("list_too_large", what="columns", limit=most)
    if not names:
        raise _unreadable("the features have no properties")
    return [*names, GEOMETRY]


def geojson_rows(path: Path, headings: list[str]) -> Iterator[Numbered]:
    """The features as rows. They are counted from 2, as rows under a heading are."""
    for number, feature in enumerate(_features(path), 2):
        properties = feature.get("properties")
        known = properties if isinstance(properties, dict) else {}
        place = middle(feature.get("geometry"))
        texts = [_text(known.get(name)) for name in headings[:-1]]
        yield number, [*texts, _position(place)]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _position(place: tuple[float, float] | None) -> str:
    return f"{place[0]:.7f} {place[1]:.7f}" if place else ""


def geopackage(path: Path) -> tuple[list[str], Iterator[Numbered]]:
    """Headings and rows of the first table of features (or of plain attributes). Raises list_unreadable."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        table, geometry = _table(connection)
        names = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({quoted(table)})")]
    except sqlite3.Error as error:
        raise _unreadable("the file is no GeoPackage") from error
    texts = [name for name in names if name not in (geometry, GEOMETRY)]
    return [*texts, GEOMETRY], _geopackage_rows(connection, table, texts, geometry)


def quoted(name: str) -> str:
    """A name of a table or column, quoted for SQLite."""
    return '"' + name.replace('"', '""') + '"'


def _table(connection: sqlite3.Connection) -> tuple[str, str | None]:
    """(table, geometry column) of the layer; a view is not asked, because it may compute anything."""
    connection.set_authorizer(only_reading)
    layers = list(connection.execute(
        "SELECT c.table_name, g.column_name, g.srs_id FROM gpkg_contents c LEFT JOIN gpkg_geometry_columns g "
        "ON g.table_name = c.table_name WHERE c.data_type IN ('features', 'attributes') ORDER BY c.data_type DESC, c.table_name"
    ))
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, geometry, system in layers:
        if str(table) in tables:
            if geometry is not None and system not in (4326, 0, -1):
                raise _unreadable(f"its positions are in the reference system {system}, not in WGS 84 (EPSG:4326)")
            return str(table), None if geometry is None else str(geometry)
    raise _unreadable("the GeoPackage holds no layer")


def only_reading(action: int, _a: str | None, _b: str | None, _c: str | None, _d: str | None) -> int:
    """SQLite's authorizer for files of strangers: nothing but reading."""
    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA}
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _geopackage_rows(
    connection: sqlite3.Connection, table: str, texts: list[str], geometry: str | None
) -> Iterator[Numbered]:
    columns = ", ".join(quoted(name) for name in [*texts, *([geometry] if geometry else [])]) or "NULL"
    number = 1
    try:
        for number, row in enumerate(connection.execute(f"SELECT {columns} FROM {quoted(table)}"), 2):  # noqa: S608
            cells = ["" if value is None or isinstance(value, bytes) else str(value) for value in row[: len(texts)]]
            yield number, [*cells, _position(_point(row[-1], number) if geometry else None)]
    except (sqlite3.Error, OverflowError) as error:
        raise _unreadable("the layer is damaged", number + 1) from error
    finally:
        connection.close()


def _point(blob: object, number: int) -> tuple[float, float] | None:
    """(lat, lon) of a GeoPackage geometry: a point's own, else the middle of the box that its header states.

    Layout: "GP", version, flags (bit 0 byte order, bits 1-3 kind of box, bit 4 empty), 4 bytes of reference system, box, WKB
    [GeoPackage 1.3, clause 2.1.3].
    """
    if blob is None:
        return None
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:2] != b"GP":
        raise _unreadable("its geometry is no GeoPackage geometry", number)
    flags = blob[3]
    if flags & 0x10:
        return None
    kind = (flags >> 1) & 7
    size = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}.get(kind)
    order = "<" if flags & 1 else ">"
    try:
        if size is None:
            raise struct.error("kind of box")
        wkb = blob[8 + size :]
        inner = "<" if wkb[0] == 1 else ">"
        if struct.unpack(inner + "I", wkb[1:5])[0] % 1000 == 1:
            lon, lat = struct.unpack(inner + "2d", wkb[5:21])
        elif size:
            west, east, south, north = struct.unpack(order + "4d", blob[8:40])
            lon, lat = (west + east) / 2, (south + north) / 2
        else:
            return None
    except (struct.error, IndexError) as error:
        raise _unreadable("its geometry is damaged", number) from error
    return (lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None
