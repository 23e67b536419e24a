"""Sets the demo mission up through the same services as the set-up pages: areas, units, posts, duties, people, devices."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.config import Settings
from server.demo.plan import ZONE, Phone, Span
from server.demo.world import DISTRICTS, REGION, VERSION, Road
from server.queries import accounts as account_queries
from server.services import accounts, areas, authentication, devices, folding, merging, mission
from server.services.identity import Identity
from server.services.passwords import one_time_password

NAME = "MINUDEM (demo mission)"
SECTORS = (("WEST", "Sector West"), ("EAST", "Sector East"))
# Unit, sector, type of its post, days until it leaves (None: stays), number of devices.
UNITS = (
    ("BANBATT-3", "WEST", "patrol_unit", 23, 2),
    ("NEPBATT-1", "WEST", "patrol_unit", None, 1),
    ("PAKBATT-2", "EAST", "patrol_unit", None, 2),
    ("RWABATT-5", "EAST", "patrol_unit", None, 2),
    ("TS-BOSSANGOA", "WEST", "team_site", None, 1),
    ("TS-MARKOUNDA", "WEST", "team_site", None, 1),
    ("TS-BATANGAFO", "EAST", "team_site", None, 1),
    ("TS-KABO", "EAST", "team_site", None, 1),
)
CELLS = (
    ("CIMIC WEST", "CIMIC cell West", "cimic_cell", "WEST"),
    ("CIMIC EAST", "CIMIC cell East", "cimic_cell", "EAST"),
    ("LO OCHA", "Liaison officer to OCHA", "liaison", None),
    ("CIMIC HQ", "Force CIMIC branch", "headquarters", None),
)
_FIELD = ("patrol_unit", "team_site", "cimic_cell")
_OFFICE = ("cimic_cell", "liaison", "headquarters")
DUTIES = {
    "cimic_patrol": _FIELD,
    "key_infrastructure": _FIELD,
    "route_status": _FIELD,
    "eo_hazard": _FIELD,
    "security_incident": (*_FIELD, "liaison"),
    "monthly_return": ("patrol_unit", "team_site"),
    "capability_return": ("patrol_unit",),
    "who_what_where": _OFFICE,
    "request_assistance": _OFFICE,
    "liaison_note": _OFFICE,
    "key_leader": _OFFICE,
    "qip": _OFFICE,
    "supplier": _OFFICE,
    "after_action": _OFFICE,
}
# Role, name, sector.
PEOPLE = (
    ("admin", "Administrator", None),
    ("hq_officer", "Force CIMIC officer", None),
    ("officer", "Officer West", "WEST"),
    ("officer", "Officer East", "EAST"),
    ("approver", "Operations approver", None),
    ("observer", "Observer Bossangoa", "WEST"),
    ("collector", "Collector East", "EAST"),
    ("partner", "Partner agency", None),
    ("auditor", "Auditor", None),
)
# Who reports for a post; without one nobody can enter a report.
OF_POSTS = {"Observer Bossangoa": "MILOBS TS-BOSSANGOA", "Collector East": "S9 PAKBATT-2"}
_ROLES = {"patrol_unit": "patrol", "team_site": "unmo", "cimic_cell": "cimic", "liaison": "lo", "headquarters": "cimic"}


@dataclass(frozen=True, slots=True)
class Login:
    """A demo account. The password is random and printed once."""

    role: str
    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device of the demo with its secret token."""

    phone: Phone
    token: str


@dataclass(frozen=True)
class Made:
    """What the set-up made."""

    logins: tuple[Login, ...]
    devices: tuple[Enrolled, ...]
    west: Identity
    hq: Identity


def set_up(session: Session, settings: Settings, span: Span) -> Made:
    """Names the mission and fills it with areas, units, posts, form duties, returns, accounts and devices. Commits."""
    mission.set_mission(session, None, name=NAME, time_zone=ZONE.key, duty_phone="+236 70 00 00 00")
    sectors = {code: mission.put_sector(session, None, code, name).id for code, name in SECTORS}
    areas.import_areas(session, None, _area_table(), "areas.csv")
    posts = _units_and_posts(session, sectors, span)
    for form_id, types in DUTIES.items():
        mission.set_form_duties(session, None, form_id, types)
    for post_type in ("patrol_unit", "team_site"):
        mission.put_return_plan(session, None, "monthly_return", post_type, starts_on=span.start.date())
    logins = _people(session, sectors, posts)
    mission.finish_setup(session, None)
    enrolled = _devices(session, settings, posts)
    who = {login.name: _identity(session, login) for login in logins}
    return Made(tuple(logins), tuple(enrolled), who["Officer West"], who["Force CIMIC officer"])


