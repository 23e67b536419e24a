"""Sends the link of a password reset by mail, where a mail server is configured; else nothing here opens a connection.

The worker's duty. What cannot be sent is tried again with growing pauses until the link expires; the administrator can hand
it over meanwhile, as without mail.
"""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote

from sqlalchemy.orm import Session

from server import logs
from server.config import Settings
from server.queries import accounts as queries
from server.services import mail
from server.services.journal import now
from server.services.password_resets import token_of

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


class ResetMail:
    """Sends what waits, one mail at a call; remembers what failed for as long as the process lives."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pauses = mail.Pauses()

    def send(self, session: Session) -> bool:
        """Sends the mail that has waited longest and commits; False when none waits, or it could not be sent."""
        if not self._settings.mail_url:
            return False
        instant = now()
        found = queries.unmailed_resets(session, instant)
        waiting = [(wish, email) for wish, email in found if self._pauses.may_try(wish.token_sha256, instant)]
        if not waiting:
            session.rollback()
            return False
        wish, email = waiting[0]
        key, token = wish.token_sha256, token_of(self._settings.secret_key, wish)
        session.rollback()
        if token is None:
            # Sealed under a secret key that is not this server's any more: no link can be made of it.
            self._pauses.hold(key, instant + dt.timedelta(days=1))
            logs.warning("the mail of a password reset cannot be made: the secret key has changed")
            return False
        try:
            link = f"{self._settings.base_url.rstrip('/')}/new-password/{quote(token)}"
            mail.send(self._settings, [email], _SUBJECT, _TEXT.format(link=link))
        except OSError as error:  # smtplib's own errors are of this kind, too
            self._failed(key, instant, error)
            return False
        self._pauses.sent(key)
        queries.reset_mailed(session, key, now())
        session.commit()
        return True

    def _failed(self, key: str, instant: dt.datetime, error: OSError) -> None:
        # The kind of error alone: a server's own words may repeat the address or what was sent.
        logs.warning(
            "a password reset could not be mailed", kind=type(error).__name__, attempts=self._pauses.failed(key, instant)
        )
