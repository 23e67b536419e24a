"""Conformance, submission: statements 70 to 87, what becomes of a report that is sent in parts, again, changed or edited."""

from __future__ import annotations

import csv
import io
import threading
import zipfile
from typing import Any

import pytest
import requests

from tests.conformance.conftest import Patrol
from tests.conformance.mission import Phone, Project, part
from tests.conformance.samples import entity_xml, form_xml, new_id, new_uuid, report_xml

PHOTOS = {"name": "string", "one": "binary", "two": "binary", "three": "binary"}


def at(instance_id: str, form_id: str = "patrol") -> str:
    """The address of a submission below its project."""
    return f"/forms/{part(form_id)}/submissions/{part(instance_id)}"


def xml_of(project: Project, instance_id: str, form_id: str = "patrol") -> bytes:
    """What the API gives back as the submission's current XML."""
    return project.api("GET", f"{at(instance_id, form_id)}.xml").content


def files_of(project: Project, instance_id: str, form_id: str = "patrol") -> dict[str, bool]:
    """The submission's files by name, and whether they are there."""
    return {each["name"]: each["exists"] for each in project.api("GET", f"{at(instance_id, form_id)}/attachments").json()}


def file_of(project: Project, instance_id: str, name: str, form_id: str = "patrol") -> bytes:
    """One file of a submission."""
    return project.api("GET", f"{at(instance_id, form_id)}/attachments/{part(name)}").content


def audits_of(project: Project, instance_id: str, action: str) -> list[dict[str, Any]]:
    """What happened to a submission under that name."""
    rows = project.api("GET", f"{at(instance_id)}/audits").json()
    return [each for each in rows if each["action"] == action]


def versions_of(project: Project, instance_id: str) -> list[dict[str, Any]]:
    """The versions of a submission, the current one first."""
    found: list[dict[str, Any]] = project.api("GET", f"{at(instance_id)}/versions").json()
    return found


def count(project: Project, instance_id: str, form_id: str = "patrol") -> int:
    """How many submissions have that instanceID."""
    return [each["instanceId"] for each in project.submissions(form_id)].count(instance_id)


def row_of(project: Project, instance_id: str, form_id: str = "patrol") -> dict[str, Any]:
    """The submission's row in OData."""
    rows = project.api("GET", f"/forms/{form_id}.svc/Submissions").json()["value"]
    return next(dict(each) for each in rows if each["__id"] == instance_id)


@pytest.fixture(scope="module")
def photos(patrol: Patrol) -> Phone:
    """A phone with a form of three photos, in the shared project."""
    patrol.project.publish(form_xml("photos", questions=PHOTOS), form_id="photos")
    return patrol.project.phone("photos")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_statement_070_several_posts_are_one_report_with_all_files(patrol: Patrol, photos: Phone, order: tuple[int, ...]) -> None:
    instance_id = new_id()
    xml = report_xml(instance_id, "photos", name="x", one="1.jpg", two="2.jpg", three="3.jpg")
    parts = [{"1.jpg": b"one"}, {"2.jpg": b"two"}, {"3.jpg": b"three"}]

    statuses = [photos.send(xml, parts[each]).status_code for each in order]

    assert statuses == [201, 201, 201]
    assert count(patrol.project, instance_id, "photos") == 1
    assert [file_of(patrol.project, instance_id, f"{n}.jpg", "photos") for n in (1, 2, 3)] == [b"one", b"two", b"three"]


def test_statement_071_the_flag_is_no_file_and_a_report_is_incomplete_until_all_came(patrol: Patrol, photos: Phone) -> None:
    instance_id = new_id()
    xml = report_xml(instance_id, "photos", name="x", one="1.jpg", two="2.jpg")

    first = photos.send(xml, {"1.jpg": b"one"}, incomplete=True)
    halfway, files = row_of(patrol.project, instance_id, "photos")["__system"], files_of(patrol.project, instance_id, "photos")
    second = photos.send(xml, {"2.jpg": b"two"})
    whole = row_of(patrol.project, instance_id, "photos")["__system"]

    assert (first.status_code, second.status_code) == (201, 201)
    assert files == {"1.jpg": True, "2.jpg": False}
    assert (halfway["attachmentsPresent"], halfway["attachmentsExpected"]) == (1, 2)
    assert (whole["attachmentsPresent"], whole["attachmentsExpected"]) == (2, 2)


