"""Statement 126: the OData metadata validates, and Power Query's sequence of requests gets 200 throughout."""

from __future__ import annotations

import pytest
import requests

from tests.conformance.conftest import ADMIN, PASSWORD
from tests.conformance.mission import TIMEOUT, Mission, Project, part
from tests.conformance.samples import new_id
from tests.csdl import faults
from tests.odata_client import PowerQuery, entity_types, misfits, types

ODD = "odd form: a/b {1}"
FORM = """<?xml version="1.0"?><h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml">
<h:head><h:title>Odd</h:title><model><instance><data id="{id}" version="1"><é.mine/><Submissions><when/><where/></Submissions>
<team><member/><team><name/><way/></team></team><share/><count/><day/><meta><instanceID/></meta></data></instance>
<bind nodeset="/data/é.mine" type="string"/><bind nodeset="/data/Submissions/when" type="dateTime"/>
<bind nodeset="/data/Submissions/where" type="geopoint"/><bind nodeset="/data/team/member" type="string"/>
<bind nodeset="/data/team/team/name" type="string"/><bind nodeset="/data/team/team/way" type="geotrace"/>
<bind nodeset="/data/share" type="decimal"/><bind nodeset="/data/count" type="int"/><bind nodeset="/data/day" type="date"/>
<bind nodeset="/data/meta/instanceID" type="string"/></model></h:head><h:body><input ref="/data/é.mine"><label>M</label></input>
<group ref="/data/team"><label>T</label><repeat nodeset="/data/team"><input ref="/data/team/member"><label>W</label></input>
<group ref="/data/team/team"><label>U</label><repeat nodeset="/data/team/team"><input ref="/data/team/team/name"><label>N</label>
</input></repeat></group></repeat></group></h:body></h:html>"""
REPORT = """<data id="{id}" version="1"><é.mine>yes</é.mine><Submissions><when>2026-11-20T09:00:00.000+03</when>
<where>4.5 18.25 300 6.5</where></Submissions><team><member>Ann</member><team><name>x</name><way>1 2 0 0; 3 4 0 0;</way></team>
</team><share>{share}</share><count>{count}</count><day>2026-11-20</day><meta><instanceID>{iid}</instanceID></meta></data>"""


@pytest.fixture
def reader(project: Project, behind_proxy: Mission) -> PowerQuery:
    """Power Query, over https, on a form with odd names to which three reports came."""
    project.publish(FORM.format(id=ODD), form_id=ODD)
    for share, count in (("0.25", "3"), ("NaN", "many"), ("Infinity", "")):
        xml = REPORT.format(id=ODD, iid=new_id(), share=share, count=count)
        project.api("POST", f"/forms/{part(ODD)}/submissions", data=xml.encode(), headers={"Content-Type": "application/xml"})
    return PowerQuery(f"{behind_proxy.base_url}/v1/projects/{project.id}/forms/{part(ODD)}.svc", (ADMIN, PASSWORD))


def test_statement_126_the_metadata_validates(reader: PowerQuery) -> None:
    assert faults(reader.metadata()) == []


def test_statement_126_power_querys_sequence_is_answered_200(reader: PowerQuery) -> None:
    tables = reader.tables()
    metadata = reader.metadata()
    known, kinds = types(metadata), entity_types(metadata)
    rows = {name: reader.rows(f"{address}?$top=2") for name, address in tables.items()}

    assert {name: len(found) for name, found in rows.items()} == {
        "Submissions": 3, "Submissions.team": 3, "Submissions.team.team": 3,
    }
    assert [misfit for name in rows for row in rows[name] for misfit in misfits(row, kinds[name], known)] == []


def test_statement_126_numbers_that_are_none_are_null(reader: PowerQuery) -> None:
    rows = reader.rows(reader.tables()["Submissions"])

    assert [(row["share"], row["count"]) for row in rows] == [(None, None), (None, None), (0.25, 3)]
    assert rows[0]["Submissions"]["when"] == "2026-11-20T09:00:00.000+03:00"


def test_statement_126_older_protocols_find_nothing(reader: PowerQuery) -> None:
    head = {"OData-MaxVersion": "3.0", "X-Forwarded-Proto": "https"}

    assert requests.get(reader.service, auth=reader.login, headers=head, timeout=TIMEOUT).status_code == 404
