"""Statements 102 to 108 and 121: encrypted forms, from the key over the phone to the officer who unlocks.

The phone's part is done by the openssl command.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.conformance.mission import Mission, Phone, Project, children, wait_until
from tests.conformance.samples import entity_xml, form_xml, new_id, new_uuid, report_xml
from tests.encrypting import COLLECT, SUBMISSIONS, Encrypted, Encryptor, KeyPair

PASSPHRASE = "correct horse battery staple"
QUESTIONS = {"name": "string", "beds": "int", "photo": "binary"}
PHOTO = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40


@dataclass(frozen=True)
class Ward:
    """A project with a key; its form "ward" saves its answers to the list "wards", and a phone may fill it."""

    project: Project
    phone: Phone
    folder: Path
    version: str
    public: str
    key_id: int
    namespace: str = SUBMISSIONS

    def encrypt(
        self, instance_id: str, files: Mapping[str, bytes] | None = None, *, signature: str | None = "right", entity: str = "",
        **answers: str,
    ) -> Encrypted:
        """A report on the form, encrypted."""
        xml = report_xml(instance_id, "ward", self.version, entity=entity, **answers)
        encryptor = Encryptor(self.public, self.folder, self.namespace)
        return encryptor.encrypt("ward", self.version, instance_id, xml, files, signature=signature)

    def sent(self, files: Mapping[str, bytes] | None = None, **options: Any) -> str:
        """Encrypts and sends a report; returns its instanceID once it is listed."""
        instance_id = options.pop("instance_id", None) or new_id()
        sealed = self.encrypt(instance_id, files, **options)
        answer = self.phone.send(sealed.manifest, sealed.files)
        assert answer.status_code == 201, answer.text
        wait_until(lambda: self.listed(instance_id), "the report")
        return instance_id

    def listed(self, instance_id: str) -> bool:
        return instance_id in {each["instanceId"] for each in self.project.submissions("ward")}

    def api(self, method: str, path: str, status: int = 200, **options: Any) -> requests.Response:
        """A request below the form's submissions."""
        return self.project.api(method, f"/forms/ward/submissions{path}", status, **options)

    def unlock(self, instance_id: str, passphrase: str = PASSPHRASE, status: int = 200) -> requests.Response:
        return self.api("POST", f"/{quote(instance_id)}/unlock", status, json={str(self.key_id): passphrase})

    def row(self, instance_id: str) -> dict[str, Any]:
        """The report in the OData feed."""
        rows = self.project.api("GET", f"/forms/ward.svc/Submissions('{quote(instance_id)}')").json()["value"]
        found: dict[str, Any] = rows[0]
        return found

    def exported(
        self, method: str = "GET", query: str = "", **options: Any
    ) -> tuple[dict[str, dict[str, str]], dict[str, bytes]]:
        """The export: lines of the root table by KEY, and the files of the zip by name."""
        packed = self.api(method, f".csv.zip{query}", **options).content
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        lines = csv.DictReader(io.StringIO(files["ward.csv"].decode()))
        return {line["KEY"]: line for line in lines}, files


def make_ward(mission: Mission, folder: Path, form_id: str = "ward") -> Ward:
    project = mission.project("Encrypted")
    project.publish(form_xml(form_id, "1", questions=QUESTIONS, creates="wards"), form_id=form_id)
    project.api("POST", "/key", json={"passphrase": PASSPHRASE, "hint": "the usual one"})
    form = project.api("GET", f"/forms/{form_id}").json()
    public = public_keys(project.api("GET", f"/forms/{form_id}.xml").text)[0]
    return Ward(project, project.phone(form_id), folder, form["version"], public, form["keyId"])


def public_keys(xml: str) -> list[str]:
    return re.findall(r'<submission[^>]* base64RsaPublicKey="([^"]*)"', xml)


