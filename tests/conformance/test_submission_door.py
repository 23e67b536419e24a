"""Conformance, submission: statements 56 to 69 and 88 to 91, what the door takes and how it answers."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from lxml.etree import fromstring

from tests.conformance.conftest import Patrol, add_administrator, log_in
from tests.conformance.mission import OPENROSA, TIMEOUT, Mission, Phone, Project
from tests.conformance.samples import ORX, form_xml, new_id, report_xml
from tests.processes import ServerMaker

BOUNDARY = "conformance"
FORM_DATA = f"multipart/form-data; boundary={BOUNDARY}"
RESPONSE = "{http://openrosa.org/http/response}"


def part(name: str, content: bytes, content_type: str = "text/xml", disposition: str | None = None) -> bytes:
    """One part of a multipart body."""
    said = disposition or f'form-data; name="{name}"; filename="{name}"'
    return f"--{BOUNDARY}\r\nContent-Disposition: {said}\r\nContent-Type: {content_type}\r\n\r\n".encode() + content + b"\r\n"


def xml_part(xml: bytes, content_type: str = "text/xml") -> bytes:
    """The part that holds the report."""
    return part("xml_submission_file", xml, content_type)


def closed(*parts: bytes) -> bytes:
    """The whole body."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(phone: Phone, body: bytes | Iterator[bytes], content_type: str = FORM_DATA) -> requests.Response:
    """POSTs any body to the submission address."""
    return phone.request("POST", "/submission", data=body, headers={"Content-Type": content_type})


def message(answer: requests.Response) -> str:
    """The text that the phone shows; fails when the answer is no OpenRosaResponse."""
    root = fromstring(answer.content)
    assert root.tag == f"{RESPONSE}OpenRosaResponse"
    return root.findtext(f"{RESPONSE}message") or ""


def ids(project: Project, form_id: str = "patrol") -> list[str]:
    """instanceIDs of the submissions that the API lists."""
    return [str(each["instanceId"]) for each in project.submissions(form_id)]


def count(project: Project, instance_id: str) -> int:
    """How many submissions of the shared form have that instanceID."""
    return ids(project).count(instance_id)


@pytest.mark.parametrize("xml", [report_xml(new_id()), b"no XML" + b" " * 3_000_000], ids=["good", "bad"])
def test_statement_056_the_body_is_read_to_its_end_and_the_connection_stays_good(patrol: Patrol, xml: bytes) -> None:
    address = urlsplit(patrol.phone.url)
    link = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=TIMEOUT)
    headers = {**OPENROSA, "Content-Type": FORM_DATA}
    link.request("POST", f"{address.path}/submission", closed(xml_part(xml)), headers)
    first = link.getresponse()
    first.read()

    used = link.sock
    link.request("HEAD", f"{address.path}/submission", headers=OPENROSA)
    second = link.getresponse()
    same = link.sock is used
    link.close()

    assert (first.status in {201, 400}, second.status, same) == (True, 204, True)


def test_statement_057_a_chunked_body_is_accepted(patrol: Patrol) -> None:
    instance_id = new_id()
    body = closed(xml_part(report_xml(instance_id, name="in pieces")))

    answer = post(patrol.phone, (body[start : start + 50] for start in range(0, len(body), 50)))

    assert (answer.status_code, count(patrol.project, instance_id)) == (201, 1)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_statement_058_the_pre_flight_is_204_without_a_body(patrol: Patrol, method: str) -> None:
    answer = patrol.phone.request(method, "/submission")

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-OpenRosa-Version"] == "1.0"
    assert int(answer.headers["X-OpenRosa-Accept-Content-Length"]) > 0


def test_statement_059_the_pre_flight_without_credentials_is_refused(patrol: Patrol, mission: Mission) -> None:
    url = f"{mission.base_url}/v1/projects/{patrol.project.id}/submission"

    assert requests.head(url, headers=OPENROSA, timeout=TIMEOUT).status_code in {401, 403}


def test_statement_060_a_stored_report_is_answered_with_the_size_to_keep_to(patrol: Patrol) -> None:
    answer = patrol.phone.send(report_xml(new_id(), name="x"))

    assert answer.status_code == 201
    assert int(answer.headers["X-OpenRosa-Accept-Content-Length"]) > 0


@pytest.mark.parametrize("xml", [b"no xml", b"<data/>"])
def test_statement_061_a_refusal_carries_the_size_too(patrol: Patrol, xml: bytes) -> None:
    answer = patrol.phone.send(xml)

    assert answer.status_code == 400
    assert int(answer.headers["X-OpenRosa-Accept-Content-Length"]) > 0


def test_statement_062_one_xml_part_and_any_number_of_files_are_accepted(patrol: Patrol) -> None:
    instance_id = new_id()
    files = {f"{number}.jpg": bytes([number]) * 1000 for number in range(5)}

    assert patrol.phone.send(report_xml(instance_id, photo="0.jpg"), files).status_code == 201
    listed = patrol.project.api("GET", f"/forms/patrol/submissions/{instance_id}/attachments").json()
    assert {each["name"] for each in listed} == set(files)


