"""Turns encryption on and off: for one form, or for a whole project as in ODK Central. Each makes new versions of forms."""

from __future__ import annotations

from sqlalchemy.orm import Session

from server.models import EncryptionKey, Form, FormVersion, Project
from server.problems import Problem
from server.queries import forms as queries
from server.services import encryption_keys, form_keys, forms
from server.services.audits import audit
from server.services.definitions import definition_of
from server.services.form_files import expect_files
from server.services.identity import Identity
from server.services.journal import now


def encrypt_form(session: Session, who: Identity | None, form: Form, key: EncryptionKey, suffix: str | None = None) -> None:
    """From now on phones encrypt reports on this form with the key: a new version is published, and a draft is rewritten.

    The caller commits. Reports on earlier versions are still taken.
    """
    form.key_id = key.id
    _rewrite(session, who, form, key, suffix or form_keys.new_suffix())
    audit(session, who, "form.update", f"form:{form.xml_form_id}", {"keyId": key.id})


def stop_encrypting(session: Session, who: Identity | None, form: Form) -> None:
    """Publishes a version without key, and commits. Raises state_conflict when the project's key is for all its forms."""
    project = queries.project(session, form.project_id)
    if project is not None and project.key_id is not None:
        raise Problem("state_conflict", reason="this project encrypts all its forms")
    form.key_id = None
    _rewrite(session, who, form, None, form_keys.new_suffix("plain"))
    audit(session, who, "form.update", f"form:{form.xml_form_id}", {"keyId": None})
    session.commit()


def encrypt_project(session: Session, who: Identity, project: Project, passphrase: str, hint: str | None) -> EncryptionKey:
    """Makes a key and encrypts every form of the project with it, those made later too; commits. Forms with a key keep it.

    Raises Problem already_active (409.4), passphrase_too_short (400.21).
    """
    if project.key_id is not None:
        raise Problem("already_active", feature="managed encryption")
    key = encryption_keys.make(session, who, passphrase, hint=hint, name=project.name[:100], bits=encryption_keys.CENTRAL_BITS)
    project.key_id, project.updated_at = key.id, now()
    suffix = form_keys.new_suffix()
    for form in queries.forms(session, project.id):
        _rewrite(session, who, form, key, suffix, only_clear=True)
    audit(session, who, "project.update", f"project/{project.id}", {"encrypted": True, "keyId": key.id})
    session.commit()
    return key


def _rewrite(
    session: Session, who: Identity | None, form: Form, key: EncryptionKey | None, suffix: str, *, only_clear: bool = False
) -> None:
    """New published version and changed draft. only_clear: versions that carry a key already are left alone."""
    current = queries.version_by_id(session, form.current_version_id)
    if current is not None and not (only_clear and definition_of(current).public_key):
        version = _copy(current, who)
        form_keys.write(version, key, suffix)
        session.add(version)
        session.flush()
        expect_files(session, form, version, definition_of(version))
        forms.make_current(session, form, version, who)
    draft = queries.version_by_id(session, form.draft_version_id)
    if draft is not None and not (only_clear and definition_of(draft).public_key):
        form_keys.write(draft, key, suffix)
    session.flush()


def _copy(current: FormVersion, who: Identity | None) -> FormVersion:
    return FormVersion(
        form_id=current.form_id, version=current.version, title=current.title, xml=current.xml, findings=current.findings,
        source_sha256=current.source_sha256, source_name=current.source_name, created_by=who.actor_id if who else None,
        created_at=now(),
    )
