"""Log-in and log-out of API clients: POST /sessions gives a bearer token."""

from __future__ import annotations

from flask import Response, request

from server.central.bodies import read
from server.central.replies import as_json, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity, public
from server.problems import Problem
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.schemas.sessions import SessionAnswer, SessionRequest
from server.services import api_sessions, authentication
from server.services.identity import Verb


@routes.post("/sessions")
@public
@described(SessionAnswer, body=SessionRequest)
def create_session() -> Response:
    """E-mail and password for a token (200 as ODK Central, not 201); wrong ones are 401.2, too many 429."""
    body = read(SessionRequest())
    absent = [name for name in ("email", "password") if not body.get(name)]
    if absent:
        raise Problem("missing_parameters", expected="email, password", got=", ".join(sorted({"email", "password"} - {*absent})))
    address = request.remote_addr or ""
    token, row = authentication.log_in(db.session(), body["email"], body["password"], address, "api")
    answer = {"token": token, "csrf": row.csrf, "expires_at": row.expires_at, "created_at": row.created_at}
    response = as_json(SessionAnswer().dump(answer))
    response.headers["Cache-Control"] = "no-store"
    authentication.set_api_cookies(response, request, token, row)
    return response


@routes.get("/sessions/restore")
@allow(Verb.OWN_ACCOUNT)
@described(SessionAnswer)
def restore_session() -> Response:
    """The session that the request came with, without its token."""
    return as_json(SessionAnswer(exclude=("token", "csrf")).dump(api_sessions.own_session(db.session(), _bearer())))


@routes.delete("/sessions/current")
@allow(Verb.OWN_ACCOUNT)
@described(SuccessAnswer)
def end_own_session() -> Response:
    """Ends the session that the request came with."""
    return _end(_bearer())


@routes.delete("/sessions/<token>")
@allow(Verb.OWN_ACCOUNT)
@described(SuccessAnswer)
def end_session(token: str) -> Response:
    """Ends a session by its token; only its owner or whoever manages users may. App users' tokens are revoked likewise."""
    return _end(token)


def _end(token: str) -> Response:
    api_sessions.end_session(db.session(), identity(), token)
    response = success()
    if request.is_secure and request.cookies.get(authentication.API_COOKIE) == token:
        authentication.clear_api_cookies(response)
    return response


def _bearer() -> str:
    token = authentication.api_token(request)
    if not token:
        raise Problem("not_found")
    return token
