"""What devices download and how this server speaks OpenRosa, as ODK Collect needs it."""

from __future__ import annotations

import gzip
import hashlib
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from lxml import etree
from sqlalchemy.orm import Session

from server.models import (
    AppUser,
    Area,
    Dataset,
    DatasetProperty,
    Entity,
    Form,
    FormAttachment,
    Post,
    Record,
    Submission,
)
from server.queries.mission import put_setting
from server.services import entity_lists
from server.services.blobs import BlobStore
from server.services.journal import now
from tests.cast import Cast
from tests.devices import HEADERS, Phone, add_form, multipart, new_id, report

LIST = "{http://openrosa.org/xforms/xformsList}"
MANIFEST = "{http://openrosa.org/xforms/xformsManifest}"
RESPONSE = "{http://openrosa.org/http/response}"


@pytest.fixture
def phone(app: Flask, session: Session, cast: Cast) -> Phone:
    """The phone of a patrol whose posts fill the form "patrol"."""
    add_form(session)
    return Phone(app.test_client(), cast.key_path(0))


def listed(phone: Phone, query: str = "") -> list[dict[str, str]]:
    """The form list as the phone reads it."""
    root = etree.fromstring(phone.get(f"/formList{query}").data)
    return [{child.tag.removeprefix(LIST): child.text or "" for child in form} for form in root.iter(f"{LIST}xform")]


def manifest(phone: Phone, form_id: str = "patrol") -> dict[str, dict[str, str]]:
    """The manifest as the phone reads it, by file name."""
    root = etree.fromstring(phone.get(f"/forms/{quote(form_id, safe='')}/manifest").data)
    files = [{child.tag.removeprefix(MANIFEST): child.text or "" for child in file} | dict(file.attrib) for file in root]
    return {file["filename"]: file for file in files}


def fetch(phone: Phone, url: str, **headers: str) -> bytes:
    """What lies at an absolute address of this server."""
    parts = urlsplit(url)
    answer = phone.client.get(f"{parts.path}?{parts.query}", headers={**HEADERS, **headers})
    assert answer.status_code == 200, answer.text
    return gzip.decompress(answer.data) if answer.headers.get("Content-Encoding") == "gzip" else answer.data


def add_list(session: Session, name: str = "settlements", properties: tuple[str, ...] = ("adm2",), **options: object) -> Dataset:
    """An entity list that the form "patrol" reads. Commits."""
    dataset = Dataset(project_id=1, name=name, created_at=now(), **options)
    session.add(dataset)
    session.flush()
    session.add_all(DatasetProperty(dataset_id=dataset.id, name=each, forms=[], published_at=now()) for each in properties)
    version_id = session.query(Form).filter_by(xml_form_id="patrol").one().current_version_id
    session.add(FormAttachment(form_version_id=version_id, name=f"{name}.csv", type="file", dataset_name=name))
    session.commit()
    return dataset


def add_record(session: Session, number: int, label: str, *, sector_id: int | None = None, **data: str) -> Record:
    """A record of the list "settlements" with its entity. Commits."""
    record_id = f"00000000-0000-4000-8000-{number:012d}"
    session.add(Entity(
        id=record_id, project_id=1, dataset="settlements", record_id=record_id, label=label, data=data, version=1,
        created_hlc="0", created_at=now(),
    ))
    row = Record(
        id=record_id, project_id=1, dataset="settlements", label=label, data=data, provenance={}, aliases=[], version=1,
        entity_count=1, observation_count=1, sector_id=sector_id, created_at=now(),
    )
    session.add(row)
    session.commit()
    return row


def test_the_form_list_speaks_openrosa(phone: Phone) -> None:
    answer = phone.get("/formList")

    assert answer.headers["X-OpenRosa-Version"] == "1.0"
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert etree.fromstring(answer.data).tag == f"{LIST}xforms"


