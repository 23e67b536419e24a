"""Submissions: list, show, send, correct, review, comment, delete, restore; versions and differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from flask import Response, request

from server.central.bodies import limited_body, read
from server.central.replies import JSON, as_json, extended, known_stamp, limits, page, stream, success
from server.central.routes import routes
from server.central.stages import FORM, of_reports, place
from server.extensions import db
from server.gate import allow, identity
from server.models import Event, Fact
from server.queries import form_lists, list_rows
from server.queries import submission_lists as lists
from server.queries.encryption import keys_in_use
from server.schemas.base import PageQuery, SuccessAnswer
from server.schemas.described import XML, described
from server.schemas.encryption import KeyAnswer
from server.schemas.submissions import (
    CommentAnswer,
    CommentRequest,
    DeviceQuery,
    DifferencesAnswer,
    HistoryAnswer,
    ReviewRequest,
    SubmissionAnswer,
    SubmissionListQuery,
    SubmitterAnswer,
    VersionAnswer,
    actor_row,
    comment_row,
    extended_list_row,
    submission_row,
    version_row,
)
from server.services import documents, report_events, submissions
from server.services import form_catalogue as catalogue
from server.services.etags import event_stamp
from server.services.identity import Verb
from server.services.intake import Sender
from server.services.odata_options import flag
from server.services.schemes import in_clear
from server.services.submissions import Place
from server.services.times import stamp

__all__ = ["LIST", "ONE", "place"]

LIST = f"{FORM}/submissions"
ONE = f"{LIST}/<instance_id>"
# What the parser refuses anyway (forms.xmlsafe) need not be held in memory.
MAX_XML = 34_000_000


def sender() -> Sender:
    """Who sends this request and with what. Empty names count as none; over-long ones are cut."""
    device, agent = request.args.get("deviceID", ""), request.headers.get("User-Agent", "")
    return Sender(
        identity(), channel="rest", device_id=device[:255] or None, user_agent=agent[:255] or None,
        in_clear=in_clear(request.scheme, request.remote_addr),
    )


@of_reports("", Verb.SUBMISSION_READ)
@described(SubmissionAnswer, many=True, query=SubmissionListQuery, extended=True)
def list_submissions(here: Place) -> Response:
    """Every submission, newest first; `limit` and `offset` cut a page out; deleted=true: the deleted ones instead."""
    session, who = db.session(), identity()
    limit, offset = limits()
    wanted = here.only_deleted(who) if flag(request.args.get("deleted")) else here.wanted(who)
    more = extended()
    mark = list_rows.list_stamp(session, wanted) or lists.fingerprint(session, wanted)
    tag = event_stamp(f"{mark}|{more}", request.full_path, who)
    known = known_stamp(tag)
    if known is not None:
        return known
    batches = submissions.listed(session, wanted, limit, offset, texts=not more)
    response = stream(_array(_extended(batches) if more else _texts(batches)), JSON)
    response.set_etag(tag, weak=True)
    return response


def _texts(batches: Iterator[list_rows.Batch]) -> Iterator[bytes]:
    for batch in batches:
        yield ",".join([row[1] for row in batch]).encode()


def _extended(batches: Iterator[list_rows.Batch]) -> Iterator[bytes]:
    actors: dict[int, dict[str, Any] | None] = {}
    for batch in batches:
        ids = {number for row in batch for number in (row.submitter_id, row.current_submitter_id) if number is not None}
        found = form_lists.actor_names(db.session(), ids - actors.keys())
        actors |= {number: actor_row(actor) for number, actor in found.items()}
        yield orjson.dumps([extended_list_row(row, actors) for row in batch])[1:-1]


def _array(parts: Iterator[bytes]) -> Iterator[bytes]:
    yield b"["
    for number, part in enumerate(parts):
        yield b"," + part if number else part
    yield b"]"


@of_reports("", Verb.SUBMISSION_CREATE, "POST")
@described(SubmissionAnswer, body=XML, query=DeviceQuery, extended=True)
def create_submission(here: Place) -> Response:
    """A new submission from XML: 200; 409.3 when its instanceID is known. 202 with a receipt when it had to be held back."""
    session = db.session()
    draft = catalogue.draft_version(session, here.form) if here.is_draft else None
    receipt, listed = submissions.create(session, here, limited_body(MAX_XML), sender(), draft)
    if listed is None:
        held = {"instanceId": receipt.instance_id, "receipt": receipt.number, "quarantined": receipt.reason}
        return as_json(held, 202)
    return as_json(submission_row(listed, extended()))


@of_reports("/keys", Verb.SUBMISSION_READ)
@described(KeyAnswer, many=True)
def list_keys(here: Place) -> Response:
    """The keys of the encrypted reports: an export decrypts those whose passphrase it is given under the key's id."""
    return as_json(KeyAnswer(many=True).dump(keys_in_use(db.session(), here.wanted(identity()))))


@of_reports("/submitters", Verb.SUBMISSION_READ)
@described(SubmitterAnswer, many=True)
def list_submitters(here: Place) -> Response:
    """Everybody who sent something on the form."""
    return as_json([actor_row(actor) for actor in lists.submitters(db.session(), here.wanted(identity()))])


@of_reports("/<instance_id>", Verb.SUBMISSION_READ)
@described(SubmissionAnswer, extended=True)
def show_submission(here: Place, instance_id: str) -> Response:
    """One submission."""
    return as_json(submission_row(submissions.find(db.session(), identity(), here, instance_id), extended()))