def test_statement_072_resending_makes_no_second_record(patrol: Patrol) -> None:
    instance_id = new_id()
    xml, files = report_xml(instance_id, name="x", photo="p.jpg"), {"p.jpg": b"photo"}

    statuses = [patrol.phone.send(xml, files).status_code for _ in range(3)]

    assert statuses == [201, 201, 201]
    assert count(patrol.project, instance_id) == 1
    assert len(audits_of(patrol.project, instance_id, "submission.create")) == 1


def test_statement_072_resending_makes_no_second_entity(project: Project) -> None:
    project.publish(form_xml("visit", creates="places", questions={"name": "string", "size": "int"}), form_id="visit")
    phone, entity_id = project.phone("visit"), new_uuid()
    xml = report_xml(new_id(), "visit", name="Bria", size="3", entity=entity_xml("places", entity_id, "Bria"))

    statuses = [phone.send(xml).status_code for _ in range(3)]

    entities = project.api("GET", "/datasets/places/entities").json()
    assert (statuses, [each["uuid"] for each in entities]) == ([201, 201, 201], [entity_id])
    assert len(project.api("GET", f"/datasets/places/entities/{entity_id}/versions").json()) == 1


def test_statement_073_a_further_file_is_attached(patrol: Patrol) -> None:
    instance_id = new_id()
    xml = report_xml(instance_id, name="x", photo="late.jpg")
    patrol.phone.send(xml)

    answer = patrol.phone.send(xml, {"late.jpg": b"late"})

    assert (answer.status_code, file_of(patrol.project, instance_id, "late.jpg")) == (201, b"late")


def test_statement_073_the_same_bytes_again_change_nothing(patrol: Patrol) -> None:
    instance_id = new_id()
    xml = report_xml(instance_id, name="x", photo="p.jpg")

    for _ in range(3):
        assert patrol.phone.send(xml, {"p.jpg": b"same"}).status_code == 201

    assert len(audits_of(patrol.project, instance_id, "submission.attachment.update")) == 1


def test_statement_073_other_bytes_replace_the_file_and_the_old_one_stays_in_history(patrol: Patrol) -> None:
    instance_id = new_id()
    xml = report_xml(instance_id, name="x", photo="p.jpg")
    patrol.phone.send(xml, {"p.jpg": b"first"})

    answer = patrol.phone.send(xml, {"p.jpg": b"second"})

    newest, oldest = audits_of(patrol.project, instance_id, "submission.attachment.update")
    assert (answer.status_code, file_of(patrol.project, instance_id, "p.jpg")) == (201, b"second")
    assert newest["details"]["oldBlobId"] == oldest["details"]["newBlobId"]
    assert newest["details"]["name"] == "p.jpg"


def test_statement_074_twenty_at_once_are_one_record(patrol: Patrol) -> None:
    instance_id, statuses = new_id(), []
    xml, gate = report_xml(instance_id, name="x"), threading.Barrier(20)

    def send() -> None:
        gate.wait()
        statuses.append(patrol.phone.send(xml).status_code)

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [201] * 20
    assert count(patrol.project, instance_id) == 1
    assert len(audits_of(patrol.project, instance_id, "submission.create")) == 1


def test_statement_075_the_same_id_with_other_content_is_202_and_the_first_untouched(patrol: Patrol) -> None:
    instance_id = new_id()
    first = report_xml(instance_id, name="first")
    patrol.phone.send(first)

    answer = patrol.phone.send(report_xml(instance_id, name="second"))

    assert answer.status_code == 202
    assert (count(patrol.project, instance_id), xml_of(patrol.project, instance_id)) == (1, first)
    assert len(versions_of(patrol.project, instance_id)) == 1


def test_statement_075_strict_answers_409(patrol: Patrol) -> None:
    instance_id = new_id()
    patrol.phone.send(report_xml(instance_id, name="first"))

    assert patrol.phone.send(report_xml(instance_id, name="second"), query="?strict=1").status_code == 409


@pytest.mark.parametrize(("query", "status"), [("", 202), ("?strict=1", 409)])
def test_statement_076_an_edit_under_an_id_that_is_taken_is_held(patrol: Patrol, query: str, status: int) -> None:
    first, second = new_id(), new_id()
    xml = report_xml(second, name="second")
    patrol.phone.send(report_xml(first, name="first"))
    patrol.phone.send(xml)

    answer = patrol.phone.send(report_xml(second, name="edited", replaces=first), query=query)

    assert answer.status_code == status
    assert (len(versions_of(patrol.project, first)), xml_of(patrol.project, second)) == (1, xml)


