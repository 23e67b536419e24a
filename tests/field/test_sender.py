"""The field app sends each report once, whatever the line does: lost answers, waits, refusals, tabs, kills, revocation."""

from __future__ import annotations

import json

from playwright.sync_api import Page

from tests.field.keeping.browsers import Phone
from tests.field.keeping.stage import FORM, driver, keeper, office_key, page_files, record, stand
from tests.field.keeping.stand import LOST, PATH, RECEIVED, Answer, Stand, open_envelope

__all__ = ["driver", "keeper", "office_key", "page_files", "stand"]

FINISH = """async ([xml, form, sizes]) => {
  const draft = fp.draftOf({formKey: 'clinic@1', formId: 'clinic', version: '1', title: 'Clinics', instanceId: 'uuid:x', xml});
  const files = sizes.map((size, at) => fp.file('photo-' + at + '.jpg', size, at + 1));
  await fp.drafts.save(draft, files);
  return (await fp.queue.add(draft, xml, files, form)).id }"""
REPORTS = "fp.queue.list().then(all => all.map(r => [r.state, r.receipt, r.message, r.tries]))"
PROBLEM = json.dumps({"code": 401.2, "message": "Could not authenticate."})
SAID = Answer(400, body="<OpenRosaResponse><message>No such form &amp; version.</message></OpenRosaResponse>")


def finished(keeper: Phone, stand: Stand, *sizes: int, count: int = 1) -> Page:
    """A phone with finished reports in its queue, each with photos of so many bytes."""
    page = keeper.begin(stand.sealing_key, PATH)
    for number in range(count):
        page.evaluate(FINISH, [record(f"uuid:{number}"), FORM, list(sizes)])
    return page


def test_a_finished_report_is_delivered_with_its_receipt(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand)
    page.evaluate("fp.sender.now()")
    assert page.evaluate(REPORTS) == [["delivered", "R-0001", None, 0]]
    assert [(header["kind"], body.decode()) for header, body in stand.reports()] == [("report", record("uuid:0"))]


def test_a_report_that_the_office_holds_back_counts_as_delivered(keeper: Phone, stand: Stand) -> None:
    stand.answers.append(Answer(202))
    page = finished(keeper, stand)
    page.evaluate("fp.sender.now()")
    assert page.evaluate(REPORTS)[0][0] == "quarantined"


def test_what_was_delivered_is_sent_no_more(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand)
    page.evaluate("fp.sender.now().then(() => fp.sender.now())")
    assert len(stand.sealed) == 1
    assert page.evaluate("fp.queue.sealedCount()") == 0


def test_a_lost_answer_sends_the_same_envelope_again(keeper: Phone, stand: Stand) -> None:
    stand.answers.append(LOST)
    page = finished(keeper, stand)
    page.evaluate("fp.sender.now()")
    assert page.evaluate(REPORTS)[0][0] == "waiting"
    page.evaluate("fp.sender.now()")
    assert page.evaluate(REPORTS)[0][0] == "delivered"
    assert len(set(stand.sealed)) == 1


def test_a_busy_server_is_asked_again_and_takes_it(keeper: Phone, stand: Stand) -> None:
    stand.answers.append(Answer(503))
    page = finished(keeper, stand)
    page.evaluate("fp.sender.now()")
    assert page.evaluate(REPORTS)[0][0] == "waiting"
    page.evaluate("fp.sender.now()")
    assert page.evaluate(REPORTS) == [["delivered", "R-0001", None, 0]]


def test_the_server_says_how_long_to_wait(keeper: Phone, stand: Stand) -> None:
    stand.answers.append(Answer(429, (("Retry-After", "3600"),)))
    page = finished(keeper, stand)
    page.evaluate("fp.sender.now()")
    assert page.evaluate("fp.queue.list().then(all => (Date.parse(all[0].nextTryAt) - Date.now()) / 60000 > 59)")


def test_a_refused_report_is_kept_with_the_servers_words(keeper: Phone, stand: Stand) -> None:
    stand.answers.append(SAID)
    page = finished(keeper, stand)
    page.evaluate("fp.sender.now()")
    assert page.evaluate(REPORTS)[0][:3] == ["refused", None, "No such form & version."]
    assert page.evaluate("fp.queue.sealedCount()") == 1


def test_a_refused_report_holds_up_none_of_the_others(keeper: Phone, stand: Stand) -> None:
    stand.answers.append(SAID)
    page = finished(keeper, stand, count=2)
    page.evaluate("fp.sender.now()")
    assert sorted(each[0] for each in page.evaluate(REPORTS)) == ["delivered", "refused"]


def test_all_reports_go_before_any_photo_and_small_photos_first(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand, 300_000, 1_000, count=2)
    page.evaluate("fp.sender.now()")
    begun = [each for each in stand.log if each.startswith("POST")]
    assert begun == ["POST /sealed", "POST /sealed", *["POST /uploads"] * 4]
    sizes = [each.length for each in stand.uploads.values()]
    assert sizes == sorted(sizes)


