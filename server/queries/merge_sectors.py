"""Which area and sector a record lies in: its area code's sector, else that of the unit that reported it first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Area, Post, Unit
from sync.merge.facts import Observation
from sync.merge.records import EntityState, Record
from sync.registers import Register


class Sectors:
    """Sectors of areas, units and posts, read once. They are configuration: moving one needs `rebuild`."""

    def __init__(self, session: Session) -> None:
        areas = session.execute(select(Area.code, Area.sector_id, Area.parent_code)).all()
        self._areas = {code: sector for code, sector, _parent in areas}
        self._parents = {code: parent for code, _sector, parent in areas}
        self._units = {code: sector for code, sector in session.execute(select(Unit.code, Unit.sector_id))}
        self._posts = {post: sector for post, sector in session.execute(select(Post.id, Post.sector_id))}

    def of(self, record: Record, states: Mapping[str, EntityState], register: Register | None) -> tuple[str | None, int | None]:
        """(area code, sector id) of a record; the code at most 40 characters, as the mission's areas have.

        A record whose parts lie in different sectors, or one in none, is for headquarters: merging never shows a sector what
        only another saw. An officer who pins its area decides otherwise.
        """
        keys = [p.name for p in register.properties.values() if p.type == "area"] if register else ["adm2_pcode"]
        key = next((key for key in keys if record.data.get(key)), None)
        code = record.data[key][:40] if key is not None else None
        if key is not None and record.provenance.get(key, {}).get("rule") == "pinned":
            return code, self._of_area(code)
        if len(record.entities) == 1:
            return code, self._of_part(states[record.id].anchor, code)
        parts = {self._of_part(states[entity].anchor, _area(states[entity], keys)) for entity in record.entities}
        return code, parts.pop() if len(parts) == 1 else None

    def _of_part(self, anchor: Observation, code: str | None) -> int | None:
        sector = self._of_area(code)
        if sector is None and anchor.unit:
            sector = self._units.get(anchor.unit)
        if sector is None and anchor.post_id is not None:
            sector = self._posts.get(anchor.post_id)
        return sector

    def _of_area(self, code: str | None) -> int | None:
        """The sector of an area or of the nearest area around it that has one."""
        for _ in range(6):
            if code is None or self._areas.get(code) is not None:
                break
            code = self._parents.get(code)
        return self._areas.get(code) if code is not None else None


def _area(state: EntityState, keys: Sequence[str]) -> str | None:
    """The area that the latest observation of an entity states."""
    latest = sorted(state.applied, key=lambda o: (o.observed_at, o.clock, o.id), reverse=True)
    return next((o.statements[key].value[:40] for key in keys for o in latest if key in o.statements), None)
