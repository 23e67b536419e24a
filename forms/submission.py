"""Read submissions: who they are (ids, version, hash) and what they say (answers by path, repeats, files).

`parse_submission` runs for every POST and must stay fast; it judges nothing. Checking answers is
`forms.validation`'s business.
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Any, Final, cast

from lxml import etree

from forms.fields import Field, FormDefinition
from forms.xmlsafe import XmlRefused, local_name, parse_xml

__all__ = [
    "ParsedSubmission",
    "SubmissionXmlError",
    "XmlRefused",
    "all_values",
    "canonical_hash",
    "derived_instance_id",
    "expected_files",
    "first_value",
    "parse_submission",
    "rows",
    "value",
    "walk",
    "without_answers",
]

MAX_ID_LENGTH: Final = 249
"""Longest form id, version or instanceID, in characters (OpenRosa metadata schema)."""
MAX_TAGS: Final = 500_000
"""Most tags of a submission; a repeat of 1,000 instances with 100 questions each has 200,000."""
_MANY: Final = 20_000
_DERIVED: Final = uuid.UUID("5f1b7f0e-6d0a-5c2e-9a54-0d6a5e4c7b21")

Answers = dict[str, "str | Answers | list[Answers]"]
Answer = tuple[Field, tuple[int, ...], str | None]


class SubmissionXmlError(ValueError):
    """Well-formed XML that is no submission: no form id, an id too long, or two of one kind of id."""


@dataclass(frozen=True, slots=True)
class ParsedSubmission:
    """One submission as received. `instance_id` is None when the sender gave none; see `derived_instance_id`.

    `canonical_hash` is the SHA-256 (hex) of the exclusive C14N form of the XML without comments, processing
    instructions and white space between tags: the order of attributes, quotes, character references, unused
    namespace declarations, line breaks between tags and `<a/>` against `<a></a>` make no difference; the text of
    an answer, including its spaces, names, attribute values, order of nodes and namespace prefixes do.
    """

    form_id: str
    version: str | None
    instance_id: str | None
    deprecated_id: str | None
    instance_name: str | None
    encrypted: bool
    root: etree._Element
    canonical_hash: str
    walked: dict[int, tuple[FormDefinition, list[Answer]]] = attribute(default_factory=dict, compare=False, repr=False)
    """What `walk` found, by the definition it was walked with: each report is walked several times."""


def parse_submission(xml: bytes) -> ParsedSubmission:
    """Read one submission's XML.

    Raises XmlRefused for bytes that are no acceptable XML and SubmissionXmlError for XML that is no submission.
    """
    root = parse_xml(xml, max_tags=MAX_TAGS)
    form_id = root.get("id")
    if not form_id:
        raise SubmissionXmlError("The submission does not say which form it answers: its root has no id attribute.")
    version = root.get("{http://openrosa.org/xforms}version") or root.get("version") or None
    ids = _meta_ids(root)
    instance_id = ids.get("instanceID") or root.get("instanceID") or None
    for name, text in (("form id", form_id), ("form version", version), ("instanceID", instance_id)):
        _refuse_long(name, text)
    _refuse_long("deprecatedID", ids.get("deprecatedID"))
    return ParsedSubmission(
        form_id=form_id,
        version=version,
        instance_id=instance_id,
        deprecated_id=ids.get("deprecatedID"),
        instance_name=ids.get("instanceName"),
        encrypted=root.get("encrypted") == "yes",
        root=root,
        canonical_hash=_hash_of_many(root) if xml.count(b"<") > _MANY else canonical_hash(root),
    )


def without_answers(parsed: ParsedSubmission) -> ParsedSubmission:
    """The same ids and hash with an empty root: of a large report the nodes take ten times its bytes, and only they."""
    return replace(parsed, root=etree.Element(parsed.root.tag), walked={})


def canonical_hash(root: etree._Element) -> str:
    """Hex SHA-256 of a parsed submission's canonical form; see `ParsedSubmission`."""
    try:
        canonical: bytes = etree.tostring(root, method="c14n", exclusive=True, with_comments=False)
    except etree.C14NError:
        # C14N gives up on a namespace such as "1234", which is no absolute URI. Old forms have them.
        canonical = "\0".join(_told(root)).encode()
    return hashlib.sha256(canonical).hexdigest()


def _hash_of_many(root: etree._Element) -> str:
    """The same hash, never holding the canonical form as a whole: 20 MB less for 200,000 nodes, but slower for few."""
    sink = _Sink()
    try:
        # The types of lxml know neither this option nor files of one's own.
        cast("Any", root.getroottree()).write_c14n(sink, exclusive=True, with_comments=False)
    except etree.C14NError:
        return canonical_hash(root)
    return sink.hash.hexdigest()


class _Sink:
    """A file that only hashes what is written to it."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Takes a piece."""
        self.hash.update(data)
        return len(data)


def _told(root: etree._Element) -> Iterator[str]:
    """Everything that the canonical form tells, piece by piece: no piece can hold the NUL that is put between them."""
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            yield f"<{element.prefix or ''}:{element.tag}"
            yield from (f"{name}={value}" for name, value in sorted(element.items()))
            yield f">{element.text or ''}"
        else:
            yield f"</{element.tail or ''}"


def derived_instance_id(canonical_hash: str) -> str:
    """A stable `uuid:` id for a submission that came without one, so that sending it again stays one report."""
    return f"uuid:{uuid.uuid5(_DERIVED, canonical_hash)}"


