"""The main job on one real server, from an empty data directory to the partner's file, through doors and pages alone."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from sqlalchemy import select

from server.models import Record
from sync.client.device import Device
from tests.flow.outsiders import PATIENCE, Browser, HandPhone
from tests.processes import RunningServer, ServerMaker

FIELDPOST = str(Path(sys.executable).parent / "fieldpost")
LIBRARY = Path(__file__).resolve().parents[2] / "forms" / "library"
FORM, REGISTER = "key_infrastructure", "/registers/facilities"
LIST = "/v1/projects/1/datasets/facilities"
BANBATT, TEAM_SITE = "BANBATT-3", "TS-BOSSANGOA"
AREAS = "code,name,level,parent_code,sector\nCF32,Ouham,1,,EAST\nCF321,Bossangoa,2,CF32,EAST\n"
ADMIN, OFFICER, OTHER, PARTNER = (f"{name}@example.org" for name in ("admin", "officer", "other", "partner"))
PASSWORD = "four unrelated words here"
# What an NGO may have of a facility of moderate sensitivity (rule C.2), and what the release says of itself.
RELEASED = {"name", "group", "type", "ownership", "functionality", "damage", "adm2_pcode", "func_reason", "h_stockout"}
FRAME = {"release", "label", "area_code", "precision", "audience", "released_at", "valid_until"}


@dataclass
class Story:
    """The server, who is logged in where, and what was sent."""

    server: RunningServer
    folder: Path
    people: dict[str, Browser] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.server.base_url

    def fieldpost(self, *arguments: str, typed: str = "") -> str:
        """Runs the console command on the server's data."""
        done = subprocess.run(
            [FIELDPOST, *arguments], input=typed, capture_output=True, text=True, check=False, timeout=300,
            env=self.server.environment(),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def log_in(self, email: str, password: str = PASSWORD) -> Browser:
        """A new browser of that person."""
        self.people[email] = Browser(self.url)
        self.people[email].log_in(email, password)
        return self.people[email]

    def api(self, email: str) -> requests.Session:
        """A program of that person, with the bearer token that Central's log-in gives."""
        http = requests.Session()
        answer = http.post(f"{self.url}/v1/sessions", json={"email": email, "password": PASSWORD}, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        return http

    def read(self, program: requests.Session, path: str) -> Any:
        """JSON from /v1."""
        answer = program.get(self.url + path, timeout=PATIENCE)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def records(self) -> list[dict[str, Any]]:
        """Every row of the records' table, every column."""
        with self.server.session() as session:
            return [dict(row) for row in session.execute(select(Record.__table__).order_by(Record.id)).mappings()]

    def told(self) -> dict[str, Any]:
        """All that /v1 says of the facilities: the list, each entity, its versions, the OData feed."""
        program = self.api(ADMIN)
        listed = self.read(program, f"{LIST}/entities")
        assert listed
        each = {
            row["uuid"]: [self.read(program, f"{LIST}/entities/{row['uuid']}{more}") for more in ("", "/versions")]
            for row in listed
        }
        return {"list": listed, "each": each, "odata": self.read(program, f"{LIST}.svc/Entities")["value"]}


@pytest.fixture
def story(make_server: ServerMaker, tmp_path: Path) -> Story:
    """`fieldpost serve` on an empty data directory."""
    return Story(make_server(prepared=False).start(), tmp_path)


def set_up(story: Story) -> None:
    """The administrator of the console goes through the set-up pages."""
    story.fieldpost("user", "create", ADMIN, "--role", "admin", "--password-stdin", typed=PASSWORD)
    admin = story.log_in(ADMIN)
    settings = {"mission_name": "Story", "time_zone": "Africa/Bangui", "languages": ["en", "fr"]}
    admin.submit("/setup/mission", "/setup/mission", settings)
    for tab, lines in {
        "sectors": "EAST; Sector East\nWEST; Sector West",
        "units": f"{BANBATT}; {BANBATT}; EAST\n{TEAM_SITE}; {TEAM_SITE}; EAST",
        "posts": f"S9 {BANBATT}; S9 {BANBATT}; patrol_unit; {BANBATT}; EAST\nMILOBS; MILOBS; team_site; {TEAM_SITE}; EAST",
    }.items():
        admin.submit(f"/organisation?tab={tab}", f"/organisation/many/{tab}", {"lines": lines})
    admin.submit("/setup/areas", "/setup/areas", files={"file": ("areas.csv", AREAS.encode())})
    assert "published" in story.fieldpost("form", "publish", str(LIBRARY / f"{FORM}.xlsx"))
    admin.submit(f"/forms/form/{FORM}", f"/forms/duties/{FORM}", {"type": ["patrol_unit", "team_site"]})
    admin.submit("/setup", "/setup/finish")


def enrol(story: Story, post: str) -> str:
    """A device for that post; returns the server URL of its card."""
    admin = story.people[ADMIN]
    (choice,) = admin.open("/devices").xpath("//select[@name='post']/option[normalize-space()=$post]/@value", post=post)
    card = admin.submit("/devices", "/devices", {"post": [choice]}).text_content()
    found = re.search(rf"{re.escape(story.url)}/v1/key/\S+/projects/1", card)
    assert found, card
    return found[0]


def invite(story: Story, email: str, role: str, sector: str = "") -> None:
    """An account made on the people's page; its owner changes the one-time password at the first log-in."""
    admin = story.people[ADMIN]
    values = {"name": email.partition("@")[0].title(), "email": email, "role": role}
    if sector:
        (values["sector"],) = admin.open("/people/new").xpath("//option[normalize-space()=$sector]/@value", sector=sector)
    (secret,) = admin.submit("/people/new", "/people/new", values).xpath("//*[@class='secret']/text()")
    own = story.log_in(email, secret)
    assert own.look(REGISTER if role == "officer" else "/partner").url.endswith("/account")
    own.submit("/account", "/account/password", {"present": secret, "new": PASSWORD, "again": PASSWORD})


def two_patrols(story: Story) -> None:
    """Two units report one clinic 89 m apart: the headless device, and a phone that shares no code with the server."""
    # Far enough back that both come more than a day after what they saw, whatever the hour of the test.
    seen = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    clinic = {
        "adm1": "CF32", "adm2": "CF321", "fac_group": "health", "fac_type": "health_centre", "ownership": "public",
        "damage": "0", "fac_source": "observed",
    }  # fmt: skip
    device = Device(story.folder / "device", enrol(story, f"S9 {BANBATT}"))
    device.pull()
    device.enqueue(device.fill(FORM, {
        **clinic, "reporting_unit": BANBATT, "reporter_role": "patrol", "report_date": seen.date(), "settlement_new": "Gbadé",
        "gps": "6.4901 17.4520 0 5", "fac_name": "Centre de Santé de Gbadé", "functionality": "full",
    }, seen))  # fmt: skip
    assert device.send().delivered == 1
    device.close()

    phone = HandPhone(enrol(story, "MILOBS"))
    lists = phone.pull(FORM)
    assert TEAM_SITE in lists["units.csv"].decode()
    assert {"adm1.csv", "adm2.csv", "facilities.csv", "settlements.csv", "organisations.csv"} <= set(lists)
    photo = io.BytesIO()
    Image.new("RGB", (40, 30), "brown").save(photo, "JPEG")
    answers = {
        **clinic, "reporting_unit": TEAM_SITE, "reporter_role": "unmo", "settlement_new": "Gbade",
        "report_date": (seen.date() + dt.timedelta(days=1)).isoformat(), "gps": "6.4905 17.4527 0 5", "fac_name": "CS Gbade",
        "fac_adm2": "CF321", "fac_geo": "6.4905 17.4527 0 5", "functionality": "partial", "func_reason": "supplies",
        "h_stockout": "yes", "fac_photo": "clinic.jpg", "remarks": "Told by Sister Marie.",
    }  # fmt: skip
    xml = phone.fill(answers, "CS Gbade (Health centre)")
    first, again = phone.send(xml, {"clinic.jpg": photo.getvalue()}), phone.send(xml, {"clinic.jpg": photo.getvalue()})
    other = phone.send(xml.replace(b">partial<", b">full<"), {"clinic.jpg": photo.getvalue()})
    assert (first[0], again[0], other[0]) == (201, 201, 202)
    assert receipt(first[1]) == receipt(again[1]) != receipt(other[1])
    story.fieldpost("drain")
    kept_once(story, xml, photo.getvalue())


def receipt(message: str) -> str:
    """The number that a phone shows its user."""
    return message.rstrip(".").rpartition(" ")[2]


def kept_once(story: Story, xml: bytes, photo: bytes) -> None:
    """Two reports are stored, the second as first sent with its photo; the other text of it is in quarantine."""
    program = story.api(ADMIN)
    rows = story.read(program, f"/v1/projects/1/forms/{FORM}/submissions")
    assert len(rows) == 2, rows
    (found,) = [row for row in rows if row["instanceId"].encode() in xml]
    where = f"{story.url}/v1/projects/1/forms/{FORM}/submissions/{found['instanceId']}"
    assert program.get(f"{where}.xml", timeout=PATIENCE).content == xml
    assert program.get(f"{where}/attachments/clinic.jpg", timeout=PATIENCE).content == photo
    page = story.people[OFFICER].open("/quarantine")
    assert len(set(page.xpath("//a[starts-with(@href, '/quarantine/')]/@href"))) == 1


def facilities(story: Story) -> list[dict[str, Any]]:
    """The live records of the register."""
    return [row for row in story.records() if row["dataset"] == "facilities" and row["deleted_at"] is None]


def decide_same(story: Story) -> dict[str, Any]:
    """The officer answers the one open question; returns the one record."""
    officer = story.people[OFFICER]
    page = officer.open("/review")
    actions = {form.get("action") for form in page.forms if form.xpath(".//input[@name='answer']")}
    assert len(actions) == 1, actions
    assert "89 m" in page.text_content()
    officer.submit("/review", actions.pop(), answer="same")
    (record,) = facilities(story)
    return record


def shows_who_said_what(story: Story, record: dict[str, Any]) -> None:
    """The record's page names for every value its unit and dates, and leads to both reports and the photo."""
    officer = story.people[OFFICER]
    page = officer.open(f"{REGISTER}/{record['id']}")
    said = {row.findtext("th"): row.text_content() for row in page.xpath("//table[contains(@class, 'claims')]//tr[td]")}
    assert "Partly functional" in said["Works"]
    assert f"{TEAM_SITE} · seen" in said["Works"]
    assert "received" in said["Works"]
    assert f"{BANBATT} · seen" in said["Position"]
    reports = set(page.xpath("//a[starts-with(@href, '/reports/') and not(contains(@href, '/photos/'))]/@href"))
    assert len(reports) == 2
    (photo,) = page.xpath("//img[contains(@src, '/photos/')]/@src")
    assert officer.look(photo).headers["Content-Type"].startswith("image/")


def undo(story: Story) -> None:
    """Taken back, there are the two that were there before, and the question is open again."""
    story.people[OFFICER].submit("/review", "/review/undo", event=None)
    assert {row["data"]["functionality"] for row in facilities(story)} == {"full", "partial"}


def release(story: Story, record: dict[str, Any]) -> str:
    """The officer releases the record to NGOs; returns the number of the release."""
    where = f"{REGISTER}/{record['id']}"
    page = story.people[OFFICER].submit(where, f"{where}/release", {"audience": "ngo"})
    found = re.search(r"REL-\d{4}-\d{4}", page.text_content())
    assert found, page.text_content()
    return found[0]


def rebuilt_is_the_same(story: Story) -> None:
    """`fieldpost rebuild` folds every fact anew beside the running server; every column and every answer is as it was."""
    rows, told = story.records(), story.told()
    story.fieldpost("rebuild")
    assert story.records() == rows
    assert story.told() == told


def partner_gets_what_was_released(story: Story, record: dict[str, Any], number: str) -> None:
    """Three files with the same one row: the fields that NGOs may have, a place to about a kilometre, nobody's name."""
    partner = story.people[PARTNER]
    offered = partner.open("/partner").xpath("//button/@formaction")
    raw = {path.rpartition(".")[2]: partner.look(f"{path}?purpose=planning").content for path in offered}
    assert set(raw) == {"csv", "geojson", "gpkg"}
    for secret in (BANBATT, TEAM_SITE, "Sister Marie", "uuid:", "S9 ", "MILOBS", "17.452", OFFICER):
        assert all(secret.encode() not in data for data in raw.values()), secret
    expected = {"name": "CS Gbade", "functionality": "partial", "release": number, "precision": "settlement"}

    (line,) = csv.DictReader(io.StringIO(raw["csv"].decode()))
    assert {name for name, value in line.items() if value} == RELEASED | FRAME | {"id", "latitude", "longitude"}
    assert line.items() >= {**expected, "id": record["id"], "latitude": "6.49", "longitude": "17.45"}.items()
    (feature,) = json.loads(raw["geojson"])["features"]
    assert {name for name, value in feature["properties"].items() if value is not None} == RELEASED | FRAME
    assert feature["properties"].items() >= expected.items()
    assert feature["geometry"] == {"type": "Point", "coordinates": [17.45, 6.49]}
    row = of_geopackage(story.folder / "partner.gpkg", raw["gpkg"])
    assert {name for name, value in row.items() if value is not None} >= RELEASED | FRAME
    assert row.items() >= expected.items()


def of_geopackage(path: Path, data: bytes) -> dict[str, Any]:
    """The one row of its table; a GeoPackage is an SQLite database."""
    path.write_bytes(data)
    package = sqlite3.connect(path)
    package.row_factory = sqlite3.Row
    (row,) = [dict(each) for each in package.execute("SELECT * FROM facilities")]
    package.close()
    return row


def other_sector_sees_nothing(story: Story, record: dict[str, Any]) -> None:
    """The officer of the other sector: not on pages, not in /v1, not in the feeds, and the partner has no way in at all."""
    other, program = story.people[OTHER], story.api(OTHER)
    pages = ("/reports", REGISTER, f"{REGISTER}/points.geojson", f"{REGISTER}.csv", "/quarantine", "/releases", "/review")
    for path in pages:
        answer = other.look(path)
        assert (answer.status_code, "Gbad" in answer.text) == (200, False), path
    (report, *_rest) = story.people[OFFICER].open("/reports").xpath("//a[starts-with(@href, '/reports/')]/@href")
    for path in (f"{REGISTER}/{record['id']}", report):
        assert other.look(path).status_code == 404, path
        assert story.people[PARTNER].look(path).status_code == 403, path
    form = f"/v1/projects/1/forms/{FORM}"
    assert story.read(program, f"{LIST}/entities") == story.read(program, f"{form}/submissions") == []
    assert story.read(program, f"{LIST}.svc/Entities")["value"] == story.read(program, f"{form}.svc/Submissions")["value"] == []
    assert program.get(f"{story.url}{LIST}/entities/{record['id']}", timeout=PATIENCE).status_code == 404


def test_two_reports_of_one_clinic_become_one_record_that_a_partner_may_read_in_part(story: Story) -> None:
    set_up(story)
    invite(story, OFFICER, "officer", "Sector East")
    invite(story, OTHER, "officer", "Sector West")
    invite(story, PARTNER, "partner")

    two_patrols(story)
    assert len(facilities(story)) == 2
    decide_same(story)
    undo(story)
    record = decide_same(story)
    shows_who_said_what(story, record)
    number = release(story, record)

    rebuilt_is_the_same(story)
    partner_gets_what_was_released(story, record, number)
    other_sector_sees_nothing(story, record)
