"""Passphrases in requests: under the key's number in the query, or in a JSON or form body, as clients of ODK Central send them.

They are read, tried and forgotten: never logged, never part of a stamp or a problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from server.central.bodies import json_body
from server.extensions import db
from server.gate import identity
from server.models import EncryptionKey
from server.problems import Problem
from server.queries import encryption as queries
from server.services import encryption_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def given() -> list[tuple[EncryptionKey, str]]:
    """The managed keys whose passphrases the request holds. Other names are passed over, as are keys that are not here.

    Raises Problem unparseable for a body that is no object.
    """
    found: dict[Any, Any] = dict(request.args.items())
    if request.method == "POST":
        if request.mimetype == "application/x-www-form-urlencoded":
            found = dict(request.form.items())
        else:
            body = json_body()
            if body is not None and not isinstance(body, dict):
                raise Problem("unparseable", reason="an object of passphrases was expected.")
            found = body or {}
    return [
        (key, text) for name, text in found.items()
        if name.isascii() and name.isdigit() and len(name) < 10 and isinstance(text, str)
        and (key := queries.key(db.session(), int(name))) is not None and key.managed
    ]


def opened() -> tuple[RSAPrivateKey, ...]:
    """The private keys that the request's passphrases open. Raises Problem undecryptable (400.12), too_many_passphrases."""
    return tuple(encryption_keys.open_key(db.session(), identity(), key, passphrase) for key, passphrase in given())
