"""Releases: what is out, waiting, expired or withdrawn; releasing one record or a part of a register; the second person."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, Response, flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.models import Release
from server.office.layout import back_to, language, zone
from server.problems import Problem
from server.queries import releases as queries
from server.services import code_lists, entries, registers, releases
from server.services.identity import Verb
from server.services.journal import now

blueprint = Blueprint("releases", __name__)
STATES = ("proposed", "released", "expired", "withdrawn", "withheld", "superseded")
MARKS = {
    "proposed": "warn", "released": "ok", "expired": "idle", "withdrawn": "bad", "withheld": "idle", "superseded": "idle",
}  # fmt: skip
PAGE = 50
SAMPLE = 12


def _session() -> Session:
    return db.session()


@blueprint.app_template_global("release_state")
def release_state(row: Release) -> str:
    """The state as officers see it: a released row past its day is "expired"."""
    past = row.valid_until is not None and row.valid_until <= now()
    return "expired" if row.state == "released" and past else row.state


@blueprint.app_template_global("release_mark")
def release_mark(state: str) -> str:
    """The badge of a state."""
    return MARKS.get(state, "idle")


@blueprint.app_template_global("release_label")
def state_label(state: str) -> str:
    """A state of a release in the reader's language."""
    names: dict[str, str] = {
        "proposed": _("Waits for a second person"), "released": _("Released"), "expired": _("Expired"),
        "withdrawn": _("Withdrawn"), "withheld": _("Withheld"), "superseded": _("Replaced by a later one"),
    }
    return names.get(state, state)


@blueprint.app_template_filter("release_why")
@blueprint.app_template_global("release_reason")
def reason_label(reason: str) -> str:
    """Why two persons are needed, in the reader's language."""
    names: dict[str, str] = {"sensitivity": _("sensitivity is high"), "un_class": _("a report behind it is classified")}
    return names.get(reason, reason)


@blueprint.app_template_global("precision_label")
def precision_label(precision: str) -> str:
    """How precise a released position is, in the reader's language."""
    names: dict[str, str] = {
        "point": _("exact position"), "settlement": _("position to about 1 km"), "area": _("district only, no name of the place"),
    }
    return names.get(precision, precision)


@blueprint.app_template_global("audience_labels")
def audience_labels() -> dict[str, str]:
    """Names of audiences in the reader's language."""
    return code_lists.labels(_session(), "audience", language())


@blueprint.get("/releases")
@allow(Verb.RELEASE_PROPOSE, Verb.RELEASE_DECIDE)
def index() -> str:
    """Releases of one state, the latest first."""
    session, who, instant = _session(), identity(), now()
    counts = queries.counts(session, who.scope, instant)
    usual = "proposed" if counts.get("proposed") else "released"
    state = request.args.get("state") if request.args.get("state") in STATES else usual
    rows = queries.page(session, who.scope, str(state), instant, request.args.get("after"), PAGE + 1)
    return render_template(
        "releases/index.html", rows=rows[:PAGE], following=rows[PAGE - 1].number if len(rows) > PAGE else None, state=state,
        states=STATES, counts=counts,
    )


@blueprint.get("/releases/<number>")
@allow(Verb.RELEASE_PROPOSE, Verb.RELEASE_DECIDE)
def show(number: str) -> str:
    """One release: exactly what left or would leave, who decided, and what can be done."""
    session, who = _session(), identity()
    row = queries.release(session, who.scope, number)
    if row is None:
        raise Problem("not_found")
    rules = registers.register(session, row.dataset)
    return render_template(
        "releases/release.html", row=row, words=registers.Words(session, rules, language(), guarded=False),
        label=rules.label(language()), own=row.proposed_by_id == who.actor_id,
        told={rules.label_property, *(prop.name for prop in rules.properties.values() if prop.type == "area")},
    )


@blueprint.post("/releases/<number>/<any(release, withhold):verdict>")
@allow(Verb.RELEASE_DECIDE)
def decide(number: str, verdict: str) -> Response:
    """The second person's word."""
    releases.decide(_session(), identity(), number, verdict, request.form.get("note", ""))
    flash(_("Released.") if verdict == "release" else _("Withheld; the reason is kept."), "ok")
    return back_to("releases.show", number=number)


@blueprint.post("/releases/<number>/withdraw")
@allow(Verb.RELEASE_DECIDE)
def withdraw(number: str) -> Response:
    """Takes it back; partners see a tombstone."""
    releases.withdraw(_session(), identity(), number, request.form.get("reason", ""))
    flash(_("Withdrawn. Partners no longer get it and are told to drop their copy."), "ok")
    return back_to("releases.show", number=number)


def _until() -> dt.datetime:
    day = entries.day("Valid until", request.form.get("until"))
    if day is None:
        raise Problem("invalid_input", reason="Valid until: fill this in.", field="Valid until")
    return releases.expiry(zone(), day)


@blueprint.post("/registers/<name>/<record_id>/release")
@allow(Verb.RELEASE_PROPOSE)
def put_forward(name: str, record_id: str) -> Response:
    """Releases one record, or proposes it where a second person decides."""
    session, who = _session(), identity()
    record = registers.find(session, who, name, record_id)
    audience, note = request.form.get("audience", ""), request.form.get("note", "")
    row = releases.put_forward(session, who, record, audience, _until(), note)
    said = {"released": _("Released as %(number)s."), "proposed": _("Proposed as %(number)s; a second person decides.")}
    flash(said[row.state] % {"number": row.number}, "ok")
    return back_to("records.show", name=name, record_id=record.id)


@blueprint.get("/registers/<name>/release")
@allow(Verb.RELEASE_PROPOSE)
def bulk(name: str) -> str:
    """The preview of a release of many: what leaves, to whom, what waits, what stays and why."""
    session, who = _session(), identity()
    asked = {key: value for key, value in request.args.items() if value}
    rules = registers.register(session, name)
    audience = asked.get("audience", "ngo")
    filters = registers.filters(rules, asked)
    shown = releases.bulk(session, who, name, filters, audience)
    every = [*shown.now, *shown.proposed]
    leaving = list(dict.fromkeys(key for one in every for key in one.leaving[audience].data if key != rules.label_property))
    return render_template(
        "releases/bulk.html", rules=rules, label=rules.label(language()), shown=shown, sample=every[:SAMPLE], leaving=leaving,
        audience=audience, words=registers.Words(session, rules, language(), guarded=False), filters=filters,
        kept={key: value for key, value in asked.items() if key != "audience"}, usual=_usual_day(), limit=releases.BULK_LIMIT,
    )


@blueprint.app_template_global("usual_release_day")
def _usual_day() -> str:
    return (now().astimezone(zone()).date() + dt.timedelta(days=releases.USUAL_DAYS)).isoformat()


@blueprint.post("/registers/<name>/release")
@allow(Verb.RELEASE_PROPOSE)
def put_forward_many(name: str) -> Response:
    """Does what the preview showed."""
    session, who = _session(), identity()
    rules = registers.register(session, name)
    filters = registers.filters(rules, {key: value for key, value in request.args.items() if value})
    expected = entries.whole("Records", request.form.get("expected"), 0, releases.BULK_LIMIT)
    done = releases.put_forward_many(session, who, name, filters, request.form.get("audience", ""), _until(), expected)
    flash(_("%(now)s released, %(waiting)s wait for a second person.", now=len(done.now), waiting=len(done.proposed)), "ok")
    return back_to("releases.index", state="released" if done.now else "proposed")
