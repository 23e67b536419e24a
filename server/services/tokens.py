"""Seals device tokens with the server's secret key, so that a QR code can be shown again and a stolen database cannot.

The database holds a token's SHA-256 (to find it) and this sealed form (to show it); neither is of use without the key.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

# Part of the key derivation: another purpose must take another text, and changing it makes sealed tokens unreadable.
_PURPOSE = b"fieldpost device token 1"


@lru_cache(maxsize=8)
def _box(secret_key: str, purpose: bytes) -> Fernet:
    # Loaded when first needed: 6 MB in each process that never shows a QR code.
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def seal(secret_key: str, token: str, purpose: bytes = _PURPOSE) -> str:
    """The token encrypted and authenticated (Fernet: AES-128-CBC and HMAC-SHA256) under a key derived from the secret key."""
    return _box(secret_key, purpose).encrypt(token.encode()).decode()


def unseal(secret_key: str, sealed: str | None, purpose: bytes = _PURPOSE) -> str | None:
    """The token again; None when it was sealed under another key, for another purpose, or was tampered with."""
    if not sealed:
        return None
    from cryptography.fernet import InvalidToken

    try:
        return _box(secret_key, purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None
