"""Reads a partner's list as a stream: CSV, XLSX, GeoJSON, GeoPackage. One heading, then rows of texts, whatever the file is.

Written for files from strangers: nothing is held whole in memory, everything has a limit, formulas are never computed, and a
file that cannot be read is refused with the row at which it fails. Must not know what the columns mean.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.problems import Problem
from server.services import list_geo

MAX_BYTES = 300_000_000
MAX_ROWS = 1_000_000
MAX_COLUMNS = 500
# One heading or row of text in a CSV, and one cell.
MAX_LINE, MAX_CELL = 1_000_000, 20_000
# What a workbook may unpack to; shared texts are held in memory by the reader, so they have a limit of their own.
MAX_UNPACKED, MAX_SHARED, MAX_RATIO = 1_500_000_000, 150_000_000, 400
FORMATS = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".geojson": "geojson", ".json": "geojson",
    ".gpkg": "gpkg",
}  # fmt: skip
Numbered = tuple[int, list[str]]


@dataclass(frozen=True)
class ListFile:
    """A list that is being read: its headings (each its own) and its rows, numbered as a person counts them (heading: 1)."""

    headings: list[str]
    rows: Iterator[Numbered]
    encoding: str = ""
    delimiter: str = ""


def format_of(filename: str) -> str:
    """csv | xlsx | geojson | gpkg by the name's ending. Raises unsupported_type."""
    ending = Path(filename.lower()).suffix
    if ending not in FORMATS:
        raise Problem("unsupported_type", type=ending or "?", allowable="CSV, XLSX, GeoJSON, GeoPackage (.gpkg)")
    return FORMATS[ending]


def unreadable(reason: str, row: int = 1) -> Problem:
    """The refusal of a file that is no list, with the row at which that shows."""
    return Problem("list_unreadable", row=row, reason=reason)


def open_list(path: Path, form: str) -> ListFile:
    """Opens the list. Raises list_unreadable or list_too_large, here or while its rows are read."""
    openers: dict[str, Callable[[Path], ListFile]] = {
        "csv": _csv, "xlsx": _xlsx, "geojson": _geojson, "gpkg": _geopackage,
    }
    return openers[form](path)


def distinct(headings: Sequence[str]) -> list[str]:
    """The headings, empty ones named by their place and repeated ones numbered, so that each is its own."""
    seen: dict[str, int] = {}
    out = []
    for place, heading in enumerate(headings, 1):
        name = " ".join(heading.split())[:120] or f"({place})"
        seen[name.lower()] = seen.get(name.lower(), 0) + 1
        out.append(name if seen[name.lower()] == 1 else f"{name} ({seen[name.lower()]})")
    return out


def _check_width(count: int) -> None:
    if count > MAX_COLUMNS:
        raise Problem("list_too_large", what=f"{count} columns", limit=MAX_COLUMNS)


def _limited(rows: Iterator[Numbered], width: int) -> Iterator[Numbered]:
    """Rows of the heading's width without blank ones. More cells than headings are no fault when they are empty."""
    for count, (number, cells) in enumerate(rows):
        if count >= MAX_ROWS:
            raise Problem("list_too_large", what="rows", limit=MAX_ROWS)
        if any(cell.strip() for cell in cells[width:]):
            raise unreadable(f"it has {len(cells)} cells under {width} headings", number)
        if any(cell.strip() for cell in cells):
            yield number, [cell.replace("\x00", "")[:MAX_CELL] for cell in cells[:width]]


def _with_headings(rows: Iterator[Numbered], **how: str) -> ListFile:
    """Takes the first row that is not blank as the headings."""
    for number, cells in rows:
        if number > 50:
            break
        if any(cell.strip() for cell in cells):
            while cells and not cells[-1].strip():
                cells.pop()
            _check_width(len(cells))
            return ListFile(distinct(cells), _limited(rows, len(cells)), **how)
    raise unreadable("there is no heading")


# CSV


