"""Dictionaries for packing reports: what every report on a form version has in common, so that it is not stored each time.

A dictionary is made from the form alone (names of questions, choices, how phones write dates) and never from answers:
what is purged must be gone. It never changes and is never deleted. Packed XML names it in its zlib header, so reports
that were packed without one, or before there were any, are read as they are.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from xml.sax.saxutils import escape

from sqlalchemy.orm import Session

from forms.fields import FormDefinition
from server.queries import dictionaries as queries
from server.queries import submissions as versions
from server.services.definitions import definition_of

MOST_BYTES = 16_384
"""zlib looks back 32,768 bytes, and a long report wants half of them for itself."""
_MOST_KEPT = 256
_AT_ONCE = 20
_LEVEL = 6
# RFC 1950, 2.2: bit 5 of the second byte says that the next four are the Adler-32 of a dictionary.
_FDICT, _HEAD = 0x20, 6
_WRITTEN = {
    "dateTime": "2026-01-01T00:00:00.000+00:00", "date": "2026-01-01", "time": "00:00:00.000+00:00",
    "geopoint": "0.0 0.0 0.0 0.0",
}
_kept: dict[int, bytes] = {}
_lock = threading.Lock()


class UnknownDictionary(LookupError):
    """Packed XML names a dictionary that this database does not hold."""


def text_of(definition: FormDefinition) -> bytes:
    """The dictionary of a form, at most MOST_BYTES: choices, then a report without answers as phones write it.

    What comes last is the cheapest to refer to.
    """
    choices = " ".join(dict.fromkeys(choice.value for each in definition.fields for choice in definition.choices_of(each)))
    head = (
        f"<?xml version='1.0' ?><?xml version=\"1.0\" encoding=\"UTF-8\"?><{definition.root}"
        ' xmlns:jr="http://openrosa.org/javarosa" xmlns:odk="http://www.opendatakit.org/xforms"'
        ' xmlns:orx="http://openrosa.org/xforms" xmlns:h="http://www.w3.org/1999/xhtml"'
        f' id="{escape(definition.form_id)}" version="{escape(definition.version or "")}">'
    )
    tail = (
        "<orx:meta><orx:instanceID>uuid:</orx:instanceID><orx:instanceName></orx:instanceName></orx:meta>"
        f"<meta><instanceID>uuid:</instanceID></meta></{definition.root}>"
    )
    body = "".join(_body(definition, ""))
    # Of a very long form, the end of the questions and the first choices are left out.
    text = choices.encode()[: MOST_BYTES // 4] + (head + body).encode()[: MOST_BYTES * 5 // 8] + tail.encode()
    return text[-MOST_BYTES:]


def _body(definition: FormDefinition, path: str) -> Iterator[str]:
    for field in definition.children.get(path, ()):
        if field.path == "/meta":
            continue
        yield f"<{field.name}>"
        if field.is_structure:
            yield from _body(definition, field.path)
        else:
            yield _WRITTEN.get(field.type, "")
        yield f"</{field.name}>"


def make_missing(session: Session) -> int:
    """Makes dictionaries of published versions that have none; commits. Returns how many: at most some at once."""
    wanted = queries.without(session, _AT_ONCE)
    # All is read before the first write: SQLite would refuse to write on top of what was changed in between.
    made = [(version.id, text_of(definition_of(version))) for version in wanted]
    session.rollback()
    for version_id, data in made:
        queries.add(session, version_id, *_named(session, data))
    session.commit()
    return len(made)


def _named(session: Session, data: bytes) -> tuple[int, bytes]:
    """The dictionary with its number; another one that happens to have the same number already makes it longer."""
    while True:
        number = zlib.adler32(data)
        known = queries.data(session, number)
        if known is None or known == data:
            return number, data
        data += b" "


def pack(xml: bytes, dictionary: bytes | None) -> bytes:
    """The bytes as stored, packed with a dictionary of the form where there is one."""
    if dictionary is None:
        return zlib.compress(xml, _LEVEL)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return packer.compress(xml) + packer.flush()


def unpack(packed: bytes, dictionary: bytes | None) -> bytes:
    """Exactly what was packed; the dictionary as `needed_by` found it."""
    if dictionary is None:
        return zlib.decompress(packed)
    unpacker = zlib.decompressobj(zdict=dictionary)
    return unpacker.decompress(packed) + unpacker.flush()


def needed_by(packed: bytes, session: Session | None) -> bytes | None:
    """The dictionary that packed XML names; None when it was packed without. Raises UnknownDictionary.

    session: where to look for one that this process has not read yet.
    """
    if len(packed) < _HEAD or not packed[1] & _FDICT:
        return None
    number = int.from_bytes(packed[2:_HEAD], "big")
    found = _kept.get(number)
    if found is None:
        found = queries.data(session, number) if session is not None else None
        if found is None:
            raise UnknownDictionary(f"packed with dictionary {number}, which is not there")
        keep(number, found)
    return found


def kept(number: int | None) -> bytes | None:
    """The dictionary of that number if this process has read it."""
    return _kept.get(number) if number is not None else None


def keep(number: int, data: bytes) -> None:
    """Remembers a dictionary that is stored."""
    with _lock:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[number] = data


def of_version(session: Session, version_id: int | None) -> bytes | None:
    """The dictionary that reports on this form version are packed with; None while there is none."""
    return queries.of_version(session, version_id) if version_id is not None else None


def for_report(session: Session, project_id: int, xml_form_id: str, version: str, is_draft: bool) -> bytes | None:
    """The same, by what a report says of itself."""
    return of_version(session, versions.version_id_for(session, project_id, xml_form_id, version, is_draft))