def make_roads(session: Session, identity: Identity, roads: tuple[Road, ...]) -> None:
    """Enters the known road segments, as headquarters does, and commits."""
    facts = [
        merging.write_entity(session, identity, 1, "routes", road.id, "create", road.name, {"route_name": road.name})
        for road in roads
    ]
    folding.fold_now(session, facts)
    session.commit()


def phones() -> list[Phone]:
    """The devices that send reports; the unit that is still to come has one that does not."""
    found: list[Phone] = []
    for unit, sector, kind, _leaves, count in UNITS:
        if unit != "NEPBATT-1":
            found += [Phone(len(found) + number, _post_code(unit, kind), unit, sector, _ROLES[kind]) for number in range(count)]
    for code, _name, kind, cell_sector in CELLS[:3]:
        unit = "BANBATT-3" if cell_sector == "WEST" else "PAKBATT-2"
        found.append(Phone(len(found), code, unit, cell_sector or "", _ROLES[kind]))
    return found


def _post_code(unit: str, kind: str) -> str:
    return f"{'S9' if kind == 'patrol_unit' else 'MILOBS'} {unit}"


def _area_table() -> bytes:
    lines = ["code,name,level,parent_code,sector,cod_version,lat,lon", f"{REGION[0]},{REGION[1]},1,,,{VERSION},6.9,17.7"]
    lines += [f"{each.code},{each.name},2,{REGION[0]},{each.sector},{VERSION},{each.lat},{each.lon}" for each in DISTRICTS]
    return "\n".join(lines).encode()


def _units_and_posts(session: Session, sectors: dict[str, int], span: Span) -> dict[str, int]:
    posts: dict[str, int] = {}
    today = span.until.date()
    for unit, sector, kind, leaves, _count in UNITS:
        arrives = today + dt.timedelta(days=22) if unit == "NEPBATT-1" else span.start.date() - dt.timedelta(days=120)
        out = today + dt.timedelta(days=leaves) if leaves else None
        mission.put_unit(session, None, unit, unit, sectors[sector], arrives, out)
        name = f"{'S9' if kind == 'patrol_unit' else 'Observers'} {unit}"
        post = mission.put_post(session, None, code=_post_code(unit, kind), name=name, type=kind, unit_code=unit)
        posts[post.code] = post.id
    for code, name, kind, cell_sector in CELLS:
        sector_id = sectors[cell_sector] if cell_sector else None
        posts[code] = mission.put_post(session, None, code=code, name=name, type=kind, sector_id=sector_id).id
    return posts


def _people(session: Session, sectors: dict[str, int], posts: dict[str, int]) -> list[Login]:
    made = []
    for role, name, sector in PEOPLE:
        email = f"{name.lower().replace(' ', '.')}@demo.example"
        profile = accounts.Profile(
            name=name,
            role=role,
            sector_id=sectors[sector] if sector else None,
            post_id=posts.get(OF_POSTS.get(name, "")),
            organisation="Relief Bridge" if role == "partner" else None,
        )
        password = one_time_password()
        accounts.create_user(session, None, email, profile, password)
        made.append(Login(role, name, email, password))
    return made


def _devices(session: Session, settings: Settings, posts: dict[str, int]) -> list[Enrolled]:
    made = []
    for phone in phones():
        name = f"{phone.post} phone {phone.key + 1}"
        _device, token = devices.create_device(session, settings, None, name=name, post_id=posts[phone.post])
        made.append(Enrolled(phone, token))
    devices.create_device(session, settings, None, name="S9 NEPBATT-1 phone 1", post_id=posts["S9 NEPBATT-1"])
    return made


def _identity(session: Session, login: Login) -> Identity:
    found = account_queries.user_by_email(session, login.email)
    if found is None:
        raise LookupError(login.email)
    return authentication.user_identity(*found, how="system")
