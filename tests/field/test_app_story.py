"""A patrol's day with the field app: set up online, gone offline, filled, killed half way, finished, sent through a bad link."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, Route

from server.services import devices
from tests.field.conftest import DESK, PIN, FieldMission, Phone, PhoneMaker
from tests.field.walking import Walker
from tests.server.office_reports import photo

SECRET = "Gbadé la Neuve"


def begin(page: Page, phone: Phone, form_id: str = "cimic_patrol") -> None:
    """Opens a new report of a form from the home screen."""
    page.locator("button.begin").first.wait_for()
    page.locator(f"button.begin[data-form^='{form_id}@']").click()
    page.locator("footer button.primary").wait_for()


def walker(page: Page) -> Walker:
    """Answers a patrol report, with a photo."""
    answers = {"GPS": "", "Grid": "", "Second": "Food", "Third": "Health", "Settlement (known)": "", "Name of settlement": SECRET}
    return Walker(page, answers, photo(800, 600))


def saved(page: Page) -> None:
    """Waits until the last words are saved."""
    page.wait_for_function("() => /saved \\d/.test(document.querySelector('footer .saved')?.innerText)")


def test_a_day_without_network_a_kill_and_a_bad_link_end_in_one_record_with_its_photo(
    field_mission: FieldMission, phone: Phone
) -> None:
    page = phone.enrol(field_mission.link())
    phone.start_offline_ready()
    phone.context.set_offline(True)
    page.reload()
    page.locator("#pin").fill(PIN)
    page.get_by_role("button", name="Unlock").click()
    begin(page, phone)
    first = walker(page)
    for _ in range(12):
        first.answer_page()
        first.turn()
    saved(page)
    page.wait_for_timeout(1_100)
    phone.kill()

    # The same profile, still without a network: the app starts, the draft is where it was left.
    page = phone.page
    phone.context.set_offline(True)
    page.goto(f"{phone.base}/field/")
    page.locator("#pin").fill(PIN)
    page.get_by_role("button", name="Unlock").click()
    page.get_by_role("button", name="Go on").click()
    page.locator("footer button.primary").wait_for()
    assert re.match(r"13 of", page.locator("footer .saved").inner_text())
    rest = walker(page)
    rest.to_the_end()
    rest.finish()

    # Back on the network: the first answer is lost on its way, the second try meets a busy server.
    answers: list[str] = []

    def bad_link(route: Route) -> None:
        answers.append(route.request.url)
        if len(answers) == 1:
            route.fetch()
            route.abort("connectionreset")
        elif len(answers) == 2:
            route.fulfill(status=503, body="busy", headers={"Retry-After": "1"})
        else:
            route.continue_()

    phone.context.route("**/sealed", bad_link)
    phone.context.set_offline(False)
    for _ in range(3):
        page.get_by_role("button", name="Send now").click()
        page.wait_for_timeout(1_500)
        if page.locator("li.card .state.ok").count():
            break
    page.wait_for_function(
        "() => document.querySelector('li.card .state.ok') !== null && !document.body.innerText.includes('still to send')"
    )

    assert len(answers) == 3
    (report,) = field_mission.submissions("cimic_patrol")
    assert list(field_mission.files("cimic_patrol", report["instanceId"]).values()) == [True]
    assert SECRET in field_mission.xml("cimic_patrol", report["instanceId"])
    assert phone.strangers == []


def test_nothing_that_was_typed_lies_in_the_browser_in_clear(field_mission: FieldMission, phone: Phone) -> None:
    page = phone.enrol(field_mission.link())
    begin(page, phone)
    walk = walker(page)
    for _ in range(9):
        walk.answer_page()
        walk.turn()
    assert any(label.startswith("Name of settlement") for label in walk.seen)
    saved(page)
    page.wait_for_timeout(1_100)
    kept = page.evaluate(
        """async () => {
            const said = [];
            for (const { name } of await indexedDB.databases()) {
                const db = await new Promise((done) => {
                    const asked = indexedDB.open(name); asked.onsuccess = () => done(asked.result);
                });
                for (const store of db.objectStoreNames) {
                    const rows = await new Promise((done) => {
                        const asked = db.transaction(store).objectStore(store).getAll();
                        asked.onsuccess = () => done(asked.result);
                    });
                    for (const row of rows) said.push(JSON.stringify(row, (_key, each) => each instanceof Uint8Array
                        ? new TextDecoder('latin1').decode(each) : each));
                }
                db.close();
            }
            return JSON.stringify([said, Object.entries(localStorage), location.href]);
        }"""
    )
    token = field_mission.cast.device_tokens[0]
    clear = [word for word in ("Gbad", "Neuve", "settlement", "BANBATT", "cimic_patrol", token) if word in kept]
    assert json.loads(kept)[0]
    assert clear == []


def test_the_link_with_the_key_leaves_the_address_at_once(field_mission: FieldMission, phone: Phone) -> None:
    page = phone.page
    page.goto(field_mission.link())
    page.locator("#pin-new").wait_for()
    assert field_mission.cast.device_tokens[0] not in page.url
    assert "enrol=" not in page.url


def test_a_laptop_is_set_up_by_the_pasted_link(field_mission: FieldMission, make_phone: PhoneMaker) -> None:
    page = make_phone(size=DESK).page
    page.goto(f"{field_mission.server.base_url}/field/")
    page.locator("#link").fill(field_mission.link())
    page.get_by_role("button", name="Go on").click()
    page.locator("#pin-new").wait_for()


def test_half_a_link_is_refused_with_a_word(field_mission: FieldMission, phone: Phone) -> None:
    page = phone.page
    page.goto(f"{field_mission.server.base_url}/field/")
    page.locator("#link").fill(field_mission.link()[:-20])
    page.get_by_role("button", name="Go on").click()
    assert "not a whole link" in page.locator("#link-error").inner_text()


def test_a_device_that_the_office_shut_out_is_emptied_on_its_next_contact(field_mission: FieldMission, phone: Phone) -> None:
    page = phone.enrol(field_mission.link(1))
    with field_mission.server.session() as session:
        devices.revoke(session, None, field_mission.cast.device_actor_ids[1])
    page.locator("footer button[aria-label^='Fetch']").click()
    page.get_by_role("heading", name="The office shut this device out").wait_for()


def test_the_phones_own_lock_opens_the_app_after_it_was_set_up(field_mission: FieldMission, phone: Phone) -> None:
    page = phone.page
    session = phone.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {
            "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True, "hasPrf": True, "automaticPresenceSimulation": True,
        }},
    )  # fmt: skip
    # A credential is bound to a name, which an address of numbers is not.
    named = field_mission.link().replace("127.0.0.1", "localhost")
    page.goto(named)
    page.locator("#pin-new").fill(PIN)
    page.locator("#pin-again").fill(PIN)
    page.get_by_role("button", name="Set up").click()
    page.locator("button.begin").first.wait_for()
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Unlock as the phone is unlocked").click()
    page.locator("#pin-once").fill(PIN)
    page.get_by_role("button", name="Unlock as the phone is unlocked").click()
    page.get_by_text("From now on it unlocks").wait_for()
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Lock").click()
    page.get_by_role("button", name="Unlock as the phone is unlocked").click()
    page.locator("button.begin").first.wait_for()
