"""OData 4.0 over submissions: service document, metadata, the root table and one table per repeat."""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import Response, request

from server.central.forms import FORM, settings
from server.central.replies import dumps, known_stamp, stream
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.models import FormVersion
from server.problems import Problem
from server.queries import submission_lists as lists
from server.services import devices, odata_feed, odata_metadata
from server.services import form_catalogue as catalogue
from server.services.etags import event_stamp
from server.services.identity import Verb
from server.services.odata_layout import ROOT
from server.services.odata_options import parse_options
from server.services.submissions import Place

SERVICE = f"{FORM}.svc"
DRAFT_SERVICE = f"{FORM}/draft.svc"
JSON = "application/json; odata.metadata=minimal; charset=utf-8"
_ROW = re.compile(r"Submissions\('((?:[^']|'')*)'\)(.*)", re.DOTALL)
_STEP = re.compile(r"/([^/('\"]+)(?:\('([^']*)'\))?")


def odata(response: Response) -> Response:
    """Every OData answer names the version that it speaks."""
    response.headers["OData-Version"] = "4.0"
    return response


def check_version() -> None:
    """Clients that only speak versions before 4.0 are told that there is nothing for them here, as in ODK Central."""
    newest = request.headers.get("OData-MaxVersion", "4.0")
    number = re.match(r"\s*(\d+)", newest)
    if number and int(number.group(1)[:4]) < 4:
        raise Problem("not_found")


def check_accept(kind: str) -> None:
    """406.1 unless the client takes this kind of answer; one that names it among others gets it."""
    # Parameters such as odata.metadata=minimal are no reason to refuse: minimal is all that there is.
    taken = {part.split(";")[0].strip().lower() for part in request.headers.get("Accept", "*/*").split(",")}
    if not taken & {kind, "*/*", "application/*", ""}:
        raise Problem("not_acceptable", allowable=kind)


def service_url(*parts: str) -> str:
    """The absolute URL of a service, as clients must call it back; parts: its path below /v1, each to be escaped."""
    base = devices.device_base_url(settings(), request.url_root)
    return f"{base}/v1/" + "/".join(quote(part, safe="") for part in parts) + ".svc"


def _url(place: Place) -> str:
    form = place.form
    return service_url("projects", str(form.project_id), "forms", form.xml_form_id, *(["draft"] if place.is_draft else []))


def _version(project_id: int, form_id: str, draft: bool) -> tuple[Place, FormVersion]:
    session = db.session()
    form = catalogue.find(session, identity(), project_id, form_id)
    version = catalogue.draft_version(session, form) if draft else catalogue.published_version(session, form)
    return Place(form, draft), version


def _service(project_id: int, form_id: str, draft: bool) -> Response:
    check_version()
    check_accept("application/json")
    place, version = _version(project_id, form_id, draft)
    document = odata_metadata.service_document(_url(place), odata_feed.layout(version).tables)
    return odata(Response(dumps(document), content_type=JSON))


def _metadata(project_id: int, form_id: str, draft: bool) -> Response:
    check_version()
    check_accept("application/xml")
    place, version = _version(project_id, form_id, draft)
    document = odata_metadata.form_metadata(place.form.xml_form_id, odata_feed.layout(version))
    return odata(Response(document, content_type="application/xml; charset=utf-8"))


def _table(project_id: int, form_id: str, path: str, draft: bool) -> Response:
    check_version()
    check_accept("application/json")
    session, who = db.session(), identity()
    place, version = _version(project_id, form_id, draft)
    options = parse_options(request.args)
    table, one, parent = _address(path)
    found = odata_feed.wanted(session, who, place, options)
    tag = event_stamp(f"{lists.fingerprint(session, found)}|{version.sha256}", request.full_path, who)
    known = known_stamp(tag)
    if known is not None:
        return known
    asked = odata_feed.Request(_url(place), table, request.args.to_dict(), options, one, parent)
    response = stream(odata_feed.feed(session, asked, found, odata_feed.layout(version)), JSON)
    response.set_etag(tag, weak=True)
    return odata(response)


def _address(path: str) -> tuple[str, str | None, str | None]:
    """Table, instanceID and row of the repeat around, of "Submissions", "Submissions.a.b" or "Submissions('id')/a('row')/b"."""
    row = _ROW.fullmatch(path)
    if row is None:
        return path, None, None
    steps = _STEP.findall(row.group(2))
    if "".join(f"/{name}" + (f"('{key}')" if key else "") for name, key in steps) != row.group(2):
        raise Problem("not_found")
    keys = [key for _name, key in steps[:-1] if key]
    return ".".join([ROOT, *(name for name, _key in steps)]), row.group(1).replace("''", "'"), keys[-1] if keys else None


@routes.get(SERVICE)
@allow(Verb.SUBMISSION_READ)
def show_service(project_id: int, form_id: str) -> Response:
    """The tables of the form."""
    return _service(project_id, form_id, False)


@routes.get(f"{SERVICE}/$metadata")
@allow(Verb.SUBMISSION_READ)
def show_metadata(project_id: int, form_id: str) -> Response:
    """The types of the tables (EDMX)."""
    return _metadata(project_id, form_id, False)


@routes.get(f"{SERVICE}/<path:table>")
@allow(Verb.SUBMISSION_READ)
def show_table(project_id: int, form_id: str, table: str) -> Response:
    """The rows of a table, streamed."""
    return _table(project_id, form_id, table, False)


@routes.get(DRAFT_SERVICE)
@allow(Verb.SUBMISSION_READ)
def show_draft_service(project_id: int, form_id: str) -> Response:
    """The tables of the draft."""
    return _service(project_id, form_id, True)


@routes.get(f"{DRAFT_SERVICE}/$metadata")
@allow(Verb.SUBMISSION_READ)
def show_draft_metadata(project_id: int, form_id: str) -> Response:
    """The types of the draft's tables."""
    return _metadata(project_id, form_id, True)


@routes.get(f"{DRAFT_SERVICE}/<path:table>")
@allow(Verb.SUBMISSION_READ)
def show_draft_table(project_id: int, form_id: str, table: str) -> Response:
    """What came on the draft for testing."""
    return _table(project_id, form_id, table, True)