def test_statement_077_an_edit_becomes_current_and_the_old_version_stays_readable(patrol: Patrol) -> None:
    first, second = new_id(), new_id()
    original, edit = report_xml(first, name="first"), report_xml(second, name="edited", replaces=first)
    patrol.phone.send(original)

    answer = patrol.phone.send(edit)

    assert (answer.status_code, xml_of(patrol.project, first)) == (201, edit)
    assert [each["instanceId"] for each in versions_of(patrol.project, first)] == [second, first]
    assert patrol.project.api("GET", f"{at(first)}/versions/{part(first)}.xml").content == original
    assert count(patrol.project, first) + count(patrol.project, second) == 1


def test_statement_077_the_original_sent_again_after_the_edit_changes_nothing(patrol: Patrol) -> None:
    first, second = new_id(), new_id()
    original, edit = report_xml(first, name="first"), report_xml(second, name="edited", replaces=first)
    patrol.phone.send(original)
    patrol.phone.send(edit)

    answer = patrol.phone.send(original)

    assert (answer.status_code, xml_of(patrol.project, first)) == (201, edit)
    assert len(versions_of(patrol.project, first)) == 2


@pytest.mark.parametrize(("query", "status"), [("", 202), ("?strict=1", 404)])
def test_statement_078_an_edit_of_an_unknown_report_is_held(patrol: Patrol, query: str, status: int) -> None:
    answer = patrol.phone.send(report_xml(new_id(), name="edited", replaces=new_id()), query=query)

    assert answer.status_code == status


def test_statement_078_an_edit_that_overtook_its_original_waits_for_it(patrol: Patrol) -> None:
    first, second = new_id(), new_id()
    edit = report_xml(second, name="edited", replaces=first)

    early, original = patrol.phone.send(edit), patrol.phone.send(report_xml(first, name="first"))

    assert (early.status_code, original.status_code) == (202, 201)
    assert xml_of(patrol.project, first) == edit
    assert [each["instanceId"] for each in versions_of(patrol.project, first)] == [second, first]


@pytest.mark.parametrize(("query", "status"), [("", 202), ("?strict=1", 409)])
def test_statement_078_an_edit_of_a_version_that_is_not_current_is_held(patrol: Patrol, query: str, status: int) -> None:
    first, second = new_id(), new_id()
    patrol.phone.send(report_xml(first, name="first"))
    patrol.phone.send(report_xml(second, name="edited", replaces=first))

    answer = patrol.phone.send(report_xml(new_id(), name="too late", replaces=first), query=query)

    assert answer.status_code == status
    assert b"edited" in xml_of(patrol.project, first)


@pytest.mark.parametrize("query", ["", "?strict=1"])
def test_statement_078_further_posts_of_an_accepted_edit_attach_files(patrol: Patrol, query: str) -> None:
    first, second = new_id(), new_id()
    edit = report_xml(second, name="edited", photo="p.jpg", replaces=first)
    patrol.phone.send(report_xml(first, name="first"))
    patrol.phone.send(edit, query=query)

    answer = patrol.phone.send(edit, {"p.jpg": b"photo"}, query=query)

    assert (answer.status_code, file_of(patrol.project, first, "p.jpg")) == (201, b"photo")


def test_statement_079_files_carry_over_by_name_unless_they_are_sent_again(patrol: Patrol, photos: Phone) -> None:
    first, second = new_id(), new_id()
    names = {"one": "1.jpg", "two": "2.jpg"}
    photos.send(report_xml(first, "photos", name="first", **names), {"1.jpg": b"one", "2.jpg": b"two"})

    photos.send(report_xml(second, "photos", name="edited", replaces=first, **names), {"2.jpg": b"new"})

    assert file_of(patrol.project, first, "1.jpg", "photos") == b"one"
    assert file_of(patrol.project, first, "2.jpg", "photos") == b"new"


@pytest.mark.parametrize("state", [None, "approved", "rejected"])
def test_statement_080_after_an_edit_the_review_state_is_edited(patrol: Patrol, state: str | None) -> None:
    first = new_id()
    patrol.phone.send(report_xml(first, name="first"))
    if state:
        patrol.project.api("PATCH", at(first), json={"reviewState": state})

    patrol.phone.send(report_xml(new_id(), name="edited", replaces=first))

    assert patrol.project.api("GET", at(first)).json()["reviewState"] == "edited"


