"""Administrative areas from a file: a plain table (code, name, level, ...) or OCHA's COD-AB tables.

A file with any fault stores nothing; every fault names its sheet, row, column and what to do. P-codes are texts: leading zeros
count. Positions are WGS84 degrees. A p-code means something only within one version of the boundary set [COD-AB specification
draft 0.1.0], so each area carries it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy.orm import Session

from server.models import Area, Sector
from server.problems import Problem
from server.queries import areas as area_queries
from server.queries import mission as queries
from server.services import boundaries, entries
from server.services.area_files import AreaFinding, Findings, Line, lines
from server.services.area_store import AreaRow, AreaStore, Imported, country_of
from server.services.audits import audit
from server.services.identity import Identity
from server.services.positions import middle

__all__ = ["AreaFinding", "Imported", "import_areas", "lies_inside", "set_sector"]

# COD-AB spec: a p-code holds no delimiters; some append a version ("CO05001v02").
_PCODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_WIDE = re.compile(r"adm(\d)_pcode")
_SCIENTIFIC = re.compile(r"\d([.,]\d+)?E\+\d+|\d+[.,]0+", re.IGNORECASE)
_NAMES = ("name", "en", "fr", "es", "pt", "ar", "name1")
MOST_SHOWN = 200


@dataclass
class _Reading(Findings):
    rows: dict[str, AreaRow] = field(default_factory=dict)
    wide: dict[str, list[AreaRow]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: AreaRow) -> None:
        known = self.rows.get(row.code)
        if known is None:
            self.rows[row.code] = row
            return
        if (known.name, known.level, known.parent_code) != (row.name, row.level, row.parent_code):
            was = f"{row.code} was {_described(known)} in row {known.row}{_of(known.sheet)} and is {_described(row)} here."
            self.fault(row.row, "code", was, "Give each area its own code.", row.sheet)
            return
        # The sheet of a level says more about it than the columns beside a lower level.
        known.polygons = known.polygons or row.polygons
        known.cod_version = known.cod_version or row.cod_version
        known.valid_from, known.valid_to = known.valid_from or row.valid_from, known.valid_to or row.valid_to
        if known.lat is None:
            known.lat, known.lon = row.lat, row.lon


def _described(row: AreaRow) -> str:
    return f"{row.name!r} (level {row.level}{f', in {row.parent_code}' if row.parent_code else ''})"


def _of(sheet: str) -> str:
    return f" of {sheet}" if sheet else ""


def import_areas(
    session: Session, actor: Identity | None, data: bytes, filename: str, version: str = "", *, partial: bool = False,
) -> Imported:
    """Adds and updates areas from a file and commits.

    version: of the boundary set, where the file does not state one. partial: the file holds a part of the country, so that
    nothing ends because it is not in it. The same file twice changes nothing; a set that a newer one has followed only adds to
    what codes meant once. Raises areas_refused with the findings; then nothing is stored.
    """
    reading = _Reading()
    version = entries.text("Boundary version", version, 40) if version.strip() else ""
    for line in lines(data, filename, reading):
        _read_line(line, version, reading)
    sectors = {sector.code.lower(): sector.id for sector in queries.sectors(session)}
    known = {area.code: area for area in queries.areas(session)}
    _check_codes(reading, known)
    _check_tree(reading, sectors, known)
    if not reading.rows and not reading.findings:
        reading.fault(1, "", "The file holds no area.", "See that it has a header and at least one row.")
    if reading.findings:
        shown = [asdict(finding) for finding in reading.findings[:MOST_SHOWN]]
        raise Problem("areas_refused", count=len(reading.findings), findings=shown)
    done = AreaStore(session, sectors, known).take(list(reading.rows.values()), partial)
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


def lies_inside(session: Session, code: str, lat: float, lon: float) -> bool | None:
    """Whether the position (WGS84 degrees) lies in the area, in any boundary that its code has had; None: nobody drew one."""
    drawn = area_queries.boundaries_of(session, code)
    return any(boundaries.contains(text, lat, lon) for text in drawn) if drawn else None


# Reading


def _read_line(line: Line, version: str, reading: _Reading) -> None:
    cells = line.cells
    levels = sorted(int(found.group(1)) for name in cells if (found := _WIDE.fullmatch(name)) and cells[name])
    below = [level for level in levels if level]
    if not below:
        if not levels:  # a row of level 0 alone is the country itself
            _read_plain(line, version, reading)
        return
    if below[0] != 1:
        column = f"adm{below[0] - 1}_pcode"
        message = f"{cells[f'adm{below[0]}_pcode'][:60]} has no area above it."
        reading.fault(line.row, column, message, "Fill the code of the area above, back to level 1.", line.sheet)
        return
    parent: str | None = None
    for level in below:
        column, code = f"adm{level}_pcode", cells[f"adm{level}_pcode"]
        name = next((cells[key] for key in (f"adm{level}_{suffix}" for suffix in _NAMES) if cells.get(key)), "")
        deepest = level == below[-1]
        if not name and not deepest and code in reading.rows:
            parent = code  # named in the sheet of its own level
            continue
        row = _row(line, column, code, name, str(level), parent, version, reading, deepest=deepest)
        if row is not None:
            row.country = cells.get("adm0_pcode", "")
            reading.add(row)
            reading.wide[row.country].append(row)
        parent = code


def _read_plain(line: Line, version: str, reading: _Reading) -> None:
    cells = line.cells
    column = next((key for key in ("code", "pcode", "p-code", "p_code") if cells.get(key)), "code")
    name = next((cells[key] for key in ("name", "label") if cells.get(key)), "")
    parent = next((cells[key] for key in ("parent_code", "parent", "parent_pcode") if cells.get(key)), "") or None
    level = cells.get("level") or ("2" if parent else "1")
    row = _row(line, column, cells.get(column, ""), name, level, parent, version, reading)
    if row is not None:
        reading.add(row)


def _row(
    line: Line, column: str, code: str, name: str, level: str, parent: str | None, version: str, reading: _Reading,
    *, deepest: bool = True,
) -> AreaRow | None:
    before, cells = len(reading.findings), line.cells if deepest else {}
    named = "code" if column in ("pcode", "p-code", "p_code") else column
    if column in line.numbers or _SCIENTIFIC.fullmatch(code):
        message = f"{code[:60]} is a number in the spreadsheet: zeros at its beginning are lost."
        reading.fault(line.row, named, message, "Format the column as text and paste the codes again.", line.sheet)
    elif not _PCODE.fullmatch(code):
        shown = f"{code[:60]!r} is no p-code" if code else "The code is missing"
        advice = "Letters, digits, - and _, up to 40; leading zeros kept."
        reading.fault(line.row, named, f"{shown}.", advice, line.sheet)
    try:
        name = entries.text("name", name)
    except Problem as problem:
        message = f"The name of {code[:60]} cannot be taken: {problem.message}"
        reading.fault(line.row, "name", message, "Write the area's name.", line.sheet)
    if level not in {"1", "2", "3", "4"}:
        message = f"The level {level[:20]!r} is none of 1 to 4."
        reading.fault(line.row, "level", message, "1 for regions, 2 for districts.", line.sheet)
    lat, lon = _degrees(line, "lat", cells, 90, reading), _degrees(line, "lon", cells, 180, reading)
    valid_from = _day(line, ("validon", "valid_on", "date"), cells, reading)
    valid_to = _day(line, ("validto", "valid_to"), cells, reading)
    if len(reading.findings) > before:
        return None
    row = AreaRow(code, name, int(level), parent, line.row, line.sheet, "", cells.get("sector", ""), lat=lat, lon=lon)
    row.cod_version = (_version(line.cells) or version or (valid_from.isoformat() if valid_from else ""))[:40]
    row.valid_from, row.valid_to = valid_from, valid_to
    if deepest and line.shape is not None:
        row.polygons = line.shape.polygons
        if row.lat is None or row.lon is None:
            row.lat, row.lon = _middle(line.shape)
    return row


def _middle(shape: boundaries.Shape) -> tuple[float | None, float | None]:
    if shape.point is not None:
        return shape.point[1], shape.point[0]
    found = middle({"coordinates": [[[list(corner) for corner in ring] for ring in polygon] for polygon in shape.polygons]})
    return (round(found[0], 6), round(found[1], 6)) if found else (None, None)


def _version(cells: Mapping[str, str]) -> str:
    return next((cells[key] for key in ("cod_version", "boundary_version", "version") if cells.get(key)), "")


def _degrees(line: Line, column: str, cells: Mapping[str, str], limit: int, reading: _Reading) -> float | None:
    text = cells.get(column, "")
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not abs(value) <= limit:  # also refuses nan
        advice = f"Degrees of WGS 84 between -{limit} and {limit}."
        reading.fault(line.row, column, f"{text[:40]!r} is no position.", advice, line.sheet)
        return None
    return value


def _day(line: Line, keys: tuple[str, ...], cells: Mapping[str, str], reading: _Reading) -> dt.date | None:
    column = next((key for key in keys if cells.get(key)), "")
    if not column:
        return None
    try:
        return dt.date.fromisoformat(cells[column].replace("/", "-")[:10])
    except ValueError:
        reading.fault(line.row, column, f"{cells[column][:40]!r} is no day.", "Write it as 2026-11-23.", line.sheet)
        return None


# Checking


def _check_codes(reading: _Reading, known: Collection[str]) -> None:
    """Codes of two countries in one, and digits of which a spreadsheet took the zeros at the beginning."""
    for rows in reading.wide.values():
        countries = Counter(country_of(row.code) for row in rows)
        usual = countries.most_common(1)[0][0]
        for row in rows:
            if country_of(row.code) != usual:
                message = f"{row.code} is mixed with codes that begin with {usual or 'a digit'}."
                advice = "One country and one kind of codes at a time."
                reading.fault(row.row, f"adm{row.level}_pcode", message, advice, row.sheet)
    digits: dict[int, list[AreaRow]] = defaultdict(list)
    for row in reading.rows.values():
        if row.code.isdigit():
            digits[row.level].append(row)
    for rows in digits.values():
        longest = max(len(row.code) for row in rows)
        for row in rows:
            full = next((code for zeros in range(1, 5) if (code := "0" * zeros + row.code) in known), "")
            if len(row.code) < longest or (full and row.code not in known):
                shown = f"the mission has {full}" if full else f"others of level {row.level} have {longest} digits"
                message = f"{row.code} looks like a code whose leading zeros a spreadsheet took: {shown}."
                reading.fault(row.row, "code", message, "Format the column as text and paste the codes again.", row.sheet)


def _check_tree(reading: _Reading, sectors: Mapping[str, int], known: Mapping[str, Area]) -> None:
    folded = {code.casefold().lstrip("0"): code for code in (*known, *reading.rows)}
    for row in reading.rows.values():
        if row.sector and row.sector.lower() not in sectors:
            message = f"There is no sector {row.sector[:40]!r}."
            reading.fault(row.row, "sector", message, "Make the sector first, or leave the cell empty.", row.sheet)
        if row.parent_code is None:
            continue
        above = reading.rows.get(row.parent_code) or known.get(row.parent_code)
        circle = _circle(row, reading.rows)
        if circle:
            message = f"{row.code} lies in itself: {' in '.join(circle)}."
            reading.fault(row.row, "parent_code", message, "Mend the area above.", row.sheet)
        elif above is None:
            like = folded.get(row.parent_code.casefold().lstrip("0"))
            message = f"The area {row.parent_code[:40]!r} above {row.code} is not there."
            advice = f"Is it {like}? Case and leading zeros count." if like else "Add its row as well."
            reading.fault(row.row, "parent_code", message, advice, row.sheet)
        elif above.level >= row.level:
            message = f"{row.code} cannot lie in {row.parent_code}, which is not of a higher level."
            reading.fault(row.row, "parent_code", message, "Mend the level.", row.sheet)


def _circle(row: AreaRow, rows: Mapping[str, AreaRow]) -> list[str]:
    """The codes from an area up to itself; [] when the way up ends."""
    way = [row.code]
    at: AreaRow | None = row
    while at is not None and at.parent_code is not None and len(way) < 12:
        way.append(at.parent_code)
        if at.parent_code == row.code:
            return way
        at = rows.get(at.parent_code)
    return []