@pytest.fixture(scope="session")
def ward(mission: Mission, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    return make_ward(mission, tmp_path_factory.mktemp("ward"))


@pytest.fixture
def fresh(mission: Mission, tmp_path: Path) -> Ward:
    return make_ward(mission, tmp_path)


@pytest.mark.parametrize("namespace", [SUBMISSIONS, COLLECT])
def test_statement_102_manifest_and_encrypted_files_are_stored_as_ordinary_parts(ward: Ward, namespace: str) -> None:
    instance_id = new_id()
    sealed = Ward(**{**vars(ward), "namespace": namespace}).encrypt(instance_id, {"a.jpg": PHOTO}, name="North")

    answer = ward.phone.send(sealed.manifest, sealed.files)

    assert answer.status_code == 201
    wait_until(lambda: ward.listed(instance_id), "the report")
    assert ward.api("GET", f"/{instance_id}.xml").content == sealed.manifest
    listed = ward.api("GET", f"/{instance_id}/attachments").json()
    assert sorted((each["name"], each["exists"]) for each in listed) == [("a.jpg.enc", True), ("submission.xml.enc", True)]
    for name, data in sealed.files.items():
        assert ward.api("GET", f"/{instance_id}/attachments/{name}").content == data


def test_statement_102_a_report_sent_in_several_posts_ends_with_all_files(ward: Ward) -> None:
    instance_id = new_id()
    sealed = ward.encrypt(instance_id, {"a.jpg": PHOTO})

    codes = [ward.phone.send(sealed.manifest, {name: data}).status_code for name, data in sealed.files.items()]

    assert codes == [201, 201]
    wait_until(lambda: all(each["exists"] for each in ward.api("GET", f"/{instance_id}/attachments").json()), "both files")


@pytest.mark.parametrize("left_out", ["encrypted", "key", "xml", "instance", "file"])
def test_statement_103_a_manifest_without_a_required_part_is_400_and_stores_nothing(ward: Ward, left_out: str) -> None:
    instance_id = new_id()
    media = [""] if left_out == "file" else ["a.jpg.enc"]
    manifest = Encryptor(ward.public, ward.folder).manifest(
        "ward", ward.version, None if left_out == "instance" else instance_id, None if left_out == "key" else "a2V5", media,
        encrypted="" if left_out == "encrypted" else ' encrypted="yes"',
        xml_file=None if left_out == "xml" else "submission.xml.enc",
    )

    answer = ward.phone.send(manifest)

    assert answer.status_code == 400
    assert b"OpenRosaResponse" in answer.content
    ward.api("GET", f"/{instance_id}", 404)


def test_statement_103_a_manifest_without_form_id_is_400(ward: Ward) -> None:
    manifest = Encryptor(ward.public, ward.folder).manifest("ward", ward.version, new_id(), "a2V5", [])

    assert ward.phone.send(manifest.replace(b' id="ward"', b"")).status_code == 400


def test_statement_103_a_manifest_without_the_version_that_the_form_has_is_kept_aside(ward: Ward) -> None:
    sealed = Encryptor(ward.public, ward.folder).encrypt("ward", None, new_id(), b"<data/>")

    assert ward.phone.send(sealed.manifest, sealed.files).status_code == 202
    assert ward.phone.send(sealed.manifest.replace(b"uuid:", b"uuid:1"), sealed.files, query="?strict=1").status_code == 404


def test_statement_104_answers_and_files_are_decrypted(ward: Ward) -> None:
    instance_id = ward.sent({"a.jpg": PHOTO, "empty.txt": b"", "block.bin": b"x" * 16}, name="Été", beds="12", photo="a.jpg")

    lines, files = ward.exported(query=f"?{ward.key_id}={quote(PASSPHRASE)}")

    assert (lines[instance_id]["name"], lines[instance_id]["beds"], lines[instance_id]["Status"]) == ("Été", "12", "")
    assert files["media/a.jpg"] == PHOTO
    assert files["media/block.bin"] == b"x" * 16


def test_statement_105_twenty_files_are_decrypted_in_the_order_of_the_manifest(ward: Ward) -> None:
    names = [f"{number * 7 % 20}.bin" for number in range(20)]
    instance_id = ward.sent({name: f"{name} of twenty".encode() * 5 for name in names}, name="Many")

    ward.unlock(instance_id)
    files = ward.exported()[1]

    assert {name: files[f"media/{name}"] for name in names} == {name: f"{name} of twenty".encode() * 5 for name in names}
    assert ward.row(instance_id)["name"] == "Many"


@pytest.mark.parametrize(("signature", "status"), [("right", None), ("wrong", "signatureBad"), (None, None)])
def test_statement_106_a_bad_signature_is_shown_and_the_data_listed(
    ward: Ward, signature: str | None, status: str | None
) -> None:
    instance_id = ward.sent({"s.jpg": PHOTO}, signature=signature, name="Signed")

    ward.unlock(instance_id)

    row = ward.row(instance_id)
    assert (row["name"], row["__system"]["status"]) == ("Signed", status)
    line = ward.exported()[0][instance_id]
    assert (line["name"], line["Status"]) == ("Signed", "signature bad" if status else "")


def test_statement_106_files_that_were_exchanged_spoil_the_signature(ward: Ward) -> None:
    instance_id = new_id()
    sealed = ward.encrypt(instance_id, {"a.jpg": PHOTO}, name="Exchanged")
    damaged = {**sealed.files, "a.jpg.enc": sealed.files["a.jpg.enc"][:32]}
    assert ward.phone.send(sealed.manifest, damaged).status_code == 201
    wait_until(lambda: ward.listed(instance_id), "the report")

    ward.unlock(instance_id)

    assert (ward.row(instance_id)["name"], ward.row(instance_id)["__system"]["status"]) == ("Exchanged", "signatureBad")


def test_statement_107_a_locked_report_says_nothing(ward: Ward) -> None:
    instance_id = ward.sent(name="Secret")

    row, line = ward.row(instance_id), ward.exported()[0][instance_id]

    assert (row.get("name"), row["__system"]["status"]) == (None, "notDecrypted")
    assert (line["name"], line["Status"]) == ("", "not decrypted")


def test_statement_107_without_the_encrypted_answers_the_status_says_so(ward: Ward) -> None:
    instance_id = new_id()
    sealed = ward.encrypt(instance_id, {"a.jpg": PHOTO})
    assert ward.phone.send(sealed.manifest, {"a.jpg.enc": sealed.files["a.jpg.enc"]}).status_code == 201
    wait_until(lambda: ward.listed(instance_id), "the report")

    assert ward.row(instance_id)["__system"]["status"] == "missingEncryptedFormData"
    assert ward.exported()[0][instance_id]["Status"] == "missing encrypted form data"
    assert ward.unlock(instance_id, status=409).json()["code"] == 409.95


def test_statement_107_an_unlocked_report_is_in_feed_export_and_list_like_any_other(ward: Ward) -> None:
    instance_id = ward.sent({"b.jpg": PHOTO + b"b"}, name="Clear", beds="3", photo="b.jpg")

    ward.unlock(instance_id)

    row = ward.row(instance_id)
    assert (row["name"], row["beds"], row["photo"]) == ("Clear", 3, "b.jpg")
    lines, files = ward.exported()
    assert (lines[instance_id]["name"], lines[instance_id]["beds"]) == ("Clear", "3")
    assert files["media/b.jpg"] == PHOTO + b"b"
    assert b"media/b.jpg.enc" not in b"\n".join(name.encode() for name in files)
    everything = ward.project.api("GET", "/forms/ward.svc/Submissions").json()["value"]
    assert "Clear" in {each["name"] for each in everything if each["__id"] == instance_id}


def test_statement_107_an_unlocked_report_is_reviewed_like_any_other(ward: Ward) -> None:
    instance_id = ward.sent(name="Reviewed")
    ward.unlock(instance_id)

    answer = ward.api("PATCH", f"/{instance_id}", json={"reviewState": "approved"})

    assert answer.json()["reviewState"] == "approved"
    assert ward.row(instance_id)["name"] == "Reviewed"


def test_statement_107_the_log_names_who_decrypted(ward: Ward) -> None:
    instance_id = ward.sent(name="Logged")
    me = ward.project.mission.api("GET", "/users/current").json()["id"]

    ward.unlock(instance_id)

    history = ward.api("GET", f"/{instance_id}/audits").json()
    assert (history[0]["action"], history[0]["actorId"]) == ("submission.decrypt", me)
    log = ward.project.mission.api("GET", "/audits?action=submission.decrypt").json()
    assert log[0]["actorId"] == me


def test_statement_107_a_wrong_passphrase_opens_nothing_and_is_counted(fresh: Ward) -> None:
    instance_id = fresh.sent(name="Guarded")

    codes = [fresh.unlock(instance_id, f"wrong horse number {number}", 400).json()["code"] for number in range(8)]

    assert set(codes) == {400.12}
    refused = fresh.unlock(instance_id, PASSPHRASE, 429)
    assert refused.json()["code"] == 429.2
    assert int(refused.headers["Retry-After"]) > 0
    assert fresh.row(instance_id).get("name") is None


def test_statement_107_what_was_unlocked_can_be_locked_again(ward: Ward) -> None:
    instance_id = ward.sent({"l.jpg": PHOTO + b"l"}, name="Again")
    ward.unlock(instance_id)

    ward.api("POST", f"/{instance_id}/lock")

    assert ward.row(instance_id).get("name") is None
    assert "media/l.jpg" not in ward.exported()[1]
    ward.unlock(instance_id)
    assert ward.row(instance_id)["name"] == "Again"


def test_statement_107_all_locked_reports_are_unlocked_at_once(fresh: Ward) -> None:
    ids = [fresh.sent(name=f"Ward {number}") for number in range(3)]

    answer = fresh.api("POST", "/unlock", json={str(fresh.key_id): PASSPHRASE}).json()

    assert (answer["unlocked"], answer["locked"]) == (3, 0)
    assert [fresh.row(each)["name"] for each in ids] == ["Ward 0", "Ward 1", "Ward 2"]


@pytest.mark.parametrize("how", ["query", "json", "form"])
def test_statement_107_an_export_with_the_passphrase_decrypts_and_stores_nothing(ward: Ward, how: str) -> None:
    instance_id = ward.sent({f"{how}.jpg": PHOTO + how.encode()}, name="Exported")
    given = {str(ward.key_id): PASSPHRASE}

    if how == "query":
        lines, files = ward.exported(query=f"?{ward.key_id}={quote(PASSPHRASE)}")
    else:
        lines, files = ward.exported("POST", **({"json": given} if how == "json" else {"data": given}))

    assert (lines[instance_id]["name"], lines[instance_id]["Status"]) == ("Exported", "")
    assert files[f"media/{how}.jpg"] == PHOTO + how.encode()
    assert ward.row(instance_id).get("name") is None


def test_statement_107_an_export_with_a_wrong_passphrase_is_400(fresh: Ward) -> None:
    assert fresh.api("GET", f".csv.zip?{fresh.key_id}=wrong+horse", 400).json()["code"] == 400.12
    assert fresh.api("POST", ".csv.zip", 400, json={str(fresh.key_id): "wrong horse"}).json()["code"] == 400.12


def test_statement_107_the_keys_of_the_reports_are_told_without_their_private_half(ward: Ward) -> None:
    ward.sent(name="Keyed")

    [key] = ward.api("GET", "/keys").json()

    assert sorted(key) == ["createdAt", "hint", "id", "managed", "public"]
    assert (key["id"], key["public"], key["managed"], key["hint"]) == (ward.key_id, ward.public, True, "the usual one")


def test_statement_108_the_public_key_is_kept_byte_for_byte(project: Project, tmp_path: Path) -> None:
    public = KeyPair.make(tmp_path).public
    odd = "AB+/cd==\u00a0 &amp; &#10;"
    for form_id, key in (("real", public), ("odd", odd)):
        project.publish(form_xml(form_id, submission=f'<submission base64RsaPublicKey="{key}" method="post"/>'), form_id=form_id)
        phone = project.phone(form_id)

        [entry] = phone.form_list(f"?formID={form_id}")

        assert f'base64RsaPublicKey="{key}"'.encode() in phone.get(entry["downloadUrl"]).content


def test_statement_108_enabling_encryption_makes_a_new_version(project: Project) -> None:
    project.publish(form_xml("patrol", "7"))
    phone = project.phone("patrol")

    project.api("POST", "/key", json={"passphrase": PASSPHRASE})

    [entry] = phone.form_list()
    assert re.fullmatch(r"7\[encrypted:[A-Za-z0-9+/]{8}\]", entry["version"])
    assert len(public_keys(phone.get(entry["downloadUrl"]).text)) == 1
    assert project.api("GET", "/forms/patrol").json()["keyId"] == project.api("GET", "").json()["keyId"]
    assert phone.send(report_xml(new_id(), "patrol", "7", name="In clear")).status_code == 201


def test_statement_108_forms_that_have_a_key_keep_it(project: Project, tmp_path: Path) -> None:
    public = KeyPair.make(tmp_path).public
    project.publish(form_xml("own", "7", submission=f'<submission base64RsaPublicKey="{public}"/>'), form_id="own")

    project.api("POST", "/key", json={"passphrase": PASSPHRASE})

    assert project.api("GET", "/forms/own").json()["version"] == "7"
    assert public_keys(project.api("GET", "/forms/own.xml").text) == [public]


def test_statement_108_later_versions_and_forms_carry_the_key_too(fresh: Ward) -> None:
    fresh.project.publish(form_xml("ward", "2", questions=QUESTIONS, creates="wards"), form_id="ward", again=True)
    fresh.project.publish(form_xml("later", "1"), form_id="later")

    for form_id in ("ward", "later"):
        assert public_keys(fresh.project.api("GET", f"/forms/{form_id}.xml").text) == [fresh.public]


@pytest.mark.parametrize(
    ("body", "status", "code"), [({}, 400, 400.2), ({"passphrase": ""}, 400, 400.2), ({"passphrase": "short"}, 400, 400.21)]
)
def test_statement_108_a_key_needs_a_passphrase(project: Project, body: dict[str, str], status: int, code: float) -> None:
    assert project.api("POST", "/key", status, json=body).json()["code"] == code


def test_statement_108_a_project_gets_one_key_only(fresh: Ward) -> None:
    assert fresh.project.api("POST", "/key", 409, json={"passphrase": PASSPHRASE}).json()["code"] == 409.4


def test_statement_121_entities_are_made_only_once_the_report_is_decrypted(ward: Ward) -> None:
    entity_id = new_uuid()
    instance_id = ward.sent(name="Entity", beds="8", entity=entity_xml("wards", entity_id, "Entity ward"))
    probe = ward.sent(name="Probe")
    ward.project.api("GET", f"/datasets/wards/entities/{entity_id}", 404)

    ward.unlock(instance_id)

    made = ward.project.api("GET", f"/datasets/wards/entities/{entity_id}").json()["currentVersion"]
    assert (made["label"], made["data"]["beds"]) == ("Entity ward", "8")
    assert ward.row(probe).get("name") is None


def test_statement_121_locking_takes_the_entity_away_again(ward: Ward) -> None:
    entity_id = new_uuid()
    instance_id = ward.sent(name="Gone", entity=entity_xml("wards", entity_id, "Gone ward"))
    ward.unlock(instance_id)

    ward.api("POST", f"/{instance_id}/lock")

    ward.project.api("GET", f"/datasets/wards/entities/{entity_id}", 404)


def test_statement_121_a_manifest_that_claims_an_entity_makes_none(ward: Ward) -> None:
    entity_id, instance_id = new_uuid(), new_id()
    sealed = ward.encrypt(instance_id, name="Forged")
    forged = sealed.manifest.replace(b"<orx:meta>", f'<orx:meta>{entity_xml("wards", entity_id, "Forged")}'.encode())

    assert ward.phone.send(forged, sealed.files).status_code == 201

    wait_until(lambda: ward.listed(instance_id), "the report")
    assert children(ward.api("GET", f"/{instance_id}.xml").content, "entity")
    ward.project.api("GET", f"/datasets/wards/entities/{entity_id}", 404)
