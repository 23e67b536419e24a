"""Writes checked areas: what codes mean now (`areas`) and what they meant in each boundary set (`area_versions`).

A code that a newer boundary set has no more stays for old records and is offered to nothing new.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.models import Area, AreaVersion
from server.queries import areas as area_queries
from server.services import boundaries
from server.services.boundaries import Polygon
from server.services.journal import now

_COUNTRY = re.compile(r"[A-Za-z]*")


@dataclass(frozen=True)
class Imported:
    """How many areas were added and changed, how many stayed as they were, and how many codes only old records keep now."""

    added: int
    changed: int
    unchanged: int
    ended: int = 0


@dataclass
class AreaRow:
    """One area as a file states it, and where in the file."""

    code: str
    name: str
    level: int
    parent_code: str | None
    row: int
    sheet: str = ""
    country: str = ""
    sector: str = ""
    cod_version: str = ""
    lat: float | None = None
    lon: float | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    polygons: tuple[Polygon, ...] = ()


def country_of(code: str) -> str:
    """The letters with which a code begins: in OCHA's tables the country."""
    found = _COUNTRY.match(code)
    return found.group(0) if found else ""


class AreaStore:
    """The mission's areas while a file is taken in: `known` codes by code, `sectors` ids by name in small letters."""

    def __init__(self, session: Session, sectors: Mapping[str, int], known: dict[str, Area]) -> None:
        self._session, self._sectors, self._known = session, sectors, known
        self._versions = area_queries.versions(session)
        self._today = now().date()
        self._present = {
            (area.level, area.cod_version) for area in known.values() if area.valid_to is None or area.valid_to > self._today
        }
        self._once = {(row.level, row.cod_version) for row in self._versions.values()}

    def take(self, rows: list[AreaRow], partial: bool) -> Imported:
        """Writes the rows, parents first. partial: nothing ends because it is not among them. The caller commits."""
        added = changed = unchanged = 0
        for row in sorted(rows, key=lambda each: each.level):
            area = self._known.get(row.code)
            row.cod_version = row.cod_version or (area.cod_version if area else "")
            drew = self._keep_version(row)
            if area is None:
                self._session.add(self._new(row))
                added += 1
            elif self._change(area, row) or drew:
                changed += 1
            else:
                unchanged += 1
        return Imported(added, changed, unchanged, 0 if partial else self._end(rows))

    def _followed(self, row: AreaRow) -> bool:
        """Whether the mission has gone on from this row's boundary set to a newer one."""
        at = (row.level, row.cod_version)
        return bool(row.cod_version) and at in self._once and at not in self._present

    def _keep_version(self, row: AreaRow) -> bool:
        """Keeps what the code means in its boundary set; whether that is new or other than before."""
        found = self._versions.get((row.code, row.cod_version))
        values: dict[str, Any] = {"level": row.level, "name": row.name, "parent_code": row.parent_code}
        if row.valid_from is not None:
            values["valid_from"] = row.valid_from
        if row.polygons:
            text = boundaries.as_text(row.polygons)
            digest = hashlib.sha256(text.encode()).hexdigest()
            if found is None or found.boundary_sha256 != digest:
                west, south, east, north = boundaries.box(row.polygons)
                values |= {"boundary": text, "boundary_sha256": digest}
                values |= {"west": west, "south": south, "east": east, "north": north}
        if found is None:
            self._session.add(AreaVersion(code=row.code, cod_version=row.cod_version, **values))
            return True
        if "boundary" not in values and all(getattr(found, key) == value for key, value in values.items()):
            return False
        for key, value in values.items():
            setattr(found, key, value)
        return True

    def _values(self, row: AreaRow) -> dict[str, Any]:
        values: dict[str, Any] = {
            "level": row.level, "name": row.name, "parent_code": row.parent_code, "cod_version": row.cod_version,
            "valid_to": row.valid_to,
        }
        # What the file does not say stays as the officer set it.
        if row.sector:
            values["sector_id"] = self._sectors[row.sector.lower()]
        if row.lat is not None and row.lon is not None:
            values.update(lat=row.lat, lon=row.lon)
        return values

    def _new(self, row: AreaRow) -> Area:
        values = self._values(row)
        if self._followed(row):
            values["valid_to"] = row.valid_to or self._today
        return Area(code=row.code, **values)

    def _change(self, area: Area, row: AreaRow) -> bool:
        if self._followed(row):
            return False
        values = self._values(row)
        if all(getattr(area, key) == value for key, value in values.items()):
            return False
        for key, value in values.items():
            setattr(area, key, value)
        return True

    def _end(self, rows: Iterable[AreaRow]) -> int:
        """Ends the codes that a newer boundary set has no more: of the same country and level, and of another stated set."""
        newer: dict[tuple[int, str], set[str]] = defaultdict(set)
        codes = set()
        for row in rows:
            codes.add(row.code)
            if row.cod_version and not self._followed(row):
                newer[row.level, country_of(row.code)].add(row.cod_version)
        ended = 0
        for area in self._known.values():
            sets = newer.get((area.level, country_of(area.code)))
            if sets and area.code not in codes and area.cod_version and area.cod_version not in sets and area.valid_to is None:
                area.valid_to = self._today
                ended += 1
        return ended
