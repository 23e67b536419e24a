"""One record: values with their sources, history, what was merged and why; pinning a value, splitting, taking back."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from server.extensions import db
from server.gate import allow, identity
from server.models import Record
from server.office.layout import ago, back_to, language, zone
from server.office.states import view as states_view
from server.problems import Problem
from server.queries import forms as form_queries
from server.queries import review as review_queries
from server.services import (
    areas,
    dossiers,
    entity_history,
    entries,
    folding,
    keeping_away,
    merging,
    past_records,
    registers,
    releases,
    report_duplicates,
    review,
)
from server.services.entity_history import EntityVersion
from server.services.identity import Verb
from server.services.journal import now

blueprint = Blueprint("records", __name__)


def _session() -> Session:
    return db.session()


@blueprint.app_template_filter("since")
def since(instant: dt.datetime) -> str:
    """How long ago something was confirmed: in days while that says something, in months after that."""
    days = max(0, (now() - instant).days)
    return str(ngettext("%(num)s day", "%(num)s days", days)) if days < 120 else ago(instant)


@blueprint.app_template_filter("metres")
def metres(value: float) -> str:
    """A distance as people say it: 140 m, 2.4 km."""
    return f"{round(value)} m" if value < 1000 else f"{value / 1000:.1f} km"


@blueprint.app_template_filter("isoday")
def isoday(text: str) -> str:
    """A day that is kept as ISO text, as people write it."""
    return str(format_date(dt.date.fromisoformat(text), "d MMM yyyy"))


class _Placed(Protocol):
    @property
    def lat(self) -> float | None: ...

    @property
    def lon(self) -> float | None: ...


@blueprint.app_template_filter("grid")
def grid(record: _Placed) -> str:
    """The military grid reference of the position of a record, report or answer, to the metre; a dash where there is none."""
    if record.lat is None or record.lon is None or not -80 <= record.lat < 84:
        return "–"
    import mgrs  # a library of 2 MB that only this page needs

    text = str(mgrs.MGRS().toMGRS(record.lat, record.lon))
    return f"{text[:-12]} {text[-12:-10]} {text[-10:-5]} {text[-5:]}"


@blueprint.get("/registers/<name>/<record_id>")
@allow(Verb.RECORD_READ)
def show(name: str, record_id: str) -> str | BaseResponse:
    """The record page; the id of a part that was merged away leads to the record it lives on in."""
    session, who = _session(), identity()
    record = registers.find(session, who, name, record_id)
    if record.id != record_id:
        return redirect(url_for("records.show", name=name, record_id=record.id), code=302)
    rules = registers.register(session, name)
    spoken = registers.words(session, who, rules, language())
    found = _versions(session, record)
    return render_template(
        "records/record.html", conflicts=[each for each in found if each.step.conflict and not each.step.resolved],
        redirected=[each for each in found if each.redirected and each.step.number > 1 and each.updates],
        file=dossiers.dossier(session, record, rules, spoken), rules=rules, words=spoken, record=record,
        tasks=(tasks := review_queries.tasks_about(session, who.scope, name, record.id)), rule_label=rule_label,
        today=now().astimezone(zone()).date(), proposals=[task for task in tasks if task.kind == "proposal"],
        releases=releases.of_record(session, who, record), state=registers.state_of(rules, record.data),
        state_name=getattr(registers.state_property(rules), "name", ""), label=rules.label(language()),
        told_again=report_duplicates.told_again(session, record.project_id, name, [record.id]).get(record.id, 0),
        release=releases.draft(session, who, record), around=keeping_away.near(session, who, record),
        flow=states_view(session, who, record, rules, spoken), pinning=rules.properties.get(request.args.get("pin", "")),
    )


def _outside(session: Session, record: Record) -> bool:
    """Whether the position is known to lie outside the area that the record states."""
    if record.lat is None or record.lon is None or not record.area_code:
        return False
    return areas.lies_inside(session, record.area_code, record.lat, record.lon) is False


@blueprint.get("/registers/<name>/<record_id>/past")
@allow(Verb.RECORD_READ)
def past(name: str, record_id: str) -> str:
    """The record as it was at the end of a day (?on=), as known today or (?known=then) as known that day."""
    session, who = _session(), identity()
    record, rules = _record(name, record_id), registers.register(session, name)
    on = entries.day("Day", request.args.get("on")) or now().astimezone(zone()).date()
    then, end = request.args.get("known") == "then", dt.datetime.combine(on + dt.timedelta(days=1), dt.time(), zone())
    was = past_records.as_of(session, record, end, end if then else None)
    spoken = registers.words(session, who, rules, language())
    claims = dossiers.claims_of(session, record, was, spoken) if was is not None else ()
    return render_template(
        "records/past.html", record=record, rules=rules, past=was, on=on, end=end, then=then, claims=claims,
        rule_label=rule_label,
        changed={claim.name for claim in claims if claim.raw != str(record.data.get(claim.name) or "")},
    )


def _versions(session: Session, record: Record) -> list[EntityVersion]:
    """The history of a record that has a conflict or took in others; nothing for the many that are simple."""
    if record.conflict is None and record.entity_count < 2:
        return []
    dataset = form_queries.dataset(session, record.project_id, record.dataset)
    return entity_history.versions(session, dataset, record) if dataset is not None else []


@blueprint.post("/registers/<name>/<record_id>/settle")
@allow(Verb.RECORD_WRITE)
def settle(name: str, record_id: str) -> Response:
    """The officer has looked at the conflicts: the values in force are right, or he has pinned the right ones."""
    session, who = _session(), identity()
    record = _record(name, record_id)
    if record.conflict is None:
        raise Problem("no_conflict")
    reason = entries.text("Reason", request.form.get("reason"), 500)
    folding.fold_now(session, [merging.resolve(session, who, record.project_id, name, record.id, reason)])
    session.commit()
    flash(_("The conflicts are settled. You can take that back in the list of decisions."), "ok")
    return back_to("records.show", name=name, record_id=record.id)


def rule_label(rule: str) -> str:
    """Why this value stands, in few words."""
    words: dict[str, str] = {
        "latest": _("latest observation"), "seen_over_told": _("seen beats told"), "service": _("better only when seen"),
        "first": _("first stated position"), "chosen": _("chosen by an officer"), "official": _("written by an officer"),
        "all": _("all that were named"), "pinned": _("pinned"), "told": _("told"),
        "camp": _("read in the reporter's camp: doubtful"), "last_update": _("last update"), "state": _("by its states"),
        "warning": _("until it is cleared"),
    }  # fmt: skip
    return words.get(rule, rule)


def _record(name: str, record_id: str) -> Record:
    return registers.find(_session(), identity(), name, record_id)


@blueprint.post("/registers/<name>/<record_id>/pin")
@allow(Verb.RECORD_WRITE)
def pin(name: str, record_id: str) -> Response:
    """An officer's value above every report, with its reason and, if wanted, the day on which it ends."""
    session, who = _session(), identity()
    record = _record(name, record_id)
    value = entries.text("Value", request.form.get("value"), 1000)
    reason = entries.text("Reason", request.form.get("reason"), 500)
    until = _until(request.form.get("until"))
    rules = registers.register(session, name)
    registers.check_value(session, rules, request.form.get("property", ""), value)
    fact = merging.pin(session, who, record.project_id, name, record.id, request.form.get("property", ""), value, reason, until)
    folding.fold_now(session, [fact])
    session.commit()
    flash(_("The value is pinned. It stands until it is taken back or its day has passed."), "ok")
    return back_to("records.show", name=name, record_id=record.id)


