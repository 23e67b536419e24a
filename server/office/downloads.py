"""A register as a file for staff: everything in their scope, as CSV, GeoJSON or GeoPackage. Each download is audited."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request
from sqlalchemy.orm import Session

from server.extensions import db, streamed
from server.gate import allow, identity
from server.services import exports
from server.services.identity import Verb

blueprint = Blueprint("downloads", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/registers/<name>.<any(csv, geojson, gpkg):kind>")
@allow(Verb.EXPORT)
def register(name: str, kind: str) -> Response:
    """The file, streamed. Query: purpose (written down), bom=true and semicolon=true for a French Excel,
    personal=true with names and phone numbers of persons, which stay out otherwise.
    """
    asked = {key: request.args.get(key, "").lower() == "true" for key in ("bom", "semicolon", "personal")}
    delimiter = ";" if asked["semicolon"] else ","
    wish = exports.Wish(kind, request.args.get("purpose", ""), asked["bom"], delimiter, asked["personal"])
    made = exports.whole(_session(), current_app.config["SETTINGS"], identity(), name, wish)
    answer = Response(streamed(made.chunks), content_type=made.content_type)
    answer.headers.set("Content-Disposition", "attachment", filename=made.filename)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
