"""The one hardened XML parser: every XML document from outside goes through `parse_xml`.

No DTD, no entities, no network, bounded size, depth and number of nodes. It must never be by-passed with lxml's
default parser, which resolves entities.
"""

import codecs
import re
from typing import Final

from lxml import etree

MAX_BYTES: Final = 32 * 1024 * 1024
"""Largest XML document accepted, in bytes; photos travel beside the XML, never in it."""
MAX_DEPTH: Final = 1000
"""Deepest nesting accepted; real forms stay below 20."""
MAX_TAGS: Final = 1_000_000
"""Most tags accepted in a form: a tree node costs some hundred bytes, so this bounds the memory."""
MAX_ATTRIBUTES: Final = 1_000
"""Most attributes of one element: comparing and sorting them takes time by the square of their number."""

_PLAIN_DEPTH: Final = 250
_ENCODINGS: Final = re.compile(r"(?i)(utf-?8|utf-?16(le|be)?|us-ascii|iso-8859-\d{1,2}|windows-125\d|cp125\d)")
_DECLARATION: Final = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"'>]{1,40})["'][^>]{0,200}?\?>""")
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class XmlRefused(ValueError):
    """The bytes are no well-formed XML document, or one that is not accepted (DTD, too deep, too large)."""


def parse_xml(
    data: bytes, *, keep_blank_text: bool = False, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH,
    max_tags: int = MAX_TAGS,
) -> etree._Element:
    """Parse one untrusted document and return its root element, without comments and processing instructions.

    White space between tags is dropped unless `keep_blank_text`; text in a leaf is kept as it is.
    Raises XmlRefused, with a message fit for the sender, in time and memory linear in `len(data)`.
    """
    if len(data) > max_bytes:
        raise XmlRefused(f"The XML has {len(data)} bytes; at most {max_bytes} are accepted.")
    data = _as_utf8(data)
    _refuse_doctype(data)
    if data.count(b"<") > max_tags:
        raise XmlRefused(f"The XML has more than {max_tags} tags.")
    try:
        root = etree.fromstring(data, _parser(keep_blank_text, deep=data.count(b"</") > _PLAIN_DEPTH))
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise XmlRefused(f"The XML cannot be read: {problem}") from problem
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("The XML has a document type declaration (DTD), which is not accepted.")
    _refuse_deep(root, data, max_depth)
    if data.count(b"=") > MAX_ATTRIBUTES and any(len(each.attrib) > MAX_ATTRIBUTES for each in root.iter()):
        raise XmlRefused(f"An element of the XML has more than {MAX_ATTRIBUTES} attributes.")
    return root


class Rereader:
    """Reads documents that `parse_xml` has taken before, many in a row, in half the time. Not to be shared by threads."""

    def __init__(self) -> None:
        self._fast = _parser(keep_blank_text=False, deep=False)

    def element(self, data: bytes) -> etree._Element:
        """The root element, as `parse_xml` gives it. Raises XmlRefused."""
        try:
            return etree.fromstring(data, self._fast)
        except (etree.XMLSyntaxError, ValueError):
            # Deep, or in an encoding that it has to be told about.
            return parse_xml(data)


def local_name(element: etree._Element) -> str:
    """The tag without its namespace: `meta` for `{http://openrosa.org/xforms}meta`."""
    tag: str = element.tag
    return tag[tag.rfind("}") + 1 :]


def _parser(keep_blank_text: bool, deep: bool) -> etree.XMLParser:
    # A fresh parser per document: lxml locks a shared one between threads. libxml2 stops at 256 levels unless
    # told "huge"; that is safe here because size and tags are bounded before and a DTD is refused.
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=deep,
        remove_blank_text=not keep_blank_text,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def encoding_of(data: bytes) -> str:
    """The encoding that these bytes of an XML document are in, by their mark or declaration; "utf-8" when nothing is said."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding
    if b"\0" in data[:4]:
        return "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    declared = _DECLARATION.match(data[:500].removeprefix(codecs.BOM_UTF8))
    return declared.group(1).decode("ascii", "replace").lower() if declared else "utf-8"


def _as_utf8(data: bytes) -> bytes:
    """Turn UTF-16 and UTF-32 into UTF-8 and refuse odd declared encodings, which could hide a DTD from the scan."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _decoded(data, encoding)
    if b"\0" in data[:4]:
        return _decoded(data, "utf-16-be" if data[:1] == b"\0" else "utf-16-le")
    declared = _DECLARATION.match(data[:500].removeprefix(codecs.BOM_UTF8))
    if declared and not _ENCODINGS.fullmatch(declared.group(1).decode("ascii", "replace")):
        raise XmlRefused("The XML declares an encoding that is not accepted; use UTF-8.")
    return data


def _decoded(data: bytes, encoding: str) -> bytes:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        raise XmlRefused(f"The XML is not valid {encoding}.") from problem
    return re.sub(r"^\s*<\?xml[^>]{0,200}\?>", "", text.removeprefix("\ufeff"), count=1).encode()


def _refuse_doctype(data: bytes) -> None:
    """Look for a DOCTYPE before the root element; one inside CDATA is ordinary text and stays allowed."""
    position = 3 if data.startswith(codecs.BOM_UTF8) else 0
    while (start := data.find(b"<", position)) >= 0:
        if data.startswith(b"<?", start):
            end = data.find(b"?>", start)
        elif data.startswith(b"<!--", start):
            end = data.find(b"-->", start)
        elif data.startswith(b"<!", start):
            raise XmlRefused("The XML has a document type declaration (DTD), which is not accepted.")
        else:
            return
        if end < 0:
            return
        position = end + 2


def _refuse_deep(root: etree._Element, data: bytes, max_depth: int) -> None:
    if data.count(b"</") <= max_depth:  # Each level but the last needs a closing tag: it cannot be deeper.
        return
    depth = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > max_depth:
            raise XmlRefused(f"The XML is nested deeper than {max_depth} levels.")
