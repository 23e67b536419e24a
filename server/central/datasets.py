"""Entity lists: list, make, show, change, add properties. The registers are lists here."""

from __future__ import annotations

from flask import Response

from server.central.bodies import read
from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.schemas.datasets import DatasetAnswer, DatasetChange, DatasetDetails, DatasetExtended, DatasetRequest, PropertyRequest
from server.services import datasets
from server.services.identity import Verb

LISTS = "/projects/<project_id>/datasets"
LIST = f"{LISTS}/<name>"


@routes.get(LISTS)
@allow(Verb.DATASET_READ)
def list_datasets(project_id: int) -> Response:
    """Every list of the project."""
    session, who = db.session(), identity()
    rows = datasets.listed(session, who, project_id)
    if extended():
        return as_json(DatasetExtended(many=True).dump(datasets.extended(session, who, rows)))
    return as_json(DatasetAnswer(many=True).dump([datasets.columns(row) for row in rows]))


@routes.post(LISTS)
@allow(Verb.DATASET_MANAGE)
def create_dataset(project_id: int) -> Response:
    """A new list."""
    session, body = db.session(), read(DatasetRequest())
    made = datasets.create(session, identity(), project_id, body["name"], body["approvalRequired"])
    return as_json(DatasetDetails().dump(datasets.details(session, made)))


@routes.get(LIST)
@allow(Verb.DATASET_READ)
def show_dataset(project_id: int, name: str) -> Response:
    """One list with its properties."""
    session = db.session()
    return as_json(DatasetDetails().dump(datasets.details(session, datasets.find(session, identity(), project_id, name))))


@routes.patch(LIST)
@allow(Verb.DATASET_MANAGE)
def change_dataset(project_id: int, name: str) -> Response:
    """Sets whether entities wait for approval, and whether senders see only their own."""
    session, who = db.session(), identity()
    changed = datasets.change(session, who, datasets.find(session, who, project_id, name), read(DatasetChange()))
    return as_json(DatasetDetails().dump(datasets.details(session, changed)))


@routes.post(f"{LIST}/properties")
@allow(Verb.DATASET_MANAGE)
def add_property(project_id: int, name: str) -> Response:
    """Adds a property."""
    session, who = db.session(), identity()
    datasets.add_property(session, who, datasets.find(session, who, project_id, name), read(PropertyRequest())["name"])
    return success()
