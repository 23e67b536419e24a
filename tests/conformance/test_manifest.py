"""Conformance, manifest and media: statements 43 to 55."""

from __future__ import annotations

import csv
import hashlib
import re

import pytest
import requests
from lxml import etree

from tests.conformance.mission import Mission, Phone, Project, part, wait_until
from tests.conformance.samples import entity_xml, form_xml, new_uuid, report_xml

MANIFEST = "{http://openrosa.org/xforms/xformsManifest}"
TOWNS = b"name,label\na,Town A\nb,Ville \xc3\xa9\n"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


def md5(data: bytes) -> str:
    """A hash as manifests write it."""
    return "md5:" + hashlib.md5(data, usedforsecurity=False).hexdigest()


def files_of(phone: Phone, form_id: str = "patrol") -> dict[str, dict[str, str]]:
    """The manifest's entries by file name."""
    return {each["filename"]: each for each in phone.manifest(form_id)}


def publish_with_list(project: Project, *more: str, approval: bool = False) -> Phone:
    """A form that chooses from the entity list `people`, which is made here, and a phone for it."""
    project.api("POST", "/datasets", json={"name": "people", "approvalRequired": approval})
    project.api("POST", "/datasets/people/properties", json={"name": "age"})
    project.publish(form_xml(files=("people.csv", *more)))
    return project.phone("patrol")


def add_person(project: Project, label: str, dataset: str = "people", **data: str) -> str:
    """A new entity; returns its UUID."""
    made = project.api("POST", f"/datasets/{dataset}/entities", json={"label": label, "data": data})
    return str(made.json()["uuid"])


def list_hash(phone: Phone, name: str = "people.csv", form_id: str = "patrol") -> str:
    """The hash that the manifest gives for a list, after it was held against the bytes."""
    entry = files_of(phone, form_id)[name]
    assert entry["hash"] == md5(phone.get(entry["downloadUrl"]).content)
    return entry["hash"]


def rows(phone: Phone, name: str = "people.csv") -> list[dict[str, str]]:
    """The list as the phone gets it."""
    text = phone.get(files_of(phone)[name]["downloadUrl"]).content.decode()
    return list(csv.DictReader(text.splitlines()))


def changed(phone: Phone, before: str) -> str:
    """The list's new hash, as soon as it is another than before."""
    return wait_until(lambda: (now := list_hash(phone)) != before and now, "another hash of the list")


@pytest.fixture
def media(project: Project) -> Phone:
    """A phone whose form expects a list and a picture; both are there."""
    project.publish(form_xml(files=("towns.csv", "map.png")), {"towns.csv": TOWNS, "map.png": PICTURE})
    return project.phone("patrol")


def test_statement_043_the_manifest_answers_200_as_text_xml(media: Phone) -> None:
    answer = media.get("/forms/patrol/manifest")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert etree.fromstring(answer.content).tag == f"{MANIFEST}manifest"


def test_statement_043_a_form_without_files_has_an_empty_manifest(project: Project) -> None:
    project.publish()
    root = etree.fromstring(project.phone("patrol").get("/forms/patrol/manifest").content)

    assert (root.tag, len(root)) == (f"{MANIFEST}manifest", 0)


def test_statement_044_each_file_has_name_hash_and_address_once(media: Phone) -> None:
    files = etree.fromstring(media.get("/forms/patrol/manifest").content).findall(f"{MANIFEST}mediaFile")

    assert len(files) == 2
    for file in files:
        assert [len(file.findall(f"{MANIFEST}{name}")) for name in ("filename", "hash", "downloadUrl")] == [1, 1, 1]
        assert re.fullmatch(r"md5:[0-9a-f]{32}", file.findtext(f"{MANIFEST}hash") or "")
        assert (file.findtext(f"{MANIFEST}downloadUrl") or "").startswith(media.url + "/")


