"""Conformance, form definitions: statements 92 to 97, what may be published."""

from __future__ import annotations

from io import BytesIO

import openpyxl
import pytest
import requests

from tests.conformance.mission import Project
from tests.conformance.samples import ORX, form_xml, new_id, report_xml

XML = {"Content-Type": "application/xml"}
XLSX = {"Content-Type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def create(
    project: Project, xml: str | bytes, status: int, query: str = "?publish=true", headers: dict[str, str] | None = None
) -> requests.Response:
    """POSTs a form; fails unless it is answered with that status."""
    data = xml if isinstance(xml, bytes) else xml.encode()
    return project.api("POST", f"/forms{query}", status, data=data, headers=headers or XML)


def expected(project: Project, form_id: str) -> dict[str, str]:
    """Names and types of the files that the published form expects."""
    return {each["name"]: each["type"] for each in project.api("GET", f"/forms/{form_id}/attachments").json()}


def sheet(settings: dict[str, str]) -> bytes:
    """An XLSForm with one question."""
    book = openpyxl.Workbook()
    survey = book.active
    assert survey is not None
    survey.title = "survey"
    survey.append(["type", "name", "label"])
    survey.append(["text", "place", "Place"])
    page = book.create_sheet("settings")
    page.append(list(settings))
    page.append(list(settings.values()))
    kept = BytesIO()
    book.save(kept)
    return kept.getvalue()


def test_statement_092_an_xform_without_an_id_is_refused(project: Project) -> None:
    answer = create(project, form_xml().replace('<data id="patrol"', "<data"), 400)

    assert "id" in answer.text


def test_statement_092_a_sheet_with_an_impossible_id_is_refused_with_its_place(project: Project) -> None:
    answer = create(project, sheet({"form_id": "x" * 250, "version": "1"}), 400, headers=XLSX)

    assert "settings" in answer.text
    assert '"row"' in answer.text


def test_statement_093_meta_without_a_namespace_is_accepted(project: Project) -> None:
    plain = form_xml().replace("orx:meta", "meta").replace("orx:instanceID", "instanceID")

    create(project, plain, 200)
    assert project.phone("patrol").send(report_xml(new_id(), name="x")).status_code == 201


def test_statement_093_a_form_without_meta_is_accepted_with_a_warning(project: Project) -> None:
    create(project, form_xml(meta=False), 200)

    assert [each["formID"] for each in project.phone("patrol").form_list()] == ["patrol"]


def test_statement_093_reports_on_a_form_without_meta_stay_one_when_sent_again(project: Project) -> None:
    create(project, form_xml(meta=False), 200)
    phone, xml = project.phone("patrol"), b'<data id="patrol" version="1"><name>Bria</name></data>'

    statuses = [phone.send(xml).status_code, phone.send(xml).status_code]

    assert (statuses, len(project.submissions())) == ([201, 201], 1)


def test_statement_093_strict_refuses_a_form_without_meta(project: Project) -> None:
    answer = create(project, form_xml(meta=False), 400, "?publish=true&strict=1")

    assert "meta" in answer.text


def test_statement_094_other_xml_under_the_same_version_is_409(project: Project) -> None:
    create(project, form_xml(), 200)
    changed = form_xml(title="Another title")

    project.api("POST", "/forms/patrol/draft?ignoreWarnings=true", data=changed.encode(), headers=XML)
    answer = project.api("POST", "/forms/patrol/draft/publish", 409)

    assert answer.json()["code"] == 409.6


def test_statement_094_the_same_change_under_a_new_version_is_published(project: Project) -> None:
    create(project, form_xml(), 200)
    changed = form_xml(title="Another title", version="2")

    project.api("POST", "/forms/patrol/draft?ignoreWarnings=true", data=changed.encode(), headers=XML)
    project.api("POST", "/forms/patrol/draft/publish")

    assert project.api("GET", "/forms/patrol").json()["version"] == "2"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ('version="plain"', "plain"), (f'xmlns:o="{ORX}" o:version="orx"', "orx"),
        (f'xmlns:o="{ORX}" version="plain" o:version="orx"', "orx"),
    ],
    ids=["plain", "orx", "both"],
)
def test_statement_095_both_kinds_of_version_are_read_and_orx_wins(project: Project, said: str, read: str) -> None:
    create(project, form_xml().replace('id="patrol" version="1"', f'id="patrol" {said}'), 200)

    assert project.api("GET", "/forms/patrol").json()["version"] == read


def test_statement_095_a_report_may_say_its_version_either_way(project: Project) -> None:
    create(project, form_xml(), 200)
    phone = project.phone("patrol")
    plain, orx = report_xml(new_id()), report_xml(new_id()).replace(b'version="1"', b'orx:version="1"', 1)
    both = report_xml(new_id()).replace(b'version="1"', b'version="none such" orx:version="1"', 1)
    orx, both = (each.replace(b'<?xml orx:version="1"', b'<?xml version="1.0"') for each in (orx, both))

    assert [phone.send(each).status_code for each in (plain, orx, both)] == [201, 201, 201]


def test_statement_096_a_changed_type_is_refused_with_the_path(project: Project) -> None:
    create(project, form_xml(questions={"name": "string", "people": "int"}), 200)
    changed = form_xml(version="2", questions={"name": "string", "people": "string"})

    answer = project.api("POST", "/forms/patrol/draft?ignoreWarnings=true", 400, data=changed.encode(), headers=XML)

    assert answer.json()["code"] == 400.17
    assert "/people" in answer.text


def test_statement_097_lists_and_media_are_expected_files(project: Project) -> None:
    files = {
        "towns.csv": "jr://file-csv/towns.csv", "areas.xml": "jr://file/areas.xml", "map.geojson": "jr://file/map.geojson",
    }
    media = {"sign.png": "images", "hello.mp3": "audio", "walk.mp4": "video"}
    instances = "".join(f'<instance id="i{number}" src="{address}"/>' for number, address in enumerate(files.values()))
    texts = "".join(
        f'<value form="{kind.removesuffix("s")}">jr://{kind}/{name}</value>' for name, kind in media.items()
    )
    itext = f'<itext><translation lang="en"><text id="/data/name:label"><value>Name</value>{texts}</text></translation></itext>'
    xml = form_xml().replace("<bind", f"{instances}{itext}<bind", 1).replace(
        "<label>name</label>", "<label ref=\"jr:itext('/data/name:label')\"/>"
    )

    create(project, xml, 200)

    assert set(expected(project, "patrol")) == {*files, *media}


def test_statement_097_what_was_last_saved_is_no_expected_file(project: Project) -> None:
    last = '<instance id="last" src="jr://instance/last-saved"/>'

    create(project, form_xml().replace("<bind", f"{last}<bind", 1), 200)

    assert expected(project, "patrol") == {}
