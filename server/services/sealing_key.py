"""The server's key for the field app: phones seal finished reports to it, so that nobody who holds the phone can read them.

Made once, when a phone first asks. The private half lies in the database encrypted under the server's secret key, as device
tokens do: a stolen database does not open envelopes, a stolen data directory does.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.config import Settings
from server.problems import Problem
from server.queries.mission import put_setting, setting
from server.services import envelopes, tokens

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SETTING: Final = "field_sealing_key"
_PURPOSE: Final = b"fieldpost field app sealing key 1"
_BITS = 3072


def public(session: Session, settings: Settings) -> tuple[str, str]:
    """(id, SubjectPublicKeyInfo in base64) of the key that phones seal to; made and committed when there is none."""
    kept = setting(session, SETTING)
    if kept is None:
        kept = _make(session, settings)
    return str(kept["id"]), str(kept["spki"])


def private(session: Session, settings: Settings) -> envelopes.Keys:
    """Finds the private half by its id. Raises Problem sealing_key_lost when it was sealed under another secret key."""
    kept = setting(session, SETTING)

    def find(key_id: str) -> RSAPrivateKey | None:
        if kept is None or kept["id"] != key_id:
            return None
        pem = tokens.unseal(settings.secret_key, kept["private"], _PURPOSE)
        if pem is None:
            raise Problem("sealing_key_lost")
        return _loaded(pem)

    return find


@lru_cache(maxsize=2)
def _loaded(pem: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = load_pem_private_key(pem.encode(), None)
    if not isinstance(found, RSAPrivateKey):
        raise Problem("sealing_key_lost")
    return found


def _make(session: Session, settings: Settings) -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    made = rsa.generate_private_key(public_exponent=65_537, key_size=_BITS)
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    value = {
        "id": envelopes.key_id(made.public_key()), "spki": base64.b64encode(envelopes.spki(made.public_key())).decode(),
        "private": tokens.seal(settings.secret_key, pem, _PURPOSE),
    }
    try:
        put_setting(session, SETTING, value)
        session.commit()
    except IntegrityError:
        # Two phones asked at once: the first key is the one.
        session.rollback()
        value = dict(setting(session, SETTING))
    return value
