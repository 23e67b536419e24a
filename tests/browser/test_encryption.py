"""A key made in a real browser, a questionnaire encrypted with it, and a report unlocked: at a desk, on a phone, in French."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import EncryptionKey, Form, FormVersion
from server.services import encrypting, encryption_keys, wrapping
from tests.browser.conftest import DESK, PHONE, Mission, Opener
from tests.cast import PASSWORD
from tests.encrypting import Encryptor
from tests.server.office_reports import photo, send, visit

pytestmark = pytest.mark.browser
STAFF = "hq.officer@example.org"
PASSPHRASE = "Zwölf kleine Füchse im Schnee"
# Where pictures go when somebody wants to look at the pages.
PICTURES = os.environ.get("PICTURES", "")


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def form(session: Session) -> Form:
    return session.scalars(select(Form).where(Form.xml_form_id == "cimic_patrol")).one()


def version(session: Session) -> FormVersion:
    return session.get_one(FormVersion, form(session).current_version_id)


def encrypted_report(mission_server: Mission, folder: Path, signature: str = "right") -> str:
    """Sends an encrypted patrol report with a photo; its receipt number."""
    with mission_server.server.session() as session:
        current = version(session)
        public = session.get_one(EncryptionKey, current.key_id).public
        xml = visit({"photo": "well.jpg", "settlement_new": "Kouki"})
        instance_id = re.search(rb"instanceID>([^<]+)<", xml)
        assert instance_id is not None
        sealed = Encryptor(public, folder).encrypt(
            "cimic_patrol", current.version, instance_id[1].decode(), xml, {"well.jpg": photo()}, signature=signature
        )
        return send(mission_server.hold, session, mission_server.cast, sealed.manifest, sealed.files).number


def encrypt(mission_server: Mission) -> None:
    """Encrypts the questionnaire with a key of this process, unless it is encrypted already."""
    with mission_server.server.session() as session:
        if version(session).key_id is None:
            key = encryption_keys.make(session, None, PASSPHRASE, name="Patrols", hint="the second envelope")
            encrypting.encrypt_form(session, None, form(session), key)
            session.commit()


def send_in_clear(mission_server: Mission) -> None:
    """Stops encrypting, when a test before has begun it."""
    with mission_server.server.session() as session:
        if version(session).key_id is not None:
            encrypting.stop_encrypting(session, None, form(session))


def make_key(page: Page) -> None:
    page.fill("#key-name", "Patrols")
    page.fill("#key-passphrase", PASSPHRASE)
    page.fill("#key-again", PASSPHRASE)
    page.fill("#key-hint", "the second envelope in the safe")
    page.get_by_role("button", name="Make the key and encrypt").click()
    expect(page.get_by_text("Encrypted: a new version is published")).to_be_visible(timeout=60_000)


def test_a_key_made_in_the_browser_encrypts_reports_that_its_passphrase_unlocks(
    opener: Opener, mission_server: Mission, tmp_path: Path
) -> None:
    send_in_clear(mission_server)
    window = opener(DESK)
    page = window.log_in(STAFF, PASSWORD)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))
    window.go("/forms/form/cimic_patrol")
    expect(page.locator("form[data-make-key]")).to_have_attribute("data-ready", "yes")
    picture(page, "form-plain-desk")

    make_key(page)

    picture(page, "form-encrypted-desk")
    assert not [each for each in sent if "chse" in each]
    with mission_server.server.session() as session:
        key = session.scalars(select(EncryptionKey).where(EncryptionKey.made_in == "browser")).one()
        assert key.wrapped is not None
        assert wrapping.unwrap(json.loads(json.dumps(key.wrapped)), PASSPHRASE).key_size == 3072
    good, bad = encrypted_report(mission_server, tmp_path), encrypted_report(mission_server, tmp_path, "wrong")
    window.go(f"/reports/{good}")
    expect(page.get_by_text("Nobody reads it before it is unlocked.")).to_be_visible()
    picture(page, "report-locked-desk")
    page.fill("#passphrase", PASSPHRASE)
    page.get_by_role("button", name="Unlock").click()
    expect(page.get_by_text("Signature good")).to_be_visible()
    expect(page.get_by_text("Most pressing need")).to_be_visible()
    picture(page, "report-unlocked-desk")
    window.go("/keys")
    expect(page.get_by_text("1 report locked")).to_be_visible()
    picture(page, "keys-desk")
    page.fill("input[name=passphrase]", PASSPHRASE)
    page.get_by_role("button", name="Unlock its reports").click()
    expect(page.get_by_text("1 report unlocked.")).to_be_visible()
    window.go(f"/reports/{bad}")
    expect(page.get_by_text("Signature bad")).to_be_visible()
    picture(page, "report-bad-desk")
    assert window.complaints == []
    assert window.strangers == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pages_of_encryption_fit_a_phone(opener: Opener, mission_server: Mission, tmp_path: Path, language: str) -> None:
    encrypt(mission_server)
    receipt = encrypted_report(mission_server, tmp_path)
    window = opener(PHONE)
    page = window.log_in(STAFF, PASSWORD)
    page.evaluate("language => { document.cookie = `lang=${language}; path=/` }", language)

    wide = []
    for name, path in (("keys", "/keys"), ("form", "/forms/form/cimic_patrol"), ("report", f"/reports/{receipt}")):
        window.go(path)
        picture(page, f"{name}-phone-{language}")
        if not fits(page):
            wide.append(path)

    assert wide == []


def test_passphrases_that_differ_or_are_short_are_told_before_a_key_is_made(opener: Opener) -> None:
    window = opener(DESK)
    page = window.log_in(STAFF, PASSWORD)
    window.go("/keys")
    expect(page.locator("form[data-make-key]")).to_have_attribute("data-ready", "yes")

    page.fill("#key-passphrase", "short")
    page.fill("#key-again", "short")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("The passphrase needs at least 10 characters.")).to_be_visible()
    page.fill("#key-passphrase", PASSPHRASE)
    page.get_by_role("button", name="Make the key").click()

    expect(page.get_by_text("The two passphrases are not the same.")).to_be_visible()
