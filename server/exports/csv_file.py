"""CSV that spreadsheets open safely: text that would run as a formula is neutralised, numbers stay numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from server.exports.table import Column, Row, batched, plain

# What Excel, LibreOffice and Google Sheets take for the start of a formula, their full-width forms included.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r]")
_NUMBER = re.compile(r"[+-]?(?:(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?|Infinity)", re.ASCII)
LATITUDE, LONGITUDE = "latitude", "longitude"


def write(rows: Iterable[Row], columns: Sequence[Column], *, bom: bool = False, delimiter: str = ",") -> Iterator[bytes]:
    """Chunks of a CSV file (RFC 4180, UTF-8, CRLF): id, the columns, latitude, longitude.

    bom: a byte order mark, which Excel needs to see UTF-8. delimiter ";" is what a French Excel expects.
    """
    return batched(_lines(rows, columns, bom, delimiter))


def _lines(rows: Iterable[Row], columns: Sequence[Column], bom: bool, delimiter: str) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)

    def line(cells: Sequence[object]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()

    yield ("\ufeff" if bom else "") + line(["id", *(neutral(column.name) for column in columns), LATITUDE, LONGITUDE])
    for row in rows:
        cells = [_cell(row.values.get(column.name), column) for column in columns]
        yield line([neutral(row.id), *cells, _degrees(row.lat), _degrees(row.lon)])


def _cell(value: object, column: Column) -> object:
    made = plain(value, column.kind)
    if made is None:
        return ""
    return neutral(made) if isinstance(made, str) else made


def neutral(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would run it as a formula; plain numbers are left alone."""
    return "'" + text if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _degrees(value: float | None) -> str:
    # Seven digits are about a centimetre; repr() would print 6.699999999999999.
    return "" if value is None else f"{value:.7f}".rstrip("0").rstrip(".")
