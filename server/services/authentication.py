"""Proves who is asking: log-ins and their limits, sessions, app-user tokens, CSRF. Turns a request into an Identity."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import io
import json
import re
import secrets
from contextlib import suppress

from sqlalchemy.orm import Session
from werkzeug.wrappers import Request, Response

from server import logs
from server.config import Settings
from server.extensions import db
from server.models import Actor, LoginSession, User
from server.problems import Problem
from server.queries import accounts, mission, public_links
from server.services import attempts, devices_seen, digest, schemes
from server.services.audits import audit
from server.services.identity import APP_USER_VERBS, ROLES, Identity
from server.services.journal import now
from server.services.passwords import NOBODY, hash_password, verify_password

__all__ = ["hash_password", "verify_password"]

SESSION_COOKIE = "fieldpost"
# ODK Central's: given and taken over https only, where the prefix binds it to this host. The pages never look at it.
API_COOKIE, CSRF_COOKIE = "__Host-session", "__csrf"
LOGIN_COOKIE = "fieldpost_login"
SESSION_LIFE = dt.timedelta(hours=24)
_MAX_CSRF_BODY = 1_000_000
TOKEN = re.compile(r"[A-Za-z0-9!$]{64}")
_KEY_PATH = re.compile(r"^/v1/key/([^/]+)(/|$)")
# Keys of the reconciliation door stand in the address; "-" there means that a header says who asks.
MATCHING_KEY = "match"
_MATCHING_PATH = re.compile(r"^/reconcile/([^/]+)/")


# The bearer is no session there but the one-time token for a new password, which its own view checks.
RESET_PATH = "/v1/users/reset/verify"


def new_token() -> str:
    """A fresh 64-character token, the length that ODK clients know."""
    return secrets.token_hex(32)


def token_hash(token: str) -> str:
    """What is stored of a token: its SHA-256 (tokens have 256 random bits, so a slow hash adds nothing)."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def log_in(session: Session, email: str, password: str, address: str, kind: str) -> tuple[str, LoginSession]:
    """Checks the password and opens a new session ("api" or "page"); returns its token and row, and commits.

    Raises Problem not_authenticated, or too_many_attempts once the limits of failed log-ins are reached.
    """
    user, actor = check_password(session, email, password, address)
    digest.remember_if_new(session, user, password)
    user.last_login_at = now()
    accounts.reap_sessions(session, now())
    token, row = open_session(session, actor.id, kind)
    audit(session, user_identity(user, actor, "login"), "user.session.create", f"actor/{actor.id}", {"kind": kind})
    session.commit()
    return token, row


def check_password(session: Session, email: str, password: str, address: str) -> tuple[User, Actor]:
    """The user behind e-mail and password. Every failure counts, whichever door it came through (form, API, Basic)."""
    email = attempts.storable(email)
    failed = attempts.refuse_guessing(session, email, address)
    found = accounts.user_by_email(session, email)
    # The hash is computed for unknown addresses as well, so that timing does not tell which ones exist.
    if not verify_password(found[0].password_hash if found else NOBODY, password) or found is None:
        attempts.count_failure(session, email, address)
        raise Problem("not_authenticated")
    if failed:
        attempts.forget(session, email, address)
    return found


def open_session(session: Session, actor_id: int, kind: str) -> tuple[str, LoginSession]:
    """Adds a session for the actor; the caller commits. The token is returned once and stored hashed."""
    token, instant = new_token(), now()
    row = LoginSession(
        token_sha256=token_hash(token), kind=kind, actor_id=actor_id, csrf=secrets.token_hex(32),
        created_at=instant, expires_at=instant + SESSION_LIFE,
    )
    session.add(row)
    return token, row


def log_out(session: Session, request: Request) -> None:
    """Ends the session of this request's cookie or bearer token, and commits."""
    token = request.cookies.get(SESSION_COOKIE) or request.headers.get("Authorization", "").partition(" ")[2].strip()
    accounts.delete_session(session, token_hash(token))
    session.commit()


def set_session_cookie(response: Response, request: Request, token: str) -> None:
    """Hands the page session to the browser: not for scripts, not for other sites' posts, on https only over https."""
    response.set_cookie(
        SESSION_COOKIE, token, max_age=int(SESSION_LIFE.total_seconds()), httponly=True, samesite="Lax",
        secure=request.is_secure, path="/",
    )


