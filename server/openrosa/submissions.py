"""Where devices send: HEAD announces the size of a part, POST takes a report and its files."""

from __future__ import annotations

from flask import Response, request

from server.extensions import db
from server.gate import identity
from server.models import FormVersion
from server.openrosa import messages, resumable
from server.openrosa.answers import envelope, settings, with_headers
from server.openrosa.forms import check_project, draft_form
from server.queries.forms import version_by_id
from server.schemas.described import described
from server.schemas.openrosa import SubmissionQuery
from server.services.blobs import BlobStore
from server.services.identity import Identity
from server.services.intake import Sender, receive
from server.services.schemes import in_clear
from server.services.uploads import read_upload

MAX_TEXT = 255


@described(None, status=204)
def announce(project_id: int, token: str | None = None) -> Response:
    """The pre-flight: only 204 means "send" to ODK Collect."""
    check_project(project_id)
    answer = with_headers(Response(status=204))
    # Our own clients send large files in pieces where this stands.
    answer.headers["Tus-Version"] = resumable.VERSION
    return answer


@described("text/xml", body="multipart/form-data", query=SubmissionQuery, status=201)
def submit(project_id: int, token: str | None = None) -> Response:
    """One POST of a report: 201 stored, 202 in quarantine, or a refusal that says what to do."""
    who = identity()
    # A device's own project needs no look-up of its own; intake asks whether it is still there.
    if who.project_id != project_id:
        check_project(project_id)
    return _take(project_id, _sender(who), None, None)


@described(None, status=204)
def announce_draft(project_id: int, form_id: str, token: str) -> Response:
    """The pre-flight of a test."""
    draft_form(project_id, form_id, token)
    return with_headers(Response(status=204))


@described("text/xml", body="multipart/form-data", query=SubmissionQuery, status=201)
def submit_draft(project_id: int, form_id: str, token: str) -> Response:
    """A report on a draft: kept apart from the real ones."""
    form = draft_form(project_id, form_id, token)
    draft = version_by_id(db.session(), form.draft_version_id)
    return _take(project_id, _sender(None), draft, form_id)


def _sender(who: Identity | None) -> Sender:
    # The device's own word: kept to tell doubles apart, never a right.
    device, agent = _clean(request.args.get("deviceID")), _clean(request.user_agent.string)
    return Sender(
        who, "openrosa", device_id=device, user_agent=agent, in_clear=in_clear(request.scheme, request.remote_addr)
    )


def _take(project_id: int, sender: Sender, draft: FormVersion | None, form_id: str | None) -> Response:
    store = BlobStore(settings())
    with read_upload(request.stream, request.headers.get("Content-Type", ""), store) as upload:
        receipt = receive(
            db.session(), upload, project_id=project_id, sender=sender, strict=request.args.get("strict") in {"1", "true"},
            draft=draft, expected_form_id=form_id,
        )
    response = envelope(messages.receipt_text(receipt), receipt.status, "submit_success", 1)
    # The receipt alone, for clients that are programs.
    response.headers["X-Fieldpost-Receipt"] = receipt.number
    return response


def _clean(text: str | None) -> str | None:
    """Text from a header or query, as it can be stored: no control characters, at most 255 characters, None when empty."""
    kept = "".join(each for each in text or "" if each.isprintable())
    return kept[:MAX_TEXT] or None
