"""A small mission set up through the services, its phones as headless devices, and the door in which time passes as told."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from sqlalchemy import select
from sqlalchemy.orm import Session

from forms.conversion import convert_here
from forms.findings import Converted
from server.demo.run import door
from server.models import Record
from server.queries import accounts as account_queries
from server.services import accounts, areas, authentication, devices, folding, form_library, forms, merging
from server.services import mission as services
from server.services.identity import Identity
from sync.client.device import Device
from tests.processes import RunningServer, ServerMaker

ZONE = ZoneInfo("Africa/Bangui")
AREAS = """code,name,level,parent_code,sector,cod_version
CF32,Ouham,1,,OUHAM,sample
CF321,Bossangoa,2,CF32,OUHAM,sample
CF322,Nana-Bakassa,2,CF32,OUHAM,sample
CF325,Markounda,2,CF32,OUHAM,sample
"""
PASSWORD = "a long test password"
_CLINIC = {
    "adm1": "CF32",
    "adm2": "CF321",
    "settlement_new": "Gbadé",
    "fac_group": "health",
    "fac_type": "health_centre",
    "ownership": "public",
    "damage": "0",
    "fac_source": "observed",
}
_VISIT = {
    "adm1": "CF32",
    "adm2": "CF321",
    "visit_purpose": "cimic",
    "sources": ["observed"],
    "consent_share": "yes",
    "move_dir": "none",
    "max_vehicle": "4",
    "need1": "water",
    "severity": "2",
    "urgent": "no",
}


def day(number: int, hour: int = 10, minute: int = 0, month: int = 11) -> dt.datetime:
    """A moment of November 2026 in mission time."""
    return dt.datetime(2026, month, number, hour, minute, tzinfo=ZONE)


@dataclass
class Phone:
    """A device of a unit; what it sends happens at the time that it is told."""

    device: Device
    unit: str
    role: str
    clock: list[dt.datetime]
    number: Iterator[int] = field(default_factory=itertools.count)

    def report(self, form_id: str, answers: dict[str, Any], seen: dt.datetime, photo: Path | None = None) -> None:
        """Fills a form and keeps it; nothing is sent yet."""
        common = {"reporting_unit": self.unit, "reporter_role": self.role, "report_date": seen.date()}
        xml = self.device.fill(form_id, {**common, **answers}, seen, rng=Random(f"{self.unit}{form_id}{next(self.number)}"))
        self.device.enqueue(xml, {photo.name: photo} if photo else None)

    def clinic(
        self, name: str, place: str, seen: dt.datetime, functionality: str, photo: Path | None = None, **answers: Any
    ) -> None:
        """A report about a health centre."""
        told = {**_CLINIC, "fac_name": name, "gps": place, "functionality": functionality, **answers}
        if functionality != "full":
            told["func_reason"] = ["supplies"]
        self.report("key_infrastructure", told | ({"fac_photo": photo.name} if photo else {}), seen, photo)

    def visit(self, seen: dt.datetime, **answers: Any) -> None:
        """A visit to a settlement."""
        self.report("cimic_patrol", {**_VISIT, **answers}, seen)

    def pull(self, at: dt.datetime) -> None:
        """Brings the lists up to date at that time."""
        self.clock[0] = at
        self.device.pull()

    def send(self, at: dt.datetime) -> None:
        """Sends what is kept at that time; everything must be taken."""
        self.clock[0] = at
        sent = self.device.send()
        assert (sent.refused, sent.waiting) == (0, 0), sent


@dataclass
class Mission:
    """A server over an own database, with what a test needs to look at it from outside."""

    server: RunningServer
    folder: Path
    base_url: str = ""
    phones: list[Phone] = field(default_factory=list)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session on the server's database."""
        with self.server.session() as session:
            yield session

    def drain(self) -> None:
        """Processes everything that has come; nothing may fail."""
        with self.session() as session:
            assert folding.drain(session).failing == ()

    def publish(self, *form_ids: str) -> None:
        """Publishes questionnaires of the library for every type of post."""
        with self.session() as session:
            for form_id in form_ids:
                form_library.publish_from_library(session, self.server.settings, form_id, None)
                services.set_form_duties(session, None, form_id, ["patrol_unit", "team_site"])

    def phone(self, unit: str, post_type: str = "patrol_unit", rotation_out: dt.date | None = None) -> Phone:
        """A unit with its post and one enrolled device."""
        with self.session() as session:
            services.put_unit(session, None, unit, unit, self.sector_id(session), None, rotation_out)
            post = services.put_post(session, None, code=f"S9 {unit}", name=f"S9 {unit}", type=post_type, unit_code=unit)
            _made, token = devices.create_device(session, self.server.settings, None, name=f"Phone {unit}", post_id=post.id)
        clock = [day(1)]
        url = f"{self.base_url}/v1/key/{token}/projects/1"
        device = Device(self.folder / f"phone{len(self.phones)}", url, clock=lambda: clock[0].timestamp())  # noqa: PLW0108 - the clock moves
        self.phones.append(Phone(device, unit, "patrol" if post_type == "patrol_unit" else "unmo", clock))
        return self.phones[-1]

    def sector_id(self, session: Session) -> int:
        """The one sector."""
        found = accounts.sector_id_of(session, "OUHAM")
        assert found is not None
        return found

    def person(self, role: str) -> Identity:
        """Somebody with that role, made at the first call."""
        email = f"{role}@example.org"
        with self.session() as session:
            found = account_queries.user_by_email(session, email)
            if found is None:
                sector_id = self.sector_id(session) if role == "officer" else None
                accounts.create_user(session, None, email, accounts.Profile(role.title(), role, sector_id), PASSWORD)
                found = account_queries.user_by_email(session, email)
            assert found is not None
            return authentication.user_identity(*found, how="cookie")

    def browser(self, role: str) -> requests.Session:
        """A browser logged in as that role."""
        who = self.person(role)
        browser = requests.Session()
        with self.session() as session:
            token, row = authentication.open_session(session, who.actor_id, "page")
            session.commit()
            browser.cookies.set(authentication.SESSION_COOKIE, token)
            browser.headers["X-CSRF-Token"] = row.csrf
        return browser

    def road(self, name: str) -> str:
        """A known road segment; returns its id."""
        identifier = "11111111-1111-4111-8111-111111111111"
        who = self.person("hq_officer")
        with self.session() as session:
            fact = merging.write_entity(session, who, 1, "routes", identifier, "create", name, {"route_name": name})
            folding.fold_now(session, [fact])
            session.commit()
        return identifier

    def records(self, dataset: str) -> list[Record]:
        """The live records of a register."""
        with self.session() as session:
            return list(session.scalars(select(Record).where(Record.dataset == dataset, Record.deleted_at.is_(None))))

    def close(self) -> None:
        """Closes the devices."""
        for phone in self.phones:
            phone.device.close()


@lru_cache
def _converted(data: bytes, filename: str) -> Converted:
    return convert_here(data, filename, None, validate=False, before_java=lambda: None)


def new_mission(server: RunningServer, folder: Path, monkeypatch: pytest.MonkeyPatch, empty: bool = False) -> Mission:
    """The mission over that server's database. Conversion runs here and without ODK Validate, which tests/forms runs."""
    monkeypatch.setattr(forms, "convert_in_child", lambda data, name, *_rest, **_more: _converted(data, name))
    made = Mission(server, folder)
    with server.session() as session:
        services.initialise(session)
        if empty:
            return made
        services.set_mission(session, None, name="Ouham", time_zone=ZONE.key)
        services.put_sector(session, None, "OUHAM", "Sector Ouham")
        areas.import_areas(session, None, AREAS.encode(), "areas.csv")
        services.finish_setup(session, None)
    return made


@pytest.fixture
def mission(make_server: ServerMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mission]:
    """A mission whose door takes the time from the devices, so that a story may take weeks."""
    server = make_server(worker=False)
    made = new_mission(server, tmp_path, monkeypatch)
    with ExitStack() as stack:
        stack.callback(made.close)
        made.base_url = stack.enter_context(door(server.environment()))
        yield made
