"""Stored reports as documents: packed XML in and out, parsed again, with the form version that reads them."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy.orm import Session, object_session

from forms.fields import FormDefinition
from forms.submission import ParsedSubmission, parse_submission
from server.models import Submission
from server.queries import decrypted
from server.queries import submissions as queries
from server.services import dictionaries
from server.services.definitions import definition_by_version_id

# Packed bytes of a report whose parsed form is kept for a moment, and how many are.
SMALL, _KEPT = 8_192, 128


def pack(xml: bytes, dictionary: bytes | None = None) -> bytes:
    """The bytes as stored; `unpack` gives back exactly what came. dictionary: a stored one (services.dictionaries)."""
    return dictionaries.pack(xml, dictionary)


def unpack(packed: bytes, session: Session | None) -> bytes:
    """The bytes as they came; empty when the payload was purged. session: where their dictionary is stored."""
    return dictionaries.unpack(packed, dictionaries.needed_by(packed, session)) if packed else b""


def xml_of(row: Submission) -> bytes:
    """The XML of a stored or quarantined report, byte for byte as it arrived; empty when it was purged."""
    return unpack(row.xml, object_session(row))


def parsed(row: Submission) -> ParsedSubmission | None:
    """The report parsed again, an encrypted one in clear once it is unlocked; None when its payload was purged."""
    if row.encrypted:
        xml = clear_xml(row) or xml_of(row)
        return parse_submission(xml) if xml else None
    if len(row.xml) > SMALL:
        return parse_submission(xml_of(row))
    return parsed_packed(object_session(row), row.xml) if row.xml else None


def parsed_packed(session: Session | None, packed: bytes) -> ParsedSubmission:
    """The same of a report that is not encrypted, from its packed XML; it is kept for a moment."""
    return _parsed(packed, dictionaries.needed_by(packed, session))


@lru_cache(maxsize=_KEPT)
def _parsed(packed: bytes, dictionary: bytes | None) -> ParsedSubmission:
    # Folding asks for the same few reports several times within a moment; nobody changes what is given out.
    return parse_submission(dictionaries.unpack(packed, dictionary))


def parsed_as_sent(row: Submission) -> ParsedSubmission | None:
    """The report as it arrived: of an encrypted one its manifest, unlocked or not; None when its payload was purged."""
    xml = xml_of(row)
    return parse_submission(xml) if xml else None


def clear_xml(row: Submission) -> bytes:
    """What an encrypted report says, as long as it is unlocked; else empty. The row must belong to a session."""
    session = object_session(row)
    found = decrypted.decryption_of(session, row.fact_id) if session is not None else None
    return unpack(found.xml, session) if found is not None else b""


def definition_for(session: Session, row: Submission) -> FormDefinition | None:
    """The definition that reads this report: its own version, else the form's present one; None when there is no form."""
    version_id = queries.version_id_for(session, row.project_id, row.xml_form_id, row.form_version, row.is_draft)
    return definition_by_version_id(session, version_id)
