"""What the field app keeps: nothing in clear, drafts and reports that survive a kill, lists with what was changed here."""

from __future__ import annotations

import base64
import csv
import io
import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.field.keeping.browsers import Phone
from tests.field.keeping.stage import FORM, driver, keeper, office_key, page_files, record, stand
from tests.field.keeping.stand import PATH, Stand, envelopes_of, open_envelope

__all__ = ["driver", "keeper", "office_key", "page_files", "stand"]

SECRETS = [
    "kept secret", "Clinic Zemio", "Patrol north", "Bossangoa", "uuid:one", "clinics", "photo-1.jpg", "ZULU 7", "device-key",
    "beds", "JPEGBYTES",
]  # fmt: skip
DRAFT = """async ([xml, title]) => {
  const draft = fp.draftOf({formKey: 'clinic@1', formId: 'clinic', version: '1', title, instanceId: 'uuid:one', xml});
  await fp.drafts.save(draft, [new File(['JPEGBYTES'.repeat(500)], 'photo-1.jpg', {type: 'image/jpeg'})]);
  return draft.id }"""
FINISH = """async ([id, xml, form]) => {
  const draft = await fp.drafts.get(id);
  return (await fp.queue.add(draft, xml, await fp.drafts.filesOf(draft), form)).id }"""
COUNTS = "Promise.all([fp.drafts.list(), fp.queue.list(), fp.queue.sealedCount()]).then(([d, q, s]) => [d.length, q.length, s])"
LIST = "name,label,__version,beds\ne-1,Clinic Zemio,1,4\ne-2,Clinic Obo,3,9\n"


def begun(keeper: Phone, stand: Stand) -> tuple[Page, str]:
    """A phone with one draft with a photo."""
    page = keeper.begin(stand.sealing_key, PATH)
    draft: str = page.evaluate(DRAFT, [record("uuid:one"), "Patrol north"])
    return page, draft


def changed(**said: Any) -> dict[str, Any]:
    """A change of one entity, not sent yet."""
    base = {"dataset": "clinics", "id": "e-1", "create": False, "update": True, "baseVersion": 1, "trunkVersion": "1"}
    return base | {"branchId": "b-1", "label": None, "data": {}, "ownBranch": "own", "delivered": False} | said


def rows_with(page: Page, changes: list[dict[str, Any]], given: str = LIST) -> dict[str, dict[str, str]]:
    """The list as the engine gets it, by entity."""
    text = page.evaluate("([list, changes]) => fp.overlaid(list, 'clinics', changes)", [given, changes])
    return {row["name"]: row for row in csv.DictReader(io.StringIO(text))}


def test_a_draft_comes_back_with_its_photo_after_a_kill(keeper: Phone, stand: Stand) -> None:
    _, draft = begun(keeper, stand)
    keeper.kill()
    page = keeper.unlock()
    found = page.evaluate("id => fp.drafts.get(id)", draft)
    size = page.evaluate("id => fp.drafts.get(id).then(d => fp.drafts.filesOf(d)).then(f => [f[0].name, f[0].size])", draft)
    assert (found["instanceId"], found["xml"], size) == ("uuid:one", record("uuid:one"), ["photo-1.jpg", 4500])


