"""Conformance, headers and envelope: statements 1 to 10."""

from __future__ import annotations

import http.client
import re
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
import requests
from lxml import etree

from tests.conformance.conftest import Patrol
from tests.conformance.mission import OPENROSA, TIMEOUT, Phone, Project, children
from tests.conformance.samples import form_xml, new_id, report_xml

RESPONSE = "{http://openrosa.org/http/response}"
RFC_1123 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
# One of every kind of answer at the devices' door: lists, files, an announcement, a stored report and refusals.
QUESTIONS = (
    ("GET", "/formList"), ("GET", "/forms/patrol.xml"), ("GET", "/forms/patrol/manifest"), ("HEAD", "/submission"),
    ("GET", "/forms/unknown/manifest"), ("GET", "/forms/unknown.xml"), ("POST", "/submission"),
    ("GET", "/datasets/none/integrity"),
)


@pytest.mark.parametrize(("method", "path"), QUESTIONS)
def test_statement_001_every_answer_says_openrosa_1_0(patrol: Patrol, method: str, path: str) -> None:
    assert patrol.phone.request(method, path).headers["X-OpenRosa-Version"] == "1.0"


def test_statement_001_a_refused_key_says_it_too(patrol: Patrol) -> None:
    stranger = Phone(patrol.phone.url.replace(patrol.phone.token, "a" * 64))

    assert stranger.get("/formList").headers["X-OpenRosa-Version"] == "1.0"


@pytest.mark.parametrize(("method", "path"), QUESTIONS)
def test_statement_002_every_answer_has_a_date_in_gmt(patrol: Patrol, method: str, path: str) -> None:
    told = patrol.phone.request(method, path).headers["Date"]

    assert RFC_1123.fullmatch(told)
    assert parsedate_to_datetime(told).year >= 2024


@pytest.mark.parametrize("wanted", ["fr", "en", "fr-CM,fr;q=0.9", "tlh", ""])
@pytest.mark.parametrize(("method", "path"), QUESTIONS)
def test_statement_003_content_language_has_two_letters(patrol: Patrol, method: str, path: str, wanted: str) -> None:
    told = patrol.phone.request(method, path, headers={"Accept-Language": wanted}).headers.get("Content-Language", "en")

    assert re.fullmatch(r"[a-z]{2}", told)


@pytest.mark.parametrize("said", [None, "2.0", "", "1"])
@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/formList"), ("GET", "/forms/patrol/manifest"), ("HEAD", "/submission"), ("POST", "/submission"),
    ("GET", "/datasets/people/integrity"),
])
def test_statement_004_a_request_without_version_1_0_gets_400(patrol: Patrol, method: str, path: str, said: str | None) -> None:
    headers = {} if said is None else {"X-OpenRosa-Version": said}
    answer = requests.request(method, patrol.phone.url + path, headers=headers, timeout=TIMEOUT)

    assert answer.status_code == 400
    assert method == "HEAD" or etree.fromstring(answer.content).tag == f"{RESPONSE}OpenRosaResponse"


@pytest.mark.parametrize("name", ["x-openrosa-version", "X-OPENROSA-VERSION", "X-OpenRosa-Version"])
def test_statement_004_the_name_of_the_header_has_no_case(patrol: Patrol, name: str) -> None:
    where = urlsplit(patrol.phone.url)
    connection = http.client.HTTPConnection(where.netloc, timeout=TIMEOUT)
    connection.putrequest("GET", f"{where.path}/formList")
    connection.putheader(name, "1.0")
    connection.endheaders()

    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("said", [
    b"", b"yesterday", b"Mon, 14 Feb 2011 04:48:15 GMT", b"lun., 14 f\xc3\xa9vr. 2011 16:48:15 GMT", b"2011-02-14T16:48:15Z",
    "Пн, 14 фев 2011 16:48:15 GMT".encode(),
])
def test_statement_005_an_odd_date_is_served(patrol: Patrol, said: bytes) -> None:
    where = urlsplit(patrol.phone.url)
    connection = http.client.HTTPConnection(where.netloc, timeout=TIMEOUT)
    connection.putrequest("GET", f"{where.path}/formList")
    connection.putheader("X-OpenRosa-Version", "1.0")
    connection.putheader("Date", said)
    connection.endheaders()

    assert connection.getresponse().status == 200
    connection.close()


def test_statement_005_a_request_without_date_is_served(patrol: Patrol) -> None:
    assert "Date" not in OPENROSA
    assert patrol.phone.get("/formList").status_code == 200
    assert patrol.phone.send(report_xml(new_id())).status_code == 201


@pytest.mark.parametrize("xml", [report_xml(new_id(), name="x"), b"<broken"])
def test_statement_006_transactions_are_answered_with_one_envelope(patrol: Patrol, xml: bytes) -> None:
    root = etree.fromstring(patrol.phone.send(xml).content)
    messages = root.findall(f"{RESPONSE}message")

    assert root.tag == f"{RESPONSE}OpenRosaResponse"
    assert len(messages) <= 1
    assert all(message.get("nature") for message in messages)
    assert set(root.attrib) <= {"items"}


def test_statement_007_the_item_count_is_told_when_asked_for(patrol: Patrol) -> None:
    asked = etree.fromstring(patrol.phone.send(report_xml(new_id()), query="?items=true").content)
    unasked = etree.fromstring(patrol.phone.send(report_xml(new_id())).content)

    assert str(asked.get("items")).isdigit()
    assert unasked.get("items") is None
    assert len(unasked.findall(f"{RESPONSE}message")) == 1


@pytest.mark.parametrize(("wanted", "told"), [
    ("fr", "reçu"), ("fr-CM, en;q=0.5", "reçu"), ("en;q=0.3, FR", "reçu"), ("en", "received"), ("tlh, xx", "received"),
])
def test_statement_008_the_message_speaks_the_language_asked_for(patrol: Patrol, wanted: str, told: str) -> None:
    answer = patrol.phone.send(report_xml(new_id()), headers={"Accept-Language": wanted})

    assert answer.status_code == 201
    assert told in str(children(answer.content, "message")[0].text)


@pytest.mark.parametrize("wanted", ["*", ";;;", "q=1", "fr;q=x", "a" * 5000])
def test_statement_008_a_language_that_nobody_speaks_is_no_error(patrol: Patrol, wanted: str) -> None:
    assert patrol.phone.send(report_xml(new_id()), headers={"Accept-Language": wanted}).status_code == 201


def test_statement_009_a_repeated_request_means_the_same(patrol: Patrol) -> None:
    xml = report_xml(new_id(), name="twice")
    receipts = [re.findall(r"[0-9A-Z]{3}-[0-9A-Z]{3}", patrol.phone.send(xml).text) for _ in range(3)]
    lists = [patrol.phone.get("/formList").content for _ in range(2)]

    assert receipts[0]
    assert receipts[0] == receipts[1] == receipts[2]
    assert lists[0] == lists[1]


def test_statement_010_text_is_escaped(project: Project) -> None:
    title = "A & B <C> \"D\" 'E'"
    project.publish(form_xml("odd", title=title), form_id="odd")
    phone = project.phone("odd")

    assert [each["name"] for each in phone.form_list()] == [title]


def test_statement_010_what_a_report_says_is_escaped_in_the_message(patrol: Patrol) -> None:
    sent = report_xml(new_id(), form_id="<b>&amp;</b>")
    answer = patrol.phone.send(sent, query="?strict=1")

    assert answer.status_code >= 400
    assert etree.fromstring(answer.content).tag == f"{RESPONSE}OpenRosaResponse"
