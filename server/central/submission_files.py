"""Files of submissions: list, send, download; of the current version or of an older one."""

from __future__ import annotations

from flask import Response, request

from server.central.forms import settings
from server.central.replies import as_json, stream, success
from server.central.routes import routes
from server.central.stages import of_reports, place
from server.central.submissions import ONE
from server.extensions import db
from server.gate import allow, identity
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.schemas.submissions import SubmissionFileAnswer
from server.services import submissions
from server.services.identity import Verb
from server.services.media import Content, pieces
from server.services.report_versions import Version
from server.services.submissions import Place

VERSION = f"{ONE}/versions/<version_id>"


@of_reports("/<instance_id>/attachments", Verb.SUBMISSION_READ)
@described(SubmissionFileAnswer, many=True)
def list_files(here: Place, instance_id: str) -> Response:
    """The files that the submission names and whether they came."""
    session = db.session()
    report = submissions.find(session, identity(), here, instance_id)
    return _listed(submissions.current(session, report))


@of_reports("/<instance_id>/attachments/<path:name>", Verb.SUBMISSION_READ)
@described("*/*")
def show_file(here: Place, instance_id: str, name: str) -> Response:
    """One file, always as a download."""
    session = db.session()
    report = submissions.find(session, identity(), here, instance_id)
    return download(submissions.file(session, settings(), submissions.current(session, report), name), name)


@of_reports("/<instance_id>/attachments/<path:name>", Verb.SUBMISSION_EDIT, "POST")
@described(SuccessAnswer, body="*/*")
def upload_file(here: Place, instance_id: str, name: str) -> Response:
    """Adds or replaces a file from the body, streamed to disk; 404.1 when the submission names no such file."""
    session, who = db.session(), identity()
    report = submissions.find(session, who, here, instance_id)
    kind = (request.mimetype or "application/octet-stream")[:255]
    submissions.add_file(session, settings(), who, report, name, kind, pieces(request.stream))
    return success()


@routes.get(f"{VERSION}/attachments")
@allow(Verb.SUBMISSION_READ)
@described(SubmissionFileAnswer, many=True)
def list_version_attachments(project_id: int, form_id: str, instance_id: str, version_id: str) -> Response:
    """The files of one version."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    return _listed(submissions.version(session, report, version_id))


@routes.get(f"{VERSION}/attachments/<path:name>")
@allow(Verb.SUBMISSION_READ)
@described("*/*")
def show_version_attachment(project_id: int, form_id: str, instance_id: str, version_id: str, name: str) -> Response:
    """One file of one version."""
    session = db.session()
    report = submissions.find(session, identity(), place(project_id, form_id), instance_id)
    return download(submissions.file(session, settings(), submissions.version(session, report, version_id), name), name)


def _listed(version: Version) -> Response:
    # The form does not name these files: they are kept and marked. ODK Central has no such files, nor the mark.
    surplus = {name for name, row in version.files.items() if not row.expected}
    return as_json([
        {"name": name, "exists": exists} | ({"expected": False} if name in surplus else {})
        for name, exists in submissions.files(db.session(), version)
    ])


def download(file: Content, name: str) -> Response:
    """A file that came from outside: never shown in the browser as a page of this server."""
    response = stream(file.chunks, file.content_type, name)
    response.headers["Content-Length"] = str(file.size)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.set_etag(file.md5)
    return response