def test_the_hash_is_of_the_bytes_at_the_download_url(phone: Phone) -> None:
    entry = listed(phone)[0]

    assert entry["hash"] == f"md5:{hashlib.md5(fetch(phone, entry['downloadUrl'])).hexdigest()}"
    assert entry["hash"] == f"md5:{hashlib.md5(fetch(phone, entry['downloadUrl'], **{'Accept-Encoding': 'gzip'})).hexdigest()}"


def test_addresses_keep_host_and_key_of_the_request(phone: Phone) -> None:
    answer = phone.client.get(f"{phone.path}/formList", headers=HEADERS, base_url="https://field.example:8443")

    assert f"https://field.example:8443{phone.path}/forms/patrol.xml" in answer.text


@pytest.mark.parametrize(("declared", "told"), [("ISO-8859-1", "iso-8859-1"), ("UTF-8", "utf-8"), (None, "utf-8")])
def test_a_form_is_served_with_the_encoding_that_its_bytes_are_in(
    app: Flask, session: Session, cast: Cast, declared: str | None, told: str
) -> None:
    version = add_form(session, "old_form", title="Été")
    text = version.xml.decode().split("?>", 1)[-1]
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    version.xml = f"{head}{text}".encode(declared or "utf-8")
    version.md5 = hashlib.md5(version.xml, usedforsecurity=False).hexdigest()
    session.commit()

    answer = app.test_client().get(f"{cast.key_path(0)}/forms/old_form.xml", headers=HEADERS)

    assert answer.headers["Content-Type"] == f"application/xml; charset={told}"
    assert answer.data == version.xml
    assert "Été" in answer.data.decode(told)


@pytest.mark.parametrize("form_id", ["a b/ü#1", "http://example.org/form", "x.xml", "a%2Fb", "manifest", "draft"])
def test_any_form_id_can_be_downloaded_and_sent(phone: Phone, session: Session, form_id: str) -> None:
    add_form(session, form_id, files=("adm1.csv",))

    entry = next(entry for entry in listed(phone) if entry["formID"] == form_id)

    assert b"<h:html" in fetch(phone, entry["downloadUrl"])
    assert b"adm1.csv" in fetch(phone, entry["manifestUrl"])
    assert phone.send(report(new_id(), form_id=form_id)).status_code == 201


def test_only_open_forms_of_the_posts_duty_are_listed(phone: Phone, session: Session) -> None:
    add_form(session, "closing", state="closing")
    add_form(session, "closed", state="closed")
    add_form(session, "others", post_types=("team_site",))

    assert [entry["formID"] for entry in listed(phone)] == ["patrol"]


def test_a_form_of_other_posts_cannot_be_downloaded(phone: Phone, session: Session) -> None:
    add_form(session, "others", post_types=("team_site",))

    assert phone.get("/forms/others.xml").status_code == 403


def test_the_list_can_be_asked_for_one_form_or_for_all_versions(phone: Phone, session: Session) -> None:
    add_form(session, version="2")
    add_form(session, "other")

    assert [entry["formID"] for entry in listed(phone, "?formID=other")] == ["other"]
    assert listed(phone, "?formID=none") == []
    assert [entry["version"] for entry in listed(phone, "?formID=patrol&listAllVersions=true")] == ["2", "1"]


def test_each_version_of_the_full_list_can_be_downloaded(phone: Phone, session: Session) -> None:
    add_form(session, version="2")

    for entry in listed(phone, "?listAllVersions=true"):
        assert f'version="{entry["version"]}"'.encode() in fetch(phone, entry["downloadUrl"])


def test_a_title_with_markup_goes_round(phone: Phone, session: Session) -> None:
    add_form(session, "odd", title="A & B <C>")

    assert next(entry for entry in listed(phone) if entry["formID"] == "odd")["name"] == "A & B <C>"


def test_a_known_list_is_not_sent_again(phone: Phone) -> None:
    first = phone.get("/formList")

    second = phone.get("/formList", headers={"If-None-Match": first.headers["ETag"]})

    assert (second.status_code, second.data) == (304, b"")


