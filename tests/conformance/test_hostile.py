"""Hostile reports, names and requests: refused or stored harmlessly, in little time and memory, and others are served on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
import requests

from tests.conformance.conftest import Patrol
from tests.conformance.mission import OPENROSA, Project, part
from tests.conformance.samples import form_xml, new_id, new_uuid, report_xml
from tests.memory import Watch
from tests.processes import RunningServer

MEGABYTE = 1_000_000
# Of processor time, which a busy machine does not lengthen as it does the time on the clock.
SECONDS = 2.0
HTML = b"<html><script>alert(document.cookie)</script></html>"
BOUNDARY = "fieldpost"
QUERIES = [
    "'", "' OR 1=1 --", "%27%3B%20DROP%20TABLE%20forms%3B--", "{{7*7}}", "${7*7}", "%25s%25n", "<script>", "\\", "%2e%2e%2f",
]


@contextmanager
def harmless(server: RunningServer, seconds: float = SECONDS, megabytes: int = 100) -> Iterator[None]:
    """What happens inside costs the server less than so much processor time and memory, and it is there afterwards."""
    watch, before = Watch(server), _cpu(server)
    watch.start()
    yield
    grown, used = watch.end(), _cpu(server) - before
    assert used < seconds, f"{used:.1f} s"
    assert grown < megabytes * MEGABYTE, f"{grown / MEGABYTE:.0f} MB"
    assert requests.get(f"{server.base_url}/v1/projects", timeout=30).status_code in {200, 401}


def _cpu(server: RunningServer) -> float:
    """Processor time of the web processes so far; the worker's time makes nobody wait."""
    used = 0.0
    for pid in server.pids():
        try:
            process = psutil.Process(pid)
            if "server.worker" not in process.cmdline():
                times = process.cpu_times()
                used += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return used


def _report(inside: bytes, start: bytes = b"") -> bytes:
    meta = f"<meta><instanceID>{new_id()}</instanceID></meta>".encode()
    return start + b'<data id="patrol" version="1">' + inside + meta + b"</data>"


