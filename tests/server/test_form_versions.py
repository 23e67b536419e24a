"""Versions of a questionnaire on the officers' pages: how one reads, what changes with it, its sheet, its test on a phone."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from forms.definition import parse
from forms.xlsform import convert_in_child
from server.models import Form, FormVersion, ReturnPlan
from server.services import form_changes, form_library, forms
from tests.cast import Cast
from tests.devices import HEADERS, add_form, new_id, report

SHEET = """
| survey   |                 |        |                  |                     |            |             |
|          | type            | name   | label::English (en) | label::French (fr) | relevant   | constraint  |
|          | integer         | heads  | How many         | Combien             |            | . <= 50     |
|          | select_one kind | kind   | Kind of aid      | Genre d'aide        | ${heads} > 3 |           |
|          | text            | remark | Remark           | Remarque            |            |             |
| choices  |           |      |                     |                    |
|          | list_name | name | label::English (en) | label::French (fr) |
|          | kind      | food | Food                | Vivres             |
|          | kind      | tent | Tents               | Tentes             |
| settings |            |         |         |                  |
|          | form_title | form_id | version | default_language |
|          | Aid        | aid     | 1       | English (en)     |
"""
SECOND = SHEET.replace("| 1       |", "| 2       |").replace(". <= 50", ". <= 90").replace(
    "|          | text            | remark | Remark           | Remarque            |            |             |\n", ""
)


@pytest.fixture
def browser(app: Flask, session: Session, cast: Cast) -> FlaskClient:
    """An officer at headquarters, with version 1 published and version 2 a draft."""
    forms.publish(session, app.config["SETTINGS"], 1, SHEET.encode(), "aid.md", validate=False)
    client = cast.page_client(app, "hq_officer")
    answer = client.post("/forms", data={"file": (io.BytesIO(SECOND.encode()), "aid.md")}, content_type="multipart/form-data")
    assert answer.status_code == 303, re.findall(r"<td>(.*?)</td>", answer.text)
    return client


def test_a_questionnaire_is_read_on_the_page_in_either_language(browser: FlaskClient) -> None:
    english = browser.get("/forms/preview/aid").text
    french = browser.get("/forms/preview/aid?language=fr").text

    assert "How many" in english
    assert "“How many” is more than 3" in english
    assert "Tents" in english
    assert "Combien" in french
    assert "Tentes" in french


def test_every_published_version_can_be_read(browser: FlaskClient, session: Session) -> None:
    first = session.scalars(select(FormVersion).where(FormVersion.version == "1")).one()

    assert "Remark" in browser.get(f"/forms/preview/aid?version={first.id}").text
    assert "Remark" not in browser.get("/forms/preview/aid").text


def test_a_version_of_another_form_is_not_shown_under_this_one(browser: FlaskClient, session: Session) -> None:
    other = add_form(session, "patrol")

    for address in ("preview/aid?version=", "sheet/aid?version=", "difference/aid?old="):
        assert browser.get(f"/forms/{address}{other.id}").status_code == 404
    assert browser.get("/forms/preview/aid?version=x").status_code == 404


def test_what_a_draft_changes_is_told_before_it_is_published(browser: FlaskClient) -> None:
    page = browser.get("/forms/difference/aid").text

    assert "What version 2 (Draft) does otherwise than 1" in page
    assert re.search(r"Accepted when</strong> <del>\. &lt;= 50</del> → <ins>\. &lt;= 90</ins>", page)
    assert re.search(r"Columns gone: <span class=\"mono\">remark", page)
    assert re.search(r"Columns that mean something else: <span class=\"mono\">heads", page)


def test_a_form_with_one_version_has_no_difference_to_show(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session)

    assert cast.page_client(app, "officer").get("/forms/difference/patrol").status_code == 404


def test_the_sheet_comes_back_as_it_was_uploaded(browser: FlaskClient, session: Session) -> None:
    first = session.scalars(select(FormVersion).where(FormVersion.version == "1")).one()

    answer = browser.get(f"/forms/sheet/aid?version={first.id}")

    assert answer.data == SHEET.encode()
    assert 'filename=aid.md' in answer.headers["Content-Disposition"]
    assert browser.get("/forms/sheet/aid").data == SECOND.encode()


def test_a_shipped_questionnaire_comes_back_as_excel(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    browser.post("/forms/library", data={"name": "cimic_patrol"})

    answer = browser.get("/forms/sheet/cimic_patrol")

    assert answer.data == form_library.source("cimic_patrol")
    assert answer.content_type == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_a_form_without_a_sheet_has_none_to_download(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session)

    assert cast.page_client(app, "officer").get("/forms/sheet/patrol").status_code == 404


def test_a_phone_fetches_fills_and_sends_the_draft_by_the_address_in_its_code(app: Flask, browser: FlaskClient) -> None:
    page = browser.get("/forms/form/aid")
    found = re.search(r"http://[^/\s]+(/v1/test/\S+/draft)", page.text)
    assert found is not None
    phone = app.test_client()

    listed = phone.get(f"{found[1]}/formList", headers=HEADERS)
    fetched = phone.get(f"{found[1]}.xml", headers=HEADERS)
    xml = report(new_id(), form_id="aid", version="2", heads="4")
    sent = phone.post(
        f"{found[1]}/submission", headers=HEADERS, data={"xml_submission_file": (io.BytesIO(xml), "report.xml")}
    )

    assert "<formID>aid</formID>" in listed.text
    assert 'version="2"' in fetched.text
    assert sent.status_code == 201
    assert page.headers["Cache-Control"] == "no-store, private"


def test_who_only_reads_about_forms_gets_no_code_for_drafts(app: Flask, browser: FlaskClient, cast: Cast) -> None:
    assert "/v1/test/" not in cast.page_client(app, "officer").get("/forms/form/aid").text


def test_the_code_ends_with_the_draft(app: Flask, browser: FlaskClient) -> None:
    found = re.search(r"http://[^/\s]+(/v1/test/\S+/draft)", browser.get("/forms/form/aid").text)
    assert found is not None
    browser.post("/forms/publish/aid")

    assert app.test_client().get(f"{found[1]}/formList", headers=HEADERS).status_code == 404
    assert "/v1/test/" not in browser.get("/forms/form/aid").text


def library(name: str, *changed: tuple[bytes, bytes]) -> FormVersion:
    """A version of a shipped questionnaire with parts of its XML written otherwise."""
    xml = convert_in_child(form_library.source(name), f"{name}.xlsx", None, validate=False).xml
    for old, new in changed:
        assert old in xml
        xml = xml.replace(old, new)
    return FormVersion(
        id=hash(xml) % 10**9, version="x", title=name, xml=xml, sha256=str(hash(xml)), definition=parse(xml).to_json()
    )


def test_a_changed_question_names_the_merged_field_and_the_return_that_it_fills(app: Flask, session: Session) -> None:
    session.add(ReturnPlan(xml_form_id="monthly_return", post_type="team_site"))
    session.commit()
    form = Form(project_id=1, xml_form_id="monthly_return")
    old = library("monthly_return")
    nil = parse(old.xml).find("nil_return")
    assert nil is not None
    bind = f'nodeset="/data{nil.path}"'.encode()
    new = library("monthly_return", (bind, bind + b' relevant="1 = 1"'))

    found = form_changes.impact(session, form, old, new)

    assert [each.questions for each in found.returns] == [("nil_return",)]
    assert any(each.register == "monthly_returns" and "nil_return" in each.questions for each in found.fields)


def test_a_field_that_the_entities_sheet_no_longer_fills_is_lost(app: Flask, session: Session) -> None:
    old = library("cimic_patrol")
    new = library("cimic_patrol", (b'entities:saveto="max_vehicle"', b'entities:saveto="vehicle"'))

    found = {(each.register, each.property): each for each in form_changes.impact(
        session, Form(project_id=1, xml_form_id="cimic_patrol"), old, new
    ).fields}  # fmt: skip

    assert found["settlements", "vehicle"].effect == "gained"
    assert found["settlements", "max_vehicle"].questions == ("max_vehicle",)


def test_other_words_touch_neither_fields_nor_returns_nor_exports(app: Flask, session: Session) -> None:
    old = library("cimic_patrol")
    new = library("cimic_patrol", (b"<value>Population", b"<value>Inhabitants"))

    found = form_changes.impact(session, Form(project_id=1, xml_form_id="cimic_patrol"), old, new)

    assert found.difference.changes
    assert (found.fields, found.columns) == ((), ())
