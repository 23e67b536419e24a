"""Sealed reports of the field app: opened by the server alone, sent or brought as a file, counted once, damaged ones told."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from server.config import Settings
from server.models import Attachment, Submission
from server.services import devices, sealed_import, sealing_key
from server.services.blobs import BlobStore
from tests.cast import Cast
from tests.devices import add_form, new_id, report
from tests.server.envelopes import SEGMENT, export, seal

PHOTO = bytes(range(256)) * 300


@dataclass
class FieldApp:
    """The field app of the first post's device, with one report under way."""

    client: FlaskClient
    cast: Cast
    spki: str
    instance_id: str

    @property
    def path(self) -> str:
        return self.cast.key_path()

    def inside(self, kind: str, **more: str) -> dict[str, object]:
        """What an envelope says of itself."""
        said: dict[str, object] = {"kind": kind, "token": self.cast.device_tokens[0], "formId": "patrol", "version": "1"}
        return {**said, "instanceId": self.instance_id, **more}

    def sealed(self) -> bytes:
        """The sealed report."""
        return seal(self.spki, self.inside("report"), report(self.instance_id, photo="film.mp4"))

    def photo(self, content: bytes = PHOTO) -> bytes:
        """The sealed photo."""
        return seal(self.spki, self.inside("file", name="film.mp4", type="video/mp4"), content)

    def send(self, body: bytes) -> TestResponse:
        """POST of an envelope."""
        return self.client.post(f"{self.path}/sealed", data=body, content_type="application/vnd.fieldpost.sealed")


@pytest.fixture
def settings(app: Flask) -> Settings:
    """The settings of the server under test."""
    found: Settings = app.config["SETTINGS"]
    return found


@pytest.fixture
def field_app(client: FlaskClient, session: Session, cast: Cast, settings: Settings) -> FieldApp:
    """A device whose form is published and whose server has a key to seal to."""
    add_form(session)
    session.commit()
    return FieldApp(client, cast, sealing_key.public(session, settings)[1], new_id())


def submissions(session: Session) -> list[Submission]:
    """Every report that is here."""
    session.expire_all()
    return list(session.scalars(select(Submission)))


def test_a_sealed_report_is_taken_with_a_receipt(field_app: FieldApp, session: Session) -> None:
    answer = field_app.send(field_app.sealed())
    assert (answer.status_code, [each.receipt for each in submissions(session)]) == (201, [answer.headers["X-Fieldpost-Receipt"]])


def test_a_sealed_report_counts_as_sent_by_the_field_app_and_not_in_clear(field_app: FieldApp, session: Session) -> None:
    field_app.send(field_app.sealed())
    (kept,) = submissions(session)
    assert (kept.channel, kept.submitter_id) == ("field", field_app.cast.device_actor_ids[0])


def test_the_same_envelope_twice_is_one_report(field_app: FieldApp, session: Session) -> None:
    body = field_app.sealed()
    assert [field_app.send(body).status_code for _ in range(2)] == [201, 201]
    assert len(submissions(session)) == 1


@pytest.mark.parametrize("at", [0, 9, 40, 300, -1], ids=["magic", "key id", "wrapped key", "prefix", "content"])
def test_a_changed_envelope_is_refused_and_says_why(field_app: FieldApp, session: Session, at: int) -> None:
    body = bytearray(field_app.sealed())
    body[at] ^= 1
    answer = field_app.send(bytes(body))
    assert (answer.status_code, submissions(session)) == (400, [])
    assert "sealed" in answer.text


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_an_envelope_cut_anywhere_is_refused(field_app: FieldApp, session: Session, share: float) -> None:
    body = field_app.sealed()
    assert field_app.send(body[: int(len(body) * share)]).status_code == 400
    assert submissions(session) == []


def test_a_last_segment_that_is_left_out_is_noticed(field_app: FieldApp) -> None:
    body = seal(field_app.spki, field_app.inside("report"), b"<data/>" + b" " * (2 * SEGMENT))
    header = 8 + 16 + 2 + 384 + 7
    assert field_app.send(body[: header + SEGMENT + 16]).status_code == 400


@pytest.mark.parametrize("told", [3, 10_000_000])
def test_an_envelope_that_does_not_hold_what_it_says_is_refused(field_app: FieldApp, session: Session, told: int) -> None:
    body = seal(field_app.spki, {**field_app.inside("report"), "size": told}, report(field_app.instance_id))
    assert field_app.send(body).status_code == 400
    assert submissions(session) == []


