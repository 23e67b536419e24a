"""Hostile form files are refused with a reason, or published and do no harm; the server stays small and goes on serving."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Mapping

import pytest
import requests
from openpyxl import Workbook

from tests.conformance.mission import Project
from tests.conformance.samples import form_xml, new_id
from tests.memory import Watch
from tests.processes import RunningServer

MEGABYTE = 1_000_000
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a child process may use of processor time is 20 s; a busy machine makes more of it on the clock.
SECONDS = 60.0


def sheet(rows: list[list[str]], **sheets: list[list[str]]) -> bytes:
    """An XLSForm with these rows as its survey, and further sheets."""
    book = Workbook()
    for name, lines in {"survey": rows, **sheets}.items():
        page = book.create_sheet(name)
        for line in lines:
            page.append(line)
    del book["Sheet"]
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


SOUND = sheet([["type", "name", "label"], ["text", "q", "Q"]], settings=[["form_id", "version"], ["sheet", "1"]])


def with_parts(parts: Mapping[str, bytes], without: str = "") -> bytes:
    """The sound form with further or other parts in its zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SOUND)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts and name != without:
                new.writestr(name, old.read(name))
        for name, content in parts.items():
            new.writestr(name, content)
    return made.getvalue()


def _million_rows() -> bytes:
    row = b"<row><c t='inlineStr'><is><t>text</t></is></c></row>"
    return b"<worksheet><sheetData>" + row * 1_000_000 + b"</sheetData></worksheet>"


