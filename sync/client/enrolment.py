"""From what an officer hands out (a server URL or the text of a settings QR code) to the address of a device."""

from __future__ import annotations

from urllib.parse import urlsplit

from forms.openrosa import read_qr_payload
from sync.client.problems import EnrolmentRefused


def server_url(text: str) -> str:
    """The server URL without a slash at its end. Raises EnrolmentRefused for a text that holds none."""
    text = text.strip()
    if not text.startswith(("http://", "https://")):
        text = _of_qr(text)
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known or any(sign.isspace() for sign in text):
        raise EnrolmentRefused("This is no server URL; it looks like http://192.168.1.10:8080/v1/key/.../projects/1.")
    return text.rstrip("/")


def _of_qr(text: str) -> str:
    try:
        url = read_qr_payload(text)["general"]["server_url"]
    except (ValueError, KeyError, TypeError) as error:
        raise EnrolmentRefused("This is neither a server URL nor the text of a settings QR code.") from error
    return str(url).strip()
