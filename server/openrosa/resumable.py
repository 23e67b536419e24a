"""Large files in pieces over poor links: tus 1.0.0 (core, creation, creation-with-upload, checksum, termination, expiration).

The protocol only: what a piece does is in services.resumable. Upload-Metadata names the report by `formID` and `instanceID`
(it must have been sent before, by the same sender), the file by `filename`, and may give `filetype` and `sha256`;
`sealed` = 1 says that an envelope of the field app comes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote

from flask import Response, request
from werkzeug.http import http_date

from server.extensions import db
from server.gate import identity
from server.models import ResumableUpload
from server.openrosa.answers import settings
from server.openrosa.forms import check_project
from server.problems import Problem
from server.schemas.described import BINARY, described
from server.services import pieces, resumable
from server.services.pieces import Checksum

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
PIECE = "application/offset+octet-stream"
_DIGITS = 18

View = Callable[..., Response]


@described(None, status=204)
def options(project_id: int, token: str | None = None, upload_id: str | None = None) -> Response:
    """What this door speaks."""
    answer = Response(status=204)
    answer.headers["Tus-Resumable"] = answer.headers["Tus-Version"] = VERSION
    answer.headers["Tus-Extension"] = EXTENSIONS
    answer.headers["Tus-Max-Size"] = str(settings().max_body)
    answer.headers["Tus-Checksum-Algorithm"] = ",".join(pieces.ALGORITHMS)
    return answer


def mark(response: Response) -> Response:
    """Adds the headers that every answer of this door has, refusals too."""
    response.headers["Tus-Resumable"] = VERSION
    if response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
    if response.status_code == 460:
        response.status = "460 Checksum Mismatch"
    response.headers["Cache-Control"] = "no-store"
    return response


def _tus(view: View) -> View:
    """The view for clients of this version. Raises Problem tus_version for others."""

    @wraps(view)
    def checked(**arguments: Any) -> Response:
        if request.headers.get("Tus-Resumable") != VERSION:
            raise Problem("tus_version")
        return mark(view(**arguments))

    return checked


@_tus
@described(None, body=BINARY, optional=True, status=201)
def create(project_id: int, token: str | None = None) -> Response:
    """Begins an upload, with its first piece if there is one; a file begun before is found again by its SHA-256."""
    check_project(project_id)
    if "Upload-Defer-Length" in request.headers:
        raise Problem("not_implemented", feature="creation-defer-length")
    who, wanted = identity(), _wanted(_metadata(), _number("Upload-Length"))
    row = resumable.begin(db.session(), settings(), who, project_id, wanted)
    come = resumable.offset(settings(), row)
    if come == row.length or (come == 0 and request.mimetype == PIECE):
        come = resumable.go_on(db.session(), settings(), who, row, come, request.stream, _checksum())
    answer = Response(status=201)
    here = f"/v1/key/{quote(token)}" if token else "/v1"
    host = request.host_url.rstrip("/")
    answer.headers["Location"] = f"{host}{here}/projects/{project_id}/uploads/{row.id}"
    return _progress(answer, row, come)


@_tus
@described(None)
def status(project_id: int, upload_id: str, token: str | None = None) -> Response:
    """How far the upload is; one that is whole but was not attached, because the server was killed, is attached now."""
    row = resumable.find(db.session(), identity(), project_id, upload_id)
    come = resumable.offset(settings(), row)
    if come == row.length:
        resumable.finish(db.session(), settings(), identity(), row)
    answer = _progress(Response(status=200), row, come)
    answer.headers["Upload-Length"] = str(row.length)
    pairs = (("filename", row.name), ("filetype", row.content_type))
    answer.headers["Upload-Metadata"] = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in pairs)
    return answer


@_tus
@described(None, body="application/offset+octet-stream", status=204)
def go_on(project_id: int, upload_id: str, token: str | None = None) -> Response:
    """Takes a piece."""
    if request.mimetype != PIECE:
        raise Problem("unsupported_type", type=request.mimetype or "-", allowable=PIECE)
    at, checksum = _number("Upload-Offset"), _checksum()
    row = resumable.find(db.session(), identity(), project_id, upload_id)
    if at + (request.content_length or 0) > row.length:
        raise Problem("too_large", limit=row.length)
    come = resumable.go_on(db.session(), settings(), identity(), row, at, request.stream, checksum)
    return _progress(Response(status=204), row, come)


@_tus
@described(None, status=204)
def give_up(project_id: int, upload_id: str, token: str | None = None) -> Response:
    """Ends an upload; a file that is whole already stays with its report."""
    row = resumable.find(db.session(), identity(), project_id, upload_id)
    resumable.give_up(db.session(), settings(), row)
    return Response(status=204)


@described(None, body="application/offset+octet-stream", status=204)
def overridden(project_id: int, upload_id: str, token: str | None = None) -> Response:
    """POST for networks that let nothing else through: X-HTTP-Method-Override says what is meant."""
    meant = {"PATCH": go_on, "DELETE": give_up, "HEAD": status}.get(request.headers.get("X-HTTP-Method-Override", "").upper())
    if meant is None:
        raise Problem("method_not_allowed", method=request.method)
    return meant(project_id=project_id, upload_id=upload_id, token=token)


def _progress(answer: Response, row: ResumableUpload, come: int) -> Response:
    answer.headers["Upload-Offset"] = str(come)
    answer.headers["Upload-Expires"] = http_date(row.expires_at)
    return answer


def _number(header: str) -> int:
    text = request.headers.get(header)
    if text is None:
        raise Problem("missing_parameter", field=header)
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise Problem("invalid_type", expected="a whole number of bytes", got=text[:50], field=header)
    return int(text)


def _metadata() -> dict[str, str]:
    """Upload-Metadata: pairs of a key and its value in base64, between commas."""
    found = {}
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        key, _, encoded = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Problem("unparseable", reason=f"Upload-Metadata {key[:50]!r} is not base64 of UTF-8.") from error
    return found


def _wanted(metadata: dict[str, str], length: int) -> resumable.Wanted:
    for field in ("formID", "instanceID", "filename"):
        if not metadata.get(field) or "\x00" in metadata[field]:
            raise Problem("missing_parameter", field=f"Upload-Metadata {field}")
    kind = "".join(each for each in metadata.get("filetype", "") if each.isprintable())
    return resumable.Wanted(
        metadata["formID"], metadata["instanceID"], metadata["filename"], length, kind or "application/octet-stream",
        metadata.get("sha256", "").lower() or None, metadata.get("sealed") == "1",
    )


def _checksum() -> Checksum | None:
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in pieces.ALGORITHMS:
        allowed = ", ".join(pieces.ALGORITHMS)
        raise Problem("unexpected_value", field="Upload-Checksum", value=algorithm[:50], reason=f"say one of {allowed}.")
    try:
        return Checksum(algorithm, base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise Problem("unparseable", reason="Upload-Checksum is not base64.") from error
