"""One report: what it says, where it came from, what was made of it; review, comments, deletion."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, current_app, flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.config import Settings
from server.extensions import db
from server.gate import allow, identity
from server.models import Attachment, Blob, DecryptedFile, SubmissionSummary
from server.office import labels
from server.office.held_updates import problem_words
from server.office.layout import back_to, language
from server.office.photos import send_original, send_picture
from server.problems import Problem
from server.queries import encryption, lookups
from server.queries import inbox as queries
from server.queries import submissions as submission_queries
from server.services import clean_photos, report_events, report_page, thumbnails
from server.services.identity import Identity, Verb
from server.services.report_versions import Version, said_about, versions
from server.services.sealed import manifest_of
from sync.merge.faces import distance_m
from sync.merge.facts import Position
from sync.registers import load_registers

# Rule C.1: device id and user name of the phone are for administrators and HQ only.
SEES_DEVICES = frozenset({"admin", "hq_officer"})
blueprint = Blueprint("reports", __name__)


def _session() -> Session:
    return db.session()


def _summary(receipt: str, who: Identity) -> SubmissionSummary:
    found = queries.report(_session(), who.scope, receipt)
    if found is None:
        raise Problem("not_found")
    return found


@blueprint.get("/reports/<receipt>")
@allow(Verb.SUBMISSION_READ)
def report(receipt: str) -> str:
    """The report in its current version, or in the one that ?version= counts from 1."""
    session, who = _session(), identity()
    summary = _summary(receipt, who)
    chain = versions(session, summary)
    number = min(max(request.args.get("version", len(chain), type=int), 1), len(chain))
    shown = chain[number - 1]
    device = who.role in SEES_DEVICES
    reading = report_page.read(session, shown, summary, language(), show_device=device)
    before = report_page.read(session, chain[number - 2], None, language(), show_device=False) if number > 1 else None
    return render_template(
        "report.html",
        row=summary,
        shown=shown,
        number=number,
        chain=chain,
        reading=reading,
        changes=[pair for pair in report_page.side_by_side(before, reading) if pair.changed] if before else [],
        title=_title(summary),
        said=said_about(session, summary),
        touched=lookups.records_touched(session, summary.root_instance_id, summary.project_id),
        problem_words=problem_words,
        labels=labels,
        registers=load_registers(),
        codes=lookups.code_labels(session, ("sensitivity", "un_class"), language()),
        device=device,
        taken_words=_taken_words,
        **_files(shown, reading),
        **_lock(session, shown),
        **_names(session, summary),
    )


def _title(summary: SubmissionSummary) -> str:
    return summary.instance_name or queries.form_titles(_session(), summary.project_id).get(
        summary.xml_form_id, summary.xml_form_id
    )


def _files(shown: Version, reading: report_page.Reading) -> dict[str, object]:
    expected = [answer for answer in report_page.flat(reading) if answer.kind == "file" and answer.text]
    captions = {answer.text: answer.label for answer in expected}
    # What a locked report came with are encrypted files, whatever type the phone gave them.
    locked = shown.row.encrypted and shown.decryption is None
    kept = shown.readable_files.values()
    photos = [] if locked else [file for file in kept if thumbnails.is_photo(file.name, file.content_type)]
    return {
        "photos": photos,
        "taken": {file.name: place for file in photos if (place := clean_photos.taken_at(_settings(), file.blob_sha256))},
        "captions": captions,
        "others": [file for file in kept if file not in photos],
        "missing": [answer.text for answer in expected if answer.file is None],
    }


def _taken_words(taken: Position, row: SubmissionSummary) -> str:
    """Where the phone wrote into the photo that it was, and how far that is from the report's own position."""
    place = f"{taken.lat:.5f}, {taken.lon:.5f}"
    if row.lat is None or row.lon is None:
        return str(_("Taken at %(place)s", place=place))
    metres = distance_m(taken, Position(row.lat, row.lon))
    away = f"{metres:.0f} m" if metres < 1000 else f"{metres / 1000:.1f} km"
    return str(_("Taken at %(place)s, %(away)s from the report's position", place=place, away=away))


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _lock(session: Session, shown: Version) -> dict[str, object]:
    """How an encrypted version stands: its key, what of it is here, and what unlocking found out."""
    if not shown.row.encrypted:
        return {"sealed": False}
    manifest, opened = manifest_of(shown.row), shown.decryption
    media = sum(name in shown.files for name in manifest.media_files) if manifest else 0
    return {
        "sealed": True,
        "key": encryption.key_of(session, shown.row),
        "complete": manifest is not None and manifest.xml_file in shown.files,
        "unlocked": opened,
        "still_locked": media - len(shown.clear_files) if opened else 0,
    }