def _encoding(path: Path) -> str:
    """UTF-8 or UTF-16 by what is there, else Windows-1252, which old spreadsheets write."""
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        file.seek(0)
        sample = file.read(1_000)
        if b"\x00" in sample:
            # Text in UTF-16 without its mark has a NUL beside nearly each letter of a heading.
            little, big = sample[1::2].count(0), sample[0::2].count(0)
            if max(little, big) < 0.3 * len(sample) or min(little, big):
                raise unreadable("it holds NUL characters; it is no text file")
            return "utf-16-le" if little else "utf-16-be"
        file.seek(0)
        decoder = io.TextIOWrapper(file, encoding="utf-8-sig", errors="strict")
        try:
            while decoder.read(1 << 16):
                pass
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Lines of bounded length, so that a file without line ends does not fill the memory."""
    with path.open("r", encoding=encoding, errors="strict", newline="") as file:
        number = 1
        try:
            while line := file.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise Problem("list_too_large", what=f"row {number}", limit=MAX_LINE)
                if "\x00" in line:
                    raise unreadable("it holds NUL characters; it is no text file", number)
                yield line
                number += 1
        except UnicodeError as error:
            raise unreadable(f"its text is not in {encoding}", number) from error


def _delimiter(path: Path, encoding: str) -> str:
    """The delimiter that the first lines have most evenly, outside quotes; a comma when there is none."""
    sample = [line for line, _ in zip(_lines(path, encoding), range(20), strict=False)]
    best, found = ",", 0
    for mark in ",;\t|":
        try:
            counts = [len(row) for row in csv.reader(sample, delimiter=mark) if row]
        except csv.Error:  # read by this mark a cell is too long: so it is not the mark
            continue
        if counts and counts[0] > 1:
            even = sum(count == counts[0] for count in counts) * counts[0]
            if even > found:
                best, found = mark, even
    return best


def _csv(path: Path) -> ListFile:
    encoding = _encoding(path)
    delimiter = _delimiter(path, encoding)
    names = {",": ",", ";": ";", "\t": "tab", "|": "|"}
    return _with_headings(_csv_rows(path, encoding, delimiter), encoding=encoding, delimiter=names[delimiter])


def _csv_rows(path: Path, encoding: str, delimiter: str) -> Iterator[Numbered]:
    reader = csv.reader(_lines(path, encoding), delimiter=delimiter)
    last = 0
    try:
        for cells in reader:
            # A row over several lines is where it begins.
            yield last + 1, cells
            last = reader.line_num
    except csv.Error as error:
        raise unreadable(str(error), last + 1) from error


# XLSX


def check_workbook(path: Path) -> None:
    """Refuses what would not fit in memory once unpacked, and XML that declares a document type (entities)."""
    try:
        with zipfile.ZipFile(path) as book:
            parts = book.infolist()
            unpacked = sum(part.file_size for part in parts)
            if len(parts) > 5_000 or unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(path.stat().st_size, 100_000):
                raise Problem("list_too_large", what=f"{unpacked} bytes unpacked", limit=MAX_UNPACKED)
            for part in parts:
                if part.filename.endswith("sharedStrings.xml") and part.file_size > MAX_SHARED:
                    raise Problem("list_too_large", what="texts of the workbook", limit=MAX_SHARED)
                if part.filename.endswith((".xml", ".rels")) and _declares_type(book, part):
                    raise unreadable("the workbook holds XML with a document type")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        # zipfile raises NotImplementedError for a compression it does not know and RuntimeError for a password.
        raise unreadable("the file is no XLSX workbook") from error


def _declares_type(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    with book.open(part) as file:
        start = file.read(4_096)
        return b"<!DOCTYPE" in start or b"<!ENTITY" in start or b"<\x00!\x00" in start


def _xlsx(path: Path) -> ListFile:
    check_workbook(path)
    return _with_headings(_xlsx_rows(path))


def _xlsx_rows(path: Path) -> Iterator[Numbered]:
    """The first sheet that holds anything. Formulas give what was last computed in the spreadsheet, and are never run."""
    import openpyxl  # 20 MB that only lists in this format need

    # An open file, because openpyxl judges a path by its ending.
    with path.open("rb") as file:
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except Exception as error:  # openpyxl fails in as many ways as there are damaged files
            raise unreadable("the file is no XLSX workbook") from error
        yield from _book_rows(book)


def _book_rows(book: Any) -> Iterator[Numbered]:
    try:
        for sheet in book.worksheets:
            # What a sheet says of its own size may be anything.
            sheet.reset_dimensions()
            found = False
            for number, cells in _sheet_rows(sheet):
                found = True
                yield number, cells
            if found:
                return
    finally:
        book.close()


def _sheet_rows(sheet: Any) -> Iterator[Numbered]:
    number = 0
    try:
        for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1), 1):
            if number > MAX_ROWS + 50:
                raise Problem("list_too_large", what="rows", limit=MAX_ROWS)
            texts = [_cell(value) for value in cells]
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                yield number, texts
    except Problem:
        raise
    except Exception as error:  # see above
        raise unreadable("the sheet is damaged", number + 1) from error


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(timespec="seconds")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


# Geographic files


def _geojson(path: Path) -> ListFile:
    headings = list_geo.geojson_headings(path, MAX_COLUMNS)
    rows = ((number, cells) for number, cells in list_geo.geojson_rows(path, headings))
    return ListFile(headings, _limited(rows, len(headings)))


def _geopackage(path: Path) -> ListFile:
    headings, rows = list_geo.geopackage(path)
    _check_width(len(headings))
    return ListFile(headings, _limited(rows, len(headings)))