def test_saving_a_draft_again_writes_no_photo_again(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    keys = "fp.base().then(db => db.getAllKeysFromIndex('items', 'kind', 'draft-file'))"
    before = page.evaluate(keys)
    again = "fp.drafts.filesOf(d).then(files => fp.drafts.save({...d, xml: d.xml + ' '}, files))"
    page.evaluate(f"id => fp.drafts.get(id).then(d => {again})", draft)
    assert page.evaluate(keys) == before


def test_a_photo_taken_out_of_a_draft_leaves_the_device(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    page.evaluate("async id => fp.drafts.save(await fp.drafts.get(id), [])", draft)
    assert page.evaluate("fp.base().then(db => db.countFromIndex('items', 'kind', 'draft-file'))") == 0


def test_a_file_larger_than_a_piece_comes_back_whole(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    said = page.evaluate(
        """async () => { const bytes = new Uint8Array(5_000_001).map((_, at) => at % 251);
        await fp.database.putFile('draft-file', 'v', new Blob([bytes]));
        const back = new Uint8Array(await (await fp.database.getFile('draft-file', 'v')).arrayBuffer());
        return [back.length, back.every((each, at) => each === at % 251)] }"""
    )
    assert said == [5_000_001, True]


def test_a_copy_of_a_draft_is_another_record(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    copy = page.evaluate("id => fp.drafts.duplicate(id)", draft)
    assert copy["instanceId"] != "uuid:one"
    assert "uuid:one" not in copy["xml"]
    assert len(copy["files"]) == 1


def test_a_copy_does_not_make_the_same_entity_again(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    own = "0b2c1f9e-30e5-4d5b-9d0e-6b0b1f6f1a11"
    xml = record("uuid:one", entity=f'<entity dataset="clinics" id="{own}" create="1"><label>x</label></entity>', said=own)
    draft = page.evaluate(DRAFT, [xml, "Patrol north"])
    assert own not in page.evaluate("id => fp.drafts.duplicate(id).then(d => d.xml)", draft)


def test_finishing_puts_the_report_in_the_place_of_the_draft(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    page.evaluate(FINISH, [draft, record("uuid:one"), FORM])
    assert page.evaluate(COUNTS) == [0, 1, 1]


@pytest.mark.parametrize("after_ms", [0, 5, 15, 40, 120])
def test_a_kill_while_finishing_leaves_the_draft_or_the_report(keeper: Phone, stand: Stand, after_ms: int) -> None:
    page, draft = begun(keeper, stand)
    page.evaluate(f"said => {{ void ({FINISH})(said) }}", [draft, record("uuid:one"), FORM])
    page.evaluate("ms => new Promise(done => setTimeout(done, ms))", after_ms)
    keeper.kill()
    assert keeper.unlock().evaluate(COUNTS) in ([1, 0, 0], [0, 1, 1])


def test_a_draft_that_cannot_be_sealed_stays_a_draft(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    page.evaluate("fp.enrolment.current().then(e => fp.enrolment.save({...e, sealingKey: {id: '00', spki: 'AAAA'}}))")
    outcome = page.evaluate(f"said => ({FINISH})(said).then(() => 'finished', () => 'not')", [draft, record("uuid:one"), FORM])
    assert outcome == "not"
    assert page.evaluate(COUNTS) == [1, 0, 0]


def test_nothing_of_draft_report_or_form_lies_there_in_clear(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    page.evaluate(DRAFT, [record("uuid:two"), "Patrol north"])
    page.evaluate(FINISH, [draft, record("uuid:one"), FORM])
    form: dict[str, Any] = {"key": "clinic@1", "formId": "clinic", "version": "1", "title": "Patrol north", "hash": "h"}
    form |= {"xml": FORM, "current": True, "files": {"clinics.csv": "x"}}
    form |= {"lists": ["clinics.csv"], "languages": [], "unsupported": []}
    page.evaluate("form => fp.forms.becomeCurrent(form)", form)
    page.evaluate("list => fp.database.putFile('form-file', 'x', new Blob([list]))", LIST)
    page.evaluate("fp.log.add('Patrol north: R-0001')")
    dump: str = page.evaluate("fp.dump()")
    assert len(dump) > 10_000
    assert [secret for secret in SECRETS if secret in dump] == []


def test_the_export_of_a_locked_device_opens_at_the_office(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    page.evaluate(FINISH, [draft, record("uuid:one"), FORM])
    page.evaluate("fp.vault.lock()")
    export = base64.b64decode(page.evaluate("fp.queue.exportFile().then(fp.bytesOf)"))
    opened = [open_envelope(stand.key, each) for each in envelopes_of(export)]
    assert [header["kind"] for header, _ in opened] == ["report", "file"]
    assert (opened[0][0]["token"], opened[0][1].decode()) == ("device-key", record("uuid:one"))
    assert opened[1][1] == b"JPEGBYTES" * 500


def test_an_emptied_device_still_hands_out_its_sealed_reports(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    page.evaluate(FINISH, [draft, record("uuid:one"), FORM])
    page.evaluate("fp.vault.wipe(true)")
    assert len(envelopes_of(base64.b64decode(page.evaluate("fp.queue.exportFile().then(fp.bytesOf)")))) == 2


def test_beginning_anew_takes_the_sealed_reports_too(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    page.evaluate(FINISH, [draft, record("uuid:one"), FORM])
    page.evaluate("fp.vault.wipe(true).then(() => fp.vault.forget())")
    assert page.evaluate("[fp.vault.state.value, 0]") == ["none", 0]
    assert page.evaluate("fp.queue.sealedCount()") == 0


def nearly_full(keeper: Phone, stand: Stand) -> tuple[Page, str]:
    """A phone with a draft, started again with no room for a photo. Chromium asks for the room at the first write only."""
    _, draft = begun(keeper, stand)
    keeper.close()
    blank = keeper.context.new_page()
    blank.context.new_cdp_session(blank).send("Storage.overrideQuotaForOrigin", {"origin": stand.url, "quotaSize": 200_000})
    return keeper.unlock(), draft


def test_a_full_device_says_so(keeper: Phone, stand: Stand) -> None:
    page, draft = nearly_full(keeper, stand)
    save = "async id => fp.drafts.save(await fp.drafts.get(id), [fp.file('big.jpg', 3_000_000)])"
    assert page.evaluate(f"id => ({save})(id).then(() => 'kept', e => e.name)", draft) == "StorageFull"


def test_a_full_device_keeps_the_draft_as_it_was(keeper: Phone, stand: Stand) -> None:
    page, draft = nearly_full(keeper, stand)
    page.evaluate("async id => fp.drafts.save(await fp.drafts.get(id), [fp.file('big.jpg', 3_000_000)]).catch(() => null)", draft)
    assert page.evaluate("id => fp.drafts.get(id).then(d => d.files.map(f => f.name))", draft) == ["photo-1.jpg"]


def test_no_new_photo_on_a_device_that_is_nine_tenths_full(keeper: Phone, stand: Stand) -> None:
    page = keeper.open()
    page.evaluate("navigator.storage.estimate = async () => ({usage: 91, quota: 100})")
    assert page.evaluate("fp.room.photosAllowed()") is False


def test_a_list_that_changed_leaves_nothing_of_the_old_one(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    form = {"key": "clinic@1", "formId": "clinic", "version": "1", "title": "Clinics", "hash": "h", "xml": FORM, "current": True}
    for hash_ in ("old", "new"):
        page.evaluate("hash => fp.database.putFile('form-file', hash, new Blob(['name']))", hash_)
        made = form | {"lists": ["clinics.csv"], "languages": [], "unsupported": [], "files": {"clinics.csv": hash_}}
        page.evaluate("form => fp.forms.becomeCurrent(form)", made)
    assert page.evaluate("Promise.all(['old', 'new'].map(h => fp.database.hasFile('form-file', h)))") == [False, True]


def test_an_entity_made_here_is_in_the_list_at_once(keeper: Phone, stand: Stand) -> None:
    page, draft = begun(keeper, stand)
    xml = record("uuid:one", entity='<entity dataset="clinics" id="e-9" create="1"><label>Clinic Zemio</label></entity>')
    page.evaluate(FINISH, [draft, xml, FORM])
    changes = page.evaluate("fp.queue.list().then(found => found[0].entities)")
    row = rows_with(page, changes)["e-9"]
    assert (row["label"], row["beds"], row["__version"], row["__trunkVersion"], row["__branchId"]) == (
        "Clinic Zemio", "12", "1", "", changes[0]["ownBranch"],
    )  # fmt: skip


def test_a_row_of_the_server_is_the_trunk_of_what_comes_next(keeper: Phone, stand: Stand) -> None:
    row = rows_with(keeper.open(), [])["e-2"]
    assert (row["__version"], row["__trunkVersion"], len(row["__branchId"])) == ("3", "3", 36)


def test_two_changes_made_here_are_one_branch(keeper: Phone, stand: Stand) -> None:
    rows = rows_with(keeper.open(), [changed(data={"beds": "5"}), changed(baseVersion=2, data={"beds": "6"})])
    said = rows["e-1"]
    assert (said["beds"], said["__version"], said["__trunkVersion"], said["__branchId"]) == ("6", "3", "1", "b-1")


def test_a_changed_row_keeps_what_was_not_changed(keeper: Phone, stand: Stand) -> None:
    assert rows_with(keeper.open(), [changed(data={"beds": "5"})])["e-1"]["label"] == "Clinic Zemio"


def test_a_change_that_the_servers_list_holds_is_laid_over_no_more(keeper: Phone, stand: Stand) -> None:
    theirs = "name,label,__version,beds\ne-1,Clinic Zemio North,2,7\n"
    row = rows_with(keeper.open(), [changed(delivered=True, data={"beds": "5"})], theirs)["e-1"]
    assert (row["label"], row["beds"], row["__version"]) == ("Clinic Zemio North", "7", "2")


def test_a_delivered_change_stays_until_the_servers_list_holds_it(keeper: Phone, stand: Stand) -> None:
    assert rows_with(keeper.open(), [changed(delivered=True, data={"beds": "5"})])["e-1"]["beds"] == "5"


def test_a_label_with_comma_quote_and_line_break_survives_the_overlay(keeper: Phone, stand: Stand) -> None:
    said = 'Zemio, "new"\nNorth'
    assert rows_with(keeper.open(), [changed(label=said)])["e-1"]["label"] == said


def test_a_list_of_20000_rows_is_overlaid_in_time(keeper: Phone, stand: Stand) -> None:
    page = keeper.open()
    long = "name,label,__version,beds\n" + "".join(f"e-{n},Clinic {n},1,4\n" for n in range(20_000))
    work = "([list, c]) => { const at = performance.now(); fp.overlaid(list, 'clinics', c); return performance.now() - at }"
    took = page.evaluate(work, [long, [changed()]])
    assert took < 1_500


def test_values_with_bytes_come_back_as_they_were(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    value = {"a": [1, "é", None], "b": {"c": True}}
    page.evaluate("value => fp.database.put('setting', 'x', value)", value)
    assert json.loads(page.evaluate("fp.database.get('setting', 'x').then(JSON.stringify)")) == value


def test_the_log_keeps_the_last_500_lines(keeper: Phone, stand: Stand) -> None:
    page = keeper.begin(stand.sealing_key, PATH)
    page.evaluate("async () => { for (let n = 0; n < 503; n += 1) await fp.log.add('line ' + n) }")
    assert page.evaluate("fp.log.latest(1000).then(l => [l.length, l[0].text])") == [500, "line 502"]