_DTD = b'<!DOCTYPE data [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
_LAUGHS = b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;">' % (n + 1, n, n, n, n, n, n) for n in range(97, 121))
REFUSED_XML = {
    "a DTD": (b"<name>x</name>", b"<!DOCTYPE data>"),
    "an entity": (b"<name>&b;</name>", _DTD),
    "an external entity": (b"<name>&f;</name>", b'<!DOCTYPE data [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
    "a billion laughs": (b"<name>&y;</name>", b'<!DOCTYPE data [<!ENTITY a "ha">' + _LAUGHS + b"]>"),
    "1,001 levels": (b"<a>" * 1_001 + b"</a>" * 1_001, b""),
    "200,000 levels": (b"<a>" * 200_000 + b"</a>" * 200_000, b""),
    "50 MB of text": (b"<name>" + b"x" * 50_000_000 + b"</name>", b""),
    "millions of elements": (b"<a/>" * 3_000_000, b""),
    "50,000 attributes": (b"<a " + b" ".join(b'b%d="1"' % n for n in range(50_000)) + b"/>", b""),
    "invalid UTF-8": (b"<name>\xff\xfe\xc3</name>", b""),
    "a lone surrogate": (b"<name>&#xD800;</name>", b""),
    "a surrogate in UTF-8": (b"<name>\xed\xa0\x80</name>", b""),
    "a NUL": (b"<name>a\x00b</name>", b""),
    "UTF-7": (b"<name>+ADw-</name>", b'<?xml version="1.0" encoding="UTF-7"?>'),
    "an unknown charset": (b"<name>x</name>", b'<?xml version="1.0" encoding="x-none"?>'),
}


@pytest.mark.parametrize("name", REFUSED_XML)
def test_hostile_xml_is_refused(patrol: Patrol, conformance_server: RunningServer, name: str) -> None:
    inside, start = REFUSED_XML[name]

    with harmless(conformance_server):
        answer = patrol.phone.send(_report(inside, start))

    assert answer.status_code in {400, 413}, answer.text
    assert b"OpenRosaResponse" in answer.content


@pytest.mark.parametrize(
    "inside", [b"<a/>" * 200_000, (b"<a>" * 900 + b"</a>" * 900) * 222, b"<name>" + b"x" * 5_000_000 + b"</name>"],
    ids=["200,000 elements", "200,000 nested elements", "5 MB of text"],
)
def test_huge_xml_is_stored_harmlessly(project: Project, conformance_server: RunningServer, inside: bytes) -> None:
    project.publish()
    phone, xml = project.phone("patrol"), _report(inside)
    project.submissions()

    with harmless(conformance_server):
        answer = phone.send(xml)
    with harmless(conformance_server, seconds=10.0):
        (listed,) = project.submissions()
        stored = project.api("GET", f"/forms/patrol/submissions/{part(listed['instanceId'])}.xml").content
        project.api("GET", "/forms/patrol.svc/Submissions")
        project.api("GET", "/forms/patrol/submissions.csv.zip")

    assert answer.status_code == 201, answer.text
    assert stored == xml


EIGHT_MEGABYTES = {
    "one letter": b"x" * 8_000_000, "words": b"abc de " * 1_142_857, "pictures": "a\U0001f600".encode() * 1_600_000,
    "formulas and quotes": b"=a,\"" * 2_000_000,
}


@pytest.mark.parametrize("name", EIGHT_MEGABYTES)
def test_one_answer_of_8_mb_costs_under_65_mb(project: Project, conformance_server: RunningServer, name: str) -> None:
    project.publish()
    phone, text = project.phone("patrol"), EIGHT_MEGABYTES[name]
    xml = _report(b"<name>" + text + b"</name>")
    project.submissions()

    with harmless(conformance_server, megabytes=65):
        assert phone.send(xml).status_code == 201
        (listed,) = project.submissions()
    with harmless(conformance_server, seconds=10.0, megabytes=65):
        assert project.api("GET", f"/forms/patrol/submissions/{part(listed['instanceId'])}.xml").content == xml
    with harmless(conformance_server, seconds=10.0, megabytes=65):
        (row,) = project.api("GET", "/forms/patrol.svc/Submissions").json()["value"]
    with harmless(conformance_server, seconds=10.0, megabytes=65):
        zipped = project.api("GET", "/forms/patrol/submissions.csv.zip").content

    assert row["name"] == text.decode()
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        cell = text.replace(b'"', b'""')
        assert (b"'" + cell if cell[:1] == b"=" else cell) in archive.read("patrol.csv")


@pytest.mark.parametrize("files", [{}, {"photo.jpg": b"\xff\xd8" + bytes(200_000)}], ids=["alone", "with a photo"])
def test_10_mb_of_200_000_nodes_cost_little_more_than_one_tree(
    project: Project, conformance_server: RunningServer, files: dict[str, bytes]
) -> None:
    project.publish()
    phone, xml = project.phone("patrol"), _report((b"<a>" + b"x" * 42 + b"</a>") * 200_000)
    project.submissions()

    # Some 75 MB in the web process and again in the worker, which begins when the first has let go. With a file the answers
    # are read once more for the names that they give.
    most = 115 if files else 100
    with harmless(conformance_server, seconds=10.0, megabytes=most):
        with harmless(conformance_server, megabytes=most):
            assert phone.send(xml, files).status_code == 201
        (listed,) = project.submissions()
    for path in (f"/submissions/{part(listed['instanceId'])}.xml", ".svc/Submissions", "/submissions.csv.zip"):
        with harmless(conformance_server, seconds=10.0, megabytes=100):
            project.api("GET", f"/forms/patrol{path}")


def test_a_wrong_charset_is_read_as_it_says_and_kept_as_it_came(project: Project) -> None:
    project.publish()
    said = b"<?xml version='1.0' encoding='ISO-8859-1'?>"
    xml = said + f"<data id='patrol' version='1'><name>été</name><meta><instanceID>{new_id()}</instanceID></meta></data>".encode()

    assert project.phone("patrol").send(xml).status_code == 201
    (row,) = project.api("GET", "/forms/patrol.svc/Submissions").json()["value"]
    assert row["name"] == "été".encode().decode("latin-1")
    assert project.api("GET", f"/forms/patrol/submissions/{part(row['__id'])}.xml").content == xml


def _multipart(xml: bytes, name: str = "photo.jpg", content: bytes = b"\x00\x01\r\n--") -> bytes:
    return b"".join([
        b'--fieldpost\r\nContent-Disposition: form-data; name="xml_submission_file"; filename="a.xml"\r\n',
        b"Content-Type: text/xml\r\n\r\n", xml, b"\r\n--fieldpost\r\n",
        f'Content-Disposition: form-data; name="f"; filename="{name}"\r\n'.encode(),
        b"Content-Type: image/jpeg\r\n\r\n", content, b"\r\n--fieldpost--\r\n",
    ])  # fmt: skip


def _post(patrol: Patrol, body: bytes, kind: str = f"multipart/form-data; boundary={BOUNDARY}") -> requests.Response:
    return patrol.phone.request("POST", "/submission", data=body, headers={"Content-Type": kind})


def test_a_multipart_cut_anywhere_is_400_and_leaves_nothing(patrol: Patrol) -> None:
    said = new_id()
    whole = _multipart(report_xml(said, name="x", photo="photo.jpg"))
    end = whole.index(b"--fieldpost--") + len(b"--fieldpost--")

    statuses = {cut: _post(patrol, whole[:cut]).status_code for cut in range(0, end, 5)}

    assert set(statuses.values()) == {400}, statuses
    assert said not in {each["instanceId"] for each in patrol.project.submissions()}
    assert _post(patrol, whole).status_code == 201


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../../etc/passwd", "passwd"), ("..", "file"), ("..\\..\\boot.ini", "boot.ini"), ("/etc/shadow", "shadow"),
        ("C:\\x\\y.jpg", "y.jpg"), ("a" * 300 + ".jpg", "a" * 251 + ".jpg"), ("\u202egpj.exe", "\u202egpj.exe"),
        ("=cmd.jpg", "=cmd.jpg"), ("'; DROP TABLE blobs;--.jpg", "'; DROP TABLE blobs;--.jpg"),
    ],
)
def test_a_hostile_file_name_is_made_harmless(project: Project, name: str, kept: str) -> None:
    project.publish()
    phone, said = project.phone("patrol"), new_id()

    answer = phone.request(
        "POST", "/submission", data=_multipart(report_xml(said, photo=kept), name.replace("\\", "\\\\"), b"123"),
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )

    assert answer.status_code == 201, answer.text
    here = f"/forms/patrol/submissions/{part(said)}/attachments"
    (listed,) = [each["name"] for each in project.api("GET", here).json() if each["exists"]]
    assert listed == kept
    assert project.api("GET", f"{here}/{part(listed)}").content == b"123"
    with zipfile.ZipFile(io.BytesIO(project.api("GET", "/forms/patrol/submissions.csv.zip").content)) as archive:
        (media,) = [each for each in archive.namelist() if each != "patrol.csv"]
    assert media.startswith("media/")
    assert ".." not in media
    assert media.count("/") == 1


