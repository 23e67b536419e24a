"""The XML documents and the QR settings by which an OpenRosa server speaks to devices.

Pure builders: values in, bytes out. They know neither requests nor accounts, and they refuse entries that
would make ODK Collect drop a whole list rather than send them.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from lxml import etree

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
XFORMS_LIST: Final = "http://openrosa.org/xforms/xformsList"
XFORMS_MANIFEST: Final = "http://openrosa.org/xforms/xformsManifest"
RESPONSE: Final = "http://openrosa.org/http/response"

ENTITY_LIST_TYPES: Final = frozenset({"entityList", "approvalEntityList"})
UPDATE_MODES: Final = frozenset({"manual", "previously_downloaded", "match_exactly"})
AUTOSEND_MODES: Final = frozenset({"off", "wifi_only", "cellular_only", "wifi_and_cellular"})
MAX_SETTINGS_BYTES: Final = 100_000

# Everything outside the Char production of XML 1.0; lxml refuses such text, a phone could not read it either.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class FormListEntry:
    """One form offered to a device. ``hash`` is the MD5 of the bytes at ``download_url``, with or without ``md5:``."""

    form_id: str
    name: str
    version: str | None
    hash: str
    download_url: str
    manifest_url: str | None = None
    description: str | None = None
    description_url: str | None = None


@dataclass(frozen=True, slots=True)
class FormGroupEntry:
    """A further form list that a device may ask for."""

    group_id: str
    name: str
    list_url: str


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One file a form needs. ``type`` is None, ``entityList`` or ``approvalEntityList``."""

    filename: str
    hash: str
    download_url: str
    type: str | None = None
    integrity_url: str | None = None


@dataclass(frozen=True, slots=True)
class IntegrityEntry:
    """Whether an entity a device holds has gone: deleted, merged away or no longer visible to it."""

    entity_id: str
    deleted: bool


def form_list(entries: Iterable[FormListEntry], groups: Iterable[FormGroupEntry] = ()) -> bytes:
    """Build the ``xforms`` document. Raises ValueError for an entry that would make the list unreadable."""
    root = _root("xforms", XFORMS_LIST)
    for entry in entries:
        _require(form_id=entry.form_id, hash=entry.hash, download_url=entry.download_url)
        node = etree.SubElement(root, _q(XFORMS_LIST, "xform"))
        _add(node, XFORMS_LIST, "formID", entry.form_id)
        _add(node, XFORMS_LIST, "name", entry.name or entry.form_id)
        _add(node, XFORMS_LIST, "version", entry.version or "")
        _add(node, XFORMS_LIST, "hash", _md5(entry.hash))
        _add_if(node, XFORMS_LIST, "descriptionText", entry.description)
        _add_if(node, XFORMS_LIST, "descriptionUrl", entry.description_url)
        _add(node, XFORMS_LIST, "downloadUrl", _url(entry.download_url))
        if entry.manifest_url is not None:
            _add(node, XFORMS_LIST, "manifestUrl", _url(entry.manifest_url))
    for group in groups:
        _require(group_id=group.group_id, name=group.name, list_url=group.list_url)
        node = etree.SubElement(root, _q(XFORMS_LIST, "xforms-group"))
        _add(node, XFORMS_LIST, "groupID", group.group_id)
        _add(node, XFORMS_LIST, "name", group.name)
        _add(node, XFORMS_LIST, "listUrl", _url(group.list_url))
    return _serialise(root)


def manifest(entries: Iterable[ManifestEntry]) -> bytes:
    """Build the ``manifest`` document in the order given.

    Raises ValueError for an unsafe or repeated file name, a missing hash or address, or an entity list
    without its integrity address: one such entry makes ODK Collect give up the whole manifest.
    """
    root = _root("manifest", XFORMS_MANIFEST)
    seen: set[str] = set()
    for entry in entries:
        _require(filename=entry.filename, hash=entry.hash, download_url=entry.download_url)
        check_filename(entry.filename)
        if entry.filename in seen:
            raise ValueError(f"The file name {entry.filename!r} appears twice in one manifest.")
        seen.add(entry.filename)
        _add_media_file(root, entry)
    return _serialise(root)


def response(message: str | None, nature: str = "", items: int | None = None) -> bytes:
    """Build an ``OpenRosaResponse``; ``message`` is what the phone shows to the patrol, ``items`` its item count."""
    root = _root("OpenRosaResponse", RESPONSE)
    if items is not None:
        root.set("items", str(items))
    if message is not None:
        node = _add(root, RESPONSE, "message", message)
        node.set("nature", _clean(nature))
    return _serialise(root)


