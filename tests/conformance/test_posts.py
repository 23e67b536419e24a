"""Entities, subsets by area: what a device gets of a register by the area of its post (ours: Central has no posts)."""

from __future__ import annotations

import csv
import io
import random
import re

import pytest

from tests.conformance.browsing import browse, submit
from tests.conformance.mission import TIMEOUT, Mission, Phone, Project, children
from tests.conformance.samples import form_xml, new_uuid

FACILITIES = "/datasets/facilities"


@pytest.fixture
def in_two_areas(mission: Mission) -> tuple[Phone, str, str, str]:
    """A phone whose post looks after one of two areas, and a facility of the register in its area, in the other, in none."""
    project, browser = Project(mission, 1), browse(mission.base_url)
    mine, other = f"X{random.randrange(10**9):09}", f"X{random.randrange(10**9):09}"
    table = f"code,name,level,parent_code,sector,lat,lon\n{mine},Mine,1,,,,\n{mine}1,Part,2,{mine},,,\n{other},Other,1,,,,\n"
    submit(browser, f"{mission.base_url}/setup/areas", files={"file": ("areas.csv", table.encode())})
    post = f"POST-{mine}"
    submit(browser, f"{mission.base_url}/organisation/post", {"code": post, "name": post, "type": "unit", "area": mine})
    form_id = f"near-{new_uuid()}"
    project.publish(form_xml(form_id, files=["facilities.csv"]), form_id=form_id)
    phone = project.phone(form_id)
    page = browser.get(f"{mission.base_url}/devices/{phone.actor_id}", timeout=TIMEOUT).text
    number = re.search(rf'<option value="(\d+)">{post}</option>', page)
    assert number is not None
    submit(browser, f"{mission.base_url}/devices/{phone.actor_id}/rename", {"name": "Near", "post": number.group(1)})
    made = []
    for area in (f"{mine}1", other, None):
        place = f"{random.uniform(3, 8):.4f} {random.uniform(15, 25):.4f} 0 5"
        data = {"fac_name": new_uuid(), "fac_group": "school", "geometry": place}
        body = {"label": "School", "uuid": new_uuid(), "data": data | ({"adm2_pcode": area} if area else {})}
        made.append(project.api("POST", f"{FACILITIES}/entities", json=body).json()["uuid"])
    return Phone(phone.url, phone.actor_id, form_id), *made


def test_a_device_gets_the_records_of_its_posts_area_and_those_that_nobody_placed(
    in_two_areas: tuple[Phone, str, str, str]
) -> None:
    phone, inside, elsewhere, unplaced = in_two_areas
    (entry,) = phone.manifest(phone.token)
    rows = csv.DictReader(io.StringIO(phone.get(entry["downloadUrl"]).content.decode()))

    assert {row["name"] for row in rows} & {inside, elsewhere, unplaced} == {inside, unplaced}
    answer = phone.get(f"{entry['integrityUrl']}?id={inside},{elsewhere}")
    assert {each.get("id"): each[0].text for each in children(answer.content, "entity")} == {inside: "false", elsewhere: "true"}