@pytest.mark.parametrize("name", [
    "../towns.csv", "/etc/towns.csv", "C:\\towns.csv", "a/../../towns.csv", "./towns.csv", "a//towns.csv",
])
def test_statement_045_a_form_that_expects_a_rooted_or_climbing_name_is_refused(project: Project, name: str) -> None:
    answer = project.mission.request(
        "POST", f"/projects/{project.id}/forms?publish=true&ignoreWarnings=true", data=form_xml(files=(name,)).encode(),
        headers={"Content-Type": "application/xml"},
    )

    assert answer.status_code == 400, answer.text
    assert "towns.csv" in answer.text
    assert project.api("GET", "/forms").json() == []


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2ftowns.csv", "%2Fetc%2Fpasswd", "C%3A%5Ctowns.csv", "%2e", "x%00.csv"])
def test_statement_045_such_a_name_is_refused_at_upload(project: Project, name: str) -> None:
    xml, head = form_xml(files=("towns.csv",)).encode(), {"Content-Type": "application/xml"}
    project.api("POST", "/forms?ignoreWarnings=true", data=xml, headers=head)
    # Written out by hand: a client library would take the dots out of the address.
    base, headers = f"{project.mission.base_url}/v1", dict(project.mission.admin)
    request = requests.Request("POST", f"{base}/x", headers=headers, data=b"x").prepare()
    request.url = f"{base}/projects/{project.id}/forms/patrol/draft/attachments/{name}"
    with requests.Session() as session:
        answer = session.send(request, timeout=60, allow_redirects=False)

    assert answer.status_code in {400, 404, 405}
    assert [each["exists"] for each in project.api("GET", "/forms/patrol/draft/attachments").json()] == [False]


def test_statement_045_names_in_manifests_are_plain(media: Phone) -> None:
    assert all(re.fullmatch(r"[^/\\:]+", name) and name not in {".", ".."} for name in files_of(media))


def test_statement_046_a_file_named_twice_is_listed_once(project: Project) -> None:
    project.publish(form_xml(files=("towns.csv", "towns.csv", "map.png")), {"towns.csv": TOWNS, "map.png": PICTURE})
    names = [each["filename"] for each in project.phone("patrol").manifest("patrol")]

    assert sorted(names) == ["map.png", "towns.csv"]


def test_statement_047_the_hash_is_that_of_the_bytes(media: Phone) -> None:
    served = {name: media.get(entry["downloadUrl"]).content for name, entry in files_of(media).items()}

    assert served == {"towns.csv": TOWNS, "map.png": PICTURE}
    assert {name: entry["hash"] for name, entry in files_of(media).items()} == {name: md5(data) for name, data in served.items()}


def test_statement_048_an_entity_list_names_where_to_ask_about_entities(project: Project) -> None:
    phone = publish_with_list(project, "map.png")
    entry = files_of(phone)["people.csv"]

    assert entry["type"] == "entityList"
    assert entry["integrityUrl"].startswith(phone.url + "/")
    assert phone.get(entry["integrityUrl"]).status_code == 200


def test_statement_048_plain_files_have_neither_type_nor_integrity_address(media: Phone) -> None:
    assert all(not {"type", "integrityUrl"} & set(entry) for entry in files_of(media).values())


def test_statement_049_a_list_that_needs_approval_says_so(project: Project) -> None:
    entry = files_of(publish_with_list(project, approval=True))["people.csv"]

    assert entry["type"] == "approvalEntityList"
    assert entry["integrityUrl"]


def test_statement_050_files_that_are_not_there_are_left_out(project: Project) -> None:
    project.publish(form_xml(files=("towns.csv", "map.png")), {"map.png": PICTURE})
    phone = project.phone("patrol")

    assert list(files_of(phone)) == ["map.png"]
    assert phone.get("/forms/patrol/attachments/towns.csv").status_code == 404


def test_statement_051_the_hash_follows_what_happens_to_an_entity(project: Project) -> None:
    phone = publish_with_list(project)
    hashes = [list_hash(phone)]
    ann = add_person(project, "Ann", age="41")
    hashes.append(changed(phone, hashes[-1]))
    project.api("PATCH", f"/datasets/people/entities/{ann}?force=true", json={"data": {"age": "42"}})
    hashes.append(changed(phone, hashes[-1]))
    project.api("PATCH", f"/datasets/people/entities/{ann}?force=true", json={"label": "Anna"})
    hashes.append(changed(phone, hashes[-1]))
    project.api("DELETE", f"/datasets/people/entities/{ann}")
    hashes.append(changed(phone, hashes[-1]))

    assert len(set(hashes[:4])) == 4
    assert hashes[4] == hashes[0]


def test_statement_051_a_report_that_makes_an_entity_changes_the_hash(project: Project) -> None:
    questions = {"name": "string", "age": "int"}
    project.publish(form_xml("register", creates="people", questions=questions), form_id="register")
    project.publish(form_xml(files=("people.csv",)))
    phone = project.phone("register", "patrol")
    before, made = list_hash(phone), new_uuid()
    entity = entity_xml("people", made, "Bob")
    answer = phone.send(report_xml(f"uuid:{new_uuid()}", "register", name="Bob", age="7", entity=entity))

    assert answer.status_code == 201
    changed(phone, before)
    assert [(row["name"], row["label"], row["age"]) for row in rows(phone)] == [(made, "Bob", "7")]


