"""The link of a password reset by mail: sent once to whom it is for, tried again after a failure, and never without a setting."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import socket
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.config import SettingRefused, Settings, load_settings
from server.models import PasswordReset, User
from server.services import reset_mail
from server.services.journal import now
from server.services.reset_mail import ResetMail
from tests.cast import Cast
from tests.server.mail_server import MailServer, mail_server, text_of

__all__ = ["mail_server"]

ASK, VERIFY = "/v1/users/reset/initiate", "/v1/users/reset/verify"


@pytest.fixture
def settings(app: Flask, mail_server: MailServer) -> Settings:
    """The server's settings with that mail server."""
    own: Settings = app.config["SETTINGS"]
    return dataclasses.replace(
        own, mail_url=mail_server.url, mail_from="fieldpost@example.org", base_url="https://cimic.example.org"
    )


def test_the_link_goes_to_the_person_and_sets_the_password(
    client: FlaskClient, session: Session, cast: Cast, settings: Settings, mail_server: MailServer
) -> None:
    client.post(ASK, json={"email": cast.officer.email})

    assert ResetMail(settings).send(session)

    ((to, mail),) = mail_server.mails
    found = re.search(r"https://cimic\.example\.org/new-password/(\S+)", text_of(mail))
    assert (to, mail["From"]) == ([cast.officer.email], "fieldpost@example.org")
    assert found
    head = {"Authorization": f"Bearer {found.group(1)}"}
    assert client.post(VERIFY, json={"new": "three unrelated words"}, headers=head).status_code == 200


def test_the_mail_says_it_in_english_and_in_french(
    client: FlaskClient, session: Session, cast: Cast, settings: Settings, mail_server: MailServer
) -> None:
    client.post(ASK, json={"email": cast.officer.email})
    ResetMail(settings).send(session)

    text = text_of(mail_server.mails[0][1])

    assert "the link works once" in text
    assert "nouveau mot de passe" in text


def test_a_mail_is_sent_once(
    client: FlaskClient, session: Session, cast: Cast, settings: Settings, mail_server: MailServer
) -> None:
    client.post(ASK, json={"email": cast.officer.email})
    mails = ResetMail(settings)

    assert [mails.send(session), mails.send(session), ResetMail(settings).send(session)] == [True, False, False]
    assert len(mail_server.mails) == 1
    assert session.scalars(select(PasswordReset.mailed_at)).one() is not None


def test_nothing_is_sent_without_the_setting(
    app: Flask, client: FlaskClient, session: Session, cast: Cast, mail_server: MailServer
) -> None:
    client.post(ASK, json={"email": cast.officer.email})

    assert not ResetMail(app.config["SETTINGS"]).send(session)
    assert mail_server.said == []


def test_a_refused_mail_is_tried_again_ever_later(
    client: FlaskClient, session: Session, cast: Cast, settings: Settings, mail_server: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.post(ASK, json={"email": cast.officer.email})
    mails, start = ResetMail(settings), now()
    mail_server.refuses = True
    tried = []
    for seconds in range(0, 240, 10):
        monkeypatch.setattr(reset_mail, "now", lambda at=seconds: start + dt.timedelta(seconds=at))
        before = len(mail_server.said)
        assert not mails.send(session)
        if len(mail_server.said) > before:
            tried.append(seconds)
    mail_server.refuses = False
    monkeypatch.setattr(reset_mail, "now", lambda: start + dt.timedelta(hours=1))

    assert tried == [0, 30, 90, 210]
    assert mails.send(session)


def test_a_mail_server_that_is_away_says_nothing_of_the_person_in_the_log(
    client: FlaskClient, session: Session, cast: Cast, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    client.post(ASK, json={"email": cast.officer.email})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"smtp://127.0.0.1:{taken.getsockname()[1]}"
    # That somebody asked is told with the address; what follows is not.
    caplog.clear()

    assert not ResetMail(dataclasses.replace(settings, mail_url=nobody)).send(session)

    assert "could not be mailed" in caplog.text
    assert cast.officer.email not in caplog.text
    assert "new-password/" not in caplog.text


def test_a_locked_account_gets_no_mail(
    client: FlaskClient, session: Session, cast: Cast, settings: Settings, mail_server: MailServer
) -> None:
    client.post(ASK, json={"email": cast.officer.email})
    session.query(User).filter_by(actor_id=cast.officer.actor_id).update({"locked_at": now()})
    session.commit()

    assert not ResetMail(settings).send(session)


def test_an_account_on_the_mail_server_is_used(
    client: FlaskClient, session: Session, cast: Cast, settings: Settings, mail_server: MailServer
) -> None:
    client.post(ASK, json={"email": cast.officer.email})

    ResetMail(dataclasses.replace(settings, mail_user="box", mail_password="hush")).send(session)

    assert any(line.startswith("AUTH PLAIN") for line in mail_server.said)


def test_the_password_is_read_from_its_file_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    made = load_settings({
        "FIELDPOST_DATA_DIR": str(tmp_path), "FIELDPOST_MAIL_URL": "smtps://mail.example.org", "FIELDPOST_MAIL_FROM": "a@b.org",
        "FIELDPOST_BASE_URL": "https://x.org", "FIELDPOST_MAIL_PASSWORD_FILE": str(tmp_path / "password"),
    })  # fmt: skip

    assert made.mail_password == "hush"
    assert "hush" not in repr(made)


def test_a_password_inside_an_address_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingRefused) as refused:
        load_settings({"FIELDPOST_DATA_DIR": str(tmp_path), "FIELDPOST_MAIL_URL": "smtp://me:secret@mail.example.org"})

    assert "secret" not in str(refused.value)
    assert "mail.example.org" in str(refused.value)


def test_a_password_is_not_sent_in_clear_to_another_machine(tmp_path: Path) -> None:
    said = {
        "FIELDPOST_DATA_DIR": str(tmp_path), "FIELDPOST_MAIL_FROM": "a@b.org", "FIELDPOST_BASE_URL": "https://x.org",
        "FIELDPOST_MAIL_USER": "box", "FIELDPOST_MAIL_URL": "smtp://mail.example.org",
    }  # fmt: skip
    with pytest.raises(SettingRefused, match="in clear"):
        load_settings(said)

    assert load_settings({**said, "FIELDPOST_MAIL_URL": "smtp+starttls://mail.example.org"}).mail_user == "box"


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ({"FIELDPOST_MAIL_URL": "smtp://mail.example.org"}, "FIELDPOST_MAIL_FROM and FIELDPOST_BASE_URL"),
        ({"FIELDPOST_MAIL_URL": "http://mail.example.org"}, "use smtp://"),
        ({"FIELDPOST_MAIL_URL": "smtp://me:secret@mail.example.org"}, "without an account"),
        ({"FIELDPOST_MAIL_URL": "smtp://mail.example.org:99999"}, "cannot be used"),
        ({"FIELDPOST_MAIL_PASSWORD_FILE": "/nowhere/at/all"}, "cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_with_advice(tmp_path: Path, said: dict[str, str], advice: str) -> None:
    with pytest.raises(SettingRefused, match=re.escape(advice)):
        load_settings({"FIELDPOST_DATA_DIR": str(tmp_path), **said})