def test_statement_062_two_xml_parts_are_refused(patrol: Patrol) -> None:
    first, second = new_id(), new_id()

    answer = post(patrol.phone, closed(xml_part(report_xml(first)), xml_part(report_xml(second))))

    assert answer.status_code == 400
    assert count(patrol.project, first) == count(patrol.project, second) == 0


def test_statement_063_application_xml_is_accepted(patrol: Patrol) -> None:
    answer = post(patrol.phone, closed(xml_part(report_xml(new_id()), "application/xml")))

    assert answer.status_code == 201


def test_statement_063_multipart_mixed_is_accepted(patrol: Patrol) -> None:
    answer = post(patrol.phone, closed(xml_part(report_xml(new_id()))), f"multipart/mixed; boundary={BOUNDARY}")

    assert answer.status_code == 201


def test_statement_064_a_post_without_the_xml_part_is_400(patrol: Patrol) -> None:
    answer = post(patrol.phone, closed(part("photo.jpg", b"1", "image/jpeg")))

    assert answer.status_code == 400
    assert "xml_submission_file" in message(answer)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (closed(xml_part(report_xml(new_id()))), "multipart/form-data"),
        (closed(xml_part(report_xml(new_id()))), "multipart/form-data; boundary=other"),
        (xml_part(report_xml(new_id()))[:-40], FORM_DATA),
        (xml_part(report_xml(new_id())), FORM_DATA),
        (closed(f"--{BOUNDARY}\r\nno header at all\r\n\r\nx\r\n".encode()), FORM_DATA),
        (closed(f"--{BOUNDARY}\r\nContent-Disposition: \xff\xfe\r\n\r\nx\r\n".encode("latin-1")), FORM_DATA),
        (b"", FORM_DATA),
        (report_xml(new_id()), "text/xml"),
        (report_xml(new_id()), ""),
    ],
    ids=["no boundary", "other boundary", "cut in XML", "no end", "bad header", "odd bytes", "empty", "bare XML", "no type"],
)
def test_statement_064_a_malformed_multipart_is_400(patrol: Patrol, body: bytes, content_type: str) -> None:
    answer = post(patrol.phone, body, content_type)

    assert answer.status_code == 400, answer.text
    assert message(answer)


@pytest.mark.parametrize("xml", [b"", b"no xml", b"<data id='patrol'", b"<data id='patrol'><a></data>", b"\xff\xfe\x00"])
def test_statement_065_xml_that_cannot_be_parsed_is_400(patrol: Patrol, xml: bytes) -> None:
    answer = patrol.phone.send(xml)

    assert answer.status_code == 400
    assert message(answer)


@pytest.mark.parametrize("query", ["", "?strict=1"])
def test_statement_066_every_stored_report_is_answered_201(patrol: Patrol, query: str) -> None:
    xml = report_xml(new_id(), name="x", photo="a.jpg")

    answers = [patrol.phone.send(xml, files, query=query) for files in (None, None, {"a.jpg": b"1"})]

    assert [each.status_code for each in answers] == [201, 201, 201]
    assert all(message(each) for each in answers)


def test_statement_066_what_is_quarantined_is_answered_202(patrol: Patrol) -> None:
    answer = patrol.phone.send(report_xml(new_id(), version="none such"))

    assert answer.status_code == 202
    assert message(answer)


def test_statement_067_a_kill_right_after_the_answer_loses_nothing(make_server: ServerMaker) -> None:
    server = make_server(processes=1, threads=4)
    add_administrator(server)
    server.start()
    mission = Mission(server.base_url, log_in(server.base_url))
    project = mission.project()
    project.publish()
    phone, instance_id = project.phone("patrol"), new_id()
    xml, photo = report_xml(instance_id, name="Bria", photo="p.jpg"), bytes(range(256)) * 500

    answer = phone.send(xml, {"p.jpg": photo})
    server.kill()
    server.start()

    kept = project.api("GET", f"/forms/patrol/submissions/{instance_id}.xml").content
    file = project.api("GET", f"/forms/patrol/submissions/{instance_id}/attachments/p.jpg").content
    assert (answer.status_code, kept, file) == (201, xml, photo)


def test_statement_068_the_pre_flight_leads_to_no_other_host(patrol: Patrol, mission: Mission) -> None:
    location = patrol.phone.request("HEAD", "/submission").headers.get("Location")

    assert location is None or location.startswith((mission.base_url, "/"))


def test_statement_069_a_body_larger_than_announced_is_tried(patrol: Patrol) -> None:
    announced = int(patrol.phone.get("/submission").headers["X-OpenRosa-Accept-Content-Length"])

    answer = patrol.phone.send(report_xml(new_id(), photo="big.jpg"), {"big.jpg": b"x" * (announced + 1_000_000)})

    assert answer.status_code == 201


