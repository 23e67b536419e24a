"""Submissions as CSV, as a zip of CSVs with photos, and as GeoJSON."""

from __future__ import annotations

from flask import Response, request

from server.central.bodies import json_body
from server.central.forms import settings
from server.central.replies import known_stamp, stream
from server.central.routes import routes
from server.central.submissions import LIST, ONE, place
from server.extensions import db
from server.gate import allow, identity
from server.models import Form
from server.problems import Problem
from server.queries import submission_lists as lists
from server.queries.submission_lists import Wanted
from server.services import form_catalogue as catalogue
from server.services import odata_feed, submission_exports, submissions
from server.services.etags import event_stamp
from server.services.forms import definition_of
from server.services.identity import Verb
from server.services.odata_options import flag, parse_options
from server.services.submission_exports import Shape

GEOJSON = "application/geo+json"


def _shape() -> Shape:
    query = request.args
    return Shape(
        group_paths=flag(query.get("groupPaths"), True), split=flag(query.get("splitSelectMultiples")),
        deleted_fields=flag(query.get("deletedFields")), files=flag(query.get("attachments"), True),
    )


def _wanted(project_id: int, form_id: str) -> tuple[Form, Wanted, Response | None, str]:
    """Form, submissions, 304 if the client's copy is current, and the stamp of a new one."""
    session, who, here = db.session(), identity(), place(project_id, form_id)
    options = parse_options({name: text for name, text in request.args.items() if name in {"$filter", "$orderby"}})
    found = odata_feed.wanted(session, who, here, options)
    tag = event_stamp(f"{lists.fingerprint(session, found)}|{here.form.current_version_id}", request.full_path, who)
    return here.form, found, known_stamp(tag), tag


@routes.get(f"{LIST}.csv")
@allow(Verb.EXPORT)
def download_root_csv(project_id: int, form_id: str) -> Response:
    """The root table."""
    session = db.session()
    form, found, known, tag = _wanted(project_id, form_id)
    if known is not None:
        return known
    shape = _shape()
    definition = submission_exports.definition_for_export(session, form, catalogue.published_version(session, form), shape)
    pieces = submission_exports.root_csv(session, form, definition, found, shape)
    response = stream(pieces, "text/csv; charset=utf-8", f"{form.xml_form_id}.csv")
    response.set_etag(tag, weak=True)
    return response


@routes.get(f"{LIST}.csv.zip")
@allow(Verb.EXPORT)
def download_zip(project_id: int, form_id: str) -> Response:
    """All tables, and with attachments=true (the default) all files."""
    return _zip(project_id, form_id)


@routes.post(f"{LIST}.csv.zip")
@allow(Verb.EXPORT)
def download_zip_with_keys(project_id: int, form_id: str) -> Response:
    """The same; passphrases in the body are for encrypted forms, of which this server holds no keys."""
    keys = json_body()
    if keys is not None and not isinstance(keys, dict):
        raise Problem("unparseable", reason="an object of passphrases was expected.")
    return _zip(project_id, form_id)


def _zip(project_id: int, form_id: str) -> Response:
    session = db.session()
    form, found, known, tag = _wanted(project_id, form_id)
    if known is not None and request.method == "GET":
        return known
    shape = _shape()
    definition = submission_exports.definition_for_export(session, form, catalogue.published_version(session, form), shape)
    pieces = submission_exports.zipped(session, settings(), form, definition, found, shape)
    response = stream(pieces, "application/zip", f"{form.xml_form_id}.zip")
    response.set_etag(tag, weak=True)
    return response


@routes.get(f"{LIST}.geojson")
@allow(Verb.EXPORT)
def download_places(project_id: int, form_id: str) -> Response:
    """Where the reports were made; `fieldpath` names another question, `limit` cuts the list."""
    session = db.session()
    form, found, known, tag = _wanted(project_id, form_id)
    if known is not None:
        return known
    definition = definition_of(catalogue.published_version(session, form))
    limit = request.args.get("limit", "")
    if limit and not (limit.isascii() and limit.isdigit()):
        raise Problem("unexpected_value", field="limit", value=limit[:50], reason="it must be a whole number from 0.")
    ids = lists.page_ids(session, found, int(limit[:9]), 0) if limit else None
    rows = lists.newest_first(session, found) if ids is None else lists.by_ids(session, ids)
    pieces = submission_exports.geojson(session, definition, rows, request.args.get("fieldpath"))
    response = stream(pieces, GEOJSON)
    response.set_etag(tag, weak=True)
    return response


@routes.get(f"{ONE}.geojson")
@allow(Verb.SUBMISSION_READ)
def show_place(project_id: int, form_id: str, instance_id: str) -> Response:
    """Where one report was made."""
    session, here = db.session(), place(project_id, form_id)
    report = submissions.find(session, identity(), here, instance_id)
    definition = definition_of(catalogue.published_version(session, here.form))
    return stream(submission_exports.geojson(session, definition, [report], request.args.get("fieldpath")), GEOJSON)
