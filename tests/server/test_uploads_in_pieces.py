"""Large files in pieces (tus 1.0.0): begun, cut, continued, checked, attached to their report once, given up."""

from __future__ import annotations

import base64
import datetime as dt
import errno
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from server.config import Settings
from server.models import Attachment, Blob, ResumableUpload, Submission
from server.services import pieces, purging, resumable
from server.services.blobs import BlobStore
from server.services.journal import now
from tests.cast import Cast
from tests.devices import HEADERS, Phone, add_form, new_id, report

FILM = bytes(range(256)) * 40
PIECE = "application/offset+octet-stream"


@dataclass
class Sender:
    """A device that has sent one report and now sends the report's film in pieces."""

    client: FlaskClient
    path: str
    instance_id: str = field(default_factory=new_id)

    def metadata(self, **values: str) -> str:
        """Upload-Metadata of the film."""
        pairs = {"formID": "patrol", "instanceID": self.instance_id, "filename": "film.mp4", "filetype": "video/mp4", **values}
        return ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in pairs.items())

    def call(self, method: str, path: str, data: bytes = b"", **headers: str) -> TestResponse:
        """A request in tus's words."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.client.open(path, method=method, data=data, headers={"Tus-Resumable": "1.0.0", **named})

    def begin(self, content: bytes = FILM, first: bytes = b"", **values: str) -> TestResponse:
        """Creation, with a first piece if there is one."""
        more = {"Content_Type": PIECE} if first else {}
        told = {"Upload_Length": str(len(content)), "Upload_Metadata": self.metadata(**values)}
        return self.call("POST", f"{self.path}/uploads", first, **told, **more)

    def piece(self, path: str, at: int, content: bytes, **headers: str) -> TestResponse:
        """One PATCH."""
        return self.call("PATCH", path, content, Upload_Offset=str(at), Content_Type=PIECE, **headers)

    def offset(self, path: str) -> str | None:
        """What HEAD says."""
        return self.call("HEAD", path).headers.get("Upload-Offset")


@pytest.fixture
def sender(client: FlaskClient, session: Session, cast: Cast) -> Sender:
    add_form(session)
    made = Sender(client, cast.key_path(0))
    Phone(client, made.path).send(report(made.instance_id, photo="film.mp4"), incomplete=True)
    return made


def place(answer: TestResponse) -> str:
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].removeprefix("http://localhost")


def files(session: Session) -> list[tuple[str, bool, bytes]]:
    """Name, expected and SHA-256 of every attachment."""
    session.expire_all()
    return [(each.name, each.expected, bytes.fromhex(each.blob_sha256)) for each in session.scalars(select(Attachment))]


def checksum(content: bytes, algorithm: str = "sha1") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def test_a_file_in_pieces_ends_with_its_report(sender: Sender, session: Session, app: Flask) -> None:
    where = place(sender.begin())

    first, second = sender.piece(where, 0, FILM[:4000]), sender.piece(where, 4000, FILM[4000:])

    assert [each.status_code for each in (first, second)] == [204, 204]
    assert second.headers["Upload-Offset"] == str(len(FILM))
    assert files(session) == [("film.mp4", True, hashlib.sha256(FILM).digest())]
    assert BlobStore(app.config["SETTINGS"]).read(hashlib.sha256(FILM).hexdigest()) == FILM
    assert session.scalars(select(Blob.size)).one() == len(FILM)


def test_options_tell_version_extensions_and_limits(sender: Sender) -> None:
    answer = sender.client.options(f"{sender.path}/uploads")

    assert (answer.status_code, answer.headers["Tus-Version"], answer.headers["Tus-Resumable"]) == (204, "1.0.0", "1.0.0")
    told = set(answer.headers["Tus-Extension"].split(","))
    assert told == {"creation", "creation-with-upload", "checksum", "termination", "expiration"}
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")
    assert int(answer.headers["Tus-Max-Size"]) > 0


def test_head_tells_offset_length_and_forbids_caching(sender: Sender) -> None:
    where = place(sender.begin())
    sender.piece(where, 0, FILM[:10])

    answer = sender.call("HEAD", where)

    assert (answer.status_code, answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == (200, "10", str(len(FILM)))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Upload-Expires"].endswith("GMT")


def test_creation_may_carry_the_first_piece(sender: Sender, session: Session) -> None:
    answer = sender.begin(first=FILM)

    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(FILM)))
    assert len(files(session)) == 1


def test_a_piece_at_another_place_is_refused_and_changes_nothing(sender: Sender) -> None:
    where = place(sender.begin())
    sender.piece(where, 0, FILM[:100])

    assert sender.piece(where, 50, FILM[50:200]).status_code == 409
    assert sender.piece(where, 200, FILM[200:]).status_code == 409
    assert sender.offset(where) == "100"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_piece_with_its_checksum_is_taken(sender: Sender, algorithm: str) -> None:
    where = place(sender.begin())

    answer = sender.piece(where, 0, FILM[:100], Upload_Checksum=checksum(FILM[:100], algorithm))

    assert (answer.status_code, sender.offset(where)) == (204, "100")


def test_a_damaged_piece_is_thrown_away_whole(sender: Sender) -> None:
    where = place(sender.begin())

    answer = sender.piece(where, 0, FILM[:100], Upload_Checksum=checksum(FILM[:99]))

    assert (answer.status_code, answer.status) == (460, "460 Checksum Mismatch")
    assert sender.offset(where) == "0"


def test_a_file_that_is_not_what_was_announced_is_not_attached(sender: Sender, session: Session) -> None:
    where = place(sender.begin(sha256=hashlib.sha256(b"another").hexdigest()))

    answer = sender.piece(where, 0, FILM)

    assert answer.status_code == 460
    assert files(session) == []
    assert sender.call("HEAD", where).status_code == 404


def test_beginning_the_same_file_again_finds_what_has_come(sender: Sender) -> None:
    told = {"sha256": hashlib.sha256(FILM).hexdigest()}
    where = place(sender.begin(**told))
    sender.piece(where, 0, FILM[:500])

    again = sender.begin(**told)

    assert (place(again), again.headers["Upload-Offset"]) == (where, "500")


def test_a_lost_last_answer_attaches_nothing_twice(sender: Sender, session: Session) -> None:
    where = place(sender.begin(first=FILM))

    assert sender.piece(where, len(FILM), b"").status_code == 204
    assert sender.offset(where) == str(len(FILM))
    assert len(files(session)) == 1


def test_a_file_that_is_there_already_needs_no_bytes(sender: Sender, session: Session) -> None:
    Phone(sender.client, sender.path).send(report(sender.instance_id, photo="film.mp4"), {"film.mp4": FILM})

    answer = sender.begin(sha256=hashlib.sha256(FILM).hexdigest())

    assert answer.headers["Upload-Offset"] == str(len(FILM))
    assert len(files(session)) == 1


def test_a_kill_between_keeping_and_writing_down_is_mended_by_the_next_request(
    sender: Sender, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = place(sender.begin())

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("server.services.intake.add_stored_file", die)
        assert sender.piece(where, 0, FILM).status_code == 500
    assert files(session) == []

    assert sender.offset(where) == str(len(FILM))
    assert [each[0] for each in files(session)] == ["film.mp4"]


def test_an_empty_file_is_whole_when_it_is_begun(sender: Sender, session: Session) -> None:
    answer = sender.begin(b"")

    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "0")
    assert len(files(session)) == 1


def test_the_file_of_a_quarantined_report_goes_with_it(sender: Sender, session: Session) -> None:
    sender.instance_id = new_id()
    Phone(sender.client, sender.path).send(report(sender.instance_id, version="99", photo="film.mp4"), incomplete=True)

    sender.begin(first=FILM)

    held = session.scalars(select(Submission).where(Submission.disposition == "quarantined")).one()
    assert session.scalars(select(Attachment.submission_fact_id)).one() == held.fact_id


def test_without_its_report_no_file_is_taken(sender: Sender) -> None:
    sender.instance_id = new_id()

    answer = sender.begin()

    assert answer.status_code == 404
    assert "report itself first" in answer.text


def test_a_neighbour_neither_sees_nor_continues_an_upload(sender: Sender, cast: Cast) -> None:
    where = place(sender.begin())
    neighbour = Sender(sender.client, cast.key_path(1), sender.instance_id)
    theirs = where.replace(sender.path, neighbour.path)

    assert neighbour.call("HEAD", theirs).status_code == 404
    assert neighbour.piece(theirs, 0, b"x").status_code == 404
    assert neighbour.call("DELETE", theirs).status_code == 404
    assert neighbour.begin().status_code == 404


def test_an_upload_can_be_given_up(sender: Sender, app: Flask) -> None:
    where = place(sender.begin())

    assert sender.call("DELETE", where).status_code == 204
    assert sender.call("HEAD", where).status_code == 404
    assert list((BlobStore(app.config["SETTINGS"]).pieces_path("x").parent).iterdir()) == []


def test_an_abandoned_upload_expires_with_its_pieces(sender: Sender, session: Session, app: Flask) -> None:
    where, settings = place(sender.begin()), app.config["SETTINGS"]
    sender.piece(where, 0, FILM[:10])

    assert resumable.expire(session, settings, now() + resumable.KEPT - dt.timedelta(hours=1)) == 0
    assert resumable.expire(session, settings, now() + resumable.KEPT + dt.timedelta(hours=1)) == 1

    assert session.scalars(select(ResumableUpload)).all() == []
    assert list((BlobStore(settings).pieces_path("x").parent).iterdir()) == []
    assert sender.call("HEAD", where).status_code == 404


def test_an_expired_upload_is_gone_before_it_is_swept(sender: Sender, session: Session) -> None:
    where = place(sender.begin())
    session.scalars(select(ResumableUpload)).one().expires_at = now() - dt.timedelta(seconds=1)
    session.commit()

    assert sender.call("HEAD", where).status_code == 410


@pytest.mark.parametrize("version", [None, "0.2.2", "2.0.0"])
def test_another_version_of_tus_is_told_which_is_spoken(sender: Sender, version: str | None) -> None:
    headers = {"Tus-Resumable": version} if version else {}

    answer = sender.client.post(f"{sender.path}/uploads", headers=headers)

    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")


def test_a_network_that_passes_only_post_can_say_what_it_means(sender: Sender) -> None:
    where = place(sender.begin())

    answer = sender.call(
        "POST", where, FILM[:5], Upload_Offset="0", Content_Type=PIECE, X_HTTP_Method_Override="PATCH"
    )

    assert (answer.status_code, sender.offset(where)) == (204, "5")
    assert sender.call("POST", where).status_code == 405


HOSTILE: dict[str, tuple[dict[str, str], int]] = {
    "no length": ({"Upload_Metadata": "x"}, 400),
    "negative length": ({"Upload_Length": "-1"}, 400),
    "length of letters": ({"Upload_Length": "1e9"}, 400),
    "length beyond every disk": ({"Upload_Length": "999999999999999"}, 413),
    "length of 1,000 digits": ({"Upload_Length": "9" * 1000}, 400),
    "length deferred": ({"Upload_Length": "10", "Upload_Defer_Length": "1"}, 501),
    "metadata that is no base64": ({"Upload_Length": "10", "Upload_Metadata": "filename ***"}, 400),
    "metadata that is no UTF-8": ({"Upload_Length": "10", "Upload_Metadata": "filename /w=="}, 400),
    "no metadata": ({"Upload_Length": "10"}, 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_senseless_creation_is_refused(sender: Sender, name: str) -> None:
    headers, wanted = HOSTILE[name]
    headers = {"Upload_Metadata": sender.metadata()} | headers if name.startswith(("length", "negative")) else headers

    answer = sender.call("POST", f"{sender.path}/uploads", **headers)

    assert answer.status_code == wanted, answer.text


def test_a_file_name_that_climbs_loses_its_folders(sender: Sender, session: Session) -> None:
    sender.begin(b"", filename="../../etc/passwd")

    assert [each[0] for each in files(session)] == ["passwd"]


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"Upload_Offset": "x"}, 400), ({"Upload_Offset": "-1"}, 400), ({}, 400),
        ({"Upload_Offset": "0", "Content_Type": "text/plain"}, 415),
        ({"Upload_Offset": "0", "Upload_Checksum": "crc32 AAAA"}, 400),
        ({"Upload_Offset": "0", "Upload_Checksum": "sha1 ***"}, 400),
    ],
)
def test_a_senseless_piece_is_refused_and_leaves_the_upload_alone(
    sender: Sender, headers: dict[str, str], wanted: int
) -> None:
    where = place(sender.begin())

    answer = sender.call("PATCH", where, b"x", **({"Content_Type": PIECE} | headers))

    assert answer.status_code == wanted
    assert sender.offset(where) == "0"


def test_more_bytes_than_announced_are_refused(sender: Sender) -> None:
    where = place(sender.begin(b"12345"))

    assert sender.piece(where, 0, b"123456").status_code == 413
    assert sender.offset(where) == "0"


def test_a_full_disk_keeps_what_had_come_and_says_so(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    where = place(sender.begin())
    sender.piece(where, 0, FILM[:100])

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(pieces.os, "fsync", full)
        answer = sender.piece(where, 100, FILM[100:200])

    assert answer.status_code == 507
    assert "disk is full" in answer.text
    assert int(sender.offset(where) or "") >= 100


def test_two_requests_at_once_never_mix_their_bytes(sender: Sender, app: Flask, settings_of_app: Settings) -> None:
    where = place(sender.begin())
    path = BlobStore(settings_of_app).pieces_path(where.rpartition("/")[2])

    class Late:
        """An old connection whose bytes come after a new one has gone on."""

        def __init__(self) -> None:
            self.left = [b"old", b"er"]

        def read(self, _size: int, /) -> bytes:
            if len(self.left) == 1:
                sender.piece(where, 3, b"newer")
            return self.left.pop(0) if self.left else b""

    with pytest.raises(resumable.Problem, match="stands at byte 8"):
        pieces.append(path, 0, 100, Late(), None)
    assert path.read_bytes() == b"oldnewer"


@pytest.fixture
def settings_of_app(app: Flask) -> Settings:
    found: Settings = app.config["SETTINGS"]
    return found


def test_the_announcement_tells_that_pieces_are_taken(sender: Sender) -> None:
    answer = sender.client.head(f"{sender.path}/submission", headers=HEADERS)

    assert answer.headers["Tus-Version"] == "1.0.0"


def test_a_purge_takes_what_is_under_way_with_it(sender: Sender, session: Session, app: Flask) -> None:
    sender.instance_id = new_id()
    held = report(sender.instance_id, photo="film.mp4", un_class="STRICTLY_CONFIDENTIAL")
    Phone(sender.client, sender.path).send(held, incomplete=True)
    sender.piece(place(sender.begin()), 0, FILM[:10])
    store = BlobStore(app.config["SETTINGS"])

    assert purging.purge(session, store, now() + purging.KEPT + dt.timedelta(hours=1)) == 1

    assert list(store.pieces_path("x").parent.iterdir()) == []
    assert sender.begin().status_code == 404
