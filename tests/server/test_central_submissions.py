"""/v1: submissions sent, listed, corrected, reviewed, commented, deleted; their versions and files."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient

from tests.cast import Cast
from tests.server.central_forms import FORM_ID, Api, api, form_xml, new_id, submission_xml

__all__ = ["api"]


def test_a_submission_is_stored_and_read_back_at_once(api: Api) -> None:
    iid = new_id()
    made = api.send(submission_xml(iid))
    listed = api.get("/submissions")

    assert made["instanceId"] == iid
    assert isinstance(made["submitterId"], int)
    assert [row["instanceId"] for row in listed] == [iid]
    assert listed[0]["currentVersion"]["instanceName"] == "Visit Clinic"


def test_the_xml_comes_back_byte_for_byte(api: Api) -> None:
    iid = new_id()
    xml = submission_xml(iid, name="Dépôt &amp; école  ")
    api.send(xml)

    answer = api.client.get(f"{api.form}/submissions/{iid}.xml", headers=api.head)

    assert answer.data == xml.encode()


def test_percent_encoded_ids_are_the_same_ids(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid))

    assert api.get(f"/submissions/{iid.replace(':', '%3A')}")["instanceId"] == iid


def test_sending_again_is_409_3(api: Api) -> None:
    xml = submission_xml(new_id())
    api.send(xml)

    again = api.client.post(f"{api.form}/submissions", data=xml, content_type="application/xml", headers=api.head)

    assert (again.status_code, again.get_json()["code"]) == (409, 409.3)
    assert len(api.get("/submissions")) == 1


def test_the_newest_comes_first_and_pages_are_cut_out(api: Api) -> None:
    ids = [new_id() for _ in range(3)]
    for iid in ids:
        api.send(submission_xml(iid))

    assert [row["instanceId"] for row in api.get("/submissions")] == ids[::-1]
    assert [row["instanceId"] for row in api.get("/submissions?limit=1&offset=1")] == [ids[1]]


def test_the_list_answers_304_until_something_changes(api: Api) -> None:
    api.send(submission_xml(new_id()))
    first = api.client.get(f"{api.form}/submissions", headers=api.head)
    tag = {**api.head, "If-None-Match": first.headers["ETag"]}
    same = api.client.get(f"{api.form}/submissions", headers=tag)
    api.send(submission_xml(new_id()))
    changed = api.client.get(f"{api.form}/submissions", headers=tag)

    assert first.headers["ETag"].startswith('W/"eventhash:')
    assert (same.status_code, changed.status_code) == (304, 200)


def test_an_edit_keeps_the_first_id_and_becomes_the_current_version(api: Api) -> None:
    first, second = new_id(), new_id()
    api.send(submission_xml(first))
    answer = api.client.put(
        f"{api.form}/submissions/{first}", data=submission_xml(second, name="Hospital", deprecated=first), headers=api.head
    )

    assert answer.get_json()["instanceId"] == first
    assert answer.get_json()["reviewState"] == "edited"
    assert answer.get_json()["currentVersion"]["instanceId"] == second
    assert [row["instanceId"] for row in api.get(f"/submissions/{first}/versions")] == [second, first]
    assert {tuple(each["path"]): (each["old"], each["new"]) for each in api.get(f"/submissions/{first}/diffs")[second]}[
        "site", "name"
    ] == ("Clinic", "Hospital")


def test_an_edit_of_an_old_version_is_409_9_and_one_without_deprecated_id_400_19(api: Api) -> None:
    first, second = new_id(), new_id()
    api.send(submission_xml(first))
    put = f"{api.form}/submissions/{first}"
    api.client.put(put, data=submission_xml(second, deprecated=first), headers=api.head)

    stale = api.client.put(put, data=submission_xml(new_id(), deprecated=first), headers=api.head)
    bare = api.client.put(put, data=submission_xml(new_id()), headers=api.head)

    assert (stale.get_json()["code"], bare.get_json()["code"]) == (409.9, 400.19)


def test_an_edit_cannot_be_sent_to_the_address_of_another_report(api: Api) -> None:
    mine, other = new_id(), new_id()
    api.send(submission_xml(mine))
    api.send(submission_xml(other))

    answer = api.client.put(f"{api.form}/submissions/{mine}", data=submission_xml(new_id(), deprecated=other), headers=api.head)

    assert answer.get_json()["code"] == 409.9
    assert api.get(f"/submissions/{other}")["reviewState"] is None


@pytest.mark.parametrize("state", ["approved", "hasIssues", "rejected", "edited", None])
def test_a_review_state_is_set_and_read_back(api: Api, state: str | None) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    api.client.patch(f"{api.form}/submissions/{iid}", json={"reviewState": state}, headers=api.head)

    assert api.get(f"/submissions/{iid}")["reviewState"] == state


def test_an_unknown_review_state_is_400_8(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    answer = api.client.patch(f"{api.form}/submissions/{iid}", json={"reviewState": "fine"}, headers=api.head)

    assert answer.get_json()["code"] == 400.8


def test_comments_are_listed_newest_first(api: Api, cast: Cast) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    for text in ("first", "second"):
        made = api.client.post(f"{api.form}/submissions/{iid}/comments", json={"body": text}, headers=api.head).get_json()

    assert (made["body"], made["actorId"]) == ("second", cast.hq_officer.actor_id)
    assert [each["body"] for each in api.get(f"/submissions/{iid}/comments")] == ["second", "first"]


def test_a_deleted_submission_is_gone_and_comes_back(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    api.client.delete(f"{api.form}/submissions/{iid}", headers=api.head)
    gone = api.client.get(f"{api.form}/submissions/{iid}", headers=api.head).status_code
    api.client.post(f"{api.form}/submissions/{iid}/restore", headers=api.head)

    assert gone == 404
    assert api.get(f"/submissions/{iid}")["deletedAt"] is None
    assert [row["action"] for row in api.get(f"/submissions/{iid}/audits")] == [
        "submission.restore", "submission.delete", "submission.create",
    ]


def test_a_photo_sent_afterwards_is_complete_and_comes_back(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid, photo="a photo.jpg"))
    files = f"/submissions/{iid}/attachments"
    before = api.get(files)
    sent = api.client.post(
        f"{api.form}{files}/a%20photo.jpg", input_stream=io.BytesIO(b"\xff\xd8" + b"x" * 200_000), content_type="image/jpeg",
        headers={**api.head, "Content-Length": "200002"},
    )
    answer = api.client.get(f"{api.form}{files}/a%20photo.jpg", headers=api.head)

    assert before == [{"name": "a photo.jpg", "exists": False}]
    assert sent.get_json() == {"success": True}
    assert api.get(files) == [{"name": "a photo.jpg", "exists": True}]
    assert (len(answer.data), answer.content_type) == (200_002, "image/jpeg")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_nobody_asked_for_is_404(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    answer = api.client.post(f"{api.form}/submissions/{iid}/attachments/other.jpg", data=b"x", headers=api.head)

    assert answer.get_json()["code"] == 404.1


@pytest.mark.parametrize("body, code", [
    (b"", 400), (b"<data", 400), (b"<data/>", 400), (b"\x00\x01", 400),
    (b"<!DOCTYPE a [<!ENTITY b 'c'>]><data id='visit'>&b;</data>", 400),
    (b"<data id='other'/>", 400), (b"<a>" * 5000, 400), (f"<data id='{FORM_ID}' version='77'/>".encode(), 404),
])  # fmt: skip
def test_what_is_no_submission_of_this_form_is_refused(api: Api, body: bytes, code: int) -> None:
    answer = api.client.post(f"{api.form}/submissions", data=body, content_type="application/xml", headers=api.head)

    assert answer.status_code == code
    assert isinstance(answer.get_json()["code"], float)


def test_an_officer_of_another_sector_sees_nothing(api: Api, cast: Cast, client: FlaskClient) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    other = Api(client, cast, "other_sector")

    assert other.get("/submissions") == []
    other.get(f"/submissions/{iid}", status=404)
    other.get(f"/submissions/{iid}/comments", status=404)


@pytest.mark.parametrize("role", ["approver", "partner", "auditor", "collector", "observer"])
def test_who_has_no_business_with_reports_gets_403(api: Api, cast: Cast, client: FlaskClient, role: str) -> None:
    Api(client, cast, role).get("/submissions", status=403)


def test_form_ids_with_slashes_and_spaces_work(api: Api) -> None:
    api.publish(form_xml(form_id="odd/id with é"))
    api.form = "/v1/projects/1/forms/odd%2Fid%20with%20%C3%A9"
    iid = new_id()
    api.send(submission_xml(iid, form_id="odd/id with é"))

    assert api.get("")["xmlFormId"] == "odd/id with é"
    assert [row["instanceId"] for row in api.get("/submissions")] == [iid]


@pytest.mark.parametrize("path, kind", [
    (".xml", "application/xml"), ("/versions/1.xml", "application/xml"), ("/fields", "application/json"),
    ("/versions/1", "application/json"), ("/attachments", "application/json"), ("", "application/json"),
])  # fmt: skip
def test_addresses_below_a_form_reach_the_right_view(api: Api, path: str, kind: str) -> None:
    answer = api.client.get(f"{api.form}{path}", headers=api.head)

    assert (answer.status_code, answer.mimetype) == (200, kind)


def test_deleted_submissions_are_listed_when_asked_for(api: Api) -> None:
    api.send(submission_xml(kept := new_id()))
    api.send(submission_xml(gone := new_id()))
    api.client.delete(f"{api.form}/submissions/{gone}", headers=api.head)

    assert [row["instanceId"] for row in api.get("/submissions")] == [kept]
    assert [row["instanceId"] for row in api.get("/submissions?deleted=True")] == [gone]


def test_histories_and_comments_name_people_and_come_in_pages(api: Api, cast: Cast) -> None:
    api.send(submission_xml(iid := new_id()))
    api.client.post(f"{api.form}/submissions/{iid}/comments", json={"body": "seen"}, headers=api.head)
    more = {"X-Extended-Metadata": "True"}

    assert api.get(f"/submissions/{iid}/comments", **more)[0]["actor"]["id"] == cast.hq_officer.actor_id
    history = api.get(f"/submissions/{iid}/audits", **more)
    assert [(row["action"], row["actor"]["id"]) for row in history] == [
        ("submission.comment.create", cast.hq_officer.actor_id), ("submission.create", cast.hq_officer.actor_id)
    ]
    assert [row["action"] for row in api.get(f"/submissions/{iid}/audits?limit=1&offset=1")] == ["submission.create"]


def test_a_page_that_is_no_number_is_400_11(api: Api) -> None:
    assert api.get("/submissions?limit=many", 400)["code"] == 400.11
