"""/v1: forms from upload to publication: drafts, versions, files, states, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.services.forms import Form
from tests.cast import Cast
from tests.server.central_forms import FORM_ID, Api, api, form_xml, new_id, submission_xml

__all__ = ["api"]
XML = {"content_type": "application/xml"}


def with_list(version: str) -> str:
    """The form with a file that it expects."""
    head = '<instance id="towns" src="jr://file-csv/towns.csv"/><bind nodeset="/data/site/name"'
    return form_xml(version).replace('<bind nodeset="/data/site/name"', head, 1)


def test_a_form_has_what_pyodk_demands(api: Api) -> None:
    shown = api.get("")

    demanded = {"projectId", "xmlFormId", "version", "hash", "state", "createdAt", "name", "enketoId", "keyId", "updatedAt"}
    assert demanded | {"publishedAt"} <= set(shown)
    assert (shown["xmlFormId"], shown["version"], shown["name"], shown["state"]) == (FORM_ID, "1", "Visit", "open")


def test_extended_metadata_counts_submissions(api: Api, cast: Cast) -> None:
    api.send(submission_xml(new_id()))
    shown = api.get("", **{"X-Extended-Metadata": "true"})

    assert (shown["submissions"], shown["reviewStates"]) == (1, {"received": 1, "hasIssues": 0, "edited": 0})
    assert shown["createdBy"]["id"] == cast.hq_officer.actor_id
    assert api.get("/v1/projects/1/forms", **{"X-Extended-Metadata": "true"})[0]["submissions"] == 1


def test_the_same_form_id_twice_is_409_3(api: Api) -> None:
    answer = api.client.post("/v1/projects/1/forms", data=form_xml("2"), headers=api.head, **XML)

    assert answer.get_json()["code"] == 409.3
    api.get("/draft", status=404)


def test_fields_are_listed_in_form_order_and_sanitised_for_odata(api: Api) -> None:
    fields = api.get("/fields?odata=true")

    assert [field["path"] for field in fields][:4] == ["/site", "/site/name", "/site/place", "/people_count"]
    assert {field["path"]: field["type"] for field in fields}["/team"] == "repeat"
    assert [field["path"] for field in fields if field["binary"]] == ["/photo"]


def test_a_draft_is_tried_changed_and_published_as_another_version(api: Api) -> None:
    api.client.post(f"{api.form}/draft?ignoreWarnings=true", data=form_xml("2"), headers=api.head, **XML)
    draft = api.get("/draft")
    xml = api.client.get(f"{api.form}/draft.xml", headers=api.head)
    published = api.client.post(f"{api.form}/draft/publish?version=2b", headers=api.head)

    assert (draft["version"], draft["publishedAt"], len(draft["draftToken"])) == ("2", None, 64)
    assert xml.data == form_xml("2").encode()
    assert published.get_json() == {"success": True}
    assert [row["version"] for row in api.get("/versions")] == ["2b", "1"]
    assert (api.get("")["version"], api.get("/versions/1")["version"]) == ("2b", "1")


@pytest.mark.parametrize("version", ["%01", "2%00b", "%EF%BF%BF", "%0C", "9" * 250])
def test_a_version_that_no_form_can_have_is_refused_and_the_draft_stays(api: Api, version: str) -> None:
    api.client.post(f"{api.form}/draft?ignoreWarnings=true", headers=api.head)
    answer = api.client.post(f"{api.form}/draft/publish?version={version}", headers=api.head)

    assert (answer.status_code, answer.get_json()["code"]) in {(400, 400.8), (400, 400.2)}
    assert api.get("/draft")["xmlFormId"] == "visit"



def test_an_empty_body_makes_a_draft_of_the_published_version(api: Api) -> None:
    answer = api.client.post(f"{api.form}/draft", headers=api.head)

    assert answer.get_json() == {"success": True}
    assert api.get("/draft")["version"] == "1"


def test_a_draft_is_thrown_away(api: Api) -> None:
    api.client.post(f"{api.form}/draft", headers=api.head)

    assert api.client.delete(f"{api.form}/draft", headers=api.head).get_json() == {"success": True}
    api.get("/draft", status=404)
    assert api.client.delete(f"{api.form}/draft", headers=api.head).status_code == 404


def test_a_version_is_published_once_only(api: Api) -> None:
    api.client.post(f"{api.form}/draft?ignoreWarnings=true", data=form_xml("1"), headers=api.head, **XML)
    answer = api.client.post(f"{api.form}/draft/publish", headers=api.head)

    assert answer.get_json()["code"] == 409.6


def test_a_question_keeps_its_type(api: Api) -> None:
    changed = form_xml("2").replace('"/data/people_count" type="int"', '"/data/people_count" type="decimal"')
    answer = api.client.post(f"{api.form}/draft?ignoreWarnings=true", data=changed, headers=api.head, **XML)

    assert answer.get_json()["code"] == 400.17


def test_a_draft_of_another_form_is_refused(api: Api) -> None:
    answer = api.client.post(f"{api.form}/draft", data=form_xml("2", "other"), headers=api.head, **XML)

    assert answer.get_json()["code"] == 400.8


def test_an_expected_file_is_filled_linked_and_emptied(api: Api) -> None:
    api.client.post(f"{api.form}/draft?ignoreWarnings=true", data=with_list("2"), headers=api.head, **XML)
    path = f"{api.form}/draft/attachments/towns.csv"
    before = api.get("/draft/attachments")
    filled = api.client.post(path, data=b"name,label\na,A\n", headers=api.head, content_type="text/csv").get_json()
    read = api.client.get(path, headers=api.head).data
    api.client.delete(path, headers=api.head)
    api.client.post("/v1/projects/1/datasets", json={"name": "towns"}, headers=api.head)
    linked = api.client.patch(path, json={"dataset": True}, headers=api.head).get_json()

    assert [(row["name"], row["exists"]) for row in before] == [("towns.csv", False)]
    assert (filled["success"], filled["blobExists"], read) == (True, True, b"name,label\na,A\n")
    assert (linked["datasetExists"], linked["blobExists"]) == (True, False)
    assert api.client.get(path, headers=api.head).data.startswith(b"name,label,__version")


def test_a_file_that_the_form_does_not_expect_is_404_1(api: Api) -> None:
    api.client.post(f"{api.form}/draft", headers=api.head)
    answer = api.client.post(f"{api.form}/draft/attachments/other.csv", data=b"x", headers=api.head, content_type="text/csv")

    assert answer.get_json()["code"] == 404.1


def test_a_closed_form_takes_no_submissions_and_an_unknown_state_is_refused(api: Api) -> None:
    closed = api.client.patch(api.form, json={"state": "closed"}, headers=api.head).get_json()
    refused = api.client.post(f"{api.form}/submissions", data=submission_xml(new_id()), headers=api.head, **XML)

    assert (closed["state"], refused.get_json()["code"]) == ("closed", 409.2)
    assert api.client.patch(api.form, json={"state": "ajar"}, headers=api.head).get_json()["code"] == 400.8


def test_a_deleted_form_is_gone_and_comes_back_with_its_submissions(api: Api, cast: Cast) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    number = cast.session.query(Form).filter_by(xml_form_id=FORM_ID).one().id
    api.client.delete(api.form, headers=api.head)
    gone = api.client.get(api.form, headers=api.head).status_code
    api.client.post(f"/v1/projects/1/forms/{number}/restore", headers=api.head)

    assert gone == 404
    assert [row["instanceId"] for row in api.get("/submissions")] == [iid]


def test_a_form_id_is_free_again_after_deletion(api: Api) -> None:
    api.client.delete(api.form, headers=api.head)
    again = api.client.post("/v1/projects/1/forms?publish=true", data=form_xml("2"), headers=api.head, **XML)

    assert again.status_code == 200, again.get_data(as_text=True)
    assert api.get("")["version"] == "2"


def test_a_faulty_workbook_stores_nothing_and_names_every_fault(client: FlaskClient, cast: Cast) -> None:
    answer = client.post(
        "/v1/projects/1/forms", data=b"| survey |\n| | type | name | label |\n| | text | a b | X |\n| | nonsense | c | Y |\n",
        headers=cast.hq_officer.bearer, content_type="text/markdown",
    )

    assert answer.get_json()["code"] == 400.15
    assert answer.get_json()["details"]["findings"]
    assert client.get("/v1/projects/1/forms", headers=cast.hq_officer.bearer).get_json() == []


@pytest.mark.parametrize("body, kind, status", [
    (b"", "application/xml", 400), (b"<html/>", "application/xml", 400), (b"PK\x03\x04junk", "application/vnd.ms-excel", 400),
    (b"x", "image/png", 415), (b"\x00" * 100, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 400),
    (b"x", "", 400),
])  # fmt: skip
def test_what_is_no_form_is_refused(client: FlaskClient, cast: Cast, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/v1/projects/1/forms", data=body, headers=cast.hq_officer.bearer, content_type=kind)

    assert answer.status_code == status, answer.get_data(as_text=True)


def test_a_shipped_questionnaire_is_published_from_its_workbook(client: FlaskClient, cast: Cast, repository: Path) -> None:
    book = repository / "forms" / "library" / "cimic_patrol.xlsx"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    answer = client.post(
        "/v1/projects/1/forms?publish=True&ignoreWarnings=True", data=book.read_bytes(), content_type=kind,
        headers=cast.hq_officer.bearer,
    )
    source = client.get("/v1/projects/1/forms/cimic_patrol.xlsx", headers=cast.hq_officer.bearer)
    service = client.get("/v1/projects/1/forms/cimic_patrol.svc/$metadata", headers=cast.hq_officer.bearer)

    assert (answer.status_code, answer.get_json()["xmlFormId"]) == (200, "cimic_patrol")
    assert source.data == book.read_bytes()
    assert service.status_code == 200


def test_collectors_see_the_forms_that_are_theirs(api: Api, cast: Cast, client: FlaskClient) -> None:
    head = cast.collector.bearer
    before = client.get("/v1/projects/1/forms", headers=head).get_json()
    client.post(f"{api.form}/assignments/formfill/{cast.collector.actor_id}", headers=api.head)
    after = client.get("/v1/projects/1/forms", headers=head).get_json()

    assert (before, [form["xmlFormId"] for form in after]) == ([], [FORM_ID])
    assert client.post(f"{api.form}/submissions", data=submission_xml(new_id()), headers=head, **XML).status_code == 200


@pytest.mark.parametrize("kind", ["", "application/octet-stream", "application/x-www-form-urlencoded", "text/plain"])
def test_a_form_whose_type_was_not_told_is_read_all_the_same(api: Api, kind: str) -> None:
    made = api.client.post("/v1/projects/1/forms", data=form_xml(form_id="untold"), headers=api.head, content_type=kind)

    assert (made.status_code, made.get_json()["xmlFormId"]) == (200, "untold")


def test_deleted_forms_are_listed_when_asked_for(api: Api, cast: Cast) -> None:
    api.client.delete(api.form, headers=api.head)

    assert [form["xmlFormId"] for form in api.get("/v1/projects/1/forms?deleted=true")] == [FORM_ID]
    assert api.get("/v1/projects/1/forms") == []


def test_a_draft_of_a_form_that_was_never_published_stays(api: Api) -> None:
    api.client.post("/v1/projects/1/forms", data=form_xml(form_id="new"), headers=api.head, content_type="application/xml")
    refused = api.client.delete("/v1/projects/1/forms/new/draft", headers=api.head)

    assert (refused.status_code, refused.get_json()["code"]) == (409, 409.7)
    assert api.client.delete("/v1/projects/1/forms/new", headers=api.head).status_code == 200


def test_a_form_says_which_lists_it_would_make(api: Api) -> None:
    with_list = form_xml(form_id="maker").replace("<instanceName/></meta>", """<instanceName/>
      <entity xmlns="http://www.opendatakit.org/xforms/entities" dataset="people" create="1" id=""><label/></entity></meta>""")
    with_list = with_list.replace('<model odk:', '<model entities:entities-version="2022.1.0" '
                                  'xmlns:entities="http://www.opendatakit.org/xforms/entities" odk:')
    with_list = with_list.replace('nodeset="/data/people_count"', 'nodeset="/data/people_count" entities:saveto="number"')
    made = api.client.post(
        "/v1/projects/1/forms?ignoreWarnings=true", data=with_list, headers=api.head, content_type="application/xml"
    )

    assert made.status_code == 200, made.get_data(as_text=True)
    assert api.get("/v1/projects/1/forms/maker/draft/dataset-diff") == [
        {"name": "people", "isNew": True, "properties": [{"name": "number", "isNew": True, "inForm": True}]}
    ]
    api.client.post("/v1/projects/1/forms/maker/draft/publish", headers=api.head)
    assert api.get("/v1/projects/1/forms/maker/dataset-diff") == [
        {"name": "people", "isNew": False, "properties": [{"name": "number", "isNew": False, "inForm": True}]}
    ]


def test_what_comes_on_a_draft_is_read_beside_what_is_real(api: Api) -> None:
    api.send(submission_xml(real := new_id()))
    api.client.post(f"{api.form}/draft", headers=api.head)
    tried = api.client.post(
        f"{api.form}/draft/submissions", data=submission_xml(trial := new_id()), content_type="application/xml", headers=api.head
    )

    assert tried.status_code == 200, tried.get_data(as_text=True)
    assert [row["instanceId"] for row in api.get("/draft/submissions")] == [trial]
    assert [row["instanceId"] for row in api.get("/submissions")] == [real]
    assert api.get(f"/draft/submissions/{trial}")["instanceId"] == trial
    api.get(f"/submissions/{trial}", 404)
    assert trial in api.client.get(f"{api.form}/draft/submissions/{trial}.xml", headers=api.head).get_data(as_text=True)
    assert api.get(f"/draft/submissions/{trial}/attachments") == []
