"""Submissions as CSV, as a zip of CSVs with photos, and as GeoJSON; of a form and of its draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import Response, request

from server.central import passphrases
from server.central.forms import settings
from server.central.replies import known_stamp, stream
from server.central.stages import of_reports
from server.extensions import db
from server.gate import identity
from server.problems import Problem
from server.schemas.described import CSV, GEOJSON, ZIP, described
from server.schemas.encryption import PassphrasesRequest
from server.schemas.odata import ExportQuery, PlacesQuery
from server.services import form_catalogue as catalogue
from server.services import odata_feed, submission_exports
from server.services.audits import audit
from server.services.blobs import BlobStore
from server.services.etags import event_stamp
from server.services.export_csv import Shape
from server.services.identity import Verb
from server.services.odata_options import flag, parse_options
from server.services.report_reading import Source
from server.services.submission_exports import Export
from server.services.submissions import Place


def _shape() -> Shape:
    query = request.args
    return Shape(
        group_paths=flag(query.get("groupPaths"), True), split=flag(query.get("splitSelectMultiples")),
        deleted_fields=flag(query.get("deletedFields")), files=flag(query.get("attachments"), True),
    )


def _export(here: Place) -> tuple[Export, str]:
    """What is asked for, and its stamp."""
    session, who = db.session(), identity()
    options = parse_options({name: text for name, text in request.args.items() if name in {"$filter", "$orderby"}})
    found = odata_feed.wanted(session, who, here, options)
    form = here.form
    version = catalogue.draft_version(session, form) if here.is_draft else catalogue.published_version(session, form)
    mark = f"{odata_feed.fingerprint(session, found, options)}|{version.id}|{version.sha256}"
    source = Source(session, BlobStore(settings()))
    return Export(source, form, version, found, _shape()), event_stamp(mark, request.full_path, who)


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)
    return response


@of_reports(".csv", Verb.EXPORT)
@described(CSV, query=ExportQuery)
def download_root_csv(here: Place) -> Response:
    """The root table."""
    return _send(here, _csv)


@of_reports(".csv", Verb.EXPORT, "POST")
@described(CSV, body=PassphrasesRequest, optional=True, query=ExportQuery)
def download_root_csv_with_keys(here: Place) -> Response:
    """The same; the body may hold passphrases by key id, which open encrypted submissions for this one answer."""
    return _send(here, _csv)


@of_reports(".csv.zip", Verb.EXPORT)
@described(ZIP, query=ExportQuery)
def download_zip(here: Place) -> Response:
    """All tables, and with attachments=true (the default) all files."""
    return _send(here, _zip)


@of_reports(".csv.zip", Verb.EXPORT, "POST")
@described(ZIP, body=PassphrasesRequest, optional=True, query=ExportQuery)
def download_zip_with_keys(here: Place) -> Response:
    """The same; the body may hold passphrases by key id, which open encrypted submissions for this one answer."""
    return _send(here, _zip)


def _send(here: Place, write: Callable[[Export], Response]) -> Response:
    """The file. One that a passphrase opened is written into the log, gets no stamp and is kept by nobody on the way."""
    keys = passphrases.opened()
    if keys:
        # Committed before anything is read: what a commit lets expire could not be read again while the file is sent.
        audit(db.session(), identity(), "form.submission.export", f"form:{here.form.xml_form_id}", {"decrypted": True})
        db.session().commit()
    export, tag = _export(here)
    if keys:
        response = write(replace(export, source=replace(export.source, keys=keys)))
        response.headers["Cache-Control"] = "no-store"
        return response
    known = known_stamp(tag) if request.method == "GET" else None
    return known or _tagged(write(export), tag)


def _csv(export: Export) -> Response:
    return stream(submission_exports.root_csv(export), "text/csv; charset=utf-8", f"{export.form.xml_form_id}.csv")


def _zip(export: Export) -> Response:
    return stream(submission_exports.zipped(export), "application/zip", f"{export.form.xml_form_id}.zip")


@of_reports(".geojson", Verb.EXPORT)
@described(GEOJSON, query=PlacesQuery)
def download_places(here: Place) -> Response:
    """Where the reports were made; `fieldpath` names another question, `limit` cuts the list."""
    export, tag = _export(here)
    known = known_stamp(tag)
    if known is not None:
        return known
    limit = request.args.get("limit", "")
    if limit and not (limit.isascii() and limit.isdigit()):
        raise Problem("unexpected_value", field="limit", value=limit[:50], reason="it must be a whole number from 0.")
    pieces = submission_exports.geojson(export, request.args.get("fieldpath"), int(limit[:9]) if limit else None)
    return _tagged(stream(pieces, GEOJSON), tag)


@of_reports("/<instance_id>.geojson", Verb.SUBMISSION_READ)
@described(GEOJSON, query=PlacesQuery)
def show_place(here: Place, instance_id: str) -> Response:
    """Where one report was made."""
    export, _tag = _export(here)
    return stream(submission_exports.one_place(export, instance_id, request.args.get("fieldpath")), GEOJSON)


@of_reports("/<instance_id>/versions/<version_id>.geojson", Verb.SUBMISSION_READ)
@described(GEOJSON, query=PlacesQuery)
def show_version_place(here: Place, instance_id: str, version_id: str) -> Response:
    """Where one version of a report says that it was made."""
    export, _tag = _export(here)
    pieces = submission_exports.version_place(export, instance_id, version_id, request.args.get("fieldpath"))
    return stream(pieces, GEOJSON)