def test_a_photo_arrives_whole_and_sealed(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand, 700_000)
    page.evaluate("fp.sender.now()")
    (upload,) = stand.uploads.values()
    header, content = open_envelope(stand.key, bytes(upload.data))
    assert (header["kind"], header["name"], content) == ("file", "photo-0.jpg", b"\x01" * 700_000)
    told = {name: value for name, value in upload.metadata.items() if name != "sha256"}
    assert told == {
        "formID": "clinic", "instanceID": "uuid:0", "filename": "photo-0.jpg", "filetype": "image/jpeg",
        "sealed": "1",
    }  # fmt: skip


def test_a_photo_that_was_cut_goes_on_where_it_was(keeper: Phone, stand: Stand) -> None:
    stand.pieces.extend([Answer(204), LOST])
    page = finished(keeper, stand, 700_000)
    page.evaluate("fp.sender.now().then(() => fp.sender.now())")
    assert len(stand.uploads) == 1
    # The piece whose answer was lost had come: the server says so, whoever asks again (Chromium does so of its own accord).
    (upload,) = stand.uploads.values()
    assert len(upload.data) == upload.length
    assert [each for each in stand.log if each == "PATCH 0"] == ["PATCH 0"]


def test_a_photo_that_the_server_forgot_begins_anew(keeper: Phone, stand: Stand) -> None:
    stand.pieces.extend([Answer(204), Answer(503)])
    page = finished(keeper, stand, 700_000)
    page.evaluate("fp.sender.now()")
    next(iter(stand.uploads.values())).gone = True
    page.evaluate("fp.sender.now()")
    first, second = stand.uploads.values()
    assert len(second.data) == second.length == first.length


def test_a_photo_that_came_damaged_begins_anew(keeper: Phone, stand: Stand) -> None:
    stand.pieces.append(Answer(460, body="checksum"))
    page = finished(keeper, stand, 1_000)
    page.evaluate("fp.sender.now().then(() => fp.sender.now())")
    assert len(stand.uploads) == 2
    assert page.evaluate("fp.queue.list().then(all => all[0].files[0].sent)")


def test_photos_wait_until_they_are_asked_for(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand, 1_000)
    page.evaluate("fp.settings.save({photos: 'demand'})")
    page.evaluate("fp.sender.now()")
    assert (len(stand.sealed), len(stand.uploads)) == (1, 0)
    page.evaluate("fp.queue.list().then(all => fp.sender.sendFiles(all[0].id))")
    assert len(stand.uploads) == 1


def test_photos_asked_for_during_a_round_are_sent_after_it(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand, 1_000)
    page.evaluate("fp.settings.save({photos: 'demand'}).then(() => fp.sender.now())")
    page.evaluate("fp.queue.list().then(all => Promise.all([fp.sender.now(), fp.sender.sendFiles(all[0].id)]))")
    assert len(stand.uploads) == 1


def test_photos_for_wifi_wait_on_the_mobile_network(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand, 1_000)
    page.evaluate("Object.defineProperty(navigator, 'connection', {value: {type: 'cellular'}})")
    page.evaluate("fp.settings.save({photos: 'wifi'}).then(() => fp.sender.now())")
    assert len(stand.uploads) == 0


def test_two_tabs_send_once(keeper: Phone, stand: Stand) -> None:
    first = finished(keeper, stand, 1_000, count=3)
    second = keeper.unlock()
    first.evaluate("void fp.sender.now()")
    second.evaluate("void fp.sender.now()")
    for page in (first, second):
        page.evaluate("fp.sender.now()")
    assert (len(stand.sealed), len(stand.uploads)) == (3, 3)


def test_a_tab_that_starts_while_another_sends_undoes_nothing(keeper: Phone, stand: Stand) -> None:
    first = finished(keeper, stand, count=3)
    second = keeper.unlock()
    first.evaluate("void fp.sender.now()")
    second.evaluate("fp.sender.start()")
    first.evaluate("fp.sender.now()")
    second.evaluate("fp.sender.now()")
    assert {each[0] for each in second.evaluate(REPORTS)} == {"delivered"}


def test_a_kill_after_the_server_took_it_leaves_one_record(keeper: Phone, stand: Stand) -> None:
    stand.answers.append(LOST)
    page = finished(keeper, stand)
    page.evaluate("fp.sender.now()")
    keeper.kill()
    page = keeper.unlock()
    page.evaluate("fp.sender.now()")
    assert page.evaluate(REPORTS)[0][0] == "delivered"
    assert {header["instanceId"] for header, _ in stand.reports()} == {"uuid:0"}
    assert len(set(stand.sealed)) == 1


def test_a_kill_between_finishing_and_sending_loses_nothing(keeper: Phone, stand: Stand) -> None:
    finished(keeper, stand, 1_000)
    keeper.kill()
    keeper.unlock().evaluate("fp.sender.now()")
    assert (len(stand.sealed), len(stand.uploads)) == (1, 1)


