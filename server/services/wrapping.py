"""Private keys wrapped by a passphrase: argon2id makes a key of it, AES-256-GCM seals the private key with that.

The browser (web/office/src/wrapping.ts) and the console write the same format. Neither passphrase nor private key is ever
stored, logged or put into an error; both live as long as one call.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from argon2.low_level import Type, hash_secret_raw

from server.problems import Problem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SCHEME: Final = "argon2id+aes-256-gcm"
# OWASP's stronger profiles want 46 MiB and one pass; a key that is kept for years gets 64 MiB and three (RFC 9106's second
# recommendation), on one lane because browsers have no threads for it.
PASSES, MEMORY_KIB, LANES = 3, 64 * 1024, 1
# What a key made elsewhere may ask of this server.
_MOST_PASSES, _MOST_MEMORY_KIB, _MOST_LANES = 10, 128 * 1024, 4
SHORTEST, LONGEST = 10, 1000
_ASSOCIATED: Final = b"fieldpost private key 1"
# One at a time in each process: each takes 64 MB.
_one = threading.Lock()


class WrongPassphrase(ValueError):
    """The passphrase does not open the key."""


def check_passphrase(passphrase: str) -> None:
    """Raises Problem passphrase_too_short under 10 characters and invalid_input over 1,000."""
    if len(passphrase) < SHORTEST:
        raise Problem("passphrase_too_short", shortest=SHORTEST)
    if len(passphrase) > LONGEST:
        raise Problem("invalid_input", reason=f"The passphrase is longer than {LONGEST} characters.", field="passphrase")


def wrap(private: RSAPrivateKey, passphrase: str) -> dict[str, Any]:
    """The private key (PKCS#8) sealed; a JSON object. Raises what check_passphrase raises."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    check_passphrase(passphrase)
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    key = _derive(passphrase, salt, PASSES, MEMORY_KIB, LANES)
    sealed = AESGCM(key).encrypt(nonce, der, _ASSOCIATED)
    return {
        "scheme": SCHEME, "passes": PASSES, "memoryKiB": MEMORY_KIB, "lanes": LANES, "salt": _text(salt), "nonce": _text(nonce),
        "sealed": _text(sealed),
    }


def unwrap(wrapped: dict[str, Any], passphrase: str) -> RSAPrivateKey:
    """The private key. Raises WrongPassphrase; a damaged key cannot be told from a wrong passphrase."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    if not passphrase or len(passphrase) > LONGEST:
        raise WrongPassphrase
    salt, nonce, sealed = (_bytes(wrapped, name) for name in ("salt", "nonce", "sealed"))
    key = _derive(passphrase, salt, wrapped["passes"], wrapped["memoryKiB"], wrapped["lanes"])
    try:
        der = AESGCM(key).decrypt(nonce, sealed, _ASSOCIATED)
        found = load_der_private_key(der, None)
    except (InvalidTag, ValueError) as error:
        raise WrongPassphrase from error
    if not isinstance(found, RSAPrivateKey):
        raise WrongPassphrase
    return found


def checked(wrapped: object) -> dict[str, Any]:
    """A wrapped key that came from a browser, with nothing else in it. Raises Problem invalid_input when it is none."""
    if not isinstance(wrapped, dict) or wrapped.get("scheme") != SCHEME:
        raise _refused("the scheme is not known")
    limits = {"passes": (1, _MOST_PASSES), "memoryKiB": (8 * 1024, _MOST_MEMORY_KIB), "lanes": (1, _MOST_LANES)}
    for name, (least, most) in limits.items():
        if type(wrapped.get(name)) is not int or not least <= wrapped[name] <= most:
            raise _refused(f"{name} is not between {least} and {most}")
    sizes = {"salt": (16, 64), "nonce": (12, 12), "sealed": (600, 10_000)}
    for name, (least, most) in sizes.items():
        if not least <= len(_bytes(wrapped, name)) <= most:
            raise _refused(f"{name} has the wrong length")
    return {name: wrapped[name] for name in ("scheme", *limits, *sizes)}


def _refused(reason: str) -> Problem:
    return Problem("invalid_input", reason=f"The wrapped key cannot be taken: {reason}.", field="wrapped")


def _derive(passphrase: str, salt: bytes, passes: int, memory_kib: int, lanes: int) -> bytes:
    # One form for the same characters typed on different keyboards, as with passwords.
    secret = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
    with _one:
        return hash_secret_raw(secret, salt, passes, memory_kib, lanes, 32, Type.ID)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(wrapped: dict[str, Any], name: str) -> bytes:
    text = wrapped.get(name)
    if not isinstance(text, str):
        raise _refused(f"{name} is missing")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused(f"{name} is no base64") from error
