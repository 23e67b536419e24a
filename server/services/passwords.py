"""Passwords: argon2id hashes, the rules for choosing one, and one-time passwords that an administrator hands over."""

from __future__ import annotations

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.problems import Problem

# OWASP's minimum for argon2id: 19 MiB, 2 passes, 1 lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
SHORTEST, LONGEST = 10, 1000
# Read out by radio or written on a card, so without the characters that are mistaken for one another.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def _bytes(password: str) -> bytes:
    # One form for the same characters typed on different keyboards; lone surrogates (hostile JSON) must not crash.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def hash_password(password: str, *, owner: str = "") -> str:
    """argon2id hash. Raises invalid_input for one under 10 or over 1,000 characters, or one easy to guess.

    owner: the e-mail address, which must not be the password.
    """
    if len(password) < SHORTEST:
        raise Problem("invalid_input", reason=f"Password: at least {SHORTEST} characters.", field="Password")
    if len(password) > LONGEST:
        raise Problem("invalid_input", reason=f"Password: at most {LONGEST} characters.", field="Password")
    folded = password.strip().lower()
    if len(set(folded)) < 4 or (owner and folded in {owner.lower(), owner.lower().partition("@")[0]}):
        raise Problem("invalid_input", reason="Password: too easy to guess; take several words.", field="Password")
    return _hasher.hash(_bytes(password))


def verify_password(stored: str, password: str) -> bool:
    """Whether the password fits the stored hash; a damaged hash and an over-long password fit nothing."""
    if len(password) > LONGEST:
        password = ""
    try:
        return _hasher.verify(stored, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def one_time_password() -> str:
    """Four groups of four characters (79 bits): easy to read out, to be changed at the first log-in."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


# What an unknown e-mail address is checked against, so that the answer takes as long as for a known one.
NOBODY = _hasher.hash(secrets.token_bytes(16))
