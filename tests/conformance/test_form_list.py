"""Conformance, form list: statements 24 to 42."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlsplit

import pytest
import requests
from lxml import etree

from tests.conformance.conftest import HTTPS, Patrol
from tests.conformance.mission import OPENROSA, TIMEOUT, Mission, Phone, Project, part
from tests.conformance.samples import form_xml, new_id, report_xml

LIST = "{http://openrosa.org/xforms/xformsList}"
ODD = "a b/ü#1"
REQUIRED = ("formID", "name", "version", "hash", "downloadUrl")
OPTIONAL = ("descriptionText", "descriptionUrl", "manifestUrl")


def entries(phone: Phone, query: str = "") -> list[etree._Element]:
    """The list's xform elements."""
    answer = phone.get(f"/formList{query}")
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content).findall(f"{LIST}xform")


def ids(phone: Phone, query: str = "") -> list[str]:
    """The form ids that the list names."""
    return [each["formID"] for each in phone.form_list(query)]


def md5(data: bytes) -> str:
    """A hash as lists write it."""
    return "md5:" + hashlib.md5(data, usedforsecurity=False).hexdigest()


def set_state(project: Project, state: str, form_id: str = "patrol") -> None:
    """Opens, closes or half closes a form."""
    project.api("PATCH", f"/forms/{part(form_id)}", json={"state": state})


def test_statement_024_the_form_list_answers_200_as_text_xml(patrol: Patrol) -> None:
    answer = patrol.phone.get("/formList")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")


def test_statement_025_the_root_holds_forms_then_groups(patrol: Patrol) -> None:
    root = etree.fromstring(patrol.phone.get("/formList").content)
    names = [str(child.tag) for child in root]

    assert root.tag == f"{LIST}xforms"
    assert names == sorted(names, key=[f"{LIST}xform", f"{LIST}xforms-group"].index)
    assert names.count(f"{LIST}xform") == 1


@pytest.mark.parametrize("query", ["", "?verbose=true", "?listAllVersions=true"])
def test_statement_026_each_form_has_its_elements_once(patrol: Patrol, query: str) -> None:
    for entry in entries(patrol.phone, query):
        assert [len(entry.findall(f"{LIST}{name}")) for name in REQUIRED] == [1, 1, 1, 1, 1]
        assert all(len(entry.findall(f"{LIST}{name}")) <= 1 for name in OPTIONAL)
        assert {str(child.tag).removeprefix(LIST) for child in entry} <= {*REQUIRED, *OPTIONAL}


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_statement_027_the_hash_is_that_of_the_bytes_served(patrol: Patrol, encoding: str) -> None:
    listed = patrol.phone.form_list()[0]
    served = patrol.phone.get(listed["downloadUrl"], headers={"Accept-Encoding": encoding})

    assert served.headers.get("Content-Encoding", "identity") == encoding
    assert listed["hash"] == md5(served.content)


def test_statement_028_addresses_are_absolute_and_keep_the_key(project: Project) -> None:
    project.publish(form_xml(files=("towns.csv",)))
    phone = project.phone("patrol")
    listed = phone.form_list()[0]

    assert listed["downloadUrl"].startswith(phone.url + "/")
    assert listed["manifestUrl"].startswith(phone.url + "/")


def test_statement_028_addresses_keep_scheme_host_and_port_of_the_request(patrol: Patrol, behind_proxy: Mission) -> None:
    path = urlsplit(patrol.phone.url).path
    asked = {**OPENROSA, **HTTPS, "X-Forwarded-Host": "reports.example.org:8443"}
    through = requests.get(f"{behind_proxy.base_url}{path}/formList", headers=asked, timeout=TIMEOUT).text
    by_name = patrol.phone.get("/formList", headers={"Host": "fieldpost.lan:8080"}).text

    assert f"<downloadUrl>https://reports.example.org:8443{path}/forms/patrol.xml</downloadUrl>" in through
    assert f"<downloadUrl>http://fieldpost.lan:8080{path}/forms/patrol.xml</downloadUrl>" in by_name


