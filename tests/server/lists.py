"""Lists of partners for tests: a register with some records, and a short way from a file to the preview."""

from __future__ import annotations

import io
from dataclasses import replace

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import ImportBatch, User
from server.services import authentication, folding, importing, merging, mission
from server.services.identity import Identity
from server.services.importing_work import Importer
from tests.cast import Cast
from tests.databases import make_settings

HEAD = "Name,Type,Latitude,Longitude"


def who(session: Session, cast: Cast, role: str = "hq_officer") -> Identity:
    """That person of the cast as the services know him."""
    from server.models import Actor

    user = session.get_one(User, cast.people[role].actor_id)
    return replace(authentication.user_identity(user, session.get_one(Actor, user.actor_id), "cookie"))


def known_clinics(session: Session, cast: Cast, *clinics: tuple[str, str, float, float]) -> None:
    """Records of the register, each (name, type, lat, lon), written by an officer."""
    mission.initialise(session)
    officer = who(session, cast)
    facts = []
    for number, (name, kind, lat, lon) in enumerate(clinics, 1):
        data = {"fac_name": name, "fac_type": kind, "fac_group": "health", "geometry": f"{lat} {lon} 0 5"}
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        facts.append(merging.write_entity(session, officer, 1, "facilities", uuid, "create", name, data))
    folding.fold_now(session, facts)
    session.commit()


def staged(
    session: Session, settings: Settings, officer: Identity, data: bytes | str, filename: str = "list.csv", *,
    dataset: str = "facilities", name: str = "Partner list 2026", listed_on: str = "2026-01-15",
) -> ImportBatch:  # fmt: skip
    """A list that was uploaded and read, with its columns suggested."""
    raw = data.encode() if isinstance(data, str) else data
    batch = importing.begin(
        session, officer, settings, dataset=dataset, name=name, owner="Partner", listed_on=listed_on, sensitivity="moderate",
        filename=filename, file=io.BytesIO(raw),
    )
    Importer(settings).drain(session)
    return batch


def previewed(session: Session, settings: Settings, officer: Identity, data: bytes | str, filename: str = "list.csv",
              **how: str) -> ImportBatch:  # fmt: skip
    """A list with the suggested columns, checked."""
    batch = staged(session, settings, officer, data, filename, **how)
    importing.set_columns(session, officer, batch, batch.mapping, {})
    Importer(settings).drain(session)
    return batch


def merged(session: Session, settings: Settings, officer: Identity, data: bytes | str, **how: str) -> ImportBatch:
    """A list that is in the records."""
    batch = previewed(session, settings, officer, data, **how)
    importing.merge(session, officer, batch)
    Importer(settings).drain(session)
    folding.drain(session)
    return batch


__all__ = ["HEAD", "known_clinics", "make_settings", "merged", "previewed", "staged", "who"]