def test_a_device_shut_out_is_emptied_but_for_its_sealed_reports(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand)
    stand.answers.append(Answer(401, body=PROBLEM))
    stand.facts_answer = Answer(401, body=PROBLEM)
    page.evaluate("fp.sender.onRevoked(said => { window.told = said.sealed }); void 0")
    page.evaluate("fp.sender.now()")
    assert page.evaluate("[fp.vault.state.value, window.told]") == ["wiped", 1]
    assert page.evaluate("fp.base().then(db => db.count('items'))") == 0
    assert page.evaluate("fp.queue.sealedCount()") == 1


def test_a_403_of_somebody_elses_page_empties_nothing(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand)
    stand.answers.append(Answer(403, body="<html>Log in to the Wi-Fi</html>"))
    stand.facts_answer = Answer(403, body="<html>Log in to the Wi-Fi</html>")
    page.evaluate("fp.sender.now()")
    assert page.evaluate("fp.vault.state.value") == "open"
    assert page.evaluate("fp.queue.sealedCount()") == 1


def test_forms_and_lists_come_and_say_what_they_are(keeper: Phone, stand: Stand) -> None:
    stand.forms["clinic"], stand.files["clinics.csv"] = ("1", FORM), b"name,label,__version\ne-1,Zemio,1\n"
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.sender.refresh()")
    (form,) = page.evaluate("fp.forms.listed()")
    assert (form["title"], form["key"], form["lists"], form["current"]) == ("Clinics", "clinic@1", ["clinics.csv"], True)
    text: str = page.evaluate("fp.forms.listed().then(f => fp.forms.file(f[0], 'clinics.csv')).then(r => r.text())")
    assert text.startswith("name,label,__version")
    assert page.evaluate("fp.facts.current().then(f => f.post)") == "CP Ouham"


def test_a_new_version_becomes_current_only_when_all_its_files_are_here(keeper: Phone, stand: Stand) -> None:
    stand.forms["clinic"], stand.files["clinics.csv"] = ("1", FORM), b"name,label\n"
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.sender.refresh()")
    stand.forms["clinic"], stand.files["clinics.csv"] = ("2", FORM.replace('version="1"', 'version="2"')), b"name,label\ne-1,x\n"
    stand.missing.add(f"{PATH}/forms/clinic/attachments/clinics.csv")
    page.evaluate("fp.sender.refresh().catch(() => null)")
    assert page.evaluate("fp.forms.listed().then(f => f.map(e => e.key))") == ["clinic@1"]
    stand.missing.clear()
    page.evaluate("fp.sender.refresh()")
    assert page.evaluate("fp.forms.listed().then(f => f.map(e => e.key))") == ["clinic@2"]


def test_an_old_version_stays_while_a_draft_needs_it(keeper: Phone, stand: Stand) -> None:
    stand.forms["clinic"] = ("1", FORM)
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.sender.refresh()")
    draft = {"formKey": "clinic@1", "formId": "clinic", "version": "1", "title": "t", "instanceId": "u", "xml": "<data/>"}
    page.evaluate("said => fp.drafts.save(fp.draftOf(said), [])", draft)
    stand.forms["clinic"] = ("2", FORM)
    page.evaluate("fp.sender.refresh()")
    assert page.evaluate("fp.forms.get('clinic@1').then(f => f.current)") is False
    page.evaluate("fp.drafts.list().then(d => fp.drafts.remove(d[0].id))")
    page.evaluate("fp.sender.refresh()")
    assert page.evaluate("fp.forms.get('clinic@1')") is None


def test_a_list_of_the_same_hash_is_not_fetched_again(keeper: Phone, stand: Stand) -> None:
    stand.forms["clinic"], stand.files["clinics.csv"] = ("1", FORM), b"name,label\n"
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("fp.sender.refresh().then(() => fp.sender.refresh())")
    assert [each for each in stand.log if "attachments" in each] == ["GET /forms/clinic/attachments/clinics.csv"]


def test_the_office_may_change_its_sealing_key(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin({"id": "00", "spki": "AAAA"}, PATH)
    page.evaluate("fp.sender.refresh()")
    assert page.evaluate("fp.enrolment.current().then(e => e.sealingKey)") == stand.sealing_key


def test_no_answer_leaves_for_the_server_in_clear(keeper: Phone, stand: Stand) -> None:
    page = finished(keeper, stand, 1_000)
    page.evaluate("fp.sender.now()")
    assert b"kept secret" not in b"".join(stand.sealed)


def test_the_receipt_is_kept_over_a_restart(keeper: Phone, stand: Stand) -> None:
    stand.answers.append(RECEIVED)
    finished(keeper, stand).evaluate("fp.sender.now()")
    keeper.close()
    assert keeper.unlock().evaluate(REPORTS)[0][1] == "R-0001"
