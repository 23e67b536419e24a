"""Tables of areas as lines of texts, whatever the file is: CSV, GeoJSON, GeoPackage, XLSX with a sheet per level.

Headings come in one spelling (`adm2_pcode`, `adm2_en`, `adm2_name`). Must not know what an area is. A fault names its sheet,
row and column; a file of which a part cannot be read is a file with faults.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.problems import Problem
from server.services import list_files, list_geo
from server.services.boundaries import BoundaryFault, Shape, from_geojson, from_geopackage

LARGEST = 50_000_000
# "ADM2_PCODE", "adm2_pcode", and the older "admin2Pcode", "admin2Name_en".
_WIDE = re.compile(r"adm(?:in)?(\d)_?(.+)")
_CODE_COLUMN = re.compile(r"adm\d_pcode|code|pcode|p-code|p_code|parent_code|parent|parent_pcode")
_WGS84 = re.compile(r"CRS:?:?84|EPSG:+(\d*:+)?4326|^4326$", re.IGNORECASE)
MAX_ROWS = 200_000


@dataclass(frozen=True)
class AreaFinding:
    """A fault: sheet or layer, row (1 is the header; features count from 1), column, what is wrong, what to do."""

    row: int
    column: str
    message: str
    advice: str
    sheet: str = ""


@dataclass
class Findings:
    """The faults of a file."""

    findings: list[AreaFinding] = field(default_factory=list)

    def fault(self, row: int, column: str, message: str, advice: str, sheet: str = "") -> None:
        """Adds one."""
        self.findings.append(AreaFinding(row, column, message, advice, sheet))


@dataclass(frozen=True)
class Line:
    """One row or feature: texts by heading, what it draws, and the columns in which a spreadsheet holds numbers."""

    row: int
    cells: Mapping[str, str]
    sheet: str = ""
    shape: Shape | None = None
    numbers: frozenset[str] = frozenset()


def heading(text: str) -> str:
    """A heading in lower case; those of OCHA's tables in the one spelling "adm<level>_<what>"."""
    name = text.strip().lower()
    wide = _WIDE.fullmatch(name)
    if wide is None:
        return name
    what = re.sub(r"^name_([a-z]{2,3})$", r"\1", wide.group(2)).replace("p_code", "pcode")
    return f"adm{wide.group(1)}_{what}"


def lines(data: bytes, filename: str, found: Findings) -> Iterator[Line]:
    """The lines of the file; faults go to `found`."""
    ending = Path(filename.lower()).suffix
    readers = {
        ".json": _geojson, ".geojson": _geojson, ".gpkg": _geopackage, ".xlsx": _workbook, ".xlsm": _workbook,
        ".csv": _csv, ".tsv": _csv, ".txt": _csv,
    }  # fmt: skip
    if ending not in readers:
        found.fault(1, "", "The file is none of CSV, XLSX, GeoJSON and GeoPackage.", "Choose another file.")
        return
    if len(data) > LARGEST:
        found.fault(1, "", "The file is larger than 50 MB.", "Import one level at a time, or simplify the boundaries.")
        return
    for count, line in enumerate(readers[ending](data, found)):
        if count >= MAX_ROWS:
            found.fault(line.row, "", f"The file has more than {MAX_ROWS} rows.", "Import one level at a time.", line.sheet)
            return
        # OCHA's tables may carry a row of hashtags under the heading.
        if not any(line.cells.values()) or all(text.startswith("#") for text in line.cells.values() if text):
            continue
        yield line


def _headings(cells: list[str], found: Findings, sheet: str = "") -> list[str]:
    names = [heading(cell) for cell in cells]
    for name in sorted({name for name in names if name and names.count(name) > 1 and _CODE_COLUMN.fullmatch(name)}):
        found.fault(1, name, f"Two columns are called {name}.", "Take one of them out.", sheet)
    return names


def _csv(data: bytes, found: Findings) -> Iterator[Line]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found.fault(data[:error.start].count(b"\n") + 1, "", "The file is not UTF-8.", "Save it as CSV UTF-8.")
        return
    if "\x00" in text:
        found.fault(1, "", "The file is no CSV of areas.", "Choose another file.")
        return
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    names: list[str] | None = None
    try:
        for cells in reader:
            if names is None:
                names = _headings(cells, found)
            elif len(cells) > len(names):
                found.fault(reader.line_num, "", "The row has more cells than the header.", "Quote cells with the delimiter.")
            elif cells:
                yield Line(reader.line_num, {name: cell.strip() for name, cell in zip(names, cells, strict=False)})
    except csv.Error as error:
        found.fault(reader.line_num, "", f"The row cannot be read: {error}.", "Save the file again as CSV.")


# Geographic files


def _geojson(data: bytes, found: Findings) -> Iterator[Line]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(features, list):
        found.fault(1, "", "The file is no GeoJSON FeatureCollection.", "Export it as GeoJSON.")
        return
    system = document.get("crs")
    named = str(system.get("properties", {}).get("name", "")) if isinstance(system, dict) else ""
    if named and not _WGS84.search(named):
        found.fault(1, "crs", f"The positions are in {named[:60]}, not in WGS 84.", "Export the layer in EPSG:4326.")
        return
    for number, feature in enumerate(features, start=1):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            found.fault(number, "properties", "The feature has no properties.", "Export the attributes as well.")
            continue
        shape = _drawn(from_geojson, feature.get("geometry"), number, "", found)
        yield _attributes(number, properties, shape)


def _drawn(read: Any, geometry: object, number: int, sheet: str, found: Findings) -> Shape | None:
    try:
        shape: Shape | None = read(geometry)
    except BoundaryFault as fault:
        advice = "Export polygons (or points) in WGS 84, EPSG:4326."
        found.fault(number, "geometry", f"The geometry cannot be taken: {fault}.", advice, sheet)
        return None
    return shape


