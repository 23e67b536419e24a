"""What form versions ask, read from the database once per process: every submission wants it."""

from __future__ import annotations

import threading

from sqlalchemy.orm import Session

from forms.definition import parse
from forms.fields import FormDefinition
from server.models import FormVersion
from server.queries import submissions as queries

MAX_CACHED = 128
_definitions: dict[tuple[int, str], FormDefinition] = {}
_lock = threading.Lock()


def definition_of(version: FormVersion) -> FormDefinition:
    """The version's definition. A draft may change under its number, so its hash is looked at as well."""
    return kept(version.id, version.sha256) or _keep(version)


def definition_by_version_id(session: Session, version_id: int | None) -> FormDefinition | None:
    """The same by the version's number, draft or published; None for None or an unknown number."""
    sha256 = queries.version_sha256(session, version_id) if version_id is not None else None
    if version_id is None or sha256 is None:
        return None
    return kept(version_id, sha256) or _keep(session.get_one(FormVersion, version_id))


def kept(version_id: int, sha256: str) -> FormDefinition | None:
    """The definition if this process has read it before."""
    return _definitions.get((version_id, sha256))


def _keep(version: FormVersion) -> FormDefinition:
    found = _read(version)
    with _lock:
        if len(_definitions) >= MAX_CACHED:
            _definitions.clear()
        _definitions[version.id, version.sha256] = found
    return found


def _read(version: FormVersion) -> FormDefinition:
    try:
        return FormDefinition.from_json(version.definition)
    except (ValueError, KeyError, TypeError):
        # Written by an older release: the XML is the truth, the JSON only its cache.
        return parse(version.xml)