HOSTILE_SHEETS: dict[str, Callable[[], bytes]] = {
    "a zip bomb": lambda: with_parts({"xl/media/bomb.bin": b"\0" * 200 * MEGABYTE}),
    "a million rows": lambda: with_parts({"xl/worksheets/sheet1.xml": _million_rows()}),
    "macros": lambda: with_parts({"xl/vbaProject.bin": b"code"}),
    "external links": lambda: with_parts({"xl/externalLinks/externalLink1.xml": b"<x/>"}),
    "embedded files": lambda: with_parts({"xl/embeddings/a.bin": b"x"}),
    "entities": lambda: with_parts({"xl/worksheets/sheet1.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet>&a;</worksheet>'}),
    "a name that climbs": lambda: with_parts({"../../../../tmp/x": b"x", "xl/workbook.xml": b"<x/>"}),
    "no end": lambda: SOUND[: len(SOUND) // 2],
    "no workbook": lambda: with_parts({}, without="xl/workbook.xml"),
    "nothing": lambda: b"PK\x03\x04",
}
_ROW = ["text", "q", "Q"]
# Sheets on which pyxform itself fails with an error that is not one of its own.
CRASHES: dict[str, bytes] = {
    "a range that is no number": sheet(
        [["type", "name", "label", "parameters"], ["range", "q", "Q", "start=nan end=5 step=1"]]
    ),
    "a label too deep": sheet([["type", "name", "label::a::b::c"], _ROW]),
    "media too deep": sheet([["type", "name", "media::image::en::fr", "label"], ["text", "q", "x.png", "Q"]]),
    "a bare bind": sheet([["type", "name", "label", "bind"], [*_ROW, "x"]]),
    "a bare control": sheet([["type", "name", "label", "control"], [*_ROW, "x"]]),
    "a setting of the inside": sheet(
        [["type", "name", "label"], _ROW], settings=[["form_id", "children", "type"], ["x", "a", "b"]]
    ),
    "a loop with a broken label": sheet(
        [["type", "name", "label"], ["begin loop over l", "a", "A"], ["text", "b", "%(label)s %(foo)s"], ["end loop"]],
        choices=[["list_name", "name", "label"], ["l", "1", "x"]],
    ),
}


def upload(project: Project, data: bytes, kind: str = XLSX) -> requests.Response:
    """Uploads a form to be published, its warnings ignored, and returns the answer, whatever it is."""
    return requests.post(
        f"{project.mission.base_url}/v1/projects/{project.id}/forms?publish=true&ignoreWarnings=true", data=data, timeout=120,
        headers={**project.mission.admin, "Content-Type": kind, "X-XlsForm-FormId-Fallback": "hostile"},
    )


def harmlessly(project: Project, server: RunningServer, data: bytes, kind: str = XLSX) -> requests.Response:
    """Uploads a form and holds the server to its bounds of time and memory."""
    watch, start = Watch(server), time.monotonic()
    watch.start()
    answer = upload(project, data, kind)
    grown, took = watch.end(), time.monotonic() - start
    assert took < SECONDS, f"{took:.0f} s"
    assert grown < 100 * MEGABYTE, f"{grown / MEGABYTE:.0f} MB"
    return answer


@pytest.mark.parametrize("name", HOSTILE_SHEETS)
def test_a_hostile_workbook_is_refused_with_a_reason(project: Project, conformance_server: RunningServer, name: str) -> None:
    answer = harmlessly(project, conformance_server, HOSTILE_SHEETS[name]())

    assert answer.status_code == 400, answer.text
    findings = answer.json()["details"]["findings"]
    assert all(each["message"] and each["advice"] for each in findings)
    assert project.api("GET", "/forms").json() == []


@pytest.mark.parametrize("name", CRASHES)
def test_a_sheet_on_which_the_converter_fails_is_refused_with_a_reason(project: Project, name: str) -> None:
    answer = upload(project, CRASHES[name])

    assert answer.status_code == 400, answer.text
    assert answer.json()["details"]["findings"]


def _xform(nodes: str = "<q/>", binds: str = "", body: str = "") -> str:
    return (
        form_xml("hostile", questions={}).replace('version="1">', f'version="1">{nodes}')
        .replace("<bind ", f"{binds}<bind ", 1).replace("<h:body>", f"<h:body>{body}")
    )


MANY = range(20_000)
HOSTILE_XFORMS: dict[str, Callable[[], str]] = {
    "a DTD": lambda: "<!DOCTYPE x [<!ENTITY a 'b'>]>" + _xform().removeprefix('<?xml version="1.0"?>'),
    "20,000 fields": lambda: _xform("".join(f"<q{n}/>" for n in MANY), "".join(f'<bind nodeset="/data/q{n}"/>' for n in MANY)),
    "20,000 groups": lambda: _xform("".join(f"<g{n}><q/></g{n}>" for n in MANY)),
    "20,000 groups in groups": lambda: _xform("<g>" * 20_000 + "</g>" * 20_000),
    "1,000 levels": lambda: _xform("<g>" * 990 + "</g>" * 990),
    "millions of nodes": lambda: _xform("<q/>" * 2_000_000),
    "no model": lambda: '<h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:head/></h:html>',
    "no XForm": lambda: "<data/>",
    "50 MB": lambda: _xform("x" * 50 * MEGABYTE),
}


@pytest.mark.parametrize("name", HOSTILE_XFORMS)
def test_a_hostile_xform_is_refused_with_a_reason(project: Project, conformance_server: RunningServer, name: str) -> None:
    answer = harmlessly(project, conformance_server, HOSTILE_XFORMS[name]().encode(), "application/xml")

    assert answer.status_code in {400, 413}, answer.text
    assert answer.json()["message"]
    assert project.api("GET", "/forms").json() == []


def test_a_bind_without_a_node_does_no_harm(project: Project) -> None:
    answer = upload(project, _xform(binds='<bind type="int"/><bind nodeset=""/>').encode(), "application/xml")

    assert answer.status_code == 200, answer.text


def test_a_repeat_that_says_ref_is_a_repeat(project: Project) -> None:
    repeat = '<repeat ref="/data/r"><input ref="/data/r/q"><label>q</label></input></repeat>'
    body = f'<group ref="/data/r"><label>r</label>{repeat}</group>'
    assert upload(project, _xform("<r><q/></r>", body=body).encode(), "application/xml").status_code == 200
    phone = project.phone("hostile")

    meta = f"<meta><instanceID>{new_id()}</instanceID></meta>"
    report = f'<data id="hostile" version="1"><r><q>1</q></r><r><q>2</q></r>{meta}</data>'
    assert phone.send(report).status_code == 201

    rows = project.api("GET", "/forms/hostile.svc/Submissions.r").json()["value"]
    assert [row["q"] for row in rows] == ["1", "2"]


@pytest.mark.parametrize("count", [9_000])
def test_thousands_of_faulty_binds_are_summed_up(project: Project, conformance_server: RunningServer, count: int) -> None:
    binds = "".join(f'<bind nodeset="/data/gone{n}" relevant="unheard{n}() = /data/lost{n}"/>' for n in range(count))

    answer = harmlessly(project, conformance_server, _xform(binds=binds).encode(), "application/xml")

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("text", ["'; DROP TABLE forms; --", "{{7*7}}", "${7*7}", "%s%n", "<b>&</b>"])
def test_sql_and_template_signs_in_a_form_are_ordinary_text(project: Project, text: str) -> None:
    project.publish(form_xml("patrol", text[:20], title=text))

    (form,) = project.api("GET", "/forms").json()
    (entry,) = project.phone("patrol").form_list()
    assert (form["name"], form["version"], entry["name"], entry["version"]) == (text, text[:20], text, text[:20])
