"""Reads what an OpenRosa server answers: form list, manifest, the message to the person who sent."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from forms.openrosa import check_filename
from forms.xmlsafe import XmlRefused, local_name, parse_xml
from sync.client.problems import ServerAway


@dataclass(frozen=True, slots=True)
class ListedForm:
    """A form that the server offers. md5: of the XML's bytes, in hexadecimal."""

    form_id: str
    name: str
    version: str
    md5: str
    download_url: str
    manifest_url: str | None


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file that a form needs beside its XML."""

    name: str
    md5: str
    download_url: str
    is_entity_list: bool


def form_list(data: bytes) -> list[ListedForm]:
    """The forms of a form list. Raises ServerAway for a document that is none (a hotel's log-in page, for one)."""
    found = []
    for values, _node in _entries(data, "xforms", "xform", ("formID", "downloadUrl", "hash")):
        found.append(ListedForm(
            values["formID"], values.get("name") or values["formID"], values.get("version", ""), _md5(values["hash"]),
            values["downloadUrl"], values.get("manifestUrl") or None,
        ))
    return found


def manifest(data: bytes) -> list[ListedFile]:
    """The files of a manifest. Raises ServerAway for another document or a file name that would leave the store."""
    found = []
    for values, node in _entries(data, "manifest", "mediaFile", ("filename", "downloadUrl", "hash")):
        try:
            check_filename(values["filename"])
        except ValueError as error:
            raise ServerAway(f"The server's manifest cannot be used: {error}") from error
        is_list = node.get("type") in {"entityList", "approvalEntityList"}
        found.append(ListedFile(values["filename"], _md5(values["hash"]), values["downloadUrl"], is_list))
    return found


def message(data: bytes) -> str:
    """The message of an OpenRosaResponse, or an empty text when the body is something else."""
    try:
        root = parse_xml(data[:100_000])
    except XmlRefused:
        return ""
    if local_name(root) != "OpenRosaResponse":
        return ""
    return next(((node.text or "").strip() for node in root if local_name(node) == "message"), "")


def table(data: bytes) -> list[dict[str, str]]:
    """The rows of a CSV list, each a dict of column to text."""
    rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    return [{key: value or "" for key, value in row.items() if key is not None} for row in rows]


def _entries(
    data: bytes, root_name: str, entry_name: str, needed: tuple[str, ...]
) -> Iterator[tuple[dict[str, str], etree._Element]]:
    try:
        root = parse_xml(data)
    except XmlRefused as error:
        raise ServerAway(f"The server did not answer as an OpenRosa server does: {error}") from error
    if local_name(root) != root_name:
        raise ServerAway(f"The server did not answer as an OpenRosa server does: <{local_name(root)}> instead of <{root_name}>.")
    for node in root:
        if local_name(node) == entry_name:
            values = {local_name(child): (child.text or "").strip() for child in node}
            if not all(values.get(name) for name in needed):
                raise ServerAway(f"The server's list has an entry without {' or '.join(needed)}.")
            yield values, node


def _md5(text: str) -> str:
    return text.removeprefix("md5:").lower()
