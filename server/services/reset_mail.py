"""Sends the link of a password reset by mail, where a mail server is configured; else nothing here opens a connection.

The worker's duty. What cannot be sent is tried again with growing pauses until the link expires; the administrator can hand
it over meanwhile, as without mail.
"""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from sqlalchemy.orm import Session

from server import logs
from server.config import Settings
from server.queries import accounts as queries
from server.services.journal import now
from server.services.password_resets import token_of

if TYPE_CHECKING:
    import smtplib

# The worker folds nothing while it talks to the mail server, so it does not wait for long.
TIMEOUT_SECONDS = 10
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=30), dt.timedelta(minutes=30)
_SUBJECT = "Fieldpost: new password / nouveau mot de passe"
_TEXT = """\
Somebody, probably you, asked for a new password for this address. Set it here within 24 hours; the link works once:

{link}

If it was not you, do nothing: your password stays as it is.

--

Quelqu'un, sans doute vous, a demandé un nouveau mot de passe pour cette adresse. Définissez-le ici sous 24 heures ; le lien
ne sert qu'une fois :

{link}

Si ce n'était pas vous, ne faites rien : votre mot de passe reste le même.
"""


@dataclass
class _Pause:
    """How often the mail of a wish could not be sent, and when it is tried next (UTC)."""

    attempts: int
    until: dt.datetime


class ResetMail:
    """Sends what waits, one mail at a call; remembers what failed for as long as the process lives."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pauses: dict[str, _Pause] = {}

    def send(self, session: Session) -> bool:
        """Sends the mail that has waited longest and commits; False when none waits, or it could not be sent."""
        if not self._settings.mail_url:
            return False
        instant = now()
        found = queries.unmailed_resets(session, instant)
        waiting = [(wish, email) for wish, email in found if self._may_try(wish.token_sha256, instant)]
        if not waiting:
            session.rollback()
            return False
        wish, email = waiting[0]
        key, token = wish.token_sha256, token_of(self._settings.secret_key, wish)
        session.rollback()
        if token is None:
            # Sealed under a secret key that is not this server's any more: no link can be made of it.
            self._pauses[key] = _Pause(1, instant + dt.timedelta(days=1))
            logs.warning("the mail of a password reset cannot be made: the secret key has changed")
            return False
        try:
            self._deliver(email, f"{self._settings.base_url.rstrip('/')}/new-password/{quote(token)}")
        except OSError as error:  # smtplib's own errors are of this kind, too
            self._failed(key, instant, error)
            return False
        self._pauses.pop(key, None)
        queries.reset_mailed(session, key, now())
        session.commit()
        return True

    def _may_try(self, key: str, instant: dt.datetime) -> bool:
        pause = self._pauses.get(key)
        return pause is None or pause.until <= instant

    def _failed(self, key: str, instant: dt.datetime, error: OSError) -> None:
        attempts = self._pauses[key].attempts + 1 if key in self._pauses else 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, 10))
        self._pauses[key] = _Pause(attempts, instant + pause)
        # The kind of error alone: a server's own words may repeat the address or what was sent.
        logs.warning("a password reset could not be mailed", kind=type(error).__name__, attempts=attempts)

    def _deliver(self, email: str, link: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._settings.mail_from, email, _SUBJECT
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self._settings.mail_from.rpartition("@")[2])
        message.set_content(_TEXT.format(link=link))
        server = _connect(self._settings.mail_url)
        with server:
            if self._settings.mail_user:
                server.login(self._settings.mail_user, self._settings.mail_password)
            server.send_message(message)


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