def test_a_form_is_not_sent_again_either_way_it_was_encoded(phone: Phone) -> None:
    packed = phone.get("/forms/patrol.xml", headers={"Accept-Encoding": "gzip"})

    again = phone.get("/forms/patrol.xml", headers={"If-None-Match": packed.headers["ETag"]})

    assert (packed.headers["Content-Encoding"], again.status_code) == ("gzip", 304)


@pytest.mark.parametrize("path", ["/formList", "/submission", "/forms/patrol/manifest"])
def test_a_client_that_does_not_say_openrosa_is_refused(phone: Phone, path: str) -> None:
    answer = phone.client.get(phone.path + path)

    assert answer.status_code == 400
    assert etree.fromstring(answer.data).tag == f"{RESPONSE}OpenRosaResponse"


def test_the_manifest_is_offered_only_where_files_are_expected(phone: Phone, session: Session) -> None:
    add_form(session, "with", files=("adm1.csv",))

    assert {entry["formID"]: "manifestUrl" in entry for entry in listed(phone)} == {"patrol": False, "with": True}


def test_a_file_that_was_never_uploaded_is_left_out(phone: Phone, session: Session) -> None:
    add_form(session, "with", files=("missing.png",))

    assert manifest(phone, "with") == {}


def test_media_are_served_with_ranges_and_their_hash(phone: Phone, app: Flask, session: Session) -> None:
    version = add_form(session, "with", files=("map.png",))
    stored = BlobStore(app.config["SETTINGS"]).put_bytes(session, bytes(range(256)) * 10)
    session.query(FormAttachment).filter_by(form_version_id=version.id).one().blob_sha256 = stored.sha256
    session.commit()

    entry = manifest(phone, "with")["map.png"]
    part = phone.client.get(urlsplit(entry["downloadUrl"]).path, headers={**HEADERS, "Range": "bytes=1-3"})

    assert entry["hash"] == f"md5:{stored.md5}"
    assert hashlib.md5(fetch(phone, entry["downloadUrl"])).hexdigest() == stored.md5
    assert (part.status_code, part.data) == (206, b"\x01\x02\x03")


def test_an_uploaded_file_is_never_a_page_of_this_server(phone: Phone, app: Flask, session: Session) -> None:
    version = add_form(session, "with", files=("x.html",))
    stored = BlobStore(app.config["SETTINGS"]).put_bytes(session, b"<script>alert(1)</script>")
    row = session.query(FormAttachment).filter_by(form_version_id=version.id).one()
    row.blob_sha256, row.content_type = stored.sha256, "text/html"
    session.commit()

    answer = phone.get("/forms/with/attachments/x.html")

    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_entity_list_is_a_csv_with_its_hash_and_integrity_address(phone: Phone, session: Session) -> None:
    add_list(session)
    add_record(session, 1, "Gbadé", adm2="CF321")

    entry = manifest(phone)["settlements.csv"]
    data = fetch(phone, entry["downloadUrl"])

    assert entry["type"] == "entityList"
    assert data.decode() == "name,label,__version,adm2\n00000000-0000-4000-8000-000000000001,Gbadé,1,CF321\n"
    assert entry["hash"] == f"md5:{hashlib.md5(data).hexdigest()}"
    assert entry["integrityUrl"].endswith("/datasets/settlements/integrity")


def test_a_list_that_needs_approval_says_so(phone: Phone, session: Session) -> None:
    add_list(session, approval_required=True)

    assert manifest(phone)["settlements.csv"]["type"] == "approvalEntityList"


def test_the_hash_changes_exactly_when_the_list_does(phone: Phone, session: Session) -> None:
    add_list(session)
    row = add_record(session, 1, "Gbadé", adm2="CF321")
    first, same = manifest(phone), manifest(phone)
    row.label, row.version, row.updated_at = "Gbade", 2, now()
    session.commit()

    assert first == same
    assert manifest(phone)["settlements.csv"]["hash"] != first["settlements.csv"]["hash"]