def test_statement_069_the_hard_limit_is_413_with_a_message_and_a_closed_connection(patrol: Patrol) -> None:
    address = urlsplit(patrol.phone.url)
    head = (
        f"POST {address.path}/submission HTTP/1.1\r\nHost: {address.netloc}\r\nX-OpenRosa-Version: 1.0\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {10**12}\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=TIMEOUT) as link:
        link.sendall(head.encode())
        answer = b""
        while piece := link.recv(65536):
            answer += piece

    headers, _, body = answer.partition(b"\r\n\r\n")
    assert headers.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in headers.lower()
    assert fromstring(body).findtext(f"{RESPONSE}message")


def test_statement_088_a_form_that_is_not_assigned_is_403_and_nothing_is_stored(project: Project) -> None:
    project.publish()
    project.publish(form_id="other")
    phone, instance_id = project.phone("other"), new_id()

    answer = phone.send(report_xml(instance_id, name="x"))

    assert answer.status_code == 403
    assert message(answer)
    assert ids(project) == []


@pytest.mark.parametrize(("token", "status"), [("a" * 64, 403), ("short", 401)], ids=["unknown", "malformed"])
def test_statement_088_a_sender_without_rights_is_refused(mission: Mission, patrol: Patrol, token: str, status: int) -> None:
    stranger, instance_id = Phone(f"{mission.base_url}/v1/key/{token}/projects/{patrol.project.id}"), new_id()

    answer = stranger.send(report_xml(instance_id, name="x"))

    assert answer.status_code == status
    assert message(answer)
    assert count(patrol.project, instance_id) == 0


def test_statement_088_a_revoked_device_is_refused(project: Project) -> None:
    project.publish()
    phone = project.phone("patrol")
    first = phone.send(report_xml(new_id(), name="before"))
    project.api("DELETE", f"/app-users/{phone.actor_id}")

    answer = phone.send(report_xml(new_id(), name="after"))

    assert (first.status_code, answer.status_code, len(ids(project))) == (201, 403, 1)


def test_statement_088_an_assignment_taken_away_counts_at_once(project: Project) -> None:
    project.publish()
    phone = project.phone("patrol")
    first = phone.send(report_xml(new_id(), name="before"))
    roles = project.mission.api("GET", "/roles").json()
    role = next(each["id"] for each in roles if each["system"] == "app-user")
    project.api("DELETE", f"/forms/patrol/assignments/{role}/{phone.actor_id}")

    answer = phone.send(report_xml(new_id(), name="after"))

    assert (first.status_code, answer.status_code, len(ids(project))) == (201, 403, 1)


def test_statement_089_two_megabytes_are_answered_within_a_minute(patrol: Patrol) -> None:
    started = time.monotonic()
    answer = patrol.phone.send(report_xml(new_id(), photo="p.jpg"), {"p.jpg": b"\x5a" * 2_000_000})

    assert (answer.status_code, time.monotonic() - started < 60) == (201, True)


@pytest.mark.parametrize("method", ["post", "form-data-post"])
def test_statement_090_both_names_of_the_method_are_the_same(project: Project, method: str) -> None:
    project.publish(form_xml(submission=f'<submission method="{method}"/>'))

    assert project.phone("patrol").send(report_xml(new_id(), name="x")).status_code == 201


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DATA = b'<data id="patrol" version="1"><name>%s</name></data>'
HOSTILE = {
    "dtd": b"<!DOCTYPE data [<!ELEMENT data ANY>]>" + DATA % b"x",
    "external entity": b'<!DOCTYPE data [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + DATA % b"&x;",
    "billion laughs": f'<!DOCTYPE data [<!ENTITY l0 "ha">{_LAUGHS}]>'.encode() + DATA % b"&l9;",
    "too deep": b'<data id="patrol" version="1">' + b"<a>" * 1001 + b"</a>" * 1001 + b"</data>",
}


@pytest.mark.parametrize("xml", HOSTILE.values(), ids=HOSTILE.keys())
def test_statement_091_hostile_xml_is_400_in_bounded_time(patrol: Patrol, xml: bytes) -> None:
    started = time.monotonic()
    answer = patrol.phone.send(xml)

    assert answer.status_code == 400
    assert b"root:" not in answer.content
    assert time.monotonic() - started < 20


def test_statement_091_a_report_of_999_levels_is_taken(patrol: Patrol) -> None:
    instance_id = new_id()
    deep = b"<a>" * 990 + b"</a>" * 990
    meta = f'<orx:meta xmlns:orx="{ORX}"><orx:instanceID>{instance_id}</orx:instanceID></orx:meta>'.encode()

    answer = patrol.phone.send(b'<data id="patrol" version="1">' + deep + meta + b"</data>")

    assert answer.status_code == 201
