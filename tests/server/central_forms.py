"""A small form with everything that /v1 must carry (group, repeats in repeats, places, photo), and submissions on it."""

from __future__ import annotations

import functools
import uuid

import pytest
from flask.testing import FlaskClient

from forms.xlsform import Converted, convert
from server.services import forms
from tests.cast import Cast

FORM_ID = "visit"
FORM = """<?xml version="1.0"?>
<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:orx="http://openrosa.org/xforms">
 <h:head><h:title>Visit</h:title><model odk:xforms-version="1.0.0" xmlns:odk="http://www.opendatakit.org/xforms">
  <instance><data id="{form_id}" version="{version}"><site><name/><place/></site><people_count/><share/><photo/>
   <team><member/><phone><number/></phone></team><day/><meta><instanceID/><instanceName/></meta></data></instance>
  <bind nodeset="/data/site/name" type="string"/><bind nodeset="/data/site/place" type="geopoint"/>
  <bind nodeset="/data/people_count" type="int"/><bind nodeset="/data/share" type="decimal"/>
  <bind nodeset="/data/photo" type="binary"/><bind nodeset="/data/team/member" type="string"/>
  <bind nodeset="/data/team/phone/number" type="string"/><bind nodeset="/data/day" type="date"/>
  <bind nodeset="/data/meta/instanceID" type="string" readonly="true()"/>
  <bind nodeset="/data/meta/instanceName" type="string"/></model></h:head>
 <h:body><input ref="/data/site/name"><label>Name</label></input><input ref="/data/site/place"><label>Place</label></input>
  <input ref="/data/people_count"><label>People</label></input><input ref="/data/share"><label>Share</label></input>
  <upload ref="/data/photo" mediatype="image/*"><label>Photo</label></upload>
  <group ref="/data/team"><label>Team</label><repeat nodeset="/data/team">
    <input ref="/data/team/member"><label>Who</label></input>
   <group ref="/data/team/phone"><label>Phones</label><repeat nodeset="/data/team/phone">
    <input ref="/data/team/phone/number"><label>Number</label></input></repeat></group></repeat></group>
  <input ref="/data/day"><label>Day</label></input></h:body></h:html>"""


def form_xml(version: str = "1", form_id: str = FORM_ID) -> str:
    """The form's XML."""
    return FORM.format(version=version, form_id=form_id)


def submission_xml(
    instance_id: str, name: str = "Clinic", deprecated: str = "", version: str = "1", photo: str = "", people: str = "12",
    place: str = "4.5 18.25 300 6.5", team: str = "<team><member>Ann</member><phone><number>1</number></phone>"
    "<phone><number>2</number></phone></team><team><member>Bob</member></team>", form_id: str = FORM_ID,
) -> str:  # fmt: skip
    """A submission; the parts that a test is about are its arguments."""
    before = f"<deprecatedID>{deprecated}</deprecatedID>" if deprecated else ""
    return (
        f'<data id="{form_id}" version="{version}"><site><name>{name}</name><place>{place}</place></site>'
        f"<people_count>{people}</people_count><share>0.25</share><photo>{photo}</photo>{team}<day>2026-11-20</day>"
        f"<meta><instanceID>{instance_id}</instanceID>{before}<instanceName>Visit {name}</instanceName></meta></data>"
    )


def new_id() -> str:
    """A fresh instanceID."""
    return f"uuid:{uuid.uuid4()}"


class Api:
    """/v1 as one person of the cast uses it."""

    def __init__(self, client: FlaskClient, cast: Cast, role: str = "hq_officer") -> None:
        # Streamed answers are read to their end, as a server does; a test may look at the headers only.
        client.open = functools.partial(type(client).open, client, buffered=True)  # type: ignore[method-assign]
        self.client, self.head = client, cast.people[role].bearer
        self.form = f"/v1/projects/1/forms/{FORM_ID}"

    def publish(self, xml: str | None = None) -> None:
        """Publishes the form."""
        answer = self.client.post(
            "/v1/projects/1/forms?publish=true&ignoreWarnings=true", data=xml or form_xml(), content_type="application/xml",
            headers=self.head,
        )
        assert answer.status_code == 200, answer.get_data(as_text=True)

    def send(self, xml: str) -> dict[str, object]:
        """Sends a submission and returns the answer's JSON."""
        answer = self.client.post(f"{self.form}/submissions", data=xml, content_type="application/xml", headers=self.head)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        body: dict[str, object] = answer.get_json()
        return body

    def get(self, path: str, status: int = 200, **headers: str):  # type: ignore[no-untyped-def]
        """GET below the form's address; returns the JSON."""
        answer = self.client.get(path if path.startswith("/v1") else f"{self.form}{path}", headers={**self.head, **headers})
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()


@pytest.fixture
def api(client: FlaskClient, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Api:
    """/v1 with the form published, used by an officer of the whole mission.

    The form is converted in this process and without ODK Validate, which saves two seconds a test; publishing as it is
    has tests of its own.
    """
    def convert_here(data: bytes, name: str, fallback: str | None = None, **_options: object) -> Converted:
        return convert(data, name, fallback)

    monkeypatch.setattr(forms, "convert_in_child", convert_here)
    made = Api(client, cast)
    made.publish()
    return made
