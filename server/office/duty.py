"""The duty officer's page: life in danger and mine alarms, and the pulse that every page asks for every 20 seconds."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, flash, jsonify, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office import labels
from server.office.layout import back_to
from server.problems import Problem
from server.queries import inbox as queries
from server.queries import lookups, mission
from server.services import report_events
from server.services.identity import Verb

blueprint = Blueprint("duty", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/duty")
@allow(Verb.DUTY_READ)
def board() -> str:
    """Open alarms first, then the last ones that somebody took."""
    session, scope = _session(), identity().scope
    return render_template("duty.html", **_alarms(session), taken=queries.alarms(session, scope, 20, acknowledged=True))


def _alarms(session: Session) -> dict[str, object]:
    return {
        "open": queries.alarms(session, identity().scope), "labels": labels, "titles": queries.form_titles(session),
        "units": lookups.unit_names(session), "duty_phone": mission.setting(session, "duty_phone"),
    }  # fmt: skip


@blueprint.get("/duty/pulse")
@allow(Verb.DUTY_READ)
def pulse() -> Response:
    """Counts for the navigation, ids of open alarms and the banner; tiny, because every open page asks for it."""
    session, scope = _session(), identity().scope
    open_ones = list(queries.alarms(session, scope, 20))
    banner = render_template("_alarm_banner.html", open=open_ones, labels=labels) if open_ones else ""
    ids = [row.receipt for row in open_ones]
    mark = hashlib.sha256(" ".join([*ids, request.accept_languages.to_header()]).encode()).hexdigest()[:12] if ids else "none"
    answer = jsonify(counts=queries.open_counts(session, scope), alarms=ids, banner=banner, mark=mark)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/duty/<receipt>/acknowledge")
@allow(Verb.DUTY_READ)
def acknowledge(receipt: str) -> Response:
    """The duty officer takes an alarm, by name."""
    session, who = _session(), identity()
    report = queries.report(session, who.scope, receipt)
    if report is None:
        raise Problem("not_found")
    report_events.acknowledge(session, who, report, request.form.get("note", ""))
    flash(_("You have taken this alarm. Your name and the time are kept with the report."), "ok")
    return back_to("duty.board")
