"""OData 4.0 over submissions: service document, metadata, the root table and one table per repeat; of a form and its draft."""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import Response, request

from server.central.forms import settings
from server.central.replies import dumps, known_stamp, stream
from server.central.stages import DRAFTED, PUBLISHED, of_service
from server.extensions import db
from server.gate import identity
from server.models import Form, FormVersion
from server.problems import Problem
from server.schemas.described import XML, described
from server.schemas.odata import ODataQuery
from server.services import devices, odata_feed, odata_metadata
from server.services.blobs import BlobStore
from server.services.etags import event_stamp
from server.services.export_parts import wording
from server.services.odata_layout import ROOT
from server.services.odata_options import parse_options
from server.services.report_reading import Source
from server.services.submissions import Place

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


def _url(here: Place) -> str:
    form = here.form
    return service_url("projects", str(form.project_id), "forms", form.xml_form_id, *(["draft"] if here.is_draft else []))


@of_service("", PUBLISHED, DRAFTED)
@described("application/json")
def show_service(form: Form, version: FormVersion, here: Place) -> Response:
    """The tables of the form."""
    check_version()
    check_accept("application/json")
    document = odata_metadata.service_document(_url(here), wording(form.xml_form_id, version).layout.tables)
    return odata(Response(dumps(document), content_type=JSON))


@of_service("/$metadata", PUBLISHED, DRAFTED)
@described(XML)
def show_metadata(form: Form, version: FormVersion, here: Place) -> Response:
    """The types of the tables (EDMX)."""
    check_version()
    check_accept("application/xml")
    document = odata_metadata.form_metadata(form.xml_form_id, wording(form.xml_form_id, version).layout)
    return odata(Response(document, content_type="application/xml; charset=utf-8"))


@of_service("/<path:table>", PUBLISHED, DRAFTED)
@described("application/json", query=ODataQuery)
def show_table(form: Form, version: FormVersion, here: Place, table: str) -> Response:
    """The rows of a table, streamed."""
    check_version()
    check_accept("application/json")
    session, who = db.session(), identity()
    options = parse_options(request.args)
    found = odata_feed.wanted(session, who, here, options)
    tag = event_stamp(f"{odata_feed.fingerprint(session, found, options)}|{version.sha256}", request.full_path, who)
    known = known_stamp(tag)
    if known is not None:
        return odata(known)
    name, one, parent = _address(table)
    asked = odata_feed.Request(_url(here), quote(table, safe="/'()"), name, request.args.to_dict(), options, one, parent)
    source = Source(session, BlobStore(settings()))
    response = stream(odata_feed.feed(source, asked, found, wording(form.xml_form_id, version)), JSON)
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
