"""Administrative areas from a CSV or GeoJSON file: a plain table (code, name, level, ...) or the wide COD-AB layout.

A file with any fault stores nothing; every fault names its row, column and what to do. P-codes are texts: leading zeros
count. Positions are WGS84 degrees.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from server.models import Area, Sector
from server.problems import Problem
from server.queries import mission as queries
from server.services import entries
from server.services.audits import audit
from server.services.identity import Identity
from server.services.positions import middle

LARGEST = 50_000_000
# COD-AB spec: a p-code holds no delimiters; some append a version ("CO05001v02").
_PCODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_WIDE = re.compile(r"adm(\d)_pcode", re.IGNORECASE)


@dataclass(frozen=True)
class AreaFinding:
    """A fault: row (1 is the header; features count from 1), column, what is wrong, what to do."""

    row: int
    column: str
    message: str
    advice: str


@dataclass(frozen=True)
class Imported:
    """How many areas were added and changed, and how many stayed as they were."""

    added: int
    changed: int
    unchanged: int


@dataclass
class _Row:
    code: str
    name: str
    level: int
    parent_code: str | None
    row: int
    sector: str = ""
    cod_version: str = ""
    lat: float | None = None
    lon: float | None = None


@dataclass
class _Reading:
    rows: dict[str, _Row] = field(default_factory=dict)
    findings: list[AreaFinding] = field(default_factory=list)

    def fault(self, row: int, column: str, message: str, advice: str) -> None:
        self.findings.append(AreaFinding(row, column, message, advice))

    def add(self, row: _Row) -> None:
        known = self.rows.get(row.code)
        if known is None:
            self.rows[row.code] = row
        elif (known.name, known.level, known.parent_code) != (row.name, row.level, row.parent_code):
            self.fault(row.row, "code", f"{row.code} was {known.name!r} in row {known.row} and is {row.name!r} here.",
                       "Give each area its own code.")


def import_areas(session: Session, actor: Identity | None, data: bytes, filename: str) -> Imported:
    """Adds and updates areas from a file and commits. Raises areas_refused with all findings; then nothing is stored."""
    reading = _Reading()
    table = _features(data, reading) if filename.lower().endswith((".json", ".geojson")) else _csv_rows(data, reading)
    for number, cells in table:
        _read_row(number, cells, reading)
    sectors = {sector.code.lower(): sector.id for sector in queries.sectors(session)}
    known = {area.code: area for area in queries.areas(session)}
    _check_tree(reading, sectors, known)
    if not reading.rows and not reading.findings:
        reading.fault(1, "", "The file holds no area.", "See that it has a header and at least one row.")
    if reading.findings:
        findings = [asdict(finding) for finding in reading.findings]
        raise Problem("areas_refused", count=len(findings), findings=findings)
    done = _store(session, reading.rows.values(), sectors, known)
    audit(session, actor, "area.import", None, {"file": filename[:200], **asdict(done)})
    session.commit()
    return done


def set_sector(session: Session, actor: Identity | None, codes: Sequence[str], sector_id: int | None) -> int:
    """Puts areas and everything under them into a sector (None: into none) and commits; returns how many."""
    if sector_id is not None and session.get(Sector, sector_id) is None:
        raise Problem("invalid_input", reason="Sector: there is no such sector.", field="Sector")
    areas = queries.areas(session)
    chosen = set(codes)
    for area in areas:  # ordered by level, so parents come before their children
        if area.parent_code in chosen:
            chosen.add(area.code)
    touched = [area for area in areas if area.code in chosen]
    for area in touched:
        area.sector_id = sector_id
    audit(session, actor, "area.sector.update", None, {"areas": len(touched), "sector_id": sector_id})
    session.commit()
    return len(touched)


def _csv_rows(data: bytes, reading: _Reading) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = data[:LARGEST + 1].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reading.fault(data[:error.start].count(b"\n") + 1, "", "The file is not UTF-8.", "Save it as CSV UTF-8.")
        return
    if len(data) > LARGEST or "\x00" in text:
        reading.fault(1, "", "The file is no CSV of areas, or larger than 50 MB.", "Choose another file.")
        return
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        for cells in (reader := csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)):
            if None in cells:
                reading.fault(reader.line_num, "", "The row has more cells than the header.", "Quote cells with the delimiter.")
                continue
            yield reader.line_num, {name.strip().lower(): (cell or "").strip() for name, cell in cells.items()}
    except csv.Error as error:
        reading.fault(reader.line_num, "", f"The row cannot be read: {error}.", "Save the file again as CSV.")


def _features(data: bytes, reading: _Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        document = json.loads(data) if len(data) <= LARGEST else None
    except (ValueError, RecursionError):
        document = None
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        reading.fault(1, "", "The file is no GeoJSON FeatureCollection, or larger than 50 MB.", "Export it as GeoJSON.")
        return
    for number, feature in enumerate(features, start=1):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            reading.fault(number, "properties", "The feature has no properties.", "Export the attributes as well.")
            continue
        cells = {str(key).strip().lower(): "" if value is None else str(value).strip() for key, value in properties.items()}
        position = middle(feature.get("geometry"))
        if position is not None and not (cells.get("lat") and cells.get("lon")):
            cells["lat"], cells["lon"] = f"{position[0]:.6f}", f"{position[1]:.6f}"
        yield number, cells


def _read_row(number: int, cells: Mapping[str, str], reading: _Reading) -> None:
    levels = sorted(int(found.group(1)) for name in cells if (found := _WIDE.fullmatch(name)) and cells[name])
    if not levels:
        _read_plain(number, cells, reading)
        return
    parent: str | None = None
    for level in levels:
        if level == 0:
            continue
        code = cells[f"adm{level}_pcode"]
        name = next((cells[key] for key in _name_columns(level) if cells.get(key)), "")
        deepest = level == levels[-1]
        row = _row(number, cells if deepest else {"cod_version": _version(cells)}, code, name, str(level), parent, reading)
        if row is not None:
            reading.add(row)
        parent = code


def _name_columns(level: int) -> list[str]:
    return [f"adm{level}_{suffix}" for suffix in ("name", "en", "fr", "es", "pt", "ar", "name1")]


def _read_plain(number: int, cells: Mapping[str, str], reading: _Reading) -> None:
    code = next((cells[key] for key in ("code", "pcode", "p-code", "p_code") if cells.get(key)), "")
    name = next((cells[key] for key in ("name", "label") if cells.get(key)), "")
    parent = next((cells[key] for key in ("parent_code", "parent", "parent_pcode") if cells.get(key)), "") or None
    row = _row(number, cells, code, name, cells.get("level") or ("2" if parent else "1"), parent, reading)
    if row is not None:
        reading.add(row)


def _row(
    number: int, cells: Mapping[str, str], code: str, name: str, level: str, parent: str | None, reading: _Reading
) -> _Row | None:
    before = len(reading.findings)
    if not _PCODE.fullmatch(code):
        shown = f"{code[:60]!r} is no p-code" if code else "The code is missing"
        reading.fault(number, "code", f"{shown}.", "Letters, digits, - and _, up to 40; leading zeros kept.")
    try:
        name = entries.text("name", name)
    except Problem as problem:
        reading.fault(number, "name", f"The name of {code[:60]} cannot be taken: {problem.message}", "Write the area's name.")
    if level not in {"1", "2", "3", "4"}:
        reading.fault(number, "level", f"The level {level[:20]!r} is none of 1 to 4.", "1 for regions, 2 for districts.")
    lat, lon = _degrees(number, "lat", cells, 90, reading), _degrees(number, "lon", cells, 180, reading)
    if len(reading.findings) > before:
        return None
    return _Row(code, name, int(level), parent, number, cells.get("sector", ""), _version(cells), lat, lon)


def _version(cells: Mapping[str, str]) -> str:
    return next((cells[key] for key in ("cod_version", "version") if cells.get(key)), "")[:40]


def _degrees(number: int, column: str, cells: Mapping[str, str], limit: int, reading: _Reading) -> float | None:
    text = cells.get(column, "")
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not abs(value) <= limit:  # also refuses nan
        reading.fault(number, column, f"{text[:40]!r} is no position.", f"Degrees between -{limit} and {limit}.")
        return None
    return value


def _check_tree(reading: _Reading, sectors: Mapping[str, int], known: Mapping[str, Area]) -> None:
    for row in reading.rows.values():
        if row.sector and row.sector.lower() not in sectors:
            message = f"There is no sector {row.sector[:40]!r}."
            reading.fault(row.row, "sector", message, "Make the sector first, or leave the cell empty.")
        if row.parent_code is None:
            continue
        above = reading.rows.get(row.parent_code) or known.get(row.parent_code)
        if above is None:
            message = f"The area {row.parent_code[:40]!r} above {row.code} is not there."
            reading.fault(row.row, "parent_code", message, "Add its row as well.")
        elif above.level >= row.level:
            message = f"{row.code} cannot lie in {row.parent_code}, which is not of a higher level."
            reading.fault(row.row, "parent_code", message, "Mend the level.")


def _store(session: Session, rows: Any, sectors: Mapping[str, int], known: Mapping[str, Area]) -> Imported:
    added = changed = unchanged = 0
    for row in sorted(rows, key=lambda each: each.level):
        values = {"level": row.level, "name": row.name, "parent_code": row.parent_code, "cod_version": row.cod_version}
        # What the file does not say stays as the officer set it.
        if row.sector:
            values["sector_id"] = sectors[row.sector.lower()]
        if row.lat is not None and row.lon is not None:
            values.update(lat=row.lat, lon=row.lon)
        area = known.get(row.code)
        if area is None:
            session.add(Area(code=row.code, **values))
            added += 1
        elif any(getattr(area, key) != value for key, value in values.items()):
            for key, value in values.items():
                setattr(area, key, value)
            changed += 1
        else:
            unchanged += 1
    return Imported(added, changed, unchanged)
