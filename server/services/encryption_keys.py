"""Keys for encrypted forms: make, take from a browser, bring from elsewhere, find, and open with the passphrase.

A private key leaves this module only as an object in memory, for as long as the caller decrypts. Wrong passphrases are
counted per key and person; neither passphrase nor key is ever logged or stored.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from forms.encryption import public_key, public_text
from server.models import EncryptionKey
from server.problems import Problem
from server.queries import encryption as queries
from server.services import attempts, entries, wrapping
from server.services.audits import audit
from server.services.identity import Identity
from server.services.journal import now

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# What ODK Central makes, so that whatever reads its keys reads ours.
CENTRAL_BITS = 2048
BITS = 3072
_SMALLEST, _LARGEST = 2048, 8192
MAX_HINT, MAX_NAME = 500, 100


def make(
    session: Session, who: Identity | None, passphrase: str, *, hint: str | None = None, name: str = "",
    bits: int = BITS, made_in: str = "server",
) -> EncryptionKey:
    """A new key whose private half is wrapped by the passphrase; the caller commits.

    Raises Problem passphrase_too_short, invalid_input.
    """
    from cryptography.hazmat.primitives.asymmetric import rsa

    wrapping.check_passphrase(passphrase)
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return _add(session, who, public_text(private), wrapping.wrap(private, passphrase), hint, name, made_in)


def take(session: Session, who: Identity, public: object, wrapped: object, hint: str | None, name: str) -> EncryptionKey:
    """A key that a browser made and wrapped; the caller commits. This server never sees its passphrase before it is used.

    Raises Problem invalid_input for what is no such key, uniqueness when it is here already.
    """
    if not isinstance(public, str) or not _fits(public):
        raise Problem("invalid_input", reason="That is no RSA public key of 2048 to 8192 bits.", field="public")
    if queries.key_by_hash(session, _hash(public)) is not None:
        raise Problem("uniqueness", fields="public", values="(a key)")
    return _add(session, who, public, wrapping.checked(wrapped), hint, name, "browser")


def bring(
    session: Session, who: Identity | None, private: RSAPrivateKey, passphrase: str, *, hint: str | None = None, name: str = ""
) -> EncryptionKey:
    """A private key from elsewhere, wrapped by a passphrase of this server; the caller commits.

    A key of which only the public half was known becomes a managed one. Raises invalid_input, passphrase_too_short, and
    uniqueness when its private half is here already.
    """
    if not _SMALLEST <= private.key_size <= _LARGEST:
        raise Problem("invalid_input", reason="The key must have 2048 to 8192 bits.", field="key")
    public = public_text(private)
    known = queries.key_by_hash(session, _hash(public))
    if known is not None and known.managed:
        raise Problem("uniqueness", fields="public", values=f"key {known.id}")
    wrapped = wrapping.wrap(private, passphrase)
    if known is None:
        return _add(session, who, public, wrapped, hint, name, "console")
    known.wrapped, known.managed, known.hint = wrapped, True, entries.optional("Hint", hint, MAX_HINT)
    known.name = entries.text("Name", name, MAX_NAME, required=False) or known.name
    audit(session, who, "key.update", f"key/{known.id}", {"managed": True})
    return known


def ensure(session: Session, public: str) -> EncryptionKey:
    """The key of a form that brings its own public key, whatever that text is; the caller commits."""
    found = queries.key_by_hash(session, _hash(public))
    return found or _add(session, None, public, None, None, "", "form")


def is_usable(key: EncryptionKey) -> bool:
    """Whether phones can encrypt with it: a form may carry any text as its public key."""
    return public_key(key.public) is not None


def find(session: Session, key_id: int) -> EncryptionKey:
    """The key with that number. Raises Problem not_found."""
    found = queries.key(session, key_id)
    if found is None:
        raise Problem("not_found")
    return found


def open_key(session: Session, who: Identity | None, key: EncryptionKey, passphrase: str) -> RSAPrivateKey:
    """The private key in memory. Commits when the passphrase is wrong (to count it).

    Raises Problem no_private_key, undecryptable for a wrong passphrase, too_many_passphrases after eight of them.
    """
    if not key.managed or not key.wrapped:
        raise Problem("no_private_key")
    # Counted beside the failed log-ins; no e-mail address looks like this.
    place, person = f"encryption key {key.id}", f"actor {who.actor_id if who else 0}"
    try:
        attempts.refuse_guessing(session, place, person)
    except Problem as problem:
        raise Problem("too_many_passphrases", **problem.details) from problem
    try:
        private = wrapping.unwrap(key.wrapped, passphrase)
    except wrapping.WrongPassphrase as error:
        audit(session, who, "key.passphrase.wrong", f"key/{key.id}")
        attempts.count_failure(session, place, person)
        raise Problem("undecryptable") from error
    attempts.forget(session, place, person)
    return private


def _add(
    session: Session, who: Identity | None, public: str, wrapped: dict[str, Any] | None, hint: str | None, name: str, made_in: str
) -> EncryptionKey:
    key = EncryptionKey(
        public=public, public_sha256=_hash(public), wrapped=wrapped, managed=wrapped is not None,
        name=entries.text("Name", name, MAX_NAME, required=False), hint=entries.optional("Hint", hint, MAX_HINT),
        made_in=made_in, created_by=who.actor_id if who else None, created_at=now(),
    )
    session.add(key)
    session.flush()
    audit(session, who, "key.create", f"key/{key.id}", {"managed": key.managed, "madeIn": made_in})
    return key


def _hash(public: str) -> str:
    return hashlib.sha256(public.encode("utf-8", "surrogatepass")).hexdigest()


def _fits(public: str) -> bool:
    found = public_key(public)
    return found is not None and _SMALLEST <= found.key_size <= _LARGEST
