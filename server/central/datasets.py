"""Entity lists: list, make, show, change, delete, properties, and the actor properties that access rules speak of.

The registers are lists here.
"""

from __future__ import annotations

from flask import Response, request

from server.central.bodies import read
from server.central.replies import as_json, extended, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.problems import Problem
from server.schemas.base import SuccessAnswer
from server.schemas.datasets import (
    ActorPropertyAnswer,
    DatasetAnswer,
    DatasetChange,
    DatasetChangeQuery,
    DatasetDetails,
    DatasetDetailsExtended,
    DatasetExtended,
    DatasetRequest,
    PropertyRequest,
)
from server.schemas.described import described
from server.services import access, datasets, projects
from server.services.identity import Verb

LISTS = "/projects/<project_id>/datasets"
LIST = f"{LISTS}/<name>"
ACTOR_PROPERTIES = "/projects/<project_id>/actor-properties"


@routes.get(LISTS)
@allow(Verb.DATASET_READ)
@described(DatasetExtended, many=True, extended=True)
def list_datasets(project_id: int) -> Response:
    """Every list of the project."""
    session, who = db.session(), identity()
    rows = datasets.listed(session, who, project_id)
    if extended():
        return as_json(DatasetExtended(many=True).dump(datasets.extended(session, who, rows)))
    return as_json(DatasetAnswer(many=True).dump([datasets.columns(row) for row in rows]))


@routes.post(LISTS)
@allow(Verb.DATASET_MANAGE)
@described(DatasetDetails, body=DatasetRequest)
def create_dataset(project_id: int) -> Response:
    """A new list."""
    session = db.session()
    made = datasets.create(session, identity(), project_id, read(DatasetRequest()))
    return as_json(DatasetDetails().dump(datasets.details(session, made)))


@routes.get(LIST)
@allow(Verb.DATASET_READ)
@described(DatasetDetailsExtended, extended=True)
def show_dataset(project_id: int, name: str) -> Response:
    """One list with its properties."""
    session, who = db.session(), identity()
    dataset = datasets.find(session, who, project_id, name)
    shown = DatasetDetails().dump(datasets.details(session, dataset))
    if extended():
        shown |= DatasetExtended().dump(datasets.extended(session, who, [dataset])[0])
    return as_json(shown)


@routes.patch(LIST)
@allow(Verb.DATASET_MANAGE)
@described(DatasetDetails, body=DatasetChange, query=DatasetChangeQuery)
def change_dataset(project_id: int, name: str) -> Response:
    """Sets whether new entities wait for approval, and who gets which entities on a device."""
    session, who = db.session(), identity()
    text = request.args.get("convert")
    if text is not None and text.lower() not in ("true", "false"):
        raise Problem("unexpected_value", field="convert", value=text[:50], reason="it is true or false.")
    convert = None if text is None else text.lower() == "true"
    changed = datasets.change(session, who, datasets.find(session, who, project_id, name), read(DatasetChange()), convert)
    return as_json(DatasetDetails().dump(datasets.details(session, changed)))


@routes.delete(LIST)
@allow(Verb.DATASET_MANAGE)
@described(SuccessAnswer)
def delete_dataset(project_id: int, name: str) -> Response:
    """Takes a list off that no form uses and that is no register of the mission."""
    session, who = db.session(), identity()
    datasets.delete(session, who, datasets.find(session, who, project_id, name))
    return success()


@routes.post(f"{LIST}/properties")
@allow(Verb.DATASET_MANAGE)
@described(SuccessAnswer, body=PropertyRequest)
def add_property(project_id: int, name: str) -> Response:
    """Adds a property."""
    session, who = db.session(), identity()
    datasets.add_property(session, who, datasets.find(session, who, project_id, name), read(PropertyRequest())["name"])
    return success()


@routes.delete(f"{LIST}/properties/<property_name>")
@allow(Verb.DATASET_MANAGE)
@described(SuccessAnswer)
def delete_property(project_id: int, name: str, property_name: str) -> Response:
    """Takes a property off that no form writes and that is empty everywhere."""
    session, who = db.session(), identity()
    datasets.delete_property(session, who, datasets.find(session, who, project_id, name), property_name)
    return success()


@routes.get(ACTOR_PROPERTIES)
@allow(Verb.DATASET_READ)
@described(ActorPropertyAnswer, many=True, extended=True)
def list_actor_properties(project_id: int) -> Response:
    """The properties that app users and collectors of the project may have, with the values in use when asked for more."""
    session = db.session()
    projects.find(session, identity(), project_id)
    if extended():
        used = access.used_values(session, project_id)
        return as_json([{"name": name, "values": values} for name, values in used.items()])
    return as_json([{"name": each.name} for each in access.properties(session, project_id)])


@routes.post(ACTOR_PROPERTIES)
@allow(Verb.DATASET_MANAGE)
@described(SuccessAnswer, body=PropertyRequest)
def add_actor_property(project_id: int) -> Response:
    """Adds a property for app users and collectors."""
    session, who = db.session(), identity()
    projects.find(session, who, project_id)
    access.add_property(session, who, project_id, read(PropertyRequest())["name"])
    return success()
