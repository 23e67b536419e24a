"""Which phone has which version of a questionnaire: noted once when it is fetched, shown to officers by post."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server.models.form_downloads import FormDownload
from server.queries import form_downloads as queries
from server.services import devices, form_downloads
from tests.cast import Cast
from tests.devices import HEADERS, add_form


def fetch(app: Flask, cast: Cast, device: int = 0, path: str = "/forms/patrol.xml") -> int:
    """A phone asks for a form; the answer's status."""
    return app.test_client().get(f"{cast.key_path(device)}{path}", headers=HEADERS).status_code


def shown(app: Flask, cast: Cast, role: str = "hq_officer") -> list[str]:
    """The rows of "Who has it" as text."""
    page = cast.page_client(app, role).get("/forms/form/patrol").text
    _before, _mark, after = page.partition('id="holders"')
    rows = re.findall(r"<tr>(.*?)</tr>", after.partition("</section>")[0], re.DOTALL)[1:]
    return [unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))).strip() for row in rows]


def test_a_phone_that_fetched_the_form_is_shown_with_version_and_post(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session, post_types=("patrol_unit", "team_site"))

    assert fetch(app, cast) == 200

    rows = shown(app, cast)
    assert len(rows) == 2
    assert any("S9 BANBATT-3" in row and "1 current" in row for row in rows)
    assert any("MILOBS" in row and "not downloaded yet" in row for row in rows)


def test_a_phone_with_the_version_before_is_told_apart(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session)
    fetch(app, cast)
    add_form(session, version="2")

    assert "1 older" in shown(app, cast)[0]
    fetch(app, cast)
    assert "2 current" in shown(app, cast)[0]


def test_a_second_download_writes_nothing(app: Flask, session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    add_form(session)
    fetch(app, cast)
    monkeypatch.setattr(queries, "put", None)

    assert fetch(app, cast) == 200


def test_a_phone_that_may_not_fill_the_form_is_not_noted(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session)

    assert fetch(app, cast, device=1) == 403
    assert session.scalar(select(func.count()).select_from(FormDownload)) == 0


def test_an_officer_who_fetches_the_form_is_no_phone(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session)

    answer = app.test_client().get("/v1/projects/1/forms/patrol.xml", headers=HEADERS | cast.hq_officer.bearer)

    assert answer.status_code == 200
    assert session.scalar(select(func.count()).select_from(FormDownload)) == 0


def test_a_busy_database_lets_the_phone_have_its_form_and_the_next_download_notes_both(
    app: Flask, session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_form(session, post_types=("patrol_unit", "team_site"))

    def busy(*_args: object) -> None:
        raise OperationalError("", {}, Exception("database is locked"))

    with monkeypatch.context() as patched:
        patched.setattr(queries, "put", busy)
        assert fetch(app, cast) == 200
    fetch(app, cast, device=1)

    noted = set(session.scalars(select(FormDownload.actor_id)))
    assert noted == set(cast.device_actor_ids)


def test_a_phone_with_a_new_code_has_fetched_nothing(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session)
    fetch(app, cast)

    devices.reissue(session, app.config["SETTINGS"], None, cast.device_actor_ids[0])

    assert "not downloaded yet" in shown(app, cast)[0]


def test_a_device_that_is_shut_out_is_not_shown(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session)
    fetch(app, cast)

    devices.revoke(session, None, cast.device_actor_ids[0])

    assert shown(app, cast) == []


def test_an_officer_of_a_sector_sees_its_phones_only(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session, post_types=("patrol_unit", "team_site"))

    assert [row.split("  ")[0][:6] for row in shown(app, cast, "officer")] == ["S9 BAN"]
    assert [row.split("  ")[0][:6] for row in shown(app, cast, "other_sector")] == ["MILOBS"]


def test_what_a_process_remembers_has_a_bound(app: Flask, session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_downloads, "MOST_KEPT", 2)
    versions = [add_form(session, version=str(number)).id for number in range(5)]
    for version in versions:
        form_downloads.note(session, cast.device_actor_ids[0], "key of the bound", version)

    assert len(form_downloads._noted) <= 2
    assert session.scalar(select(func.count()).select_from(FormDownload)) == 5
