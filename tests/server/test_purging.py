"""What is marked STRICTLY CONFIDENTIAL is gone after seven days, and the journal still verifies."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Attachment, Event, Submission
from server.services import purging, sealing
from server.services.blobs import BlobStore
from server.services.journal import now
from tests.cast import Cast
from tests.devices import Phone, add_form, report

EIGHT_DAYS = dt.timedelta(days=8)


@pytest.fixture
def store(app: Flask) -> BlobStore:
    settings: Settings = app.config["SETTINGS"]
    return BlobStore(settings)


@pytest.fixture
def secret(app: Flask, session: Session, cast: Cast) -> Submission:
    add_form(session)
    phone = Phone(app.test_client(), cast.key_path())
    phone.send(report("uuid:secret", un_class="STRICTLY_CONFIDENTIAL", photo="a.jpg"), {"a.jpg": b"a secret photo"})
    return session.query(Submission).one()


def test_a_strictly_confidential_report_is_kept_for_seven_days(session: Session, store: BlobStore, secret: Submission) -> None:
    assert purging.purge(session, store, now() + dt.timedelta(days=6)) == 0
    assert secret.xml


def test_after_seven_days_its_bytes_are_gone(session: Session, store: BlobStore, secret: Submission) -> None:
    assert purging.purge(session, store, now() + EIGHT_DAYS) == 1

    session.refresh(secret)
    assert secret.xml == b""
    assert not store.exists(session.query(Attachment).one().blob_sha256)


def test_a_purge_is_a_fact_and_happens_once(session: Session, store: BlobStore, secret: Submission) -> None:
    purging.purge(session, store, now() + EIGHT_DAYS)

    assert purging.purge(session, store, now() + EIGHT_DAYS) == 0
    assert session.query(Event).filter_by(type="PURGE").count() == 1


def test_the_journal_verifies_after_a_purge(session: Session, store: BlobStore, secret: Submission) -> None:
    sealing.seal(session)
    purging.purge(session, store, now() + EIGHT_DAYS)
    sealing.seal(session)

    assert list(sealing.verify(session)) == []


def test_a_file_that_another_report_needs_stays(
    app: Flask, session: Session, store: BlobStore, cast: Cast, secret: Submission
) -> None:
    Phone(app.test_client(), cast.key_path()).send(report("uuid:open", photo="b.jpg"), {"b.jpg": b"a secret photo"})

    purging.purge(session, store, now() + EIGHT_DAYS)

    assert store.exists(session.query(Attachment).first().blob_sha256)  # type: ignore[union-attr]


def test_other_quarantined_reports_are_never_purged(app: Flask, session: Session, store: BlobStore, cast: Cast) -> None:
    Phone(app.test_client(), cast.key_path()).send(report("uuid:lost", form_id="nowhere"))

    assert purging.purge(session, store, now() + EIGHT_DAYS) == 0


def test_the_quarantine_pages_open_after_a_purge(
    app: Flask, session: Session, store: BlobStore, cast: Cast, secret: Submission
) -> None:
    purging.purge(session, store, now() + EIGHT_DAYS)

    page = cast.page_client(app, "hq_officer").get(f"/quarantine/{secret.receipt}")

    assert page.status_code == 200