def _names(session: Session, summary: SubmissionSummary) -> dict[str, object]:
    return {
        "form_title": queries.form_titles(session, summary.project_id).get(summary.xml_form_id, summary.xml_form_id),
        "unit_name": lookups.unit_names(session, [summary.unit]).get(summary.unit, summary.unit) if summary.unit else None,
        "post_name": lookups.post_names(session, [summary.post_id]).get(summary.post_id) if summary.post_id else None,
        "sender": lookups.actor_names(session, [summary.submitter_id]).get(summary.submitter_id)
        if summary.submitter_id
        else None,
        "sector_name": lookups.sector_names(session).get(summary.sector_id) if summary.sector_id else None,
    }


@blueprint.post("/reports/<receipt>/review")
@allow(Verb.SUBMISSION_REVIEW)
def review(receipt: str) -> Response:
    """Sets the review state, with a note."""
    session, who = _session(), identity()
    state, note = request.form.get("state", ""), request.form.get("note", "")
    if state == "hasIssues" and not note.strip():
        raise Problem("invalid_input", reason=_("Say what the issue is, so that the unit can mend it."))
    report_events.review(session, who, _summary(receipt, who), None if state == "new" else state, note)
    flash(_("The state is changed."), "ok")
    return back_to("reports.report", receipt=receipt)


@blueprint.post("/reports/<receipt>/comment")
@allow(Verb.SUBMISSION_REVIEW)
def comment(receipt: str) -> Response:
    """Adds a comment."""
    session, who = _session(), identity()
    report_events.comment(session, who, _summary(receipt, who), request.form.get("text", ""))
    return back_to("reports.report", receipt=receipt, _anchor="said")


@blueprint.post("/reports/<receipt>/delete")
@allow(Verb.SUBMISSION_EDIT)
def delete(receipt: str) -> Response:
    """Takes the report off the lists and out of the records; the page stays and can bring it back."""
    session, who = _session(), identity()
    report_events.delete(session, who, _summary(receipt, who), request.form.get("note", ""))
    flash(_("The report is deleted. You can restore it here."), "ok")
    return back_to("reports.report", receipt=receipt)


@blueprint.post("/reports/<receipt>/restore")
@allow(Verb.SUBMISSION_EDIT)
def restore(receipt: str) -> Response:
    """Brings a deleted report back."""
    session, who = _session(), identity()
    report_events.restore(session, who, _summary(receipt, who))
    flash(_("The report is restored."), "ok")
    return back_to("reports.report", receipt=receipt)


@blueprint.get("/reports/<receipt>/photos/<path:name>")
@allow(Verb.SUBMISSION_READ)
def photo(receipt: str, name: str) -> Response:
    """A photo of the report without EXIF; ?size=full for the large one, ?size=original for a download at its own size."""
    chain = versions(_session(), _summary(receipt, identity()))
    return send_picture(_file_of(chain, name), request.args.get("size", "thumb"))


@blueprint.get("/reports/<receipt>/files/<path:name>")
@allow(Verb.SUBMISSION_READ)
def file(receipt: str, name: str) -> Response:
    """Another file of the report, as a download."""
    found = _file_of(versions(_session(), _summary(receipt, identity())), name)
    blob: Blob | None = submission_queries.blob(_session(), found.blob_sha256) if found else None
    return send_original(found, blob)


def _file_of(chain: Sequence[Version], name: str) -> Attachment | DecryptedFile | None:
    """The latest file of that name, in clear where it is; files of earlier versions stay reachable."""
    for version in reversed(chain):
        found: Attachment | DecryptedFile | None = version.clear_files.get(name) or version.files.get(name)
        if found is not None:
            return found
    return None
