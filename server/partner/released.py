"""What was released: the list of registers, one register as a table, its files, and what was withdrawn."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template, request, url_for
from flask_babel import get_locale
from sqlalchemy.orm import Session

from server.extensions import db, streamed
from server.gate import allow, identity
from server.problems import Problem
from server.queries import partner as queries
from server.services import exports, registers, releases_read
from server.services.identity import Verb
from server.services.journal import now

blueprint = Blueprint("partner", __name__, url_prefix="/partner", template_folder="templates")
SHOWN = 100


def _session() -> Session:
    return db.session()


def _language() -> str:
    return str(get_locale() or "en")[:2]


@blueprint.get("")
@allow(Verb.RELEASE_READ)
def index() -> str:
    """The registers of which something is released, with the files to take."""
    lists = releases_read.lists(_session(), identity(), _language())
    return render_template("partner/index.html", lists=lists, formats=list(exports.FORMATS))


@blueprint.get("/registers.json")
@allow(Verb.RELEASE_READ)
def index_json() -> Response:
    """The same for machines: name, label, rows, withdrawn, when last decided, and where the files are."""
    return jsonify([
        {
            "name": each.name, "label": each.label, "rows": each.rows, "withdrawn": each.withdrawn,
            "lastDecisionAt": releases_read.stamp(each.last_decision),
            "files": {kind: url_for("partner.file", dataset=each.name, kind=kind, _external=True) for kind in exports.FORMATS},
            "withdrawnList": url_for("partner.withdrawn", dataset=each.name, _external=True),
        }
        for each in releases_read.lists(_session(), identity(), _language())
    ])


@blueprint.get("/registers/<dataset>")
@allow(Verb.RELEASE_READ)
def table(dataset: str) -> str:
    """The released rows of one register, a hundred at a time, in order of their release numbers."""
    session, who = _session(), identity()
    page = releases_read.page(session, who, dataset, _language(), after=request.args.get("after", ""), limit=SHOWN)
    gone = queries.withdrawn(session, who.scope, dataset)
    return render_template("partner/table.html", page=page, gone=gone, formats=list(exports.FORMATS))


@blueprint.get("/registers/<dataset>.<any(csv, geojson, gpkg):kind>")
@allow(Verb.RELEASE_READ)
def file(dataset: str, kind: str) -> Response:
    """A file of the rows in force. Query: purpose (written down), bom=true, delimiter=comma|semicolon|tab."""
    delimiters = {"comma": ",", "semicolon": ";", "tab": "\t"}
    delimiter = delimiters.get(request.args.get("delimiter", "comma"))
    if delimiter is None:
        raise Problem("unexpected_value", field="delimiter", value=request.args["delimiter"], reason="comma, semicolon or tab.")
    wish = exports.Wish(kind, request.args.get("purpose", ""), request.args.get("bom", "").lower() == "true", delimiter)
    made = exports.released(_session(), current_app.config["SETTINGS"], identity(), dataset, wish)
    answer = Response(streamed(made.chunks), mimetype=None, content_type=made.content_type)
    answer.headers.set("Content-Disposition", "attachment", filename=made.filename)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@blueprint.get("/registers/<dataset>/withdrawn.json")
@allow(Verb.RELEASE_READ)
def withdrawn(dataset: str) -> Response:
    """Tombstones: releases that no longer hold, latest first; `since` (ISO 8601) limits them. Take them out of your copy."""
    registers.register(_session(), dataset)
    gone = queries.withdrawn(_session(), identity().scope, dataset, _since(request.args.get("since")))
    return jsonify({"register": dataset, "asOf": releases_read.stamp(now()), "withdrawn": [_tombstone(row) for row in gone]})


def _tombstone(row: Any) -> dict[str, Any]:
    return {"id": row.record_id, "release": row.number, "withdrawnAt": releases_read.stamp(row.withdrawn_at)}


def _since(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    try:
        # A bare "+" in a query arrives as a blank.
        instant = dt.datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise Problem("unexpected_value", field="since", value=text[:60], reason="write it as 2026-11-22T10:00:00Z.") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
