"""Which key a version of a form carries: its sheet's own, else the form's, else the project's; and writing it in.

An encrypted version gets a version of its own, as in ODK Central: phones then fetch it, and old reports keep their version.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time

from sqlalchemy.orm import Session

from forms.definition import parse
from forms.fields import FormDefinition
from forms.public_key import with_public_key
from forms.version import with_version
from server.models import EncryptionKey, Form, FormVersion
from server.problems import Problem
from server.queries import encryption as queries
from server.queries import forms as form_queries
from server.services import encryption_keys

_SUFFIX = re.compile(r"\[(?:encrypted|plain):[A-Za-z0-9+/]{8}\]$")
MAX_VERSION = 249


def new_suffix(mark: str = "encrypted") -> str:
    """What is added to a version, such as "[encrypted:AZqWlOSY]": the time in ms, as ODK Central writes it."""
    return f"[{mark}:{base64.b64encode((time.time_ns() // 1_000_000).to_bytes(6, 'big')).decode()}]"


def apply(session: Session, form: Form, draft: FormVersion, definition: FormDefinition) -> None:
    """Gives a fresh draft its key; the caller adds it to the session and commits."""
    if definition.public_key:
        draft.key_id = encryption_keys.ensure(session, definition.public_key).id
        return
    project = form_queries.project(session, form.project_id)
    key = queries.key(session, form.key_id or (project.key_id if project else None))
    if key is not None:
        write(draft, key, new_suffix())


def write(version: FormVersion, key: EncryptionKey | None, suffix: str) -> None:
    """Puts the key (None: none) into a version that is not published yet, and the suffix behind its version.

    Raises Problem unexpected_value when the version would become too long.
    """
    name = _SUFFIX.sub("", version.version) + suffix
    if len(name) > MAX_VERSION:
        raise Problem("unexpected_value", field="version", value=version.version[:50], reason="it is too long to be encrypted.")
    version.xml = with_public_key(with_version(version.xml, name), key.public if key else None)
    version.version, version.key_id = name, key.id if key else None
    version.md5 = hashlib.md5(version.xml, usedforsecurity=False).hexdigest()
    version.sha256 = hashlib.sha256(version.xml).hexdigest()
    version.definition = parse(version.xml).to_json()
