"""Which area and sector a record lies in: its area code's sector, else that of the unit that reported it first."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Area, Post, Unit
from sync.merge.records import EntityState, Record
from sync.registers import Register


class Sectors:
    """Sectors of areas, units and posts, read once. They are configuration: moving one needs `rebuild`."""

    def __init__(self, session: Session) -> None:
        self._areas = {code: sector for code, sector in session.execute(select(Area.code, Area.sector_id))}
        self._parents = {code: parent for code, parent in session.execute(select(Area.code, Area.parent_code))}
        self._units = {code: sector for code, sector in session.execute(select(Unit.code, Unit.sector_id))}
        self._posts = {post: sector for post, sector in session.execute(select(Post.id, Post.sector_id))}

    def of(self, record: Record, states: Mapping[str, EntityState], register: Register | None) -> tuple[str | None, int | None]:
        """(area code, sector id) of a record; the code at most 40 characters, as the mission's areas have."""
        keys = [p.name for p in register.properties.values() if p.type == "area"] if register else ["adm2_pcode"]
        code = next((record.data[key][:40] for key in keys if record.data.get(key)), None)
        sector = self._of_area(code)
        anchor = states[record.id].anchor
        if sector is None and anchor.unit:
            sector = self._units.get(anchor.unit)
        if sector is None and anchor.post_id is not None:
            sector = self._posts.get(anchor.post_id)
        return code, sector

    def _of_area(self, code: str | None) -> int | None:
        """The sector of an area or of the nearest area around it that has one."""
        for _ in range(6):
            if code is None or self._areas.get(code) is not None:
                break
            code = self._parents.get(code)
        return self._areas.get(code) if code is not None else None
