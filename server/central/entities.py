"""Entities of a list: read, write, delete, restore, history. An entity of a register is a record."""

from __future__ import annotations

from flask import Response, request, url_for

from server.central.bodies import read
from server.central.datasets import LIST
from server.central.replies import as_json, extended, json_array, known_stamp, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.models import Dataset
from server.problems import Problem
from server.queries import entities as queries
from server.schemas.entities import EntityChange, EntityIds, EntityRequest, entity_details, entity_row, version_row
from server.services import datasets, entities
from server.services.entities import Found
from server.services.etags import event_stamp
from server.services.identity import Verb
from server.services.odata_options import flag
from server.services.times import stamp

ENTITIES = f"{LIST}/entities"
ONE = f"{ENTITIES}/<entity_id>"


def dataset_of(project_id: int, name: str) -> Dataset:
    """The list. Raises Problem not_found."""
    return datasets.find(db.session(), identity(), project_id, name)


def _find(project_id: int, name: str, entity_id: str, deleted: bool | None = False) -> tuple[Dataset, Found]:
    dataset = dataset_of(project_id, name)
    return dataset, entities.find(db.session(), identity(), dataset, entity_id, deleted)


def _shown(dataset: Dataset, found: Found) -> Response:
    """The entity; one that was merged away is answered by the surviving record, whose address is Content-Location."""
    response = as_json(entity_details(found, extended()))
    if found.merged:
        path = url_for("central.show_entity", project_id=dataset.project_id, name=dataset.name, entity_id=found.record.id)
        response.headers["Content-Location"] = path
    return response


@routes.get(ENTITIES)
@allow(Verb.DATASET_READ)
def list_entities(project_id: int, name: str) -> Response:
    """Every entity that the actor may see, newest first; deleted=true: the deleted ones instead."""
    session, who = db.session(), identity()
    wanted = entities.wanted(who, dataset_of(project_id, name), flag(request.args.get("deleted")))
    tag = event_stamp(queries.fingerprint(session, wanted), request.full_path, who)
    known = known_stamp(tag)
    if known is not None:
        return known
    more = extended()
    page = queries.ids(session, wanted)
    response = json_array(entity_row(record, creator, more) for record, creator in queries.by_ids(session, wanted, page))
    response.set_etag(tag, weak=True)
    return response


@routes.post(ENTITIES)
@allow(Verb.RECORD_WRITE)
def create_entities(project_id: int, name: str) -> Response:
    """One new entity, or with `entities` several at once (all or none)."""
    session, who, dataset = db.session(), identity(), dataset_of(project_id, name)
    body = read(EntityRequest())
    if "entities" in body:
        entities.create(session, who, dataset, body["entities"])
        return success()
    made = entities.create(session, who, dataset, [body])[0]
    return as_json(entity_details(entities.just_written(session, dataset, made), extended()))


@routes.get(ONE)
@allow(Verb.DATASET_READ)
def show_entity(project_id: int, name: str, entity_id: str) -> Response:
    """One entity with its data."""
    return _shown(*_find(project_id, name, entity_id))


@routes.patch(ONE)
@allow(Verb.RECORD_WRITE)
def change_entity(project_id: int, name: str, entity_id: str) -> Response:
    """Changes label and data; baseVersion must be the current version, or force=true."""
    session, who = db.session(), identity()
    dataset, found = _find(project_id, name, entity_id)
    base = request.args.get("baseVersion", "")
    if base and not (base.isascii() and base.isdigit() and len(base) < 10):
        raise Problem("unexpected_value", field="baseVersion", value=base[:50], reason="it must be a whole number.")
    entities.update(
        session, who, dataset, found, read(EntityChange()), int(base) if base else None, flag(request.args.get("force"))
    )
    return _shown(dataset, entities.just_written(session, dataset, found.asked))


@routes.delete(ONE)
@allow(Verb.RECORD_WRITE)
def delete_entity(project_id: int, name: str, entity_id: str) -> Response:
    """Takes an entity off the list; it can be restored."""
    dataset, found = _find(project_id, name, entity_id)
    entities.set_deleted(db.session(), identity(), dataset, found, True)
    return success()


@routes.post(f"{ONE}/restore")
@allow(Verb.RECORD_WRITE)
def restore_entity(project_id: int, name: str, entity_id: str) -> Response:
    """Brings a deleted entity back."""
    dataset, found = _find(project_id, name, entity_id, deleted=True)
    entities.set_deleted(db.session(), identity(), dataset, found, False)
    return success()


@routes.post(f"{ENTITIES}/bulk-delete")
@allow(Verb.RECORD_WRITE)
def delete_entities(project_id: int, name: str) -> Response:
    """Takes several entities off the list; 404 when one of them is not there."""
    dataset = dataset_of(project_id, name)
    found = [entities.find(db.session(), identity(), dataset, each) for each in read(EntityIds())["ids"]]
    for each in found:
        entities.set_deleted(db.session(), identity(), dataset, each, True)
    return success()


@routes.get(f"{ONE}/versions")
@allow(Verb.DATASET_READ)
def list_entity_versions(project_id: int, name: str, entity_id: str) -> Response:
    """How the entity became what it is, oldest first."""
    dataset, found = _find(project_id, name, entity_id, deleted=None)
    steps = entities.versions(db.session(), dataset, found.record)
    return as_json([version_row(step, step is steps[-1]) for step in steps])


@routes.get(f"{ONE}/audits")
@allow(Verb.DATASET_READ)
def list_entity_history(project_id: int, name: str, entity_id: str) -> Response:
    """The same as a log, newest first, in ODK Central's words."""
    dataset, found = _find(project_id, name, entity_id, deleted=None)
    steps = entities.versions(db.session(), dataset, found.record)
    return as_json([
        {
            "actorId": step.said.actor_id, "action": "entity.create" if index == 0 else "entity.update.version",
            "details": {"source": step.said.source}, "loggedAt": stamp(step.said.received_at),
        }
        for index, step in reversed(list(enumerate(steps)))
    ])
