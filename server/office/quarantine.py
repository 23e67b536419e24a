"""Reports held back: why, what differs from what is there, and the officer's decision."""

from __future__ import annotations

from flask import Blueprint, Response, flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.models import Attachment, Fact, Post, Submission
from server.office import labels
from server.office.layout import back_to, language
from server.office.photos import send_picture
from server.office.reports import SEES_DEVICES
from server.problems import Problem
from server.queries import inbox as queries
from server.queries import submissions as submission_queries
from server.services import folding, quarantine, report_page, thumbnails
from server.services.identity import Verb
from server.services.report_versions import single

blueprint = Blueprint("quarantine", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/quarantine")
@allow(Verb.QUARANTINE_DECIDE)
def waiting() -> str:
    """Copies that wait for a decision, oldest first, or those decided about (?decided=1)."""
    session, scope = _session(), identity().scope
    decided = bool(request.args.get("decided"))
    rows = queries.quarantined(session, scope, decided=decided)
    decisions = {row.fact_id: quarantine.decision_about(session, row) for row, _fact, _post in rows} if decided else {}
    return render_template(
        "quarantine.html", rows=rows, decided=decided, decisions=decisions, labels=labels, titles=queries.form_titles(session)
    )


def _copy(receipt: str) -> tuple[Submission, Fact, Post | None]:
    found = queries.quarantined_one(_session(), identity().scope, receipt)
    if found is None:
        raise Problem("not_found")
    return found


@blueprint.get("/quarantine/<receipt>")
@allow(Verb.QUARANTINE_DECIDE)
def copy(receipt: str) -> str:
    """One copy beside the report that it repeats or edits."""
    session, who = _session(), identity()
    row, fact, post = _copy(receipt)
    device = who.role in SEES_DEVICES
    reading = report_page.read(session, single(session, row), None, language(), show_device=device)
    first = _counterpart(session, row)
    pairs = []
    if first is not None:
        there = report_page.read(session, single(session, first), None, language(), show_device=False)
        pairs = report_page.side_by_side(there, reading)
    files = submission_queries.current_files(session, [row])
    return render_template(
        "quarantined.html",
        row=row,
        fact=fact,
        post=post,
        reading=reading,
        first=first,
        pairs=pairs,
        labels=labels,
        device=device,
        reason=labels.quarantine_reason(row.reason),
        decision=quarantine.decision_about(session, row),
        form_title=queries.form_titles(session, row.project_id).get(row.xml_form_id, row.xml_form_id),
        first_summary=queries.report_by_instance(session, who.scope, first.root_instance_id) if first else None,
        photos=[file for file in files.values() if thumbnails.is_photo(file.name, file.content_type)],
    )


def _counterpart(session: Session, row: Submission) -> Submission | None:
    """The stored version that this copy repeats (same instanceID) or edits (deprecatedID)."""
    ids = [each for each in (row.instance_id, row.deprecated_id) if each]
    there = submission_queries.stored(session, row.project_id, row.xml_form_id, ids, row.is_draft)
    return next((there[each] for each in ids if each in there), None)


@blueprint.get("/quarantine/<receipt>/photos/<path:name>")
@allow(Verb.QUARANTINE_DECIDE)
def photo(receipt: str, name: str) -> Response:
    """A photo that came with a copy in quarantine, without EXIF."""
    row = _copy(receipt)[0]
    files: dict[str, Attachment] = submission_queries.current_files(_session(), [row])
    return send_picture(files.get(name), request.args.get("size", "thumb"))


@blueprint.post("/quarantine/<receipt>/accept")
@allow(Verb.QUARANTINE_DECIDE)
def accept(receipt: str) -> Response:
    """Takes the copy in, as a report of its own or as the next version of the one that is there."""
    session, who = _session(), identity()
    row = _copy(receipt)[0]
    accepted = quarantine.accept(session, row.fact_id, who, request.form.get("how", "separate"), request.form.get("note") or None)
    folding.drain(session)
    flash(_("The report is accepted."), "ok")
    stored = queries.report_by_instance(session, who.scope, accepted.root_instance_id)
    return back_to("reports.report", receipt=stored.receipt) if stored else back_to("quarantine.waiting")


@blueprint.post("/quarantine/<receipt>/reopen")
@allow(Verb.QUARANTINE_DECIDE)
def reopen(receipt: str) -> Response:
    """Takes a rejection back: the copy waits again."""
    row = _copy(receipt)[0]
    quarantine.reopen(_session(), row.fact_id, identity(), request.form.get("note") or None)
    folding.drain(_session())
    flash(_("The rejection is taken back; the copy waits for a decision again."), "ok")
    return back_to("quarantine.copy", receipt=receipt)


@blueprint.post("/quarantine/<receipt>/reject")
@allow(Verb.QUARANTINE_DECIDE)
def reject(receipt: str) -> Response:
    """Keeps the copy out for good; the reason is asked because the unit will ask."""
    note = request.form.get("note", "").strip()
    if not note:
        raise Problem("invalid_input", reason=_("Say why it is rejected; the unit will ask."))
    row = _copy(receipt)[0]
    quarantine.reject(_session(), row.fact_id, identity(), note)
    folding.drain(_session())
    flash(_("The copy is rejected. It stays readable under “Decided”."), "ok")
    return back_to("quarantine.waiting")
