"""Stored reports as documents: packed XML in and out, parsed again, with the form version that reads them."""

from __future__ import annotations

import threading
import zlib

from sqlalchemy.orm import Session

from forms.fields import FormDefinition
from forms.submission import ParsedSubmission, parse_submission
from server.models import FormVersion, Submission
from server.queries import submissions as queries
from server.services.forms import definition_of

_MAX_CACHED = 128
_definitions: dict[tuple[int, str], FormDefinition] = {}
_lock = threading.Lock()


def pack(xml: bytes) -> bytes:
    """The bytes as stored; `unpack` gives back exactly what came."""
    return zlib.compress(xml, 6)


def unpack(packed: bytes) -> bytes:
    """The bytes as they came; empty when the payload was purged."""
    return zlib.decompress(packed) if packed else b""


def xml_of(row: Submission) -> bytes:
    """The XML of a stored or quarantined report, byte for byte as it arrived; empty when it was purged."""
    return unpack(row.xml)


def parsed(row: Submission) -> ParsedSubmission | None:
    """The report parsed again; None when its payload was purged."""
    xml = xml_of(row)
    return parse_submission(xml) if xml else None


def definition_by_version_id(session: Session, version_id: int | None) -> FormDefinition | None:
    """The definition of a form version, draft or published; None for None or an unknown key. Kept per process."""
    sha256 = queries.version_sha256(session, version_id) if version_id is not None else None
    if version_id is None or sha256 is None:
        return None
    found = _definitions.get((version_id, sha256))
    if found is None:
        found = definition_of(session.get_one(FormVersion, version_id))
        with _lock:
            if len(_definitions) >= _MAX_CACHED:
                _definitions.clear()
            _definitions[version_id, sha256] = found
    return found


def definition_for(session: Session, row: Submission) -> FormDefinition | None:
    """The definition that reads this report: its own version, else the form's present one; None when there is no form."""
    version_id = queries.version_id_for(session, row.project_id, row.xml_form_id, row.form_version, row.is_draft)
    return definition_by_version_id(session, version_id)