def test_statement_029_a_form_is_asked_for_by_its_id(project: Project) -> None:
    project.publish(form_id="one")
    project.publish(form_id="two")
    phone = project.phone("one", "two")

    assert ids(phone) == ["one", "two"]
    assert ids(phone, "?formID=two") == ["two"]
    assert ids(phone, "?formID=three") == ids(phone, "?formID=") == []


def test_statement_030_descriptions_appear_only_when_asked_for(patrol: Patrol) -> None:
    assert not re.search("description(Text|Url)", patrol.phone.get("/formList").text)
    assert patrol.phone.get("/formList?verbose=true").status_code == 200


def test_statement_031_every_version_is_listed_on_demand(project: Project) -> None:
    project.publish(form_xml(version="1"))
    project.publish(form_xml(version="2"), again=True)
    project.publish(form_xml(version="3"), again=True)
    phone = project.phone("patrol")
    every = {each["version"]: each for each in phone.form_list("?listAllVersions=true")}

    assert [each["version"] for each in phone.form_list()] == ["3"]
    assert set(every) == {"1", "2", "3"}
    for version, entry in every.items():
        served = phone.get(entry["downloadUrl"]).content
        assert entry["hash"] == md5(served)
        assert f'version="{version}"'.encode() in served


@pytest.mark.parametrize("query", ["?x=1", "?deviceID=", "?verbose=perhaps", "?listAllVersions=", "?formId=none", "?&&=&"])
def test_statement_032_unknown_parameters_are_ignored(patrol: Patrol, query: str) -> None:
    answer = patrol.phone.get(f"/formList{query}")

    assert answer.status_code == 200
    assert answer.content == patrol.phone.get("/formList").content


def test_statement_033_a_device_id_is_taken_and_grants_nothing(patrol: Patrol, mission: Mission) -> None:
    said = "?deviceID=collect%3AabcDEF123"
    url = f"{mission.base_url}/v1/projects/{patrol.project.id}/formList{said}"
    stranger = requests.get(url, headers=OPENROSA, timeout=TIMEOUT)

    assert ids(patrol.phone, said) == ["patrol"]
    assert stranger.status_code == 401


def test_statement_034_the_list_asks_who_wants_it(patrol: Patrol, mission: Mission) -> None:
    answer = requests.get(f"{mission.base_url}/v1/projects/{patrol.project.id}/formList", headers=OPENROSA, timeout=TIMEOUT)

    assert answer.status_code == 401
    assert "patrol" not in answer.text


@pytest.mark.parametrize("wanted", ["fr", "en", "tlh"])
def test_statement_035_a_form_is_called_by_its_title(patrol: Patrol, wanted: str) -> None:
    answer = patrol.phone.get("/formList", headers={"Accept-Language": wanted})

    assert "<name>Patrol report</name>" in answer.text


def test_statement_035_a_form_without_title_is_called_by_its_id(project: Project) -> None:
    project.publish(form_xml("nameless", title=None), form_id="nameless")
    project.publish(form_xml("blank", title=""), form_id="blank")
    phone = project.phone("nameless", "blank")

    assert {each["formID"]: each["name"] for each in phone.form_list()} == {"blank": "blank", "nameless": "nameless"}


def test_statement_036_every_group_that_is_listed_leads_to_a_list(patrol: Patrol) -> None:
    root = etree.fromstring(patrol.phone.get("/formList").content)

    for group in root.iter(f"{LIST}xforms-group"):
        assert [len(group.findall(f"{LIST}{name}")) for name in ("groupID", "name", "listUrl")] == [1, 1, 1]
        below = patrol.phone.get(group.findtext(f"{LIST}listUrl") or "")
        assert etree.fromstring(below.content).tag == f"{LIST}xforms"
    assert {str(child.tag) for child in root} <= {f"{LIST}xform", f"{LIST}xforms-group"}


def test_statement_037_drafts_closed_and_unassigned_forms_do_not_appear(project: Project) -> None:
    for form_id in ("open", "closed", "closing", "unassigned"):
        project.publish(form_id=form_id)
    xml, head = form_xml("draft").encode(), {"Content-Type": "application/xml"}
    project.api("POST", "/forms?ignoreWarnings=true", data=xml, headers=head)
    phone = project.phone("open", "closed", "closing", "draft")
    set_state(project, "closed", "closed")
    set_state(project, "closing", "closing")

    assert ids(phone) == ["open"]


