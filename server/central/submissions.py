"""Submissions: list, show, send, correct, review, comment, delete, restore; versions and differences."""

from __future__ import annotations

from flask import Response, request

from server.central.bodies import limited_body, read
from server.central.forms import FORM
from server.central.replies import as_json, extended, json_array, known_stamp, limits, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.queries import form_lists
from server.queries import submission_lists as lists
from server.schemas.submissions import CommentRequest, ReviewRequest, actor_row, comment_row, submission_row, version_row
from server.services import documents, report_events, submissions
from server.services import form_catalogue as catalogue
from server.services.etags import event_stamp
from server.services.identity import Verb
from server.services.intake import Sender
from server.services.submissions import Place
from server.services.times import stamp

LIST = f"{FORM}/submissions"
ONE = f"{LIST}/<instance_id>"
MAX_XML = 50_000_000


def place(project_id: int, form_id: str) -> Place:
    """The form's real submissions. Raises Problem not_found."""
    return Place(catalogue.find(db.session(), identity(), project_id, form_id))


def sender() -> Sender:
    """Who sends this request and with what. Empty names count as none; over-long ones are cut."""
    device, agent = request.args.get("deviceID", ""), request.headers.get("User-Agent", "")
    return Sender(identity(), channel="rest", device_id=device[:255] or None, user_agent=agent[:255] or None)


@routes.get(LIST)
@allow(Verb.SUBMISSION_READ)
def list_submissions(project_id: int, form_id: str) -> Response:
    """Every submission, newest first; `limit` and `offset` cut a page out."""
    session, who, here = db.session(), identity(), place(project_id, form_id)
    limit, offset = limits()
    tag = event_stamp(lists.fingerprint(session, here.wanted(who)), request.full_path, who)
    known = known_stamp(tag)
    if known is not None:
        return known
    more = extended()
    rows = submissions.listed(session, who, here, limit, offset)
    response = json_array(submission_row(row, more) for row in rows)
    response.set_etag(tag, weak=True)
    return response


@routes.post(LIST)
@allow(Verb.SUBMISSION_CREATE)
def create_submission(project_id: int, form_id: str) -> Response:
    """A new submission from XML: 200; 409.3 when its instanceID is known. 202 with a receipt when it had to be held back."""
    receipt, listed = submissions.create(db.session(), place(project_id, form_id), limited_body(MAX_XML), sender())
    if listed is None:
        held = {"instanceId": receipt.instance_id, "receipt": receipt.number, "quarantined": receipt.reason}
        return as_json(held, 202)
    return as_json(submission_row(listed, extended()))


@routes.get(f"{LIST}/keys")
@allow(Verb.SUBMISSION_READ)
def list_keys(project_id: int, form_id: str) -> Response:
    """The encryption keys that an export would ask for: this server manages none."""
    place(project_id, form_id)
    return as_json([])


@routes.get(f"{LIST}/submitters")
@allow(Verb.SUBMISSION_READ)
def list_submitters(project_id: int, form_id: str) -> Response:
    """Everybody who sent something on the form."""
    here = place(project_id, form_id)
    return as_json([actor_row(actor) for actor in lists.submitters(db.session(), here.wanted(identity()))])


@routes.get(ONE)
@allow(Verb.SUBMISSION_READ)
def show_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """One submission."""
    report = submissions.find(db.session(), identity(), place(project_id, form_id), instance_id)
    return as_json(submission_row(report, extended()))


@routes.put(ONE)
@allow(Verb.SUBMISSION_EDIT)
def edit_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """A corrected version; its deprecatedID must be the current version's instanceID."""
    session, here = db.session(), place(project_id, form_id)
    report = submissions.find(session, identity(), here, instance_id)
    return as_json(submission_row(submissions.edit(session, here, report, limited_body(MAX_XML), sender()), extended()))


