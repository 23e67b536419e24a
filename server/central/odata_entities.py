"""Entity lists as OData tables, CSV and GeoJSON."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request

from server.central.datasets import LIST
from server.central.entities import dataset_of
from server.central.odata_submissions import JSON, check_accept, check_version, odata, service_url
from server.central.replies import dumps, known_stamp, stream
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.models import Dataset
from server.problems import Problem
from server.queries import entities as queries
from server.queries.entities import WantedRecords
from server.schemas.described import CSV, GEOJSON, XML, described
from server.schemas.odata import FilterQuery, ODataQuery
from server.services import datasets, entity_feed, odata_metadata
from server.services.etags import event_stamp
from server.services.identity import Verb
from server.services.odata_options import parse_options

SERVICE = f"{LIST}.svc"


def _url(dataset: Dataset) -> str:
    return service_url("projects", str(dataset.project_id), "datasets", dataset.name)


@routes.get(SERVICE)
@allow(Verb.DATASET_READ)
@described("application/json")
def show_list_service(project_id: int, name: str) -> Response:
    """The one table of a list."""
    check_version()
    check_accept("application/json")
    document = odata_metadata.service_document(_url(dataset_of(project_id, name)), [entity_feed.TABLE])
    return odata(Response(dumps(document), content_type=JSON))


@routes.get(f"{SERVICE}/$metadata")
@allow(Verb.DATASET_READ)
@described(XML)
def show_list_metadata(project_id: int, name: str) -> Response:
    """Its type (EDMX)."""
    check_version()
    check_accept("application/xml")
    dataset = dataset_of(project_id, name)
    names = [each.name for each in datasets.properties(db.session(), dataset)]
    document = odata_metadata.dataset_metadata(dataset.name, names)
    return odata(Response(document, content_type="application/xml; charset=utf-8"))


@routes.get(f"{SERVICE}/<table>")
@allow(Verb.DATASET_READ)
@described("application/json", query=ODataQuery)
def show_list_table(project_id: int, name: str, table: str) -> Response:
    """Its rows, streamed."""
    check_version()
    check_accept("application/json")
    session, dataset = db.session(), dataset_of(project_id, name)
    if table != entity_feed.TABLE:
        raise Problem("not_found")
    options = parse_options(request.args, entities=True)
    found = entity_feed.wanted(session, identity(), dataset, options)
    tag, known = _tag(found)
    if known is not None:
        return known
    asked = entity_feed.Request(_url(dataset), request.args.to_dict(), options)
    return _tagged(odata(stream(entity_feed.odata(session, asked, dataset, found), JSON)), tag)


@routes.get(f"{LIST}/entities.csv")
@allow(Verb.DATASET_READ)
@described(CSV, query=FilterQuery)
def download_csv(project_id: int, name: str) -> Response:
    """The list as CSV; `$filter` as in OData."""
    session, dataset = db.session(), dataset_of(project_id, name)
    found = entity_feed.wanted(session, identity(), dataset, parse_options(request.args, entities=True))
    tag, known = _tag(found)
    if known is not None:
        return known
    pieces: Iterator[bytes] = entity_feed.csv_rows(session, dataset, found)
    return _tagged(stream(pieces, "text/csv; charset=utf-8", f"{dataset.name}.csv"), tag)


@routes.get(f"{LIST}/entities.geojson")
@allow(Verb.DATASET_READ)
@described(GEOJSON, query=FilterQuery)
def download_geojson(project_id: int, name: str) -> Response:
    """The list as GeoJSON."""
    session, dataset = db.session(), dataset_of(project_id, name)
    found = entity_feed.wanted(session, identity(), dataset, parse_options(request.args, entities=True))
    tag, known = _tag(found)
    if known is not None:
        return known
    return _tagged(stream(entity_feed.geojson(session, found), "application/geo+json"), tag)


def _tag(found: WantedRecords) -> tuple[str, Response | None]:
    tag = event_stamp(queries.fingerprint(db.session(), found), request.full_path, identity())
    return tag, known_stamp(tag)


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)
    return response
