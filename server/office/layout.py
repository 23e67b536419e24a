"""What every page shares: template context and filters, static files, security headers, the forced change of password.

No page content here; what a page shows belongs to its own module.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, Flask, Response, abort, current_app, g, request, send_from_directory, url_for
from flask_babel import format_date, format_timedelta, get_locale
from markupsafe import Markup
from sqlalchemy.orm import Session

from forms.values import read_date, read_datetime
from server.extensions import db
from server.gate import identity_or_none, public
from server.office import navigation
from server.queries import inbox, mission
from server.services.identity import Verb
from server.services.journal import now

STATIC = Path(__file__).parent / "static"
YEAR = 365 * 24 * 3600
HEADERS = {
    # Everything comes from this server; images may also be made in the page (map tiles, previews of chosen photos).
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
}
blueprint = Blueprint("office", __name__, template_folder="templates")


def install(app: Flask) -> None:
    """Binds the layout to the app: context, filters, headers and the static files of the pages."""
    app.register_blueprint(blueprint)
    app.config.update(SESSION_COOKIE_NAME="fieldpost_notes", SESSION_COOKIE_SAMESITE="Lax")
    app.context_processor(_context)
    app.before_request(_first_change_the_password)
    app.after_request(_harden)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # Globals, not context, so that imported macros can use them.
    app.jinja_env.globals.update(asset=asset, has_asset=has_asset, csrf_token=csrf_token)
    app.jinja_env.filters.update(
        when=when, day=day, clock=clock, ago=ago, filesize=filesize, written_day=written_day, written_time=written_time
    )


@blueprint.get("/static/<path:name>")
@public
def static_file(name: str) -> Response:
    """Stylesheets, scripts and pictures; kept for a year by browsers when asked for by content (?v=)."""
    answer = send_from_directory(STATIC, name, max_age=YEAR if request.args.get("v") else 300)
    if request.args.get("v"):
        answer.cache_control.immutable = True
        answer.cache_control.public = True
        answer.cache_control.no_cache = None
    return answer


@blueprint.get("/favicon.ico")
@public
def favicon() -> Response:
    """The mark of the pages, for browsers that ask at the old address."""
    return send_from_directory(STATIC, "mark.svg", mimetype="image/svg+xml", max_age=86400)


@lru_cache(maxsize=256)
def _content_mark(path: Path, _changed: float) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """Address of a static file with the mark of its content, so that browsers never show an old one."""
    path = STATIC / name
    if not path.is_file():
        abort(500, f"static file {name} is missing; run `make setup`")
    return url_for("office.static_file", name=name, v=_content_mark(path, path.stat().st_mtime))


def has_asset(name: str) -> bool:
    """Whether a static file exists (the built scripts are missing in a checkout without `make setup`)."""
    return (STATIC / name).is_file()


def csrf_token() -> str:
    """The CSRF token of this page session; empty for strangers."""
    who = identity_or_none()
    return (who.csrf or "") if who else ""


def zone() -> ZoneInfo:
    """Mission time: what the set-up page says, else FIELDPOST_TIME_ZONE. Read once per request."""
    found: ZoneInfo = g.get("mission_zone") or _read_zone()
    g.mission_zone = found
    return found


def _read_zone() -> ZoneInfo:
    usual: ZoneInfo = current_app.config["SETTINGS"].time_zone
    name = mission.setting(_session(), "time_zone")
    try:
        return ZoneInfo(str(name)) if name else usual
    except (ZoneInfoNotFoundError, ValueError):
        current_app.logger.warning("the mission setting time_zone=%r is no zone; using %s", name, usual)
        return usual


def language() -> str:
    """The language of this page, "en" or "fr"."""
    return str(get_locale() or "en")[:2]


def _zone_name(instant: dt.datetime) -> str:
    name = instant.tzname() or ""
    return name if name.isalpha() else f"UTC{name}"


def when(instant: dt.datetime | None, form: str = "full") -> Markup:
    """An instant in mission time as a <time> element; hovering shows UTC. form: full | short (no year) | time."""
    if instant is None:
        return Markup('<span class="none">–</span>')
    local = instant.astimezone(zone())
    pattern = {"full": "d MMM yyyy", "short": "d MMM", "time": ""}[form]
    date = format_date(local.date(), pattern) + " " if pattern else ""
    return Markup('<time datetime="{}" title="{}">{}{} <span class="zone">{}</span></time>').format(
        instant.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        instant.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        date,
        local.strftime("%H:%M"),
        _zone_name(local),
    )


def clock(instant: dt.datetime) -> str:
    """Hour and minute in mission time with the zone, as plain text."""
    local = instant.astimezone(zone())
    return f"{local:%H:%M} {_zone_name(local)}"


def day(date: dt.date | dt.datetime | None) -> str:
    """A date in the reader's language; an instant is taken in mission time."""
    if date is None:
        return "–"
    if isinstance(date, dt.datetime):
        date = date.astimezone(zone()).date()
    return str(format_date(date, "d MMM yyyy"))


def ago(instant: dt.datetime | None) -> str:
    """How long ago, in round words ("3 days")."""
    return "–" if instant is None else str(format_timedelta(now() - instant, threshold=1.2))


def written_day(text: str) -> str:
    """A date as an answer holds it, in the reader's language; anything else as it is."""
    found = read_date(text)
    return day(found) if found else text


def written_time(text: str) -> Markup | str:
    """An instant as an answer holds it, in mission time; anything else as it is."""
    found = read_datetime(text, zone())
    return when(found) if found else text


def filesize(size: int) -> str:
    """Bytes in kB or MB, decimal."""
    return f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{max(1, round(size / 1000))} kB"


def _session() -> Session:
    return db.session()


def _context() -> dict[str, Any]:
    who = identity_or_none()
    return {
        "me": who,
        "may": (lambda *names: who is not None and any(verb.value in names for verb in who.verbs)),
        "language": language(),
        "has_pulse": "duty.pulse" in current_app.view_functions,
        "counts": inbox.open_counts(_session(), who.scope) if who and who.may(Verb.SUBMISSION_READ) else {},
        "sections": navigation.sections(who),
        "home": navigation.home(who) if who else url_for("login.form"),
        "mission_name": mission.setting(_session(), "mission_name") or "Fieldpost",
        "now": now(),
        "zone": zone(),
        "role_label": navigation.role_label,
        "view_names": current_app.view_functions,
    }


def _first_change_the_password() -> Response | None:
    who = identity_or_none()
    allowed = {"account.own", "account.change_password", "login.log_out", "office.static_file", "login.set_language"}
    if who and who.how == "cookie" and who.must_change_password and request.endpoint not in allowed:
        return Response(status=303, headers={"Location": url_for("account.own")})
    return None


def _harden(answer: Response) -> Response:
    if request.path.startswith("/v1/"):
        return answer
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if answer.mimetype == "text/html":
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def back_to(endpoint: str, **values: Any) -> Response:
    """Redirect after a changing request: 303, for htmx as HX-Redirect so that the whole page changes."""
    where = url_for(endpoint, **values)
    if request.headers.get("HX-Request"):
        return Response(status=204, headers={"HX-Redirect": where})
    return Response(status=303, headers={"Location": where})