def test_statement_051_a_new_property_is_a_new_column_and_a_new_hash(project: Project) -> None:
    phone = publish_with_list(project)
    add_person(project, "Ann", age="41")
    wait_until(lambda: rows(phone))
    before = list_hash(phone)
    project.api("POST", "/datasets/people/properties", json={"name": "trade"})

    assert changed(phone, before)
    assert list(rows(phone)[0]) == ["name", "label", "__version", "age", "trade"]


def test_statement_051_what_does_not_touch_the_list_does_not_touch_its_hash(project: Project, mission: Mission) -> None:
    phone = publish_with_list(project)
    add_person(project, "Ann", age="41")
    wait_until(lambda: rows(phone))
    before = list_hash(phone)
    other = mission.project()
    for each in (project, other):
        name = "people" if each is other else "towns"
        each.api("POST", "/datasets", json={"name": name})
        add_person(each, "Elsewhere", name)
    phone.send(report_xml(f"uuid:{new_uuid()}", name="nothing about people"))
    project.phone("patrol", name="Another phone")

    assert list_hash(phone) == before


def test_statement_051_another_filter_gives_each_actor_another_list(project: Project) -> None:
    questions = {"name": "string", "age": "int"}
    project.publish(form_xml("register", creates="people", questions=questions), form_id="register")
    project.publish(form_xml(files=("people.csv",)))
    first, second = (project.phone("register", "patrol", name=name) for name in ("First", "Second"))
    for phone, label in ((first, "Of the first"), (second, "Of the second")):
        entity = entity_xml("people", new_uuid(), label)
        assert phone.send(report_xml(f"uuid:{new_uuid()}", "register", name=label, entity=entity)).status_code == 201
    wait_until(lambda: len(rows(first)) == len(rows(second)) == 2)
    shared = [list_hash(phone) for phone in (first, second)]
    project.api("PATCH", "/datasets/people", json={"ownerOnly": True})
    own = [changed(phone, shared[0]) for phone in (first, second)]

    assert shared[0] == shared[1]
    assert own[0] != own[1]
    assert [[row["label"] for row in rows(phone)] for phone in (first, second)] == [["Of the first"], ["Of the second"]]


def test_statement_051_a_merge_changes_the_hash(mission: Mission) -> None:
    project = Project(mission, 1)
    form_id = f"chooses-{new_uuid()}"
    project.publish(form_xml(form_id, files=("facilities.csv",)), form_id=form_id)
    phone = project.phone(form_id)
    label = f"Clinic {new_uuid()}"
    data = {"fac_name": label, "fac_type": "hospital", "gps": "4.5000 18.5000 0 5", "geometry": "4.5000 18.5000 0 5"}
    known = {each["name"] for each in project.api("GET", "/datasets/facilities").json()["properties"]}
    told = {name: value for name, value in data.items() if name in known}

    def listed() -> list[str]:
        text = phone.get(files_of(phone, form_id)["facilities.csv"]["downloadUrl"]).content.decode()
        return [row["name"] for row in csv.DictReader(text.splitlines()) if row["label"] == label]

    one, two = sorted((new_uuid(), new_uuid()), reverse=True)
    project.api("POST", "/datasets/facilities/entities", json={"uuid": one, "label": label, "data": told})
    wait_until(lambda: listed() == [one])
    before = list_hash(phone, "facilities.csv", form_id)
    project.api("POST", "/datasets/facilities/entities", json={"uuid": two, "label": label, "data": told})
    wait_until(lambda: list_hash(phone, "facilities.csv", form_id) != before)

    assert listed() == [one]


def test_statement_052_two_reads_are_the_same_bytes(project: Project) -> None:
    phone = publish_with_list(project, "map.png")
    for label in ("Zoë", "ann", "Bob", "ann", "Ärger", "É"):
        add_person(project, label, age="3")
    wait_until(lambda: len(rows(phone)) == 6)
    url = files_of(phone)["people.csv"]["downloadUrl"]
    paths = (url, "/forms/patrol/manifest", "/formList")
    reads = {tuple(phone.get(path).content for path in paths) for _ in range(5)}

    assert len(reads) == 1