def _until(text: str | None) -> dt.datetime | None:
    day = entries.day("Until", text)
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone()) if day else None


@blueprint.post("/registers/<name>/<record_id>/split")
@allow(Verb.RECORD_JUDGE)
def split(name: str, record_id: str) -> Response:
    """One part is a thing of its own."""
    session, who = _session(), identity()
    record = _record(name, record_id)
    review.split(session, who, record, request.form.get("entity", ""), request.form.get("reason", ""))
    flash(_("The part is a record of its own again. You can take that back in the list of decisions."), "ok")
    return back_to("records.show", name=name, record_id=record.id)


@blueprint.post("/registers/<name>/<record_id>/undo")
@allow(Verb.RECORD_JUDGE)
def undo(name: str, record_id: str) -> Response:
    """Takes back a decision about this record."""
    session, who = _session(), identity()
    record = _record(name, record_id)
    rules = registers.register(session, name)
    known = dossiers.dossier(session, record, rules, registers.words(session, who, rules, language())).decisions
    event = request.form.get("event", "")
    if event not in {one.fact.uuid for one in known}:
        raise Problem("not_found")
    review.undo(session, who, event)
    flash(_("The decision is taken back."), "ok")
    return back_to("records.show", name=name, record_id=registers.find(session, who, name, record_id).id)


@blueprint.post("/registers/<name>/<record_id>/<any(delete, restore):what>")
@allow(Verb.RECORD_WRITE)
def presence(name: str, record_id: str, what: str) -> Response:
    """Deletes a record (nothing is lost) or restores it."""
    session, who = _session(), identity()
    record = _record(name, record_id)
    if (what == "delete") == (record.deleted_at is not None):
        raise Problem("state_conflict", reason="the record is in that state already.")
    reason = entries.text("Reason", request.form.get("reason"), 500)
    fact = merging.set_presence(session, who, record.project_id, name, record.id, deleted=what == "delete", reason=reason)
    folding.fold_now(session, [fact])
    session.commit()
    flash(_("The record is deleted; its reports stay.") if what == "delete" else _("The record is restored."), "ok")
    return back_to("records.show", name=name, record_id=record.id)
