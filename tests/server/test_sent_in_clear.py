"""Reports that came over plain http from another machine, where others could read them on the way, are marked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import EnvironBuilder

from server.models import Submission
from server.openrosa.express import ExpressWay
from server.services.express import Parcel
from server.services.schemes import in_clear
from tests.cast import Cast
from tests.devices import HEADERS, Phone, add_form, multipart, new_id, report
from tests.server.office_reports import publish_patrol, send, visit


@pytest.fixture
def phone(app: Flask, session: Session, cast: Cast) -> Phone:
    """A phone of the first post, whose duty is the form."""
    add_form(session)
    session.commit()
    return Phone(app.test_client(), f"/v1/key/{cast.device_tokens[0]}/projects/1")


@pytest.mark.parametrize("scheme, address, marked", [
    ("http", "127.0.0.1", False), ("http", "::1", False), ("http", "::ffff:127.0.0.1", False), ("http", None, False),
    ("https", "192.0.2.7", False), ("http", "192.0.2.7", True), ("http", "2001:db8::7", True),
])  # fmt: skip
def test_only_http_from_another_machine_can_be_read_on_the_way(scheme: str, address: str | None, marked: bool) -> None:
    assert in_clear(scheme, address) is marked


@pytest.mark.parametrize("base, address, marked", [
    ("http://host", "127.0.0.1", False), ("https://host", "192.0.2.7", False), ("http://host", "192.0.2.7", True),
])  # fmt: skip
def test_a_stored_report_knows_how_it_came(phone: Phone, session: Session, base: str, address: str, marked: bool) -> None:
    body, kind = multipart(report(new_id()))
    answer = phone.client.post(
        f"{phone.path}/submission", data=body, content_type=kind, headers=HEADERS, base_url=base,
        environ_base={"REMOTE_ADDR": address},
    )

    assert answer.status_code == 201
    assert session.scalar(select(Submission.sent_in_clear)) is marked


@pytest.mark.parametrize("address, marked", [("192.0.2.7", True), ("127.0.0.1", False)])
def test_the_express_way_notes_it_as_well(app: Flask, cast: Cast, address: str, marked: bool) -> None:
    handed: list[Parcel] = []
    counter: Any = SimpleNamespace(hand_in=handed.append, pack=lambda *_parts: b"")
    handout: Any = SimpleNamespace()
    way = ExpressWay(lambda _environ, _start: [b""], app.config["SETTINGS"], counter, handout)
    body, kind = multipart(report(new_id()))
    environ = EnvironBuilder(
        f"/v1/key/{cast.device_tokens[0]}/projects/1/submission", method="POST", data=body, content_type=kind,
        headers=list(HEADERS.items()), environ_base={"REMOTE_ADDR": address},
    ).get_environ()

    way(environ, lambda *_said: None)

    assert [parcel.in_clear for parcel in handed] == [marked]


@pytest.mark.parametrize("marked", [True, False])
def test_officers_see_it_and_can_look_for_it(app: Flask, session: Session, cast: Cast, marked: bool) -> None:
    publish_patrol(session)
    receipt = send(app, session, cast, visit())
    session.get_one(Submission, receipt.fact_id).sent_in_clear = marked
    session.commit()
    browser = cast.page_client(app, "officer")

    assert ("came unencrypted over the air" in browser.get(f"/reports/{receipt.number}").text) is marked
    assert (receipt.number in browser.get("/reports?mark=clear").text) is marked