def test_a_list_that_changes_after_its_manifest_is_served_as_announced(phone: Phone, session: Session) -> None:
    add_list(session)
    row = add_record(session, 1, "Gbadé")
    announced = manifest(phone)["settlements.csv"]
    row.label, row.version, row.updated_at = "Gbade", 2, now()
    session.commit()

    data = fetch(phone, announced["downloadUrl"])

    assert announced["hash"] == f"md5:{hashlib.md5(data).hexdigest()}"
    assert "Gbade" in fetch(phone, manifest(phone)["settlements.csv"]["downloadUrl"]).decode()


def test_a_list_of_an_unknown_hash_is_served_as_it_is_now(phone: Phone, session: Session) -> None:
    add_list(session)
    add_record(session, 1, "Gbadé")
    address = manifest(phone)["settlements.csv"]["downloadUrl"].partition("?")[0]

    assert b"Gbad\xc3\xa9" in fetch(phone, f"{address}?md5=0123456789abcdef0123456789abcdef")


def test_a_deleted_record_leaves_the_list(phone: Phone, session: Session) -> None:
    add_list(session)
    row = add_record(session, 1, "Gbadé")
    row.deleted_at = now()
    session.commit()

    assert fetch(phone, manifest(phone)["settlements.csv"]["downloadUrl"]).count(b"\n") == 1


def test_a_device_gets_its_sector_and_what_has_none(phone: Phone, session: Session, cast: Cast) -> None:
    add_list(session)
    add_record(session, 1, "ours", sector_id=cast.sector_ids[0])
    add_record(session, 2, "theirs", sector_id=cast.sector_ids[1])
    add_record(session, 3, "nobody's", sector_id=None)

    data = fetch(phone, manifest(phone)["settlements.csv"]["downloadUrl"])

    assert [line.split(b",")[1] for line in data.splitlines()[1:]] == [b"nobody's", b"ours"]


def test_a_post_with_an_area_gets_what_lies_in_it_and_what_nobody_placed(phone: Phone, session: Session, cast: Cast) -> None:
    session.add_all([
        Area(code="CF1", level=1, name="One"), Area(code="CF11", level=2, name="One one", parent_code="CF1"),
        Area(code="CF2", level=1, name="Two"), Area(code="CF21", level=2, name="Two one", parent_code="CF2"),
    ])
    add_list(session, register="settlements")
    add_record(session, 1, "inside", sector_id=cast.sector_ids[1], adm2_pcode="CF11")
    add_record(session, 2, "the area itself", sector_id=cast.sector_ids[0], adm2_pcode="CF1")
    add_record(session, 3, "elsewhere", sector_id=cast.sector_ids[0], adm2_pcode="CF21")
    add_record(session, 4, "nobody said", sector_id=None)
    session.get_one(Post, cast.post_ids[0]).area_code = "CF1"
    session.commit()

    data = fetch(phone, manifest(phone)["settlements.csv"]["downloadUrl"])

    assert [line.split(b",")[1] for line in data.splitlines()[1:]] == [b"inside", b"nobody said", b"the area itself"]


def test_a_list_without_areas_is_cut_to_the_sector_of_a_post_with_an_area(phone: Phone, session: Session, cast: Cast) -> None:
    session.add(Area(code="CF1", level=1, name="One"))
    add_list(session)
    add_record(session, 71, "ours", sector_id=cast.sector_ids[0], adm2_pcode="CF2")
    add_record(session, 72, "theirs", sector_id=cast.sector_ids[1], adm2_pcode="CF1")
    session.get_one(Post, cast.post_ids[0]).area_code = "CF1"
    session.commit()

    data = fetch(phone, manifest(phone)["settlements.csv"]["downloadUrl"])

    assert [line.split(b",")[1] for line in data.splitlines()[1:]] == [b"ours"]


def test_the_mission_can_give_every_device_the_whole_list(phone: Phone, session: Session, cast: Cast) -> None:
    add_list(session)
    add_record(session, 1, "theirs", sector_id=cast.sector_ids[1])
    put_setting(session, "device_lists", "mission")
    session.commit()

    assert b"theirs" in fetch(phone, manifest(phone)["settlements.csv"]["downloadUrl"])


