"""What a PIN protects in the field app: the key of everything kept, counted tries, and envelopes that only the office opens."""

from __future__ import annotations

import base64

import pytest
from cryptography.exceptions import InvalidTag

from tests.field.keeping.browsers import PIN, Phone
from tests.field.keeping.stage import driver, keeper, office_key, page_files, stand
from tests.field.keeping.stand import PATH, Stand, open_envelope
from tests.field.waiting import until

__all__ = ["driver", "keeper", "office_key", "page_files", "stand"]

WRONG = "async count => { let said; for (let n = 0; n < count; n += 1) said = await fp.vault.unlock('wrong ' + n); return said }"
STATE = "fp.vault.state.value"
SEAL = """async ([key, size, name]) => fp.bytesOf(await fp.seal(key,
  {kind: 'file', token: 'device-key', formId: 'clinic', version: '1', instanceId: 'uuid:1', name, type: 'video/mp4', size},
  new Blob([new Uint8Array(size).fill(5)])))"""


def test_the_right_pin_opens_what_was_kept(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.database.put('setting', 'word', {said: 'kept', bytes: new Uint8Array([1, 2])})")
    page.evaluate("fp.vault.lock()")
    page.evaluate("pin => fp.vault.unlock(pin)", PIN)
    assert page.evaluate("fp.database.get('setting', 'word').then(w => [w.said, [...w.bytes]])") == ["kept", [1, 2]]


def test_a_locked_vault_reads_nothing(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.vault.lock()")
    assert page.evaluate("fp.enrolment.current().catch(e => e.name)") == "VaultLocked"


def test_a_locked_vault_keeps_nothing(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.vault.lock()")
    assert page.evaluate("fp.database.put('setting', 'word', 1).then(() => 'kept', e => e.name)") == "VaultLocked"


def test_a_wrong_pin_says_how_many_tries_are_left(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.vault.lock()")
    assert page.evaluate(WRONG, 2) == {"ok": False, "left": 8}


def test_the_right_pin_begins_the_count_anew(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.vault.lock()")
    page.evaluate(WRONG, 3)
    page.evaluate("pin => fp.vault.unlock(pin)", PIN)
    page.evaluate("fp.vault.lock()")
    assert page.evaluate(WRONG, 1) == {"ok": False, "left": 9}


def test_ending_the_browser_buys_no_try(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.vault.lock()")
    page.evaluate(WRONG, 4)
    keeper.kill()
    assert keeper.open().evaluate(WRONG, 1) == {"ok": False, "left": 5}


def test_a_try_counts_before_it_is_answered(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.vault.lock()")
    # The deriving of a key that never comes to an end stands for a browser that is killed in the middle of a try.
    page.evaluate("crypto.subtle.deriveKey = () => new Promise(() => {}); void fp.vault.unlock('wrong')")
    until(page, "() => fp.base().then(db => db.get('vault', 'key')).then(kept => kept.wrong === 1)")


def test_ten_wrong_pins_empty_the_device(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.vault.lock()")
    assert page.evaluate(WRONG, 10) == {"ok": False, "left": 0}
    assert page.evaluate(STATE) == "wiped"
    assert page.evaluate("fp.base().then(async db => [await db.count('vault'), await db.count('items')])") == [0, 0]


def test_an_emptied_device_says_so_after_a_restart(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.vault.lock()")
    page.evaluate(WRONG, 10)
    keeper.close()
    assert keeper.open().evaluate(STATE) == "wiped"


def test_a_changed_pin_opens_what_the_old_one_kept(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    assert page.evaluate("pin => fp.vault.changePin(pin, 'another lorry')", PIN)
    page.evaluate("fp.vault.lock()")
    assert page.evaluate("fp.vault.unlock('another lorry')") == {"ok": True}
    assert page.evaluate("fp.enrolment.current().then(e => e.label)") == "ZULU 7"


def test_the_old_pin_no_longer_opens(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("pin => fp.vault.changePin(pin, 'another lorry')", PIN)
    page.evaluate("fp.vault.lock()")
    assert page.evaluate("pin => fp.vault.unlock(pin)", PIN) == {"ok": False, "left": 9}


def test_a_second_vault_over_the_first_is_refused(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    assert page.evaluate("fp.vault.create('other').then(() => 'made', () => 'refused')") == "refused"


def test_a_device_left_alone_locks_itself(keeper: Phone, stand: Stand) -> None:
    page = keeper.open()
    page.clock.install()
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.evaluate("pin => fp.vault.create(pin)", PIN)
    page.clock.run_for(5 * 60_000 + 10_000)
    page.wait_for_function(f"{STATE} === 'locked'")


def test_a_tab_left_alone_does_not_lock_the_one_in_use(keeper: Phone, stand: Stand) -> None:
    used = keeper.begin(stand.sealing_key, PATH)
    idle = keeper.context.new_page()
    idle.clock.install()
    idle.goto(stand.url)
    idle.wait_for_selector("html[data-ready]", state="attached")
    idle.evaluate("pin => fp.vault.load().then(() => fp.vault.unlock(pin))", PIN)
    idle.clock.run_for(4 * 60_000)
    idle.evaluate("new BroadcastChannel('fieldpost.vault').onmessage = () => { window.heard = true }")
    used.evaluate("dispatchEvent(new PointerEvent('pointerdown'))")
    idle.wait_for_function("window.heard")
    idle.clock.run_for(2 * 60_000)
    assert used.evaluate(STATE) == "open"


def test_locking_one_tab_locks_the_others_after_their_last_words(keeper: Phone, stand: Stand) -> None:
    first = keeper.begin(stand.sealing_key, PATH)
    second = keeper.unlock()
    second.evaluate("void fp.vault.beforeLock(() => fp.database.put('setting', 'last', 'words'))")
    first.evaluate("fp.vault.lock()")
    second.wait_for_function(f"{STATE} === 'locked'")
    second.evaluate("pin => fp.vault.unlock(pin)", PIN)
    assert second.evaluate("fp.database.get('setting', 'last')") == "words"


def test_a_questionnaire_that_cannot_save_does_not_keep_the_vault_open(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.clock.install()
    page.evaluate("fp.vault.beforeLock(() => new Promise(() => {})); void fp.vault.lock()")
    page.clock.run_for(10_000)
    page.wait_for_function(f"{STATE} === 'locked'")


@pytest.mark.parametrize("size", [0, 10, (1 << 20) - 300, 3 * (1 << 20) + 17])
def test_an_envelope_opens_with_the_office_key(keeper: Phone, stand: Stand, size: int) -> None:
    sealed = base64.b64decode(keeper.open().evaluate(SEAL, [stand.sealing_key, size, "a.mp4"]))
    header, content = open_envelope(stand.key, sealed)
    assert (header["token"], header["name"], header["size"], content) == ("device-key", "a.mp4", size, b"\x05" * size)


def test_an_envelope_that_was_cut_between_segments_does_not_open(keeper: Phone, stand: Stand) -> None:
    sealed = base64.b64decode(keeper.open().evaluate(SEAL, [stand.sealing_key, 2 * (1 << 20), "a.mp4"]))
    whole = 33 + 384 + (1 << 20) + 16
    with pytest.raises(InvalidTag):
        open_envelope(stand.key, sealed[:whole])


def test_an_envelope_with_segments_swapped_does_not_open(keeper: Phone, stand: Stand) -> None:
    sealed = base64.b64decode(keeper.open().evaluate(SEAL, [stand.sealing_key, 3 * (1 << 20), "a.mp4"]))
    head, step = 33 + 384, (1 << 20) + 16
    swapped = sealed[:head] + sealed[head + step : head + 2 * step] + sealed[head : head + step] + sealed[head + 2 * step :]
    with pytest.raises(InvalidTag):
        open_envelope(stand.key, swapped)


def test_two_envelopes_of_the_same_content_differ(keeper: Phone, stand: Stand) -> None:
    page = keeper.open()
    made = [page.evaluate(SEAL, [stand.sealing_key, 10, "a.mp4"]) for _ in range(2)]
    assert made[0] != made[1]
