"""Digest log-in for devices (RFC 2617 with OpenRosa's restrictions): challenge, check, and what it needs of a password.

HA1 is as good as the password for this realm, so it lies in the database only sealed with the server's secret key, and
bound to the password's hash: a new password makes the old one worthless even where nobody thought of replacing it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass

from flask import current_app, has_app_context
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.datastructures import Authorization
from werkzeug.wrappers import Request

from server import logs
from server.config import Settings
from server.models import Actor, User
from server.problems import Problem
from server.queries import accounts
from server.queries import digest as queries
from server.services import attempts, tokens
from server.services.journal import now

REALM = "Fieldpost"
# Long enough for a batch of uploads over a slow link; a client goes on by itself when told that its nonce is stale.
NONCE_LIFE = dt.timedelta(minutes=10)
# Where the same credentials hold, so that a device sends them without being asked first.
DOMAIN = "/v1/projects/"
_PURPOSE = b"fieldpost digest 1"
_NONCE = re.compile(r"([0-9a-f]{8})([0-9a-f]{32})([0-9a-f]{32})")
_COUNT = re.compile(r"[0-9a-f]{8}")
_NOBODY = secrets.token_hex(16)


@dataclass(frozen=True)
class Claim:
    """What a Digest header says, as far as it matters."""

    username: str
    nonce: str
    uri: str
    count: str
    cnonce: str
    response: str
    opaque: str


def md5(*parts: str) -> str:
    """MD5 in hexadecimal of the parts joined by colons, as RFC 2617 joins them."""
    return hashlib.md5(":".join(parts).encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def response_of(ha1: str, method: str, claim: Claim) -> str:
    """The response that whoever knows HA1 computes, with qop=auth."""
    return md5(ha1, claim.nonce, claim.count, claim.cnonce, "auth", md5(method, claim.uri))


def challenge(settings: Settings, stale: bool) -> str:
    """The value of WWW-Authenticate, with a fresh nonce. stale: the log-in was right, only its nonce was not."""
    return (
        f'Digest realm="{REALM}", domain="{DOMAIN}", nonce="{_new_nonce(settings)}", opaque="{_opaque(settings)}", '
        f'algorithm=MD5, qop="auth"{", stale=true" if stale else ""}'
    )


def remember(session: Session, user: User, password: str) -> None:
    """Keeps what Digest needs of this password, in place of what was kept of the one before. The caller commits.

    Where Digest is switched off nothing is kept. Without settings (a session outside of the application) neither: the
    next log-in with the password makes up for it.
    """
    settings: Settings | None = current_app.config["SETTINGS"] if has_app_context() else None
    if settings is None:
        return
    kept = json.dumps({"password": _fingerprint(user), "ha1": _hashes(f"{user.email}:{REALM}:{password}")})
    queries.keep_secret(session, user.actor_id, tokens.seal(settings.secret_key, kept, _PURPOSE) if settings.digest else None)


def forget(session: Session, actor_id: int) -> None:
    """Keeps nothing any more of a person's password for Digest. The caller commits."""
    queries.keep_secret(session, actor_id, None)


def _hashes(told: str) -> list[str]:
    # RFC 2617 does not say how letters become bytes; clients write UTF-8 or, where that is possible, Latin-1.
    variants = [told.encode("utf-8", "surrogatepass")]
    with suppress(UnicodeEncodeError):
        variants.append(told.encode("latin-1"))
    return [hashlib.md5(each, usedforsecurity=False).hexdigest() for each in dict.fromkeys(variants)]


def remember_if_new(session: Session, user: User, password: str) -> None:
    """As `remember`, when nothing is kept yet of the present password or something is that should not be."""
    settings: Settings | None = current_app.config["SETTINGS"] if has_app_context() else None
    if settings is not None and bool(_kept(session, settings, user)) != settings.digest:
        remember(session, user, password)


