"""Run as a script: turns lines of JSON into a GeoPackage with pyogrio, 5,000 rows at a time. Imports nothing of ours."""

from __future__ import annotations

import itertools
import json
import struct
import sys
from collections.abc import Iterator
from typing import Any

import numpy

# Pyogrio takes these up where they are installed (with the extras of matching): 100 MB and a second for nothing here.
sys.modules.update(dict.fromkeys(("pandas", "geopandas", "pyarrow")))  # type: ignore[arg-type]

import pyogrio.raw  # noqa: E402

BATCH = 5_000
_EMPTY = {"text": "", "integer": 0, "decimal": 0.0, "date": "1970-01-01", "datetime": "1970-01-01T00:00:00.000"}
_TYPES = {"text": object, "integer": "int64", "decimal": "float64", "date": "datetime64[D]", "datetime": "datetime64[ms]"}


def _point(lat: float | None, lon: float | None) -> bytes | None:
    return None if lat is None or lon is None else struct.pack("<BIdd", 1, 1, lon, lat)  # WKB: little endian, type 1


def _array(values: list[Any], kind: str) -> tuple[Any, Any]:
    mask = numpy.array([value is None for value in values], dtype=bool)
    if kind == "datetime":
        values = [None if value is None else value.removesuffix("Z") for value in values]
    filled = [_EMPTY[kind] if value is None else value for value in values]
    return numpy.array(filled, dtype=_TYPES[kind]), mask


def _fits(value: Any, kind: str) -> bool:
    if value is None or kind == "text":
        return True
    if kind == "integer":
        return isinstance(value, int) and abs(value) < 2**63
    if kind == "decimal":
        return isinstance(value, int | float)
    try:
        numpy.array([str(value).removesuffix("Z")], dtype=_TYPES[kind])
    except ValueError:
        return False
    return True


def _fitting(columns: list[list[str]], rows: Iterator[list[Any]]) -> list[tuple[str, str]]:
    # A value that does not fit its column's type (free text in a number) makes the whole column wider: nothing is lost.
    kinds = [kind for _name, kind in columns]
    for row in rows:
        for index, value in enumerate(row[2]):
            while not _fits(value, kinds[index]):
                kinds[index] = "decimal" if kinds[index] == "integer" else "text"
    return [(name, kind) for (name, _declared), kind in zip(columns, kinds, strict=True)]


def _rows(path: str) -> Iterator[list[Any]]:
    with open(path, encoding="utf-8") as file:
        next(file)
        for line in file:
            yield json.loads(line)


def convert(source: str, target: str) -> None:
    """Writes `target` from the lines of `source`: a head {layer, columns}, then [lat, lon, values] per row."""
    with open(source, encoding="utf-8") as file:
        head = json.loads(file.readline())
    columns = _fitting(head["columns"], _rows(source))
    rows = _rows(source)
    first = True
    # An empty layer is written as well: its columns are news too.
    for batch in itertools.chain([list(itertools.islice(rows, BATCH))], iter(lambda: list(itertools.islice(rows, BATCH)), [])):
        made = []
        for index, (_name, kind) in enumerate(columns):
            values = [row[2][index] for row in batch]
            made.append(_array([None if value is None else str(value) for value in values] if kind == "text" else values, kind))
        pyogrio.raw.write(
            target, geometry=numpy.array([_point(row[0], row[1]) for row in batch], dtype=object),
            field_data=[data for data, _mask in made], field_mask=[mask for _data, mask in made],
            fields=[name for name, _kind in columns], layer=head["layer"], driver="GPKG", geometry_type="Point",
            crs="EPSG:4326", append=not first,
        )
        first = False


if __name__ == "__main__":
    convert(sys.argv[1], sys.argv[2])