def clear_session_cookie(response: Response, request: Request) -> None:
    """Takes the cookie away at log-out."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="Lax", secure=request.is_secure)


def user_identity(user: User, actor: Actor, how: str, csrf: str | None = None, *, undivided: bool = False) -> Identity:
    """The identity of a user, with the verbs of the role. undivided: see Identity."""
    return Identity(
        actor_id=actor.id, name=actor.display_name, type="user", role=user.role, how=how, verbs=ROLES[user.role],
        sector_id=user.sector_id, post_id=user.post_id, email=user.email, language=user.language, csrf=csrf,
        read_only=user.read_only_from is not None and user.read_only_from <= now(),
        must_change_password=user.must_change_password, audience=user.audience, undivided=undivided,
    )


def _identity(session: Session, found: tuple[User, Actor], how: str, csrf: str | None = None) -> Identity:
    user, actor = found
    undivided = user.role == "officer" and user.sector_id is None and not mission.sectors(session)
    return user_identity(user, actor, how, csrf, undivided=undivided)


def identify(request: Request, settings: Settings) -> Identity | None:
    """Who asks, in Central's order: key in the path or ?st=, bearer, Basic (https only), cookie. None: nobody.

    Devices may also use Digest. The API takes its own cookie and over https only, the pages theirs. Raises Problem
    not_allowed for a well-formed but unknown or revoked key (Central: 403, never 401), and not_authenticated for a
    malformed key or a bearer token that is not good.
    """
    session: Session = db.session()  # the scoped session's own Session
    key = _KEY_PATH.match(request.path)
    # A phone has no business on pages, so ?st= counts on the API only.
    token = key.group(1) if key else request.args.get("st") if request.path.startswith("/v1/") else None
    if token:
        return _by_key(session, token)
    matching = _MATCHING_PATH.match(request.path)
    if matching and matching.group(1) != "-":
        return _by_matching_key(session, matching.group(1))
    header = request.headers.get("Authorization", "")
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "bearer" and request.path == RESET_PATH:
        return None
    if scheme.lower() == "bearer":
        return _by_bearer(session, credentials.strip())
    if scheme.lower() == "basic":
        return _by_basic(session, request, credentials)
    if scheme.lower() == "digest" and schemes.is_for_devices(request):
        return _identity(session, digest.log_in(session, request, settings), "digest")
    if request.path.startswith("/v1/"):
        cookie = request.cookies.get(API_COOKIE) if request.is_secure else None
        return _by_cookie(session, cookie, "api") if cookie else None
    cookie = request.cookies.get(SESSION_COOKIE)
    return _by_cookie(session, cookie, "page") if cookie and not matching else None


def _by_matching_key(session: Session, token: str) -> Identity:
    row = accounts.live_session(session, token_hash(token), MATCHING_KEY, now())
    found = accounts.user_by_actor(session, row.actor_id) if row else None
    if row is None or found is None:
        raise Problem("not_authenticated")
    return _identity(session, found, "key", row.csrf)


def _by_key(session: Session, token: str) -> Identity:
    if not TOKEN.fullmatch(token):
        raise Problem("not_authenticated")
    found = accounts.app_user_by_token(session, token_hash(token))
    if found is None:
        return _by_link(session, token)
    if found[0].revoked_at is not None or found[1].deleted_at is not None:
        raise Problem("not_allowed")
    app_user, actor, post_route_class = found
    devices_seen.note(session, app_user)
    return Identity(
        actor_id=actor.id, name=actor.display_name, type="field_key", role="app_user", how="key", verbs=APP_USER_VERBS,
        post_id=app_user.post_id, project_id=app_user.project_id, route_class=app_user.route_class,
        post_route_class=post_route_class,
    )


def _by_link(session: Session, token: str) -> Identity:
    found = public_links.by_token(session, token_hash(token))
    if found is None or found[0].revoked_at is not None or found[1].deleted_at is not None:
        raise Problem("not_allowed")
    _link, actor, form = found
    return Identity(
        actor_id=actor.id, name=actor.display_name, type="public_link", role="public_link", how="key", verbs=APP_USER_VERBS,
        project_id=form.project_id,
    )


def _by_bearer(session: Session, token: str) -> Identity:
    row = accounts.live_session(session, token_hash(token), "api", now())
    found = accounts.user_by_actor(session, row.actor_id) if row else None
    if row is None or found is None:
        raise Problem("not_authenticated")
    return _identity(session, found, "bearer", row.csrf)


def _by_cookie(session: Session, token: str, kind: str) -> Identity | None:
    row = accounts.live_session(session, token_hash(token), kind, now())
    found = accounts.user_by_actor(session, row.actor_id) if row else None
    return _identity(session, found, "cookie" if kind == "page" else "api_cookie", row.csrf) if row and found else None


def _by_basic(session: Session, request: Request, credentials: str) -> Identity:
    # On plain http the password would be readable on the way: refused (conformance: no exception for loopback).
    if not request.is_secure:
        logs.warning("password sent over plain http refused", path=request.path, address=request.remote_addr)
        raise Problem("not_authenticated")
    try:
        email, _, password = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Problem("not_authenticated") from error
    found = check_password(session, email, password, request.remote_addr or "")
    return _identity(session, found, "basic")


def set_api_cookies(response: Response, request: Request, token: str, row: LoginSession) -> None:
    """Hands the API session to a browser as ODK Central does; over plain http it gets none."""
    if not request.is_secure:
        return
    life = int(SESSION_LIFE.total_seconds())
    response.set_cookie(API_COOKIE, token, max_age=life, httponly=True, samesite="Strict", secure=True, path="/")
    response.set_cookie(CSRF_COOKIE, row.csrf, max_age=life, samesite="Strict", secure=True, path="/")


def clear_api_cookies(response: Response) -> None:
    """Takes the API session away from a browser."""
    for name in (API_COOKIE, CSRF_COOKIE):
        response.delete_cookie(name, path="/", samesite="Strict", secure=True)


def api_token(request: Request) -> str:
    """The token of the API session that this request came with; empty when it came with none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.cookies.get(API_COOKIE, "") if request.is_secure else ""