def log_in(session: Session, request: Request, settings: Settings) -> tuple[User, Actor]:
    """The user who computed this request's Digest response; the count is used up and committed.

    Raises Problem not_authenticated, with `stale` when a new nonce is all that is needed, and too_many_attempts.
    """
    claim, address = _claim(request, settings), request.remote_addr or ""
    attempts.refuse_guessing(session, claim.username, address)
    found = accounts.user_by_email(session, claim.username)
    known = _kept(session, settings, found[0]) if found else []
    # Something is compared for unknown people as well, so that timing does not tell who exists.
    right = [hmac.compare_digest(response_of(ha1, request.method, claim), claim.response) for ha1 in known or [_NOBODY]]
    if found is None or not any(right):
        attempts.count_failure(session, claim.username, address)
        raise Problem("not_authenticated")
    _use_up(session, settings, claim)
    return found


def _claim(request: Request, settings: Settings) -> Claim:
    header = Authorization.from_header(request.headers.get("Authorization"))
    told = dict(header.parameters) if header is not None else {}
    names = ("username", "nonce", "uri", "nc", "cnonce", "response", "opaque")
    values = [(told.get(name) or "") for name in names]
    claim = Claim(*values)
    good = (
        told.get("realm") == REALM and (told.get("algorithm") or "MD5").upper() == "MD5" and told.get("qop") == "auth"
        and hmac.compare_digest(claim.opaque.encode("utf-8", "replace"), _opaque(settings).encode())
        and _COUNT.fullmatch(claim.count.lower()) is not None and claim.cnonce and claim.uri == _target(request)
        and claim.username.isprintable()
    )
    if not settings.digest or not good:
        raise Problem("not_authenticated")
    return Claim(*(*values[:5], claim.response.lower().encode("ascii", "replace").decode(), claim.opaque))


def _target(request: Request) -> str:
    # As it stood in the request line; frameworks decode the path, and the digest is over what was sent.
    return str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path.rstrip("?"))


def _use_up(session: Session, settings: Settings, claim: Claim) -> None:
    issued = _issued_at(settings, claim.nonce)
    # A minute is granted to clocks of several machines that serve together.
    if issued is None or not now() - NONCE_LIFE <= issued <= now() + dt.timedelta(minutes=1):
        raise Problem("not_authenticated", stale=True)
    count = int(claim.count, 16)
    if count <= 1:
        queries.reap_uses(session, now())
    try:
        with session.begin_nested():
            queries.use(session, claim.nonce[8:40], count, issued + NONCE_LIFE)
    except IntegrityError as error:
        logs.warning("digest replayed", user=claim.username, count=count)
        # A device whose connection broke sends the same header again; with a new nonce it gets on without asking anybody.
        raise Problem("not_authenticated", stale=True) from error
    session.commit()


def _kept(session: Session, settings: Settings, user: User) -> list[str]:
    row = queries.secret(session, user.actor_id)
    text = tokens.unseal(settings.secret_key, row.sealed, _PURPOSE) if row else None
    kept = json.loads(text) if text else {}
    return list(kept["ha1"]) if kept and kept["password"] == _fingerprint(user) else []


def _fingerprint(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:32]


def _new_nonce(settings: Settings) -> str:
    text = f"{int(now().timestamp()):08x}{secrets.token_hex(16)}"
    return text + _mac(settings, b"digest nonce\x00" + text.encode())


def _issued_at(settings: Settings, nonce: str) -> dt.datetime | None:
    """When this server made the nonce; None when it did not."""
    found = _NONCE.fullmatch(nonce)
    if found is None or not hmac.compare_digest(_mac(settings, b"digest nonce\x00" + nonce[:40].encode()), found.group(3)):
        return None
    return dt.datetime.fromtimestamp(int(found.group(1), 16), dt.UTC)


def _opaque(settings: Settings) -> str:
    return _mac(settings, b"digest opaque\x00")


def _mac(settings: Settings, text: bytes) -> str:
    return hmac.new(settings.secret_key.encode(), text, hashlib.sha256).hexdigest()[:32]
