"""The one gate in front of all doors: who asks (key in the path, bearer, Basic, cookie), may they, is the form's CSRF right.

Every view declares its verbs with @allow(...) or is @public; a view that declares nothing is refused, so that a
forgotten declaration shows as 403 and not as a leak.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import unquote

from flask import Flask, current_app, g, request

from server.extensions import db
from server.problems import Problem
from server.services import authentication, folding, project_rights
from server.services.identity import Identity, Verb

# Views of the devices' door whose answers no report changes.
_BLIND = {"form_list", "form_xml", "announce", "submit"}

# A shorter body is all here before the request is looked at (see cli.patience).
SHORT_BODY = 16_384

View = TypeVar("View", bound=Callable[..., Any])


def allow(*verbs: Verb) -> Callable[[View], View]:
    """The view may be used by whoever has at least one of the verbs."""

    def mark(view: View) -> View:
        view.__dict__["fieldpost_verbs"] = frozenset(verbs)
        return view

    return mark


def public(view: View) -> View:
    """The view may be used by anybody, logged in or not (log-in page, health, static files)."""
    view.__dict__["fieldpost_public"] = True
    return view


def identity() -> Identity:
    """The actor of this request. Raises Problem not_authenticated (401.2) when nobody is logged in."""
    found: Identity | None = g.get("identity")
    if found is None:
        raise Problem("not_authenticated")
    return found


def identity_or_none() -> Identity | None:
    """The actor of this request, or None on public views."""
    found: Identity | None = g.get("identity")
    return found


def install(app: Flask) -> None:
    """Puts the gate in front of every view of the app."""
    app.before_request(_check)
    app.before_request(_let_go_of_the_database)


def _check() -> None:
    _refuse_nul()
    g.identity = _with_notes(authentication.identify(request, current_app.config["SETTINGS"]))
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or getattr(view, "fieldpost_public", False) or request.endpoint == "static":
        return
    verbs: frozenset[Verb] | None = getattr(view, "fieldpost_verbs", None)
    who = g.identity = _in_project(identity())
    if verbs is None or not who.may(*verbs) or not _in_own_project(who):
        raise Problem("not_allowed")
    # One's own account (log-out, password, language) stays open to accounts that may do nothing else.
    own = Verb.OWN_ACCOUNT in verbs
    if who.must_change_password and not own:
        raise Problem("password_change_due")
    if _reads_reports():
        folding.catch_up(db.session())
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        if who.read_only and not own:
            raise Problem("read_only_account")
        if who.how == "cookie":
            authentication.check_csrf(request, who)
        elif who.how == "api_cookie":
            authentication.check_api_csrf(request, who)


def _with_notes(who: Identity | None) -> Identity | None:
    """The actor with what ODK Central's clients say about a change in a header; it goes into the audit log."""
    notes = unquote(request.headers.get("X-Action-Notes", "")).replace("\x00", "").strip()
    return replace(who, notes=notes[:2_000]) if who is not None and notes else who


def _in_project(who: Identity) -> Identity:
    """The actor with what was assigned in the project, and on the form, that an address of the API names."""
    values = request.view_args or {}
    named = str(values.get("project_id", ""))
    if not request.path.startswith("/v1/") or not named.isascii() or not named.isdigit() or len(named) > 9:
        return who
    return project_rights.within(db.session(), who, int(named), values.get("form_id"))


def _reads_reports() -> bool:
    """Whether the answer shows what becomes of reports: all of the API but what devices ask for all the time."""
    path = request.path
    if not path.startswith("/v1/"):
        return False
    return (request.endpoint or "").rpartition(".")[2] not in _BLIND


def _let_go_of_the_database() -> None:
    """A long body may take minutes to come in: no connection of the pool is held for it."""
    if request.method in {"GET", "HEAD", "OPTIONS", "DELETE"}:
        return
    if request.content_length is None or request.content_length > SHORT_BODY:
        db.session.rollback()


def _in_own_project(who: Identity) -> bool:
    # A device's key is good for one project; views need not think of it.
    named = (request.view_args or {}).get("project_id", (request.view_args or {}).get("pid"))
    return who.project_id is None or named is None or str(named) == str(who.project_id)


def _refuse_nul() -> None:
    # No name holds a NUL and PostgreSQL refuses it as a value, so it must not reach a query from the address.
    if "\x00" in request.path:
        raise Problem("not_found")
    if "%00" in request.query_string.decode("latin-1"):
        raise Problem("unparseable", reason="the query holds a NUL character.")
