"""The documents devices read: namespaces, escaping, and refusal of what would break a whole list."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from lxml import etree

from forms import openrosa
from forms.openrosa import FormGroupEntry, FormListEntry, IntegrityEntry, ManifestEntry

MD5 = "0123456789abcdef0123456789abcdef"
BASE = "https://cimic.example/v1/key/abc/projects/1"
LIST = "{http://openrosa.org/xforms/xformsList}"
MANIFEST = "{http://openrosa.org/xforms/xformsManifest}"
RESPONSE = "{http://openrosa.org/http/response}"


def entry(**changes: object) -> FormListEntry:
    values: dict[str, object] = {
        "form_id": "cimic_patrol",
        "name": "Patrol report",
        "version": "2026112201",
        "hash": MD5,
        "download_url": f"{BASE}/forms/cimic_patrol.xml",
    }
    return FormListEntry(**{**values, **changes})  # type: ignore[arg-type]


def media(**changes: object) -> ManifestEntry:
    values: dict[str, object] = {"filename": "adm1.csv", "hash": MD5, "download_url": f"{BASE}/adm1.csv"}
    return ManifestEntry(**{**values, **changes})  # type: ignore[arg-type]


def test_form_list_gives_each_element_once_in_the_exact_namespace() -> None:
    document = etree.fromstring(openrosa.form_list([entry(manifest_url=f"{BASE}/manifest")]))

    tags = [child.tag for child in document[0]]

    assert document.tag == f"{LIST}xforms"
    expected = ("formID", "name", "version", "hash", "downloadUrl", "manifestUrl")
    assert tags == [LIST + tag for tag in expected]


def test_form_list_hash_carries_the_md5_prefix_once() -> None:
    document = etree.fromstring(openrosa.form_list([entry(hash=f"md5:{MD5.upper()}")]))

    assert document.findtext(f".//{LIST}hash") == f"md5:{MD5}"


def test_empty_form_list_is_a_valid_document() -> None:
    document = etree.fromstring(openrosa.form_list([]))

    assert (document.tag, len(document)) == (f"{LIST}xforms", 0)


def test_manifest_address_is_absent_when_the_form_needs_no_files() -> None:
    document = etree.fromstring(openrosa.form_list([entry()]))

    assert document.find(f".//{LIST}manifestUrl") is None


def test_missing_version_becomes_an_empty_element() -> None:
    document = etree.fromstring(openrosa.form_list([entry(version=None)]))

    version = document.find(f".//{LIST}version")
    assert version is not None
    assert not version.text


def test_form_without_title_shows_its_id() -> None:
    document = etree.fromstring(openrosa.form_list([entry(name="")]))

    assert document.findtext(f".//{LIST}name") == "cimic_patrol"


@pytest.mark.parametrize("title", ["A & B <C>", 'say "a"', "évaluation", "]]>", "line\nbreak"])
def test_title_goes_through_escaping_unchanged(title: str) -> None:
    document = etree.fromstring(openrosa.form_list([entry(name=title)]))

    assert document.findtext(f".//{LIST}name") == title


def test_control_character_in_a_title_does_not_break_the_list() -> None:
    document = etree.fromstring(openrosa.form_list([entry(name="a\x00b")]))

    assert document.findtext(f".//{LIST}name") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    "fault",
    [
        {"form_id": ""},
        {"hash": ""},
        {"hash": "md5:xyz"},
        {"download_url": ""},
        {"download_url": "/relative"},
        {"download_url": "https://user:pw@host/x"},
        {"manifest_url": "https://user@host/x"},
    ],
)
def test_entry_that_would_make_the_list_unreadable_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"address|hash|lacks|MD5"):
        openrosa.form_list([entry(**fault)])


def test_group_has_id_name_and_address() -> None:
    group = FormGroupEntry("g", "Group", f"{BASE}/formList?group=g")

    document = etree.fromstring(openrosa.form_list([], [group]))

    assert [c.tag for c in document[0]] == [LIST + t for t in ("groupID", "name", "listUrl")]


def test_description_is_sent_when_given() -> None:
    document = etree.fromstring(openrosa.form_list([entry(description="Every visit")]))

    assert document.findtext(f".//{LIST}descriptionText") == "Every visit"


def test_manifest_of_plain_media_has_name_hash_and_address() -> None:
    document = etree.fromstring(openrosa.manifest([media()]))

    assert document.tag == f"{MANIFEST}manifest"
    assert [c.tag for c in document[0]] == [MANIFEST + t for t in ("filename", "hash", "downloadUrl")]


@pytest.mark.parametrize("kind", ["entityList", "approvalEntityList"])
def test_entity_list_carries_type_and_integrity_address(kind: str) -> None:
    listed = media(type=kind, integrity_url=f"{BASE}/integrity")

    node = etree.fromstring(openrosa.manifest([listed]))[0]

    assert (node.get("type"), node.findtext(f"{MANIFEST}integrityUrl")) == (kind, f"{BASE}/integrity")


@pytest.mark.parametrize(
    "entries",
    [
        [media(), media()],
        [media(type="entityList")],
        [media(type="other", integrity_url=f"{BASE}/i")],
        [media(filename="")],
        [media(hash="")],
    ],
)
def test_manifest_that_a_phone_would_drop_is_refused(entries: list[ManifestEntry]) -> None:
    with pytest.raises(ValueError, match=r"twice|integrity|kind|lacks"):
        openrosa.manifest(entries)


@pytest.mark.parametrize(
    "filename", ["/etc/passwd", "../a.csv", "a/../b.csv", "./a", "C:\\a.csv", "c:a", "\\\\host\\x", "a//b", "a\nb"]
)
def test_file_name_that_leaves_its_folder_is_refused(filename: str) -> None:
    with pytest.raises(ValueError, match="not safe"):
        openrosa.manifest([media(filename=filename)])


def test_same_entries_give_the_same_bytes() -> None:
    entries = [media(), media(filename="adm2.csv")]

    assert openrosa.manifest(entries) == openrosa.manifest(list(entries))


def test_response_carries_message_and_nature() -> None:
    node = etree.fromstring(openrosa.response("Stored <1> & safe", nature="submit_success"))

    message = node.find(f"{RESPONSE}message")
    assert message is not None
    assert (message.text, message.get("nature")) == ("Stored <1> & safe", "submit_success")


def test_response_counts_items_only_when_asked() -> None:
    with_items = etree.fromstring(openrosa.response("ok", items=0))
    without = etree.fromstring(openrosa.response("ok"))

    assert (with_items.get("items"), without.get("items")) == ("0", None)


def test_response_without_message_has_no_message_element() -> None:
    assert len(etree.fromstring(openrosa.response(None))) == 0


def test_integrity_says_which_entities_are_gone() -> None:
    document = etree.fromstring(openrosa.integrity([IntegrityEntry("a", True), IntegrityEntry("b", False)]))

    states = {e.get("id"): e.findtext("deleted") for e in document.iterfind("entities/entity")}
    assert states == {"a": "true", "b": "false"}


def test_integrity_of_nothing_is_an_empty_list() -> None:
    document = etree.fromstring(openrosa.integrity([]))

    assert (document.tag, document[0].tag, len(document[0])) == ("data", "entities", 0)


def test_qr_payload_decodes_to_the_settings_collect_expects() -> None:
    payload = openrosa.qr_payload(openrosa.collect_settings(BASE, "Sector West"))

    decoded = json.loads(zlib.decompress(base64.b64decode(payload)))

    assert decoded == {
        "general": {
            "server_url": BASE,
            "form_update_mode": "match_exactly",
            "autosend": "wifi_and_cellular",
        },
        "project": {"name": "Sector West"},
        "admin": {},
    }


def test_settings_never_hold_a_password() -> None:
    settings = openrosa.collect_settings(BASE, "P", language="fr", username="TS Bossangoa")

    assert "password" not in json.dumps(settings)
    assert "admin_pw" not in json.dumps(settings)


@pytest.mark.parametrize(
    "fault",
    [
        {"server_url": "ftp://x/y"},
        {"server_url": "https://a:b@x/y"},
        {"form_update_mode": "always"},
        {"autosend": "yes"},
    ],
)
def test_settings_that_collect_would_not_obey_are_refused(fault: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"address|mode"):
        openrosa.collect_settings(**{"server_url": BASE, "project_name": "P", **fault})


def test_read_qr_payload_returns_what_was_written() -> None:
    settings = openrosa.collect_settings(BASE, "Secteur Ouest é")

    assert openrosa.read_qr_payload(openrosa.qr_payload(settings)) == settings


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        base64.b64encode(b"not zlib").decode(),
        base64.b64encode(zlib.compress(b"[1]")).decode(),
        base64.b64encode(zlib.compress(b"{}")).decode(),
        base64.b64encode(zlib.compress(b" " * 50_000_000)).decode(),
    ],
)
def test_hostile_settings_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a settings code"):
        openrosa.read_qr_payload(text)