@pytest.mark.parametrize("name", ["towns.csv", "map.png"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_statement_053_a_known_file_is_answered_304(media: Phone, name: str, encoding: str) -> None:
    url = files_of(media)[name]["downloadUrl"]
    tag = media.get(url, headers={"Accept-Encoding": encoding}).headers["ETag"]
    bare = tag.removeprefix("W/")

    for said in (bare, f"W/{bare}", f'"other", {tag}', "*"):
        again = media.get(url, headers={"If-None-Match": said, "Accept-Encoding": encoding})
        assert (again.status_code, again.content) == (304, b"")
    assert media.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_statement_053_a_known_list_is_answered_304_until_it_changes(project: Project) -> None:
    phone = publish_with_list(project)
    url = f"{phone.url}/forms/patrol/attachments/people.csv"
    tag = phone.get(url).headers["ETag"].removeprefix("W/")
    same = [phone.get(url, headers={"If-None-Match": said}).status_code for said in (tag, f"W/{tag}")]
    add_person(project, "Ann")
    wait_until(lambda: phone.get(url, headers={"If-None-Match": tag}).status_code == 200)

    assert same == [304, 304]


def test_statement_053_lists_and_manifests_are_revalidated_too(media: Phone) -> None:
    for path in ("/formList", "/forms/patrol/manifest"):
        first = media.get(path)
        again = media.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", [
    "/formList", "/forms/patrol.xml", "/forms/patrol/manifest", "/forms/patrol/attachments/towns.csv",
])
def test_statement_054_gzip_is_honoured(media: Phone, path: str) -> None:
    plain = media.get(path, headers={"Accept-Encoding": "identity"})
    packed = media.get(path, headers={"Accept-Encoding": "gzip"})

    assert ("Content-Encoding" in plain.headers, packed.headers["Content-Encoding"]) == (False, "gzip")
    assert packed.content == plain.content
    assert "accept-encoding" in packed.headers["Vary"].lower()


def test_statement_054_an_entity_list_is_compressed_and_hashed_as_decoded(project: Project) -> None:
    phone = publish_with_list(project)
    add_person(project, "Ann")
    wait_until(lambda: rows(phone))
    entry = files_of(phone)["people.csv"]
    packed = phone.get(entry["downloadUrl"], headers={"Accept-Encoding": "gzip"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert entry["hash"] == md5(packed.content)


def test_statement_054_a_picture_is_not_compressed_again(media: Phone) -> None:
    answer = media.get("/forms/patrol/attachments/map.png", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in answer.headers
    assert answer.content == PICTURE


@pytest.mark.parametrize(("name", "whole"), [("map.png", PICTURE), ("towns.csv", TOWNS)])
@pytest.mark.parametrize(("said", "first", "last"), [("bytes=0-9", 0, 10), ("bytes=5-", 5, None), ("bytes=-7", -7, None)])
def test_statement_055_a_range_is_answered_206(
    media: Phone, name: str, whole: bytes, said: str, first: int, last: int | None
) -> None:
    answer = media.get(f"/forms/patrol/attachments/{part(name)}", headers={"Range": said})

    assert (answer.status_code, answer.content) == (206, whole[first:last])
    assert answer.headers["Content-Range"].endswith(f"/{len(whole)}")


def test_statement_055_a_download_goes_on_where_it_was_cut(media: Phone) -> None:
    url = "/forms/patrol/attachments/map.png"
    tag = media.get(url).headers["ETag"]
    start = media.get(url, headers={"Range": "bytes=0-4999", "If-Range": tag}).content
    rest = media.get(url, headers={"Range": "bytes=5000-", "If-Range": tag})
    other = media.get(url, headers={"Range": "bytes=5000-", "If-Range": '"older"'})

    assert start + rest.content == PICTURE
    assert (other.status_code, other.content) == (200, PICTURE)


def test_statement_055_a_range_of_an_entity_list_is_of_its_decoded_bytes(project: Project) -> None:
    phone = publish_with_list(project)
    url = files_of(phone)["people.csv"]["downloadUrl"]
    answer = phone.get(url, headers={"Range": "bytes=0-3", "Accept-Encoding": "gzip"})

    assert (answer.status_code, answer.content) == (206, b"name")


def test_statement_055_a_range_beyond_the_end_is_416(media: Phone) -> None:
    assert media.get("/forms/patrol/attachments/map.png", headers={"Range": "bytes=999999-"}).status_code == 416
