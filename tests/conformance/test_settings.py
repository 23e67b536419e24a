"""Conformance, settings: statements 124 and 127."""

from __future__ import annotations

import base64
import ipaddress
import json
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pypdfium2
import pytest
import zxingcpp

from tests.conformance.browsing import browse
from tests.conformance.conftest import Patrol, log_in
from tests.conformance.mission import OPENROSA, TIMEOUT, Mission, Phone, Project
from tests.conformance.samples import form_xml, new_id, report_xml
from tests.processes import RunningServer

# What ODK Collect sends with every request, and nothing beyond it.
COLLECT = {
    **OPENROSA, "User-Agent": "org.odk.collect.android/v2026.2.0 Dalvik/2.1.0", "Date": "Sun, 22 Nov 2026 10:58:00 GMT+01:00",
}


@pytest.fixture(scope="module")
def everywhere(conformance_server: RunningServer) -> Iterator[RunningServer]:
    """The server as `HOST=0.0.0.0 make run` starts it: phones on the network reach it."""
    listening = RunningServer(conformance_server.settings, processes=1, threads=4, worker=False, host="0.0.0.0")
    yield listening.start()
    listening.kill()


def qr_text(base_url: str, device_id: int) -> str:
    """What a phone reads off the device's printed card."""
    answer = browse(base_url).get(f"{base_url}/devices/{device_id}/card.pdf", timeout=TIMEOUT)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    found = zxingcpp.read_barcodes(pypdfium2.PdfDocument(answer.content)[0].render(scale=4).to_pil())
    assert len(found) == 1
    return str(found[0].text)


def decoded(text: str) -> dict[str, Any]:
    """The settings in a QR code: Base64, then zlib, then JSON."""
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
    return found


def test_statement_124_the_code_holds_collects_settings(mission: Mission) -> None:
    phone = Project(mission, 1).phone(name="Card 124")
    said = decoded(qr_text(mission.base_url, phone.actor_id))

    assert set(said) == {"general", "admin", "project"}
    assert said["general"]["server_url"] == phone.url
    assert said["general"]["form_update_mode"] == "match_exactly"
    assert said["project"]["name"]
    assert "admin_pw" not in said["admin"]


def test_statement_124_the_address_is_one_that_a_phone_can_reach(everywhere: RunningServer) -> None:
    mission = Mission(everywhere.base_url, log_in(everywhere.base_url))
    project = Project(mission, 1)
    form_id = new_id()
    project.publish(form_xml(form_id), form_id=form_id)
    made = project.phone(form_id, name="Card on the network")
    url = decoded(qr_text(everywhere.base_url, made.actor_id))["general"]["server_url"]
    host = ipaddress.ip_address(urlsplit(url).hostname or "")
    listed = Phone(url).form_list()

    assert not host.is_loopback
    assert not host.is_unspecified
    assert [each["formID"] for each in listed] == [form_id]
    assert listed[0]["downloadUrl"].startswith(url)


def test_statement_127_a_phone_needs_no_header_beyond_collects(project: Project) -> None:
    project.publish(form_xml(files=("towns.csv",)), {"towns.csv": b"name,label\na,A\n"})
    made = project.phone("patrol")
    phone = Phone(made.url, made.actor_id, made.token, COLLECT)
    listed = phone.form_list("?deviceID=collect%3Ax")[0]
    downloads = [phone.get(listed[name]).status_code for name in ("downloadUrl", "manifestUrl")]
    announced = phone.request("HEAD", "/submission?deviceID=collect%3Ax")
    sent = phone.send(report_xml(new_id(), name="A", photo="a.jpg"), {"a.jpg": b"x"}, query="?deviceID=collect%3Ax")

    assert downloads == [200, 200]
    assert (announced.status_code, sent.status_code) == (204, 201)


@pytest.mark.parametrize("said", ["true", "false", "RSA", ""])
def test_statement_127_a_private_header_changes_nothing(patrol: Patrol, said: str) -> None:
    header = {"X-OpenRosa-Encryption": said}
    plain, with_header = patrol.phone.get("/forms/patrol.xml"), patrol.phone.get("/forms/patrol.xml", headers=header)

    assert with_header.content == plain.content
    assert patrol.phone.send(report_xml(new_id(), name="A"), headers=header).status_code == 201


def test_statement_127_encryption_is_announced_in_the_form_alone(project: Project) -> None:
    key = base64.b64encode(_public_key()).decode()
    project.publish(form_xml(submission=f'<submission base64RsaPublicKey="{key}"/>'))
    phone = project.phone("patrol")
    answers = [phone.get("/formList"), phone.get("/forms/patrol.xml"), phone.request("HEAD", "/submission")]

    assert key.encode() in answers[1].content
    assert not any("encrypt" in name.lower() for answer in answers for name in answer.headers)
    assert "ncrypt" not in answers[0].text


def _public_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