def test_a_nul_in_a_file_name_is_refused_or_dropped(patrol: Patrol) -> None:
    said = new_id()

    answer = _post(patrol, _multipart(report_xml(said, name="x"), "a\x00b.jpg", b"123"))

    assert answer.status_code in {201, 400}
    if answer.status_code == 201:
        files = patrol.project.api("GET", f"/forms/patrol/submissions/{part(said)}/attachments").json()
        assert not any("\x00" in each["name"] for each in files)


def test_a_png_that_is_html_is_only_ever_a_download(patrol: Patrol) -> None:
    said = new_id()
    assert patrol.phone.send(report_xml(said, name="x", photo="photo.png"), {"photo.png": HTML}).status_code == 201

    answer = patrol.project.api("GET", f"/forms/patrol/submissions/{part(said)}/attachments/photo.png")

    assert answer.content == HTML
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_forms_own_picture_that_is_html_is_only_ever_a_download(project: Project) -> None:
    project.publish(form_xml(files=["map.png"]), {"map.png": HTML})
    (entry,) = project.phone("patrol").manifest("patrol")

    for answer in (project.api("GET", "/forms/patrol/attachments/map.png"), project.phone("patrol").get(entry["downloadUrl"])):
        assert answer.content == HTML
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"displayName": "a\\u0000b"}', b'{"displayName": "a\x00b"}', b'{"displayName": "\\ud800"}', b'{"displayName": "\xff"}',
        b'{"displayName": "\xed\xa0\x80"}', b'{"displayName": NaN}', b"[" * 100_000, b'{"displayName": ' + b"[" * 100_000, b"{",
        b'{"displayName": 1e999999}', b'{"displayName": ' + b"9" * 100_000 + b"}",
    ],
)
def test_json_that_cannot_be_stored_is_400(patrol: Patrol, conformance_server: RunningServer, body: bytes) -> None:
    with harmless(conformance_server):
        patrol.project.api("POST", "/app-users", 400, data=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "path",
    ["/forms/%ED%A0%80", "/forms/%FF", "/forms/%00", "/forms/a%00b.xml", "/forms?x=%ED%A0%80", "/forms/patrol.svc/%C3"]
    + [f"/forms/patrol/submissions/{word}" for word in ("%ED%BF%BF", "%00", "%FE%FF.xml")],
)
def test_bytes_that_are_no_text_in_an_address_do_no_harm(patrol: Patrol, path: str) -> None:
    answer = requests.get(
        f"{patrol.project.mission.base_url}/v1/projects/{patrol.project.id}{path}", headers=dict(patrol.project.mission.admin),
        timeout=30,
    )

    assert answer.status_code in {200, 400, 404}, answer.text


