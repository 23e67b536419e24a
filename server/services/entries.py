"""Checks what people type into single fields (names, codes, e-mail addresses, days) before anything is stored.

A faulty entry raises Problem invalid_input that names the field and what to write instead.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

from server.problems import Problem

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}@[^\s@<>()\[\],;:\"\\]{1,255}")
_CODE = re.compile(r"[^\W_](?:[\w ./()-]*[\w)])?")


def _clean(value: str) -> str:
    return unicodedata.normalize("NFC", value).strip()


def text(field: str, value: object, limit: int = 255, *, required: bool = True) -> str:
    """One line of text without control characters, at most `limit` characters; "" only when it is not required."""
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Problem("invalid_input", reason=f"{field}: a text is expected.", field=field)
    # Cc: control characters (they forge lines in logs and headers); Cs: halves of characters that cannot be stored.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value.strip()):
        raise Problem("invalid_input", reason=f"{field}: write it on one line, without control characters.", field=field)
    cleaned = _clean(value)
    if not cleaned and required:
        raise Problem("invalid_input", reason=f"{field}: fill this in.", field=field)
    if len(cleaned) > limit:
        raise Problem("invalid_input", reason=f"{field}: at most {limit} characters, this has {len(cleaned)}.", field=field)
    return cleaned


def optional(field: str, value: object, limit: int = 255) -> str | None:
    """As `text`, with None for nothing."""
    return text(field, value, limit, required=False) or None


def code(field: str, value: object, limit: int = 60) -> str:
    """A code: letters, digits, blanks and . / - ( ), beginning with a letter or digit."""
    cleaned = text(field, value, limit)
    if not _CODE.fullmatch(cleaned):
        raise Problem("invalid_input", reason=f"{field}: use letters, digits, blanks and . / - ( ) only.", field=field)
    return cleaned


def email(value: object) -> str:
    """An e-mail address, folded to lower case. Only its form is checked; nothing is ever sent to it."""
    cleaned = text("E-mail", value, 320).lower()
    if not _EMAIL.fullmatch(cleaned) or ".." in cleaned:
        raise Problem("invalid_input", reason="E-mail: write an address such as name@example.org.", field="E-mail")
    return cleaned


def day(field: str, value: object) -> dt.date | None:
    """A day from a date or an ISO text (2026-11-22); None for nothing."""
    if value is None or value == "":
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(text(field, value, 10))
    except ValueError as error:
        raise Problem("invalid_input", reason=f"{field}: write the day as 2026-11-22.", field=field) from error


def whole(field: str, value: object, low: int, high: int) -> int:
    """A whole number between `low` and `high`."""
    try:
        number = int(str(value))
    except ValueError as error:
        raise Problem("invalid_input", reason=f"{field}: write a whole number.", field=field) from error
    if not low <= number <= high:
        raise Problem("invalid_input", reason=f"{field}: from {low} to {high}.", field=field)
    return number