def _attributes(number: int, properties: Mapping[str, Any], shape: Shape | None, sheet: str = "") -> Line:
    cells = {heading(str(key)): _text(value) for key, value in properties.items()}
    numbers = {heading(str(key)) for key, value in properties.items() if isinstance(value, int | float)}
    return Line(number, cells, sheet, shape, frozenset(name for name in numbers if _CODE_COLUMN.fullmatch(name)))


def _text(value: object) -> str:
    if value is None or isinstance(value, bytes):
        return ""
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()[:10]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _geopackage(data: bytes, found: Findings) -> Iterator[Line]:
    """All layers that hold p-codes, one after the other."""
    with tempfile.NamedTemporaryFile(suffix=".gpkg") as file:
        file.write(data)
        file.flush()
        connection = sqlite3.connect(f"file:{file.name}?mode=ro&immutable=1", uri=True)
        try:
            for pragma in ("trusted_schema = OFF", "query_only = ON"):
                connection.execute(f"PRAGMA {pragma}")
            connection.set_authorizer(list_geo.only_reading)
            yield from _layers(connection, found)
        except (sqlite3.Error, OverflowError):
            found.fault(1, "", "The file is no GeoPackage, or damaged.", "Export it again as GeoPackage.")
        finally:
            connection.close()


def _layers(connection: sqlite3.Connection, found: Findings) -> Iterator[Line]:
    layers = list(connection.execute(
        "SELECT c.table_name, g.column_name, s.organization, s.organization_coordsys_id FROM gpkg_contents c "
        "LEFT JOIN gpkg_geometry_columns g ON g.table_name = c.table_name "
        "LEFT JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id "
        "WHERE c.data_type IN ('features', 'attributes') ORDER BY c.table_name"
    ))
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    read = False
    for table, geometry, organisation, system in layers:
        if str(table) not in tables:  # a view may compute anything
            continue
        names = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({list_geo.quoted(str(table))})")]
        if not any(_CODE_COLUMN.fullmatch(heading(name)) for name in names):
            continue
        read = True
        if geometry is not None and system is not None and (str(organisation).upper(), system) != ("EPSG", 4326) and system > 0:
            found.fault(1, "geometry", f"The positions are in {organisation}:{system}, not in WGS 84.",
                        "Export the layer in EPSG:4326.", str(table))
            continue
        columns = ", ".join(list_geo.quoted(name) for name in names)
        for number, row in enumerate(connection.execute(f"SELECT {columns} FROM {list_geo.quoted(str(table))}"), 1):  # noqa: S608
            values = dict(zip(names, row, strict=True))
            drawn = values.pop(str(geometry), None) if geometry is not None else None
            shape = _drawn(from_geopackage, drawn, number, str(table), found)
            yield _attributes(number, values, shape, str(table))
    if not read:
        found.fault(1, "", "No layer of the GeoPackage holds p-codes.", "See that a column is called ADM1_PCODE or code.")


# Workbooks


def _workbook(data: bytes, found: Findings) -> Iterator[Line]:
    """Every sheet whose heading names p-codes; others (notes, sources) are left alone. Formulas are never computed."""
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        file.write(data)
        file.flush()
        file.seek(0)
        try:
            list_files.check_workbook(Path(file.name))
        except Problem as problem:
            found.fault(1, "", problem.message, "Save it again as XLSX.")
            return
        import openpyxl  # 20 MB that only workbooks need

        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except Exception:  # openpyxl fails in as many ways as there are damaged files
            found.fault(1, "", "The file is no XLSX workbook.", "Save it again as XLSX.")
            return
        try:
            known = [_Sheet(sheet, found) for sheet in book.worksheets]
            for lines_of in known:
                yield from lines_of
        finally:
            book.close()
        if not found.findings and not any(lines_of.read for lines_of in known):
            found.fault(1, "", "No sheet of the workbook holds p-codes.", "See that a column is called ADM1_PCODE or code.")


class _Sheet:
    """The lines of one sheet; `read`: its heading names p-codes."""

    def __init__(self, sheet: Any, found: Findings) -> None:
        self._sheet, self._found, self.read = sheet, found, False

    def __iter__(self) -> Iterator[Line]:
        title = str(self._sheet.title)
        # What a sheet says of its own size may be anything.
        self._sheet.reset_dimensions()
        names: list[str] | None = None
        number = 0
        try:
            for number, row in enumerate(self._sheet.iter_rows(max_col=list_files.MAX_COLUMNS), 1):
                texts = [_text(cell.value) for cell in row]
                if names is None:
                    if not any(texts):
                        continue
                    names = _headings(texts, self._found, title)
                    if not any(_CODE_COLUMN.fullmatch(name) for name in names):
                        return
                    self.read = True
                    continue
                yield self._line(number, names, row, texts, title)
        except Exception:  # see above
            self._found.fault(number + 1, "", "The sheet is damaged.", "Save it again as XLSX.", title)

    def _line(self, number: int, names: list[str], row: Any, texts: list[str], title: str) -> Line:
        cells: dict[str, str] = {}
        numbers = set()
        for name, cell, text in zip(names, row, texts, strict=False):
            if text and _CODE_COLUMN.fullmatch(name) and isinstance(cell.value, int | float):
                shown = str(getattr(cell, "number_format", "") or "")
                if set(shown) == {"0"} and len(shown) > 1:
                    cells[name] = text.zfill(len(shown))  # the sheet itself says how many digits it shows
                    continue
                numbers.add(name)
            cells[name] = text
        return Line(number, cells, title, None, frozenset(numbers))