def _meta_ids(root: etree._Element) -> dict[str, str]:
    """instanceID, deprecatedID and instanceName from the meta block, in whatever namespace; empty ones are absent."""
    found: dict[str, str] = {}
    for meta in root:
        if local_name(meta) != "meta":
            continue
        for child in meta:
            name = local_name(child)
            if name not in {"instanceID", "deprecatedID", "instanceName"}:
                continue
            if name in found:
                raise SubmissionXmlError(f"The submission has more than one {name}.")
            text = (child.text or "").strip()
            if text:
                found[name] = text
    return found


def _refuse_long(name: str, text: str | None) -> None:
    if text is not None and len(text) > MAX_ID_LENGTH:
        raise SubmissionXmlError(f"The {name} has {len(text)} characters; at most {MAX_ID_LENGTH} are accepted.")


def value(sub: ParsedSubmission, path: str) -> str | None:
    """The text at a path relative to the root ("/g_loc/adm1"), first repeat instance; None when absent or empty."""
    return first_value(sub, path)


def first_value(sub: ParsedSubmission, *paths: str) -> str | None:
    """The first non-empty text among the paths, in the order given; None when all are absent or empty."""
    for path in paths:
        for element in _elements(sub.root, path):
            if len(element) == 0 and element.text and element.text.strip():
                return str(element.text)
    return None


def all_values(sub: ParsedSubmission, path: str) -> list[str]:
    """Every non-empty text at a path, over all repeat instances, in document order."""
    return [str(element.text) for element in _elements(sub.root, path) if element.text and element.text.strip()]


def _elements(root: etree._Element, path: str) -> list[etree._Element]:
    found = [root]
    for step in path.split("/")[1:]:
        found = [child for element in found for child in element if local_name(child) == step]
    return found


def walk(sub: ParsedSubmission, definition: FormDefinition) -> Iterator[Answer]:
    """Every field of the form with what the submission says, in form order.

    Gives (field, repeat indices counted from 1, text). Groups and repeats come before what they hold, with text
    None; a repeat comes once per instance. A question that the submission lacks or leaves empty has text None.
    Nodes that the form does not know are left out.
    """
    kept = sub.walked.get(id(definition))
    if kept is None:
        found: list[Answer] = []
        _walk(sub.root, "", (), definition.children, found)
        kept = sub.walked[id(definition)] = (definition, found)
    return iter(kept[1])


def _walk(
    element: etree._Element | None,
    path: str,
    indices: tuple[int, ...],
    children: Mapping[str, tuple[Field, ...]],
    into: list[Answer],
) -> None:
    fields = children.get(path, ())
    named = _by_name(element, fields)
    for field in fields:
        found = named[field.name]
        if field.type == "repeat":
            for index, instance in enumerate(found, 1):
                into.append((field, (*indices, index), None))
                _walk(instance, field.path, (*indices, index), children, into)
        elif field.is_structure:
            into.append((field, indices, None))
            _walk(found[0] if found else None, field.path, indices, children, into)
        else:
            into.append((field, indices, (found[0].text or None) if found else None))


def _by_name(element: etree._Element | None, fields: Sequence[Field]) -> dict[str, list[etree._Element]]:
    """The children that answer these fields; of others, however many a stranger sends, nothing is kept."""
    named: dict[str, list[etree._Element]] = {field.name: [] for field in fields}
    for child in element if element is not None else ():
        kept = named.get(local_name(child))
        if kept is not None:
            kept.append(child)
    return named


def rows(sub: ParsedSubmission, definition: FormDefinition) -> Answers:
    """The answers as nested dicts: groups are dicts, repeats lists of dicts, answers strings as in the XML.

    Empty and missing answers are left out; an empty group is an empty dict, a repeat without instances an empty
    list. Use `forms.values` to read numbers, dates and points out of the strings.
    """
    return _rows(sub.root, "", definition.children)


def _rows(element: etree._Element | None, path: str, children: Mapping[str, tuple[Field, ...]]) -> Answers:
    fields = children.get(path, ())
    named = _by_name(element, fields)
    answers: Answers = {}
    for field in fields:
        found = named[field.name]
        if field.type == "repeat":
            answers[field.name] = [_rows(instance, field.path, children) for instance in found]
        elif field.is_structure:
            answers[field.name] = _rows(found[0] if found else None, field.path, children)
        elif found and found[0].text:
            answers[field.name] = str(found[0].text)
    return answers


def expected_files(sub: ParsedSubmission, definition: FormDefinition) -> list[str]:
    """Names of the files the submission says it comes with, each once, in form order.

    For an encrypted submission those are the names in its manifest, the encrypted XML last.
    """
    if sub.encrypted:
        return _encrypted_files(sub.root)
    names = (text.strip() for field, _indices, text in walk(sub, definition) if field.binary and text)
    return list(dict.fromkeys(name for name in names if name))


def _encrypted_files(root: etree._Element) -> list[str]:
    names: list[str] = []
    last: list[str] = []
    for child in root:
        name = local_name(child)
        if name == "media":
            names += [text.strip() for file in child if (text := file.text or "").strip()]
        elif name == "encryptedXmlFile" and (child.text or "").strip():
            last.append((child.text or "").strip())
    return list(dict.fromkeys([*names, *last]))