def test_statement_037_a_closing_form_does_not_appear_but_accepts(project: Project) -> None:
    project.publish()
    phone = project.phone("patrol")
    set_state(project, "closing")

    assert ids(phone) == []
    assert phone.send(report_xml(new_id(), name="late")).status_code == 201


def test_statement_037_a_draft_of_a_published_form_changes_nothing_yet(project: Project) -> None:
    project.publish()
    phone = project.phone("patrol")
    xml, head = form_xml(version="2").encode(), {"Content-Type": "application/xml"}
    project.api("POST", "/forms/patrol/draft?ignoreWarnings=true", data=xml, headers=head)

    assert [each["version"] for each in phone.form_list()] == ["1"]


def test_statement_038_a_manifest_is_named_if_and_only_if_files_are_expected(project: Project) -> None:
    project.publish(form_id="plain")
    project.publish(form_xml("files", files=("map.png",)), form_id="files")
    phone = project.phone("plain", "files")

    assert {each["formID"]: "manifestUrl" in each for each in phone.form_list()} == {"plain": False, "files": True}


@pytest.mark.parametrize(("form_id", "version"), [
    (ODD, ODD), ("ü" * 249, "é" * 249), ("表/単 %41?&+", "2026:11/22 {a}"), ("a'b\"c<d>&", "<&>\"'"), ("x.xml", "x/manifest"),
])
def test_statement_039_ids_and_versions_may_hold_anything(project: Project, form_id: str, version: str) -> None:
    project.publish(form_xml(form_id, version, files=("towns.csv",)), {"towns.csv": b"name,label\na,A\n"}, form_id=form_id)
    phone = project.phone(form_id)
    listed = phone.form_list()[0]
    asked = phone.form_list(f"?formID={part(form_id)}")
    every = phone.form_list(f"?listAllVersions=true&formID={part(form_id)}")

    assert (listed["formID"], listed["version"]) == (form_id, version)
    assert listed["downloadUrl"].isascii()
    assert asked[0] == listed
    assert every[0]["version"] == version
    assert listed["hash"] == md5(phone.get(listed["downloadUrl"]).content)
    assert listed["hash"] == md5(phone.get(every[0]["downloadUrl"]).content)
    assert [each["filename"] for each in phone.manifest(form_id)] == ["towns.csv"]
    assert phone.send(report_xml(new_id(), form_id, version, name="x")).status_code == 201


def test_statement_040_an_absent_version_is_an_empty_element(project: Project) -> None:
    project.publish(form_xml("bare", None), form_id="bare")
    phone = project.phone("bare")
    entry = entries(phone)[0]

    assert [version.text for version in entry.findall(f"{LIST}version")] == [None]
    assert phone.send(report_xml(new_id(), "bare", None, name="x")).status_code == 201


def test_statement_041_a_known_form_is_answered_304(patrol: Patrol) -> None:
    url = patrol.phone.form_list()[0]["downloadUrl"]
    first = patrol.phone.get(url)
    again = patrol.phone.get(url, headers={"If-None-Match": first.headers["ETag"]})
    other = patrol.phone.get(url, headers={"If-None-Match": '"other"'})

    assert b'<data id="patrol" version="1">' in first.content
    assert (again.status_code, again.content) == (304, b"")
    assert other.content == first.content


def test_statement_041_the_published_version_is_served_and_not_the_draft(project: Project) -> None:
    project.publish()
    phone = project.phone("patrol")
    before = phone.get("/forms/patrol.xml").content
    xml, head = form_xml(version="2").encode(), {"Content-Type": "application/xml"}
    project.api("POST", "/forms/patrol/draft?ignoreWarnings=true", data=xml, headers=head)

    assert phone.get("/forms/patrol.xml").content == before
    project.api("POST", "/forms/patrol/draft/publish")
    assert b'version="2"' in phone.get("/forms/patrol.xml").content


def test_statement_042_an_empty_list_is_a_document(project: Project) -> None:
    answer = project.phone().get("/formList")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert [str(each.tag) for each in etree.fromstring(answer.content).iter()] == [f"{LIST}xforms"]
