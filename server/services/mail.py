"""Mail, where a mail server is configured; else nothing here opens a connection."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from server.config import Settings

if TYPE_CHECKING:
    import smtplib

# The worker folds nothing while it talks to the mail server, so it does not wait for long.
TIMEOUT_SECONDS = 10
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=30), dt.timedelta(minutes=30)


def send(settings: Settings, to: Sequence[str], subject: str, text: str, copy: Sequence[str] = ()) -> int:
    """Hands one mail to the mail server; how many of the people it was for were refused.

    Raises OSError (smtplib's own errors are of this kind, too) when the server is away or refuses all of them.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, ", ".join(to), subject
    if copy:
        message["Cc"] = ", ".join(copy)
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=settings.mail_from.rpartition("@")[2])
    message.set_content(text)
    server = _connect(settings.mail_url)
    with server:
        if settings.mail_user:
            server.login(settings.mail_user, settings.mail_password)
        return len(server.send_message(message))


def _connect(url: str) -> smtplib.SMTP:
    """A connection to the mail server: smtps from the first byte, smtp+starttls after it, smtp in clear. Raises OSError."""
    # Takes 2 MB, and most missions have no mail server.
    import smtplib

    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    server = smtplib.SMTP(host, parts.port or (587 if parts.scheme == "smtp+starttls" else 25), timeout=TIMEOUT_SECONDS)
    if parts.scheme == "smtp+starttls":
        server.starttls(context=ssl.create_default_context())
    return server


@dataclass
class _Pause:
    """How often a mail could not be sent, and when it is tried next (UTC)."""

    attempts: int
    until: dt.datetime


class Pauses:
    """Mails that could not be sent, and ever longer pauses before each is tried again; for as long as the process lives."""

    def __init__(self) -> None:
        self._pauses: dict[str, _Pause] = {}

    def may_try(self, key: str, instant: dt.datetime) -> bool:
        """Whether the mail of this key is not to wait any longer."""
        pause = self._pauses.get(key)
        return pause is None or pause.until <= instant

    def failed(self, key: str, instant: dt.datetime) -> int:
        """Notes a failure at the instant; how many there were."""
        attempts = self._pauses[key].attempts + 1 if key in self._pauses else 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, 10))
        self._pauses[key] = _Pause(attempts, instant + pause)
        return attempts

    def hold(self, key: str, until: dt.datetime) -> None:
        """The mail of this key is not tried before that instant."""
        self._pauses[key] = _Pause(1, until)

    def sent(self, key: str) -> None:
        """Forgets the failures of a mail that has gone."""
        self._pauses.pop(key, None)