@pytest.mark.parametrize("query", ["", "?strict=1"])
def test_statement_081_a_report_without_an_id_stays_one_when_sent_again(patrol: Patrol, query: str) -> None:
    word = new_uuid()
    xml = report_xml(None, name=word)

    statuses = [patrol.phone.send(xml, query=query).status_code for _ in range(3)]

    rows = patrol.project.api("GET", "/forms/patrol.svc/Submissions").json()["value"]
    assert (statuses, [each["name"] for each in rows].count(word)) == ([201, 201, 201], 1)


@pytest.mark.parametrize("query", ["", "?strict=1"])
def test_statement_081_an_encrypted_report_without_an_id_is_400(patrol: Patrol, query: str) -> None:
    xml = (
        '<data xmlns="http://opendatakit.org/submissions" id="patrol" version="1" encrypted="yes">'
        "<base64EncryptedKey>a2V5</base64EncryptedKey><encryptedXmlFile>submission.xml.enc</encryptedXmlFile></data>"
    )

    assert patrol.phone.send(xml, {"submission.xml.enc": b"x"}, query=query).status_code == 400


@pytest.mark.parametrize(
    "instance_id", [f"urn:report:{new_uuid()}", f"a scheme:{new_uuid()}/é", f"uuid:{new_uuid()}".ljust(249, "x")],
    ids=["urn", "odd", "249"],
)
def test_statement_082_any_scheme_and_249_characters_are_accepted(patrol: Patrol, instance_id: str) -> None:
    assert patrol.phone.send(report_xml(instance_id, name="x")).status_code == 201
    assert count(patrol.project, instance_id) == 1


def test_statement_082_a_second_id_of_a_kind_is_refused(patrol: Patrol) -> None:
    second = f"<orx:instanceID>{new_id()}</orx:instanceID></orx:meta>"
    xml = report_xml(new_id(), name="x").replace(b"</orx:meta>", second.encode())

    assert patrol.phone.send(xml).status_code == 400


def test_statement_083_device_and_user_agent_are_kept_with_each_version(patrol: Patrol) -> None:
    first, second = new_id(), new_id()
    patrol.phone.send(report_xml(first, name="x"), query="?deviceID=one", headers={"User-Agent": "org.odk.collect/1"})

    patrol.phone.send(report_xml(second, replaces=first), query="?deviceID=two", headers={"User-Agent": "org.odk.collect/2"})

    said = [(each["deviceId"], each["userAgent"]) for each in versions_of(patrol.project, first)]
    assert said == [("two", "org.odk.collect/2"), ("one", "org.odk.collect/1")]


def test_statement_083_an_empty_one_is_null_and_a_long_one_does_not_fail(patrol: Patrol) -> None:
    empty, long = new_id(), new_id()
    statuses = [
        patrol.phone.send(report_xml(each, name="x"), query=f"?deviceID={device}", headers={"User-Agent": agent}).status_code
        for each, device, agent in ((empty, "", ""), (long, "d" * 5000, "a" * 5000))
    ]

    [said] = versions_of(patrol.project, empty)
    assert statuses == [201, 201]
    assert (said["deviceId"], said["userAgent"]) == (None, None)


@pytest.mark.parametrize("name", ["photo é.jpg", "صورة.jpg", "фото 1.jpg"])
def test_statement_084_file_names_arrive_right_as_utf_8(patrol: Patrol, name: str) -> None:
    instance_id = new_id()
    body = _body(report_xml(instance_id, photo=name), f'form-data; name="{name}"; filename="{name}"')

    answer = _post(patrol.phone, body)

    assert (answer.status_code, file_of(patrol.project, instance_id, name)) == (201, b"bytes")


def test_statement_084_file_names_arrive_right_as_rfc_5987(patrol: Patrol) -> None:
    instance_id, name = new_id(), "photo é.jpg"
    body = _body(report_xml(instance_id, photo=name), "form-data; name=\"photo\"; filename*=UTF-8''photo%20%C3%A9.jpg")

    answer = _post(patrol.phone, body)

    assert (answer.status_code, file_of(patrol.project, instance_id, name)) == (201, b"bytes")


def _body(xml: bytes, disposition: str) -> bytes:
    file = f"--b\r\nContent-Disposition: {disposition}\r\nContent-Type: image/jpeg\r\n\r\nbytes\r\n".encode()
    head = b'--b\r\nContent-Disposition: form-data; name="xml_submission_file"\r\nContent-Type: text/xml\r\n\r\n'
    return head + xml + b"\r\n" + file + b"--b--\r\n"