@routes.patch(ONE)
@allow(Verb.SUBMISSION_REVIEW)
def review_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """Sets the review state."""
    session, who = db.session(), identity()
    state = read(ReviewRequest())["reviewState"]
    report = submissions.find(session, who, place(project_id, form_id), instance_id)
    done = submissions.decide(session, lambda: report_events.review(session, who, report.summary, state), report)
    return as_json(submission_row(done, extended()))


@routes.delete(ONE)
@allow(Verb.SUBMISSION_REVIEW)
def delete_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """Takes a submission off all lists; it can be restored."""
    session, who = db.session(), identity()
    report = submissions.find(session, who, place(project_id, form_id), instance_id)
    submissions.decide(session, lambda: report_events.delete(session, who, report.summary), report)
    return success()


@routes.post(f"{ONE}/restore")
@allow(Verb.SUBMISSION_REVIEW)
def restore_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """Brings a deleted submission back."""
    session, who = db.session(), identity()
    report = submissions.find(session, who, place(project_id, form_id), instance_id, deleted=True)
    submissions.decide(session, lambda: report_events.restore(session, who, report.summary), report)
    return success()


@routes.get(f"{ONE}.xml")
@allow(Verb.SUBMISSION_READ)
def show_submission_xml(project_id: int, form_id: str, instance_id: str) -> Response:
    """The current version as it came, byte for byte."""
    report = submissions.find(db.session(), identity(), place(project_id, form_id), instance_id)
    return Response(documents.xml_of(report.current), content_type="application/xml")


@routes.get(f"{ONE}/comments")
@allow(Verb.SUBMISSION_READ)
def list_comments(project_id: int, form_id: str, instance_id: str) -> Response:
    """Comments, newest first."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    return as_json([comment_row(event, fact) for event, fact in submissions.comments(session, report)])


@routes.post(f"{ONE}/comments")
@allow(Verb.SUBMISSION_REVIEW)
def add_comment(project_id: int, form_id: str, instance_id: str) -> Response:
    """Adds a comment."""
    session, who = db.session(), identity()
    text = read(CommentRequest())["body"]
    report = submissions.find(session, who, place(project_id, form_id), instance_id)
    submissions.comment(session, who, report, text)
    return as_json(comment_row(*submissions.comments(session, report)[0]))


@routes.get(f"{ONE}/audits")
@allow(Verb.SUBMISSION_READ)
def list_history(project_id: int, form_id: str, instance_id: str) -> Response:
    """What happened to the submission, newest first, in ODK Central's words."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    return as_json([{**row, "loggedAt": stamp(row["loggedAt"])} for row in submissions.history(session, report)])


@routes.get(f"{ONE}/versions")
@allow(Verb.SUBMISSION_READ)
def list_submission_versions(project_id: int, form_id: str, instance_id: str) -> Response:
    """Every version, the current one first."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    found = submissions.versions(session, report)
    actors = form_lists.actor_names(session, {each.row.submitter_id for each in found if each.row.submitter_id})
    return as_json([version_row(each, index == 0, actors.get(each.row.submitter_id or 0)) for index, each in enumerate(found)])


@routes.get(f"{ONE}/versions/<version_id>")
@allow(Verb.SUBMISSION_READ)
def show_submission_version(project_id: int, form_id: str, instance_id: str, version_id: str) -> Response:
    """One version; the ending .xml asks for what came."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    if version_id.endswith(".xml"):
        found = submissions.version(session, report, version_id.removesuffix(".xml"))
        return Response(documents.xml_of(found.row), content_type="application/xml")
    found = submissions.version(session, report, version_id)
    actors = form_lists.actor_names(session, {found.row.submitter_id} if found.row.submitter_id else set())
    current = found.row.instance_id == report.summary.current_instance_id
    return as_json(version_row(found, current, actors.get(found.row.submitter_id or 0)))


@routes.get(f"{ONE}/diffs")
@allow(Verb.SUBMISSION_READ)
def list_differences(project_id: int, form_id: str, instance_id: str) -> Response:
    """What each version changed."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    return as_json(submissions.differences(session, report))