@pytest.mark.parametrize("header", ["User-Agent", "Accept-Language", "X-Action-Notes", "If-None-Match", "Range"])
@pytest.mark.parametrize("value", [b"\xed\xa0\x80", b"\xff\xfe", b"'; DROP TABLE forms;--", b"{{7*7}}", b"x" * 30_000])
def test_odd_bytes_in_a_header_do_no_harm(patrol: Patrol, header: str, value: bytes) -> None:
    answer = patrol.phone.request(
        "POST", "/submission", data=_multipart(report_xml(new_id(), name="x")),
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", header: value.decode("latin-1")},
    )

    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("text", ["'; DROP TABLE forms; --", '" OR ""="', "{{7*7}}", "${7*7}", "{% raw %}", "%s%n%x", "<b>&amp;"])
def test_sql_and_template_signs_are_ordinary_text_in_every_field(project: Project, text: str) -> None:
    project.publish()
    phone, said = project.phone("patrol", name=text), new_id()

    answer = phone.send(report_xml(said, name=text), query=f"?deviceID={part(text)}", headers={"User-Agent": text})
    project.api("POST", f"/forms/patrol/submissions/{part(said)}/comments", json={"body": text})

    assert answer.status_code == 201
    (row,) = project.api("GET", "/forms/patrol.svc/Submissions").json()["value"]
    assert (row["name"], row["__system"]["submitterName"], row["__system"]["deviceId"]) == (text, text, text)
    (comment,) = project.api("GET", f"/forms/patrol/submissions/{part(said)}/comments").json()
    assert comment["body"] == text


@pytest.mark.parametrize("text", QUERIES)
def test_sql_and_template_signs_in_a_query_do_no_harm(patrol: Patrol, text: str) -> None:
    def get(path: str) -> int:
        here = f"{patrol.project.mission.base_url}/v1/projects/{patrol.project.id}{path}"
        return requests.get(here, headers=dict(patrol.project.mission.admin), timeout=30).status_code

    statuses = {
        path: get(path.replace("*", text))
        for path in (
            "/forms/*", "/forms/*.xml", "/forms/patrol/submissions/*", "/forms/patrol.svc/Submissions?$filter=*",
            "/forms/patrol.svc/Submissions?$skiptoken=*", "/forms/patrol.svc/Submissions?$orderby=*",
            "/forms/patrol/submissions.geojson?fieldpath=*", "/datasets/*", "/datasets/*/entities", "/forms/patrol.svc/*",
        )
    }

    assert all(200 <= status < 500 or status == 501 for status in statuses.values()), statuses
    assert patrol.phone.form_list("?formID=" + text) in ([], patrol.phone.form_list())


def test_an_instance_id_of_metacharacters_is_found_again(project: Project) -> None:
    project.publish()
    said = f"x:' OR 1=1 --{{{{7*7}}}}/../{new_uuid()}?#%25"

    assert project.phone("patrol").send(report_xml(said, name="x")).status_code == 201
    (listed,) = project.submissions()
    assert listed["instanceId"] == said
    (row,) = project.api("GET", "/forms/patrol.svc/Submissions").json()["value"]
    assert row["__id"] == said
    quoted = part(said.replace("'", "''"))
    assert project.api("GET", f"/forms/patrol.svc/Submissions('{quoted}')").json()["value"][0]["__id"] == said




def test_openrosa_is_asked_for_before_anything_is_read(patrol: Patrol) -> None:
    answer = requests.post(f"{patrol.phone.url}/submission", data=b"\x00" * 1000, timeout=30)

    assert answer.status_code == 400
    assert answer.headers["X-OpenRosa-Version"] == OPENROSA["X-OpenRosa-Version"]