def test_a_photo_in_pieces_is_opened_and_attached(field_app: FieldApp, session: Session, settings: Settings) -> None:
    field_app.send(field_app.sealed())
    body = field_app.photo()
    told = {
        "formID": "patrol", "instanceID": field_app.instance_id, "filename": "film.mp4", "filetype": "video/mp4", "sealed": "1",
        "sha256": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    said = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in told.items())
    tus = {"Tus-Resumable": "1.0.0"}
    begun = field_app.client.post(
        f"{field_app.path}/uploads", headers={**tus, "Upload-Length": str(len(body)), "Upload-Metadata": said}
    )
    at = 0
    for piece in (body[:50_000], body[50_000:]):
        answer = field_app.client.patch(
            begun.headers["Location"], data=piece, headers={**tus, "Upload-Offset": str(at)},
            content_type="application/offset+octet-stream",
        )
        at = int(answer.headers["Upload-Offset"])
    session.expire_all()
    (kept,) = session.scalars(select(Attachment).where(Attachment.name == "film.mp4"))
    assert BlobStore(settings).read(kept.blob_sha256 or "") == PHOTO
    assert kept.content_type == "video/mp4"


def test_a_file_brings_report_and_photo(field_app: FieldApp, session: Session, settings: Settings) -> None:
    brought = sealed_import.take_in(
        session, settings, io.BytesIO(export(field_app.sealed(), field_app.photo())), field_app.cast.identity("hq_officer")
    )
    assert (brought.new, brought.files, brought.unreadable, brought.cut) == (1, 1, [], False)


def test_a_file_counts_for_the_phone_that_wrote_it_though_it_was_shut_out(
    field_app: FieldApp, session: Session, settings: Settings
) -> None:
    body = export(field_app.sealed())
    devices.revoke(session, None, field_app.cast.device_actor_ids[0])
    brought = sealed_import.take_in(session, settings, io.BytesIO(body), field_app.cast.identity("hq_officer"))
    assert (brought.new, brought.strangers) == (1, 0)
    assert submissions(session)[0].submitter_id == field_app.cast.device_actor_ids[0]


def test_a_file_twice_is_once(field_app: FieldApp, session: Session, settings: Settings) -> None:
    body, who = export(field_app.sealed(), field_app.photo()), field_app.cast.identity("hq_officer")
    sealed_import.take_in(session, settings, io.BytesIO(body), who)
    again = sealed_import.take_in(session, settings, io.BytesIO(body), who)
    assert (again.new, again.known, len(submissions(session))) == (0, 1, 1)


def test_a_file_that_was_cut_brings_what_is_whole(field_app: FieldApp, session: Session, settings: Settings) -> None:
    body = export(field_app.sealed(), field_app.photo())
    brought = sealed_import.take_in(session, settings, io.BytesIO(body[:-10]), field_app.cast.identity("hq_officer"))
    assert (brought.new, brought.files, brought.cut) == (1, 0, True)


def test_a_damaged_envelope_in_a_file_holds_up_no_other(field_app: FieldApp, session: Session, settings: Settings) -> None:
    damaged = bytearray(field_app.sealed())
    damaged[-1] ^= 1
    body = export(bytes(damaged), field_app.sealed())
    brought = sealed_import.take_in(session, settings, io.BytesIO(body), field_app.cast.identity("hq_officer"))
    assert (brought.new, [number for number, _why in brought.unreadable]) == (1, [1])


def test_an_officer_brings_a_file_on_the_page_of_devices(field_app: FieldApp, app: Flask, session: Session) -> None:
    page = field_app.cast.page_client(app, "hq_officer")
    answer = page.post("/devices/sealed", data={"file": (io.BytesIO(export(field_app.sealed())), "phone.fpq")})
    assert answer.status_code == 303
    assert "1 new reports" in page.get("/devices").text
    assert len(submissions(session)) == 1


def test_any_other_file_is_refused_with_a_word(field_app: FieldApp, app: Flask) -> None:
    page = field_app.cast.page_client(app, "hq_officer")
    answer = page.post("/devices/sealed", data={"file": (io.BytesIO(b"PK\x03\x04"), "photo.zip")})
    assert (answer.status_code, "no file of the field app" in answer.text) == (400, True)


def test_a_device_is_told_whose_it_is_and_where_to_seal(field_app: FieldApp) -> None:
    said = field_app.client.get(f"{field_app.path}/field").get_json()
    assert (said["mission"], said["post"], said["sealingKey"]["spki"]) == ("Test mission", "S9 BANBATT-3", field_app.spki)


def test_the_page_of_a_device_holds_the_link_of_the_field_app(
    field_app: FieldApp, app: Flask, session: Session, settings: Settings
) -> None:
    made, _token = devices.create_device(session, settings, None, name="Patrol 4", post_id=field_app.cast.post_ids[0])
    page = field_app.cast.page_client(app, "hq_officer").get(f"/devices/{made.actor.id}").text
    assert "/field/#enrol=" in page
    assert 'href="/field/trust"' in page