@of_reports("/<instance_id>.xml", Verb.SUBMISSION_READ)
@described(XML)
def show_submission_xml(here: Place, instance_id: str) -> Response:
    """The current version as it came, byte for byte."""
    report = submissions.find(db.session(), identity(), here, instance_id)
    return Response(documents.xml_of(report.current), content_type=XML)


@routes.put(ONE)
@allow(Verb.SUBMISSION_EDIT)
@described(SubmissionAnswer, body=XML, query=DeviceQuery, extended=True)
def edit_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """A corrected version; its deprecatedID must be the current version's instanceID."""
    session, here = db.session(), place(project_id, form_id)
    report = submissions.find(session, identity(), here, instance_id)
    return as_json(submission_row(submissions.edit(session, here, report, limited_body(MAX_XML), sender()), extended()))


@routes.patch(ONE)
@allow(Verb.SUBMISSION_REVIEW)
@described(SubmissionAnswer, body=ReviewRequest, extended=True)
def review_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """Sets the review state."""
    session, who = db.session(), identity()
    state = read(ReviewRequest())["reviewState"]
    report = submissions.find(session, who, place(project_id, form_id), instance_id)
    done = submissions.decide(session, lambda: report_events.review(session, who, report.summary, state), report)
    return as_json(submission_row(done, extended()))


@routes.delete(ONE)
@allow(Verb.SUBMISSION_REVIEW)
@described(SuccessAnswer)
def delete_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """Takes a submission off all lists; it can be restored."""
    session, who = db.session(), identity()
    report = submissions.find(session, who, place(project_id, form_id), instance_id)
    submissions.decide(session, lambda: report_events.delete(session, who, report.summary), report)
    return success()


@routes.post(f"{ONE}/restore")
@allow(Verb.SUBMISSION_REVIEW)
@described(SuccessAnswer)
def restore_submission(project_id: int, form_id: str, instance_id: str) -> Response:
    """Brings a deleted submission back."""
    session, who = db.session(), identity()
    report = submissions.find(session, who, place(project_id, form_id), instance_id, deleted=True)
    submissions.decide(session, lambda: report_events.restore(session, who, report.summary), report)
    return success()


@routes.get(f"{ONE}/comments")
@allow(Verb.SUBMISSION_READ)
@described(CommentAnswer, many=True, extended=True)
def list_comments(project_id: int, form_id: str, instance_id: str) -> Response:
    """Comments, newest first."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    return as_json(_comments(submissions.comments(session, report)))


@routes.post(f"{ONE}/comments")
@allow(Verb.SUBMISSION_REVIEW)
@described(CommentAnswer, body=CommentRequest, extended=True)
def add_comment(project_id: int, form_id: str, instance_id: str) -> Response:
    """Adds a comment."""
    session, who = db.session(), identity()
    text = read(CommentRequest())["body"]
    report = submissions.find(session, who, place(project_id, form_id), instance_id)
    submissions.comment(session, who, report, text)
    return as_json(_comments(submissions.comments(session, report)[:1])[0])


def _comments(found: Sequence[tuple[Event, Fact]]) -> list[dict[str, Any]]:
    rows = [comment_row(event, fact) for event, fact in found]
    return _with_actors(rows) if extended() else rows


def _with_actors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    actors = form_lists.actor_names(db.session(), {row["actorId"] for row in rows if row["actorId"]})
    return [{**row, "actor": actor_row(actors.get(row["actorId"] or 0))} for row in rows]


@routes.get(f"{ONE}/audits")
@allow(Verb.SUBMISSION_READ)
@described(HistoryAnswer, many=True, query=PageQuery, extended=True)
def list_history(project_id: int, form_id: str, instance_id: str) -> Response:
    """What happened to the submission, newest first, in ODK Central's words."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    rows = page([{**row, "loggedAt": stamp(row["loggedAt"])} for row in submissions.history(session, report)])
    return as_json(_with_actors(rows) if extended() else rows)


@routes.get(f"{ONE}/versions")
@allow(Verb.SUBMISSION_READ)
@described(VersionAnswer, many=True, query=PageQuery, extended=True)
def list_submission_versions(project_id: int, form_id: str, instance_id: str) -> Response:
    """Every version, the current one first."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    found = submissions.versions(session, report)
    actors = form_lists.actor_names(session, {each.row.submitter_id for each in found if each.row.submitter_id})
    rows = [version_row(each, index == 0, actors.get(each.row.submitter_id or 0)) for index, each in enumerate(found)]
    return as_json(page(rows))


@routes.get(f"{ONE}/versions/<version_id>")
@allow(Verb.SUBMISSION_READ)
@described(VersionAnswer, extended=True)
def show_submission_version(project_id: int, form_id: str, instance_id: str, version_id: str) -> Response:
    """One version."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    found = submissions.version(session, report, version_id)
    actors = form_lists.actor_names(session, {found.row.submitter_id} if found.row.submitter_id else set())
    current = found.row.instance_id == report.summary.current_instance_id
    return as_json(version_row(found, current, actors.get(found.row.submitter_id or 0)))


@routes.get(f"{ONE}/versions/<version_id>.xml")
@allow(Verb.SUBMISSION_READ)
@described(XML)
def show_submission_version_xml(project_id: int, form_id: str, instance_id: str, version_id: str) -> Response:
    """One version as it came, byte for byte."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    return Response(documents.xml_of(submissions.version(session, report, version_id).row), content_type=XML)


@routes.get(f"{ONE}/diffs")
@allow(Verb.SUBMISSION_READ)
@described(DifferencesAnswer)
def list_differences(project_id: int, form_id: str, instance_id: str) -> Response:
    """What each version changed."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    return as_json(submissions.differences(session, report))
