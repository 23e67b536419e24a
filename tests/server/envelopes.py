"""Seals as the field app does (web/field/src/vault/seal.ts), for tests of the server's side."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

SEGMENT = 1 << 20


def seal(spki: str, inside: dict[str, Any], content: bytes) -> bytes:
    """An envelope for the key (SubjectPublicKeyInfo in base64) around content; `inside` gets its size."""
    der = base64.b64decode(spki)
    public = load_der_public_key(der)
    assert isinstance(public, RSAPublicKey)
    key, prefix = secrets.token_bytes(32), secrets.token_bytes(7)
    wrapped = public.encrypt(key, OAEP(MGF1(SHA256()), SHA256(), None))
    header = b"FPSEAL1\n" + hashlib.sha256(der).digest()[:16] + len(wrapped).to_bytes(2, "big") + wrapped + prefix
    told = json.dumps({"size": len(content), **inside}).encode()
    plain = len(told).to_bytes(4, "big") + told + content
    parts = [plain[at : at + SEGMENT] for at in range(0, len(plain), SEGMENT)]
    box = AESGCM(key)
    sealed = [
        box.encrypt(prefix + number.to_bytes(4, "big") + bytes([number == len(parts) - 1]), part, header)
        for number, part in enumerate(parts)
    ]
    return header + b"".join(sealed)


def export(*envelopes: bytes) -> bytes:
    """The file in which a phone hands over what it could not send."""
    return b"FPQUEUE1\n" + b"".join(len(each).to_bytes(8, "big") + each for each in envelopes)