def integrity(entries: Iterable[IntegrityEntry]) -> bytes:
    """Build the answer to an integrity request; no entry gives an empty ``entities`` element."""
    root = etree.Element("data")
    entities = etree.SubElement(root, "entities")
    for entry in entries:
        node = etree.SubElement(entities, "entity")
        node.set("id", _clean(entry.entity_id))
        etree.SubElement(node, "deleted").text = "true" if entry.deleted else "false"
    return _serialise(root)


def check_filename(filename: str) -> None:
    """Refuse (ValueError) a manifest file name that is rooted, has a drive, or steps out of its folder."""
    segments = filename.replace("\\", "/").split("/")
    unsafe = any(s in ("", ".", "..") for s in segments) or re.match(r"^[A-Za-z]:", filename)
    if unsafe or _NOT_XML.search(filename) or any(c in filename for c in "\r\n\t"):
        raise ValueError(f"The file name {filename!r} is not safe for a device.")


def collect_settings(
    server_url: str,
    project_name: str,
    *,
    form_update_mode: str = "match_exactly",
    autosend: str = "wifi_and_cellular",
    language: str | None = None,
    username: str | None = None,
    color: str | None = None,
    icon: str | None = None,
) -> dict[str, Any]:
    """Build ODK Collect's settings object for a device whose token lies in ``server_url``.

    ``general`` and ``admin`` are always there because Collect demands both; a password is never put in.
    Raises ValueError for an address that is not absolute or carries credentials, or for an unknown mode.
    """
    if form_update_mode not in UPDATE_MODES:
        raise ValueError(f"Unknown form update mode {form_update_mode!r}.")
    if autosend not in AUTOSEND_MODES:
        raise ValueError(f"Unknown autosend mode {autosend!r}.")
    general: dict[str, Any] = {
        "server_url": _url(server_url),
        "form_update_mode": form_update_mode,
        "autosend": autosend,
    }
    if language:
        general["app_language"] = language
    if username:
        general["metadata_username"] = username
    project = {"name": project_name, "color": color, "icon": icon}
    return {"general": general, "project": {k: v for k, v in project.items() if v}, "admin": {}}


def qr_payload(settings: Mapping[str, Any]) -> str:
    """Return the text of a settings QR code: JSON, zlib-compressed, Base64. Print it with error correction L."""
    text = json.dumps(settings, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")


def read_qr_payload(text: str) -> dict[str, Any]:
    """Read what a settings QR code says. Raises ValueError when it is not one, or unpacks to over 100 kB."""
    try:
        packed = base64.b64decode(text.strip(), validate=True)
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(packed, MAX_SETTINGS_BYTES)
        complete = unpacker.eof
        settings = json.loads(raw) if complete else None
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError("This is not a settings code of ODK Collect.") from error
    if not isinstance(settings, dict) or "general" not in settings or "admin" not in settings:
        raise ValueError("This is not a settings code of ODK Collect.")
    return settings


def _add_media_file(root: etree._Element, entry: ManifestEntry) -> None:
    node = etree.SubElement(root, _q(XFORMS_MANIFEST, "mediaFile"))
    if entry.type is not None:
        if entry.type not in ENTITY_LIST_TYPES:
            raise ValueError(f"Unknown kind of manifest file {entry.type!r}.")
        if not entry.integrity_url:
            raise ValueError(f"The entity list {entry.filename!r} needs an integrity address.")
        node.set("type", entry.type)
    _add(node, XFORMS_MANIFEST, "filename", entry.filename)
    _add(node, XFORMS_MANIFEST, "hash", _md5(entry.hash))
    _add(node, XFORMS_MANIFEST, "downloadUrl", _url(entry.download_url))
    if entry.integrity_url:
        _add(node, XFORMS_MANIFEST, "integrityUrl", _url(entry.integrity_url))


def _root(tag: str, namespace: str) -> etree._Element:
    default: dict[Any, str] = {None: namespace}
    return etree.Element(_q(namespace, tag), nsmap=default)


def _q(namespace: str, tag: str) -> str:
    return f"{{{namespace}}}{tag}"


def _add(parent: etree._Element, namespace: str, tag: str, text: str) -> etree._Element:
    node = etree.SubElement(parent, _q(namespace, tag))
    node.text = _clean(text)
    return node


def _add_if(parent: etree._Element, namespace: str, tag: str, text: str | None) -> None:
    if text:
        _add(parent, namespace, tag, text)


def _serialise(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _md5(value: str) -> str:
    digest = value.removeprefix("md5:")
    if not re.fullmatch(r"[0-9a-fA-F]{32}", digest):
        raise ValueError(f"{value!r} is not an MD5 hash in hexadecimal.")
    return f"md5:{digest.lower()}"


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"{value!r} is not an absolute address.")
    if "@" in parts.netloc:
        raise ValueError("An address for devices must not carry a user name or a password.")
    return value


def _require(**values: str) -> None:
    for field, value in values.items():
        if not value:
            raise ValueError(f"An entry for devices lacks its {field}.")