def test_phone_numbers_of_contacts_never_go_to_devices(phone: Phone, session: Session) -> None:
    add_list(session, "contacts", ("function", "c_phone", "phone2", "email"))

    assert fetch(phone, manifest(phone)["contacts.csv"]["downloadUrl"]) == b"name,label,__version,function\n"


def test_integrity_names_what_is_gone_and_leaves_out_what_is_not_known(phone: Phone, session: Session) -> None:
    add_list(session)
    here, gone = add_record(session, 1, "here"), add_record(session, 2, "gone")
    gone.deleted_at = now()
    session.commit()

    answer = phone.get(f"/datasets/settlements/integrity?id={here.id},{gone.id},00000000-0000-4000-8000-000000000099")

    found = {entity.get("id"): entity.findtext("deleted") for entity in etree.fromstring(answer.data).iter("entity")}
    assert found == {here.id: "false", gone.id: "true"}


def test_the_missions_areas_are_a_list_even_while_there_are_none(phone: Phone, session: Session) -> None:
    add_form(session, "with", files=("adm2.csv",))
    empty = fetch(phone, manifest(phone, "with")["adm2.csv"]["downloadUrl"])
    session.add(Area(code="CF321", level=2, name="Bossangoa", parent_code="CF32", cod_version="v02"))
    session.commit()

    full = fetch(phone, manifest(phone, "with")["adm2.csv"]["downloadUrl"])

    assert empty == b"name,label,adm1_pcode,cod_version\n"
    assert full == empty + b"CF321,Bossangoa,CF32,v02\n"