def check_api_csrf(request: Request, who: Identity) -> None:
    """A changing request with the API's cookie must say that a script of this site made it, or carry `__csrf` in its body.

    Raises Problem not_authenticated, as ODK Central does.
    """
    if request.headers.get("X-Requested-With", "").lower() == "xmlhttprequest":
        return
    sent = request.form.get("__csrf", "")
    if request.is_json and (request.content_length or _MAX_CSRF_BODY + 1) <= _MAX_CSRF_BODY:
        raw = request.stream.read(_MAX_CSRF_BODY)
        # The view reads the body once more.
        request.stream = io.BytesIO(raw)
        with suppress(ValueError):
            body = json.loads(raw)
            sent = str(body.get("__csrf", "")) if isinstance(body, dict) else ""
    if not hmac.compare_digest(sent.encode("utf-8", "replace"), (who.csrf or "\x00").encode()):
        raise Problem("not_authenticated")


def check_csrf(request: Request, who: Identity) -> None:
    """A changing request with a page cookie must carry the session's CSRF token (form field or header). Else 400.91."""
    _same(who.csrf or "", request)


def login_form_token(request: Request, settings: Settings) -> tuple[str, str]:
    """For the log-in form, where there is no session yet: (cookie value, token for the field `csrf_token`).

    Without it another site could log a visitor in under the attacker's account. The cookie is kept while it is good, so
    two open tabs both work.
    """
    cookie = request.cookies.get(LOGIN_COOKIE, "")
    if not re.fullmatch(r"[0-9a-f]{64}", cookie):
        cookie = secrets.token_hex(32)
    return cookie, _login_mac(cookie, settings)


def set_login_cookie(response: Response, request: Request, cookie: str) -> None:
    """Sets the cookie that belongs to a log-in form."""
    response.set_cookie(LOGIN_COOKIE, cookie, httponly=True, samesite="Lax", secure=request.is_secure, path="/")


def check_login_form(request: Request, settings: Settings) -> None:
    """The log-in form must come from a page of this server. Raises Problem csrf_failed."""
    cookie = request.cookies.get(LOGIN_COOKIE, "")
    _same(_login_mac(cookie, settings) if cookie else "", request)


def _login_mac(cookie: str, settings: Settings) -> str:
    text = b"log-in form\x00" + cookie.encode("utf-8", "surrogateescape")
    return hmac.new(settings.secret_key.encode(), text, hashlib.sha256).hexdigest()


def _same(expected: str, request: Request) -> None:
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not expected or not hmac.compare_digest(sent.encode("utf-8", "surrogateescape"), expected.encode()):
        raise Problem("csrf_failed")
