"""Stored texts of exports: the same bytes as without them, never out of date, never of encrypted reports or drafts."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile

import pytest
from isal import isal_zlib
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import ExportPart
from server.services import export_parts, report_reading
from tests.server.central_forms import Api, api, form_xml, new_id, submission_xml

__all__ = ["api"]
NOW = dt.timedelta(0)


@pytest.fixture
def sent(api: Api) -> list[str]:
    """Three reports, oldest first; nothing is stored of them yet."""
    ids = [new_id() for _ in range(3)]
    for number, iid in enumerate(ids):
        api.send(submission_xml(iid, name=f"Place, {number}"))
    return ids


def exports(api: Api) -> dict[str, bytes]:
    """Every export that may use the texts."""
    with zipfile.ZipFile(io.BytesIO(api.client.get(f"{api.form}/submissions.csv.zip", headers=api.head).data)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    for path in (".svc/Submissions", "/submissions.csv", "/submissions.geojson"):
        found[path] = api.client.get(f"{api.form}{path}", headers=api.head).data
    return found


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any look at a report's XML fails from now on."""

    def fail(*_arguments: object) -> None:
        raise AssertionError("a report was read from its XML")

    monkeypatch.setattr(export_parts, "read_answers", fail)
    monkeypatch.setattr(report_reading, "read_answers", fail)


def fill(session: Session) -> int:
    """What the worker does once a stretch has come to rest."""
    return export_parts.fill(session, 60.0, NOW)


def test_texts_give_the_same_bytes_and_no_report_is_read(
    api: Api, sent: list[str], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = exports(api)
    made = fill(session)
    forbid_reading(monkeypatch)

    assert made >= 1
    assert exports(api) == before


def test_a_very_long_report_is_not_stored_and_shown_all_the_same(api: Api, sent: list[str], session: Session) -> None:
    name = 'Pla"ce,\n=1' * 10_000
    api.send(submission_xml(new_id(), name=name))
    before = exports(api)

    made = fill(session)

    assert made >= 1
    assert max(len(part.ids) for part in session.scalars(select(ExportPart))) > 0
    assert all(len(isal_zlib.decompress(part.csv)) < len(name) for part in session.scalars(select(ExportPart)) if part.csv)
    assert exports(api) == before
    rows = list(csv.reader(io.StringIO(before["/submissions.csv"].decode(), newline="")))
    assert name in {cell for row in rows for cell in row}


def test_a_stretch_is_made_once(sent: list[str], session: Session) -> None:
    fill(session)

    assert fill(session) == 0


def test_a_stretch_into_which_reports_still_come_waits(sent: list[str], session: Session) -> None:
    assert export_parts.fill(session, 60.0, dt.timedelta(hours=1)) == 0


def test_an_edited_report_is_shown_as_it_is_now(api: Api, sent: list[str], session: Session) -> None:
    fill(session)
    edited = submission_xml(new_id(), name="Moved", deprecated=sent[1])
    answer = api.client.put(f"{api.form}/submissions/{sent[1]}", data=edited, content_type="application/xml", headers=api.head)
    names = [row["site"]["name"] for row in api.get(".svc/Submissions")["value"]]
    fill(session)

    assert answer.status_code == 200
    assert names == ["Place, 2", "Moved", "Place, 0"]
    assert [row["site"]["name"] for row in api.get(".svc/Submissions")["value"]] == names


def test_a_new_version_of_the_form_is_worded_anew(api: Api, sent: list[str], session: Session) -> None:
    fill(session)
    newer = form_xml("2").replace("<share/>", "<share/><depth/>").replace(
        '<bind nodeset="/data/day"', '<bind nodeset="/data/depth" type="int"/><bind nodeset="/data/day"'
    )
    api.client.post(f"{api.form}/draft?ignoreWarnings=true", data=newer, content_type="application/xml", headers=api.head)
    api.client.post(f"{api.form}/draft/publish", headers=api.head)
    fresh = [row["depth"] for row in api.get(".svc/Submissions")["value"]]
    made = fill(session)

    assert fresh == [None, None, None]
    assert made >= 1
    assert [row["depth"] for row in api.get(".svc/Submissions")["value"]] == fresh


def test_a_deleted_report_is_left_out_and_comes_back(api: Api, sent: list[str], session: Session) -> None:
    fill(session)
    api.client.delete(f"{api.form}/submissions/{sent[0]}", headers=api.head)
    without = [row["__id"] for row in api.get(".svc/Submissions")["value"]]
    api.client.post(f"{api.form}/submissions/{sent[0]}/restore", headers=api.head)

    assert without == [sent[2], sent[1]]
    assert [row["__id"] for row in api.get(".svc/Submissions")["value"]] == [sent[2], sent[1], sent[0]]


def test_after_an_update_everything_is_marked(sent: list[str], session: Session) -> None:
    for part in session.scalars(select(ExportPart)):
        session.delete(part)
    session.commit()
    export_parts.begin(session)

    assert fill(session) >= 1