def test_records_are_not_read_again_for_each_manifest(
    phone: Phone, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_list(session)
    add_record(session, 1, "Gbadé")
    first = manifest(phone)

    def never(*_arguments: object) -> object:
        raise AssertionError("the records were read again")

    monkeypatch.setattr(entity_lists.queries, "rows", never)

    assert manifest(phone) == first


def test_head_before_sending_is_answered_204_with_the_size(phone: Phone) -> None:
    answer = phone.client.head(f"{phone.path}/submission", headers=HEADERS)

    assert (answer.status_code, answer.data) == (204, b"")
    assert int(answer.headers["X-OpenRosa-Accept-Content-Length"]) > 1_000_000


@pytest.mark.parametrize(("token", "status"), [("x" * 64, 403), ("short", 401)])
def test_a_bad_key_is_403_and_a_malformed_one_401(phone: Phone, token: str, status: int) -> None:
    answer = phone.client.get(f"/v1/key/{token}/projects/1/formList", headers=HEADERS)

    assert answer.status_code == status
    assert b"OpenRosaResponse" in answer.data


def test_a_revoked_device_is_refused(phone: Phone, session: Session, cast: Cast) -> None:
    session.get_one(AppUser, cast.device_actor_ids[0]).revoked_at = now()
    session.commit()

    assert phone.send(report(new_id())).status_code == 403
    assert session.query(Submission).count() == 0


@pytest.mark.parametrize("project", ["2", "999999999999999999999", "abc", "1%00"])
def test_another_project_is_closed_to_the_device(phone: Phone, project: str) -> None:
    answer = phone.client.get(f"{phone.path.removesuffix('1')}{project}/formList", headers=HEADERS)

    assert answer.status_code in {400, 403, 404}


@pytest.mark.parametrize(
    "path", ["/forms/no%00thing.xml", "/forms/x.xml", "/forms/patrol/attachments/no.png", "/datasets/none/integrity"]
)
def test_what_is_not_there_is_404(phone: Phone, path: str) -> None:
    assert phone.get(path).status_code == 404


def test_nobody_gets_a_list_without_credentials(phone: Phone) -> None:
    answer = phone.client.head("/v1/projects/1/submission", headers=HEADERS)

    assert answer.status_code == 401
    assert "Basic" not in answer.headers["WWW-Authenticate"]


def test_a_collector_sends_with_a_bearer_token(phone: Phone, session: Session, cast: Cast) -> None:
    body, content_type = multipart(report(new_id()))
    headers = {**HEADERS, **cast.hq_officer.bearer, "Content-Type": content_type}

    answer = phone.client.post("/v1/projects/1/submission", data=body, headers=headers)

    assert answer.status_code == 201


@pytest.mark.parametrize("role", ["partner", "auditor", "approver"])
def test_who_does_not_collect_cannot_send(phone: Phone, session: Session, cast: Cast, role: str) -> None:
    body, content_type = multipart(report(new_id()))
    headers = {**HEADERS, **cast.people[role].bearer, "Content-Type": content_type}

    answer = phone.client.post("/v1/projects/1/submission", data=body, headers=headers)

    assert answer.status_code == 403
    assert session.query(Submission).count() == 0


def test_a_larger_declared_body_is_refused_at_once(phone: Phone) -> None:
    answer = phone.client.post(
        f"{phone.path}/submission", headers={**HEADERS, "Content-Type": "multipart/form-data; boundary=B"},
        environ_overrides={"CONTENT_LENGTH": "5000000000"},
    )

    assert answer.status_code == 413
    assert answer.headers["Connection"] == "close"
    assert b"OpenRosaResponse" in answer.data


@pytest.mark.parametrize(
    ("asked", "language", "text"), [("fr-FR", "fr", "Compte rendu"), ("de", "en", "Report"), ("xx-!!", "en", "Report")]
)
def test_the_message_speaks_the_language_of_the_phone(phone: Phone, asked: str, language: str, text: str) -> None:
    phone.headers["Accept-Language"] = asked

    answer = phone.send(report(new_id()))

    assert answer.headers["Content-Language"] == language
    assert text in answer.text


def test_the_item_count_is_told_to_whoever_asks(phone: Phone) -> None:
    asked, plain = phone.send(report(new_id()), query="?items=true"), phone.send(report(new_id()))

    assert (etree.fromstring(asked.data).get("items"), etree.fromstring(plain.data).get("items")) == ("1", None)


def test_a_very_long_device_id_does_no_harm(phone: Phone, session: Session) -> None:
    answer = phone.send(report(new_id()), query=f"?deviceID={'x' * 5000}%01%1b")

    assert answer.status_code == 201, answer.text
    assert session.query(Submission).one().device_id == "x" * 255


def draft_of(session: Session, form_id: str = "patrol") -> Form:
    """Makes the form's version a draft under test. Commits."""
    form = session.query(Form).filter_by(xml_form_id=form_id).one()
    form.draft_version_id, form.draft_token = form.current_version_id, "d" * 64
    session.commit()
    return form


def test_a_draft_is_tested_with_its_token_alone(phone: Phone, session: Session) -> None:
    draft_of(session)
    tester = Phone(phone.client, f"/v1/test/{'d' * 64}/projects/1/forms/patrol/draft")

    entry = listed(tester)[0]
    answer = tester.send(report(new_id()))

    assert b"<h:html" in fetch(tester, entry["downloadUrl"])
    assert (answer.status_code, session.query(Submission).one().is_draft) == (201, True)


@pytest.mark.parametrize(("token", "form_id"), [("e" * 64, "patrol"), ("d" * 64, "other")])
def test_a_draft_needs_its_own_token(phone: Phone, session: Session, token: str, form_id: str) -> None:
    draft_of(session)

    answer = phone.client.get(f"/v1/test/{token}/projects/1/forms/{form_id}/draft/formList", headers=HEADERS)

    assert answer.status_code == 404


def test_a_test_report_on_another_form_is_refused(phone: Phone, session: Session) -> None:
    draft_of(session)
    tester = Phone(phone.client, f"/v1/test/{'d' * 64}/projects/1/forms/patrol/draft")

    assert tester.send(report(new_id(), form_id="other")).status_code == 400
