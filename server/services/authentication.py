"""Proves who is asking: passwords (argon2id), sessions, app-user tokens, CSRF. Turns a request into an Identity."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import re
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Request

from server.config import Settings
from server.extensions import db
from server.models import Actor, LoginAttempt, LoginSession, User
from server.problems import Problem
from server.queries import accounts
from server.services.identity import APP_USER_VERBS, ROLES, Identity
from server.services.journal import now

SESSION_COOKIE = "fieldpost"
SESSION_LIFE = dt.timedelta(hours=24)
ATTEMPT_WINDOW = dt.timedelta(minutes=15)
MAX_BY_EMAIL, MAX_BY_ADDRESS = 8, 40
TOKEN = re.compile(r"[A-Za-z0-9!$]{64}")
_KEY_PATH = re.compile(r"^/v1/key/([^/]+)(/|$)")
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def new_token() -> str:
    """A fresh 64-character token, the length that ODK clients know."""
    return secrets.token_hex(32)


def token_hash(token: str) -> str:
    """What is stored of a token: its SHA-256 (tokens have 256 random bits, so a slow hash adds nothing)."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def hash_password(password: str) -> str:
    """argon2id hash (19 MiB, 2 passes: OWASP's minimum). Raises Problem invalid_input for a password under 10 characters."""
    if len(password) < 10:
        raise Problem("invalid_input", reason="The password has fewer than 10 characters.")
    return _hasher.hash(password)


def verify_password(stored: str, password: str) -> bool:
    """Whether the password fits the stored hash; a damaged hash fits nothing."""
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


_NO_SUCH_USER = _hasher.hash(secrets.token_hex(16))


def log_in(session: Session, email: str, password: str, address: str, kind: str) -> tuple[str, LoginSession]:
    """Checks the password and opens a session ("api" or "page"); returns its token and row, and commits.

    Raises Problem not_authenticated, or too_many_attempts after 8 failures for the e-mail or 40 from the address in
    15 minutes.
    """
    email, instant = email.strip().lower(), now()
    by_email, by_address = accounts.failed_attempts(session, email, address, instant - ATTEMPT_WINDOW)
    if by_email >= MAX_BY_EMAIL or by_address >= MAX_BY_ADDRESS:
        raise Problem("too_many_attempts", seconds=int(ATTEMPT_WINDOW.total_seconds()))
    found = accounts.user_by_email(session, email)
    # The hash is computed for unknown addresses as well, so that timing does not tell which ones exist.
    if not verify_password(found[0].password_hash if found else _NO_SUCH_USER, password) or found is None:
        session.add(LoginAttempt(email=email, address=address, at=instant))
        session.commit()
        raise Problem("not_authenticated")
    accounts.forget_attempts(session, email, instant - dt.timedelta(hours=1))
    found[0].last_login_at = instant
    token, row = open_session(session, found[1].id, kind)
    session.commit()
    return token, row


def open_session(session: Session, actor_id: int, kind: str) -> tuple[str, LoginSession]:
    """Adds a session for the actor; the caller commits. The token is returned once and stored hashed."""
    token, instant = new_token(), now()
    row = LoginSession(
        token_sha256=token_hash(token), kind=kind, actor_id=actor_id, csrf=secrets.token_hex(32),
        created_at=instant, expires_at=instant + SESSION_LIFE,
    )
    session.add(row)
    return token, row


def user_identity(user: User, actor: Actor, how: str, csrf: str | None = None) -> Identity:
    """The identity of a user, with the verbs of the role."""
    return Identity(
        actor_id=actor.id, name=actor.display_name, type="user", role=user.role, how=how, verbs=ROLES[user.role],
        sector_id=user.sector_id, post_id=user.post_id, email=user.email, language=user.language, csrf=csrf,
        read_only=user.read_only_from is not None and user.read_only_from <= now(),
        must_change_password=user.must_change_password,
    )


def identify(request: Request, settings: Settings) -> Identity | None:
    """Who asks, in Central's order: key in the path or ?st=, bearer, Basic (https only), page cookie. None: nobody.

    Raises Problem not_allowed for a well-formed but unknown or revoked key (Central: 403, never 401), and
    not_authenticated for a malformed key or a bearer token that is not good.
    """
    session: Session = db.session()  # the scoped session's own Session
    key = _KEY_PATH.match(request.path)
    token = key.group(1) if key else request.args.get("st")
    if token:
        return _by_key(session, token)
    header = request.headers.get("Authorization", "")
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "bearer":
        return _by_session(session, credentials.strip(), "api", "bearer")
    if scheme.lower() == "basic":
        return _by_basic(session, request, credentials)
    if request.path.startswith("/v1/"):
        return None
    cookie = request.cookies.get(SESSION_COOKIE)
    return _by_cookie(session, cookie) if cookie else None


def _by_key(session: Session, token: str) -> Identity:
    if not TOKEN.fullmatch(token):
        raise Problem("not_authenticated")
    found = accounts.app_user_by_token(session, token_hash(token))
    if found is None or found[0].revoked_at is not None or found[1].deleted_at is not None:
        raise Problem("not_allowed")
    app_user, actor = found
    return Identity(
        actor_id=actor.id, name=actor.display_name, type="field_key", role="app_user", how="key", verbs=APP_USER_VERBS,
        post_id=app_user.post_id, project_id=app_user.project_id,
    )


def _by_session(session: Session, token: str, kind: str, how: str) -> Identity:
    row = accounts.live_session(session, token_hash(token), kind, now())
    found = accounts.user_by_actor(session, row.actor_id) if row else None
    if row is None or found is None:
        raise Problem("not_authenticated")
    return user_identity(*found, how=how, csrf=row.csrf)


def _by_cookie(session: Session, token: str) -> Identity | None:
    row = accounts.live_session(session, token_hash(token), "page", now())
    found = accounts.user_by_actor(session, row.actor_id) if row else None
    return user_identity(*found, how="cookie", csrf=row.csrf) if row and found else None


def _by_basic(session: Session, request: Request, credentials: str) -> Identity:
    # On plain http the password would be readable on the way: refused (conformance: no exception for loopback).
    if not request.is_secure:
        raise Problem("not_authenticated")
    try:
        email, _, password = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Problem("not_authenticated") from error
    found = accounts.user_by_email(session, email)
    if not verify_password(found[0].password_hash if found else _NO_SUCH_USER, password) or found is None:
        raise Problem("not_authenticated")
    return user_identity(*found, how="basic")


def check_csrf(request: Request, who: Identity) -> None:
    """A changing request with a page cookie must carry the session's CSRF token (form field or header). Else 400.91."""
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not who.csrf or not hmac.compare_digest(sent.encode(), who.csrf.encode()):
        raise Problem("csrf_failed")
