"""Encrypted questionnaires on the officers' pages: keys, encrypting, unlocking, locking, and what must never happen."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from forms.encryption import public_text
from server.models import Audit, DecryptedFile, Decryption, EncryptionKey, Form, FormVersion, SubmissionSummary
from server.problems import Problem
from server.services import encryption_keys, folding, forms, wrapping
from server.services.blobs import BlobStore
from tests.cast import Cast
from tests.encrypting import Encryptor, KeyPair
from tests.server.office_reports import photo, publish_patrol, send, visit

PASSPHRASE = "three words and a number 7"


@dataclass(frozen=True)
class Made:
    """A key as a browser hands it in, and its private half."""

    private: rsa.RSAPrivateKey
    fields: dict[str, str]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return KeyPair.make(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def made(pair: KeyPair) -> Made:
    private = load_pem_private_key(pair.private.read_bytes(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    wrapped = json.dumps(wrapping.wrap(private, PASSPHRASE))
    return Made(private, {"public": pair.public, "wrapped": wrapped, "hint": "in the safe", "name": "Cell key"})


@pytest.fixture
def officer(app: Flask, cast: Cast) -> FlaskClient:
    return cast.page_client(app, "officer")


@pytest.fixture
def _encrypted(app: Flask, session: Session, cast: Cast, made: Made) -> None:
    publish_patrol(session)
    answer = cast.page_client(app, "hq_officer").post("/keys", data={**made.fields, "form": "cimic_patrol"})
    assert answer.status_code == 303


def current(session: Session) -> FormVersion:
    form = session.scalars(select(Form).where(Form.xml_form_id == "cimic_patrol")).one()
    return session.get_one(FormVersion, form.current_version_id)


def encrypted_visit(
    app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, changed: dict[str, str] | None = None, *,
    files: dict[str, bytes] | None = None, left_out: tuple[str, ...] = (), signature: str | None = "right",
) -> str:
    """Sends an encrypted patrol report; its receipt number."""
    xml = visit(changed or {}).replace(
        b'version="', f'version="{current(session).version}" was="'.encode(), 1
    )
    instance_id = re.search(rb"<(?:orx:)?instanceID>([^<]+)<", xml)
    assert instance_id is not None
    encryptor = Encryptor(pair.public, tmp_path)
    sealed = encryptor.encrypt(
        "cimic_patrol", current(session).version, instance_id[1].decode(), xml, files, signature=signature
    )
    came = {name: data for name, data in sealed.files.items() if name not in left_out}
    return send(app, session, cast, sealed.manifest, came).number


def unlock(browser: FlaskClient, session: Session, receipt: str, passphrase: str = PASSPHRASE) -> str:
    """The page after trying to unlock the report."""
    key_id = session.scalars(select(EncryptionKey.id)).one()
    answer = browser.post(f"/reports/{receipt}/unlock", data={"key": key_id, "passphrase": passphrase}, follow_redirects=True)
    return answer.text


def test_a_key_of_a_browser_encrypts_the_form_in_a_new_version(
    app: Flask, session: Session, cast: Cast, made: Made, pair: KeyPair
) -> None:
    publish_patrol(session)
    before = current(session).version

    cast.page_client(app, "hq_officer").post("/keys", data={**made.fields, "form": "cimic_patrol"})

    assert re.fullmatch(re.escape(before) + r"\[encrypted:[A-Za-z0-9+/]{8}\]", current(session).version)
    assert f'base64RsaPublicKey="{pair.public}"'.encode() in current(session).xml
    assert len(session.scalars(select(FormVersion)).all()) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"wrapped": ""}, {"wrapped": "[]"}, {"wrapped": "{"}, {"public": ""}, {"public": "AAAA"}, {"public": "é" * 9},
        {"wrapped": '{"scheme":"none"}'}, {"hint": "x" * 501},
    ],
)
def test_a_faulty_key_is_refused_and_nothing_is_stored(
    app: Flask, session: Session, cast: Cast, made: Made, changed: dict[str, str]
) -> None:
    answer = cast.page_client(app, "hq_officer").post("/keys", data={**made.fields, **changed})

    assert answer.status_code == 422
    assert not session.scalars(select(EncryptionKey)).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("memoryKiB", 8_000_000), ("memoryKiB", True), ("passes", 0), ("lanes", "1"), ("salt", "AA=="), ("sealed", "no base64!")],
)
def test_a_wrapped_key_cannot_make_the_server_work_hard(made: Made, name: str, value: object) -> None:
    with pytest.raises(Problem):
        wrapping.checked({**json.loads(made.fields["wrapped"]), name: value})


def test_a_wrapped_key_opens_with_its_passphrase_only(made: Made) -> None:
    wrapped = json.loads(made.fields["wrapped"])

    assert public_text(wrapping.unwrap(wrapped, PASSPHRASE)) == made.fields["public"]
    for wrong in ("", PASSPHRASE[:-1], PASSPHRASE.upper(), "x" * 2000, "\ud800" * 12):
        with pytest.raises(wrapping.WrongPassphrase):
            wrapping.unwrap(wrapped, wrong)


def test_no_file_of_the_server_holds_the_private_key_or_the_passphrase(
    app: Flask, session: Session, cast: Cast, made: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    cast.page_client(app, "hq_officer").post("/keys", data=made.fields)

    row = session.scalars(select(EncryptionKey)).one()
    stored = json.dumps([row.wrapped, row.hint, row.name, row.public, [each.details for each in session.scalars(select(Audit))]])
    assert PASSPHRASE not in stored
    assert "PRIVATE KEY" not in stored
    assert PASSPHRASE not in "".join(capfd.readouterr())


@pytest.mark.usefixtures("_encrypted")
class TestReports:
    """The form is encrypted with the key."""

    def test_a_locked_report_shows_no_answer_and_how_to_unlock_it(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        receipt = encrypted_visit(app, session, cast, pair, tmp_path)

        page = officer.get(f"/reports/{receipt}").text

        assert "Gbadé" not in page
        assert "in the safe" in page
        assert f'action="/reports/{receipt}/unlock"' in page

    def test_the_right_passphrase_shows_answers_photo_and_a_good_signature(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        receipt = encrypted_visit(app, session, cast, pair, tmp_path, {"photo": "a.jpg"}, files={"a.jpg": photo()})

        page = unlock(officer, session, receipt)

        assert "Gbadé" in page
        assert "Signature good" in page
        assert officer.get(f"/reports/{receipt}/photos/a.jpg").mimetype == "image/jpeg"
        assert session.scalars(select(SubmissionSummary)).one().place == "Gbadé"

    def test_a_wrong_signature_is_shown_as_bad_beside_the_answers(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        page = unlock(officer, session, encrypted_visit(app, session, cast, pair, tmp_path, signature="wrong"))

        assert "Signature bad" in page
        assert "Gbadé" in page

    def test_a_wrong_passphrase_is_told_on_the_page(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        page = unlock(officer, session, encrypted_visit(app, session, cast, pair, tmp_path), "a wrong passphrase")

        assert "Could not perform decryption" in page
        assert "a wrong passphrase" not in page
        assert not session.scalars(select(Decryption)).all()

    def test_an_officer_of_another_sector_unlocks_nothing(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path
    ) -> None:
        receipt = encrypted_visit(app, session, cast, pair, tmp_path)
        stranger = cast.page_client(app, "other_sector")

        unlock(stranger, session, receipt)
        stranger.post("/keys/1/unlock", data={"passphrase": PASSPHRASE})

        assert not session.scalars(select(Decryption)).all()

    def test_a_strictly_confidential_report_stays_locked(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        receipt = encrypted_visit(app, session, cast, pair, tmp_path, {"un_class": "STRICTLY_CONFIDENTIAL"})

        page = unlock(officer, session, receipt)

        assert "it stays locked" in page
        assert not session.scalars(select(Decryption)).all()

    def test_answers_that_have_not_arrived_cannot_be_unlocked_yet(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        receipt = encrypted_visit(app, session, cast, pair, tmp_path, left_out=("submission.xml.enc",))

        assert "have not arrived yet" in unlock(officer, session, receipt)

    def test_locking_deletes_what_was_in_clear(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        receipt = encrypted_visit(app, session, cast, pair, tmp_path, {"photo": "a.jpg"}, files={"a.jpg": photo()})
        unlock(officer, session, receipt)
        [file] = session.scalars(select(DecryptedFile)).all()
        sha256 = file.blob_sha256

        page = officer.post(f"/reports/{receipt}/lock", follow_redirects=True).text

        assert "Gbadé" not in page
        assert [row.xml for row in session.scalars(select(Decryption))] == [b""]
        assert not BlobStore(app.config["SETTINGS"]).exists(sha256)
        assert session.scalars(select(SubmissionSummary)).one().place is None

    def test_a_rebuild_makes_the_same_of_an_unlocked_report(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        unlock(officer, session, encrypted_visit(app, session, cast, pair, tmp_path))
        columns = [column.key for column in SubmissionSummary.__table__.columns]
        before = [getattr(session.scalars(select(SubmissionSummary)).one(), name) for name in columns]

        folding.rebuild(session)
        session.expire_all()

        assert [getattr(session.scalars(select(SubmissionSummary)).one(), name) for name in columns] == before

    def test_all_reports_of_a_key_are_unlocked_on_its_page(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        for _number in range(2):
            encrypted_visit(app, session, cast, pair, tmp_path)
        key_id = session.scalars(select(EncryptionKey.id)).one()
        assert "2 reports locked" in officer.get("/keys").text

        page = officer.post(f"/keys/{key_id}/unlock", data={"passphrase": PASSPHRASE}, follow_redirects=True).text

        assert "2 reports unlocked." in page
        assert "nothing locked" in page

    def test_the_inbox_marks_a_report_as_long_as_it_is_locked(
        self, app: Flask, session: Session, cast: Cast, pair: KeyPair, tmp_path: Path, officer: FlaskClient
    ) -> None:
        fact_id = encrypted_visit(app, session, cast, pair, tmp_path)
        before = officer.get("/reports").text

        unlock(officer, session, fact_id)

        assert ">locked</span>" in before
        assert ">locked</span>" not in officer.get("/reports").text

    def test_a_new_sheet_keeps_the_forms_key(self, app: Flask, session: Session, cast: Cast, pair: KeyPair) -> None:
        sheet = Path("forms/library/cimic_patrol.xlsx").read_bytes()

        forms.publish(session, app.config["SETTINGS"], 1, sheet, "cimic_patrol.xlsx", validate=False)

        assert f'base64RsaPublicKey="{pair.public}"'.encode() in current(session).xml

    def test_encryption_can_be_stopped_with_one_more_version(self, app: Flask, session: Session, cast: Cast) -> None:
        cast.page_client(app, "hq_officer").post("/forms/stop-encrypting/cimic_patrol")

        assert b"base64RsaPublicKey" not in current(session).xml
        assert "[plain:" in current(session).version
        assert current(session).key_id is None

    def test_form_and_key_pages_tell_about_the_key(self, officer: FlaskClient) -> None:
        assert "Cell key" in officer.get("/forms/form/cimic_patrol").text
        assert "Cell key" in officer.get("/keys").text


def test_a_private_key_from_elsewhere_makes_a_known_public_key_a_managed_one(session: Session, cast: Cast, made: Made) -> None:
    known = encryption_keys.ensure(session, made.fields["public"])
    assert not known.managed

    brought = encryption_keys.bring(session, None, made.private, PASSPHRASE, name="Brought")

    assert (brought.id, brought.managed) == (known.id, True)
    assert public_text(encryption_keys.open_key(session, None, brought, PASSPHRASE)) == made.fields["public"]


def test_a_form_with_a_key_that_phones_cannot_read_says_so_on_its_page(app: Flask, session: Session, cast: Cast) -> None:
    publish_patrol(session)
    current(session).key_id = encryption_keys.ensure(session, "AB+/==").id
    session.commit()

    page = cast.page_client(app, "hq_officer").get("/forms/form/cimic_patrol").text

    assert "Phones cannot read this public key" in page