def _post(phone: Phone, body: bytes) -> requests.Response:
    return phone.request("POST", "/submission", data=body, headers={"Content-Type": "multipart/form-data; boundary=b"})


def test_statement_085_a_file_that_nobody_expects_is_kept_and_marked(patrol: Patrol) -> None:
    instance_id = new_id()

    answer = patrol.phone.send(report_xml(instance_id, name="x", photo="p.jpg"), {"p.jpg": b"1", "other.bin": b"2"})

    listed = {each["name"]: each for each in patrol.project.api("GET", f"{at(instance_id)}/attachments").json()}
    assert (answer.status_code, file_of(patrol.project, instance_id, "other.bin")) == (201, b"2")
    assert (listed["other.bin"].get("expected"), "expected" in listed["p.jpg"]) == (False, False)


AUDIT = "event,node,start,end,latitude,longitude,accuracy,old-value,new-value"
AUDIT_FORM = form_xml("logged").replace("<orx:meta>", "<orx:meta><orx:audit/>").replace(
    '<bind nodeset="/data/orx:meta/orx:instanceID"',
    '<bind nodeset="/data/orx:meta/orx:audit" type="binary"/><bind nodeset="/data/orx:meta/orx:instanceID"',
)


def test_statement_086_audit_csv_is_taken_as_the_client_audit_log(project: Project) -> None:
    project.publish(AUDIT_FORM, form_id="logged")
    phone, instance_id = project.phone("logged"), new_id()
    xml = report_xml(instance_id, "logged", name="x").replace(b"<orx:meta>", b"<orx:meta><orx:audit>audit.csv</orx:audit>")
    log = f"{AUDIT}\nquestion,/data/name,1,2,4.5,18.5,5,,Bria é\nform exit,,3,,,,,,\n".encode()

    answer = phone.send(xml, {"audit.csv": log})

    kept = zipfile.ZipFile(io.BytesIO(project.api("GET", "/forms/logged/submissions.csv.zip").content))
    head, first, second = csv.reader(io.StringIO(kept.read("logged - audit.csv").decode()))
    assert answer.status_code == 201
    assert head == ["instance ID", *AUDIT.split(",")]
    assert first == [instance_id, "question", "/data/name", "1", "2", "4.5", "18.5", "5", "", "Bria é"]
    assert second[:5] == [instance_id, "form exit", "", "3", ""]


def held(project: Project, kind: str) -> bytes:
    """A report that cannot be processed for that reason."""
    instance_id = new_id()
    if kind == "unknown form":
        return report_xml(instance_id, "none such")
    if kind == "unknown version":
        return report_xml(instance_id, version="none such")
    return report_xml(instance_id, "shut" if kind == "closed" else "patrol")


@pytest.mark.parametrize(("kind", "strict"), [("unknown form", 404), ("unknown version", 404), ("closed", 409)])
def test_statement_087_what_cannot_be_processed_is_kept_and_strict_refuses_it(patrol: Patrol, kind: str, strict: int) -> None:
    phone = patrol.phone
    if kind == "closed":
        phone = _shut(patrol.project)
    before = len(patrol.project.submissions())

    answers = phone.send(held(patrol.project, kind)), phone.send(held(patrol.project, kind), query="?strict=1")

    assert [each.status_code for each in answers] == [202, strict]
    assert len(patrol.project.submissions()) == before


def _shut(project: Project) -> Phone:
    project.publish(form_xml("shut"), form_id="shut")
    phone = project.phone("shut")
    project.api("PATCH", "/forms/shut", json={"state": "closed"})
    return phone


def test_statement_087_a_report_whose_original_was_deleted_is_kept_and_strict_refuses_it(patrol: Patrol) -> None:
    instance_id = new_id()
    xml = report_xml(instance_id, name="x")
    patrol.phone.send(xml)
    patrol.project.api("DELETE", at(instance_id))

    strict, usual = patrol.phone.send(xml, query="?strict=1"), patrol.phone.send(xml)

    assert (usual.status_code, strict.status_code) == (202, 409)
    assert count(patrol.project, instance_id) == 0


def test_statement_087_a_held_report_keeps_its_files_for_the_officer(patrol: Patrol) -> None:
    xml = report_xml(new_id(), version="none such", photo="p.jpg")

    answers = [patrol.phone.send(xml, {"p.jpg": b"1"}), patrol.phone.send(xml, {"p.jpg": b"1"})]

    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].headers["X-Fieldpost-Receipt"] == answers[1].headers["X-Fieldpost-Receipt"]
