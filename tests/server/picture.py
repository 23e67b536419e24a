"""A small picture for the tests of registers, review and releases: two districts, clinics reported for real, one open pair."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Area, CodeItem, Record, ReviewTask
from server.services import code_lists, folding, form_datasets
from server.services.identity import Identity
from tests.cast import Cast
from tests.server import patrols

GBADE, CS_GBADE, BEDAYA = (str(uuid.UUID(int=number, version=4)) for number in (1, 2, 3))


@dataclass
class Picture:
    """The session and cast with what the reports made."""

    session: Session
    cast: Cast

    def identity(self, role: str) -> Identity:
        """The identity of a person of the cast."""
        return self.cast.identity(role)

    def record(self, record_id: str = GBADE) -> Record:
        """A record of the register of facilities."""
        self.session.expire_all()
        return self.session.scalars(select(Record).where(Record.id == record_id)).one()

    def tasks(self) -> list[ReviewTask]:
        """The open questions."""
        self.session.expire_all()
        return list(self.session.scalars(select(ReviewTask).order_by(ReviewTask.worth.desc(), ReviewTask.id)))

    def report(self, name: str, place: str, entity_id: str, **more: object) -> None:
        """One more report about a health centre, folded in."""
        xml = patrols.clinic(name, place, entity_id=entity_id, **more)  # type: ignore[arg-type]
        patrols.send(self.session, xml, self.cast.collector.actor_id)
        folding.drain(self.session)


def _lists(session: Session) -> None:
    """The register's list and only the code lists that it uses: seeding all of them would cost every test a second."""
    used = {"fac_group", "fac_type", "functionality", "ownership", "damage", "sensitivity", "audience"}
    session.add_all(
        CodeItem(list_name=row["list"], code=row["code"], label_en=row["label_en"], label_fr=row["label_fr"], sort=place)
        for place, row in enumerate(code_lists.shipped()) if row["list"] in used
    )
    form_datasets.ensure_dataset(session, 1, "facilities", {}, register="facilities")


def paint(session: Session, cast: Cast) -> Picture:
    """Two patrols at one clinic of sector East (scenario 1), and another clinic far away."""
    _lists(session)
    east = cast.sector_ids[0]
    session.add(Area(code="CF32", level=1, name="Ouham", sector_id=east))
    session.add(Area(code="CF321", level=2, name="Bossangoa", parent_code="CF32", sector_id=east))
    session.flush()
    patrols.publish(session, "key_infrastructure")
    picture = Picture(session, cast)
    picture.report("Centre de Santé de Gbadé", "6.4901 17.4520 0 8", GBADE)
    picture.report(
        "CS Gbade", "6.4905 17.4527 0 9", CS_GBADE, unit="TS-BOSSANGOA", day="2026-11-04", functionality="partial"
    )
    picture.report("Poste de Bédaya", "6.9100 17.9000 0 12", BEDAYA, day="2026-03-01", functionality="none")
    return picture
