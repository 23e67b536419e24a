"""Entities of a list: read, write, delete, restore, settle, history. An entity of a register is a record."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Response, request, url_for

from forms.values import read_datetime
from server.central.bodies import json_body, read
from server.central.datasets import LIST
from server.central.replies import as_json, extended, json_array, known_stamp, limits, success
from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.models import Dataset
from server.problems import Problem
from server.queries import entities as queries
from server.schemas.actors import ActorAnswer
from server.schemas.base import PageQuery, SuccessAnswer
from server.schemas.described import JSON, described
from server.schemas.entities import (
    EntityChange,
    EntityChangeQuery,
    EntityIds,
    EntityListQuery,
    EntityRequest,
    PastQuery,
    VersionsQuery,
    entity_details,
    entity_row,
    log_row,
    past_entity,
    version_row,
)
from server.services import datasets, entities, entity_history, past_records
from server.services.entities import Client, Found, editor_id
from server.services.etags import event_stamp
from server.services.identity import Verb
from server.services.journal import now
from server.services.odata_options import flag

ENTITIES = f"{LIST}/entities"
ONE = f"{ENTITIES}/<entity_id>"


def dataset_of(project_id: int, name: str) -> Dataset:
    """The list. Raises Problem not_found."""
    return datasets.find(db.session(), identity(), project_id, name)


def _find(project_id: int, name: str, entity_id: str, deleted: bool | None = False) -> tuple[Dataset, Found]:
    dataset = dataset_of(project_id, name)
    return dataset, entities.find(db.session(), identity(), dataset, entity_id, deleted)


def _client() -> Client:
    """What the request says of its client: User-Agent and the note for the log."""
    return Client(request.headers.get("User-Agent", "")[:255] or None, request.headers.get("X-Action-Notes", "")[:2_000] or None)


def _shown(dataset: Dataset, found: Found) -> Response:
    """The entity; one that was merged away is answered by the surviving record, whose address is Content-Location."""
    response = as_json(entity_details(found, extended()))
    if found.merged:
        path = url_for("central.show_entity", project_id=dataset.project_id, name=dataset.name, entity_id=found.record.id)
        response.headers["Content-Location"] = path
    return response


@routes.get(ENTITIES)
@allow(Verb.DATASET_READ)
@described(JSON, query=EntityListQuery, extended=True)
def list_entities(project_id: int, name: str) -> Response:
    """Every entity that the actor may see, newest first; deleted=true: the deleted ones instead."""
    session, who = db.session(), identity()
    wanted = entities.wanted(who, dataset_of(project_id, name), flag(request.args.get("deleted")))
    more = extended()
    tag = event_stamp(queries.fingerprint(session, wanted), f"{request.full_path}{more}", who)
    known = known_stamp(tag)
    if known is not None:
        return known
    page = queries.ids(session, wanted)
    editors = queries.all_editors(session, wanted) if more else {}
    response = json_array(
        entity_row(record, creator, more, editors.get(editor_id(record)))
        for record, creator in queries.by_ids(session, wanted, page)
    )
    response.set_etag(tag, weak=True)
    return response


@routes.get(f"{ENTITIES}/creators")
@allow(Verb.DATASET_READ)
@described(ActorAnswer, many=True)
def list_entity_creators(project_id: int, name: str) -> Response:
    """Everybody who made an entity of the list."""
    wanted = entities.wanted(identity(), dataset_of(project_id, name))
    return as_json(ActorAnswer(many=True).dump(queries.creators(db.session(), wanted)))


@routes.post(ENTITIES)
@allow(Verb.RECORD_WRITE)
@described(JSON, body=EntityRequest)
def create_entities(project_id: int, name: str) -> Response:
    """One new entity, or with `entities` and `source` several at once (all or none)."""
    session, who, dataset = db.session(), identity(), dataset_of(project_id, name)
    body = read(EntityRequest())
    if "entities" in body:
        entities.create(session, who, dataset, _wishes(body["entities"]), _client(), _source(body))
        return success()
    made = entities.create(session, who, dataset, [body], _client())[0]
    return as_json(entity_details(entities.just_written(session, dataset, made), extended()))


def _wishes(given: Any) -> list[dict[str, Any]]:
    """Raises unexpected_attributes (400.31) for what is no list of entities, or an empty one."""
    if not isinstance(given, list) or not given or not all(isinstance(each, dict) for each in given):
        actual = "not an array" if not isinstance(given, list) else "empty array" if not given else "not an array of objects"
        raise Problem("unexpected_attributes", expected="entities: [...]", actual=actual)
    return given


def _source(body: dict[str, Any]) -> dict[str, Any]:
    """Where several entities come from. Raises missing_parameter and invalid_type."""
    source = body.get("source")
    if not source:
        raise Problem("missing_parameter", field="source")
    if not isinstance(source, dict):
        raise Problem("invalid_type", expected="an object", got=type(source).__name__, field="source")
    if not source.get("name"):
        raise Problem("missing_parameter", field="source.name")
    if not isinstance(source["name"], str):
        raise Problem("invalid_type", expected="string", got=type(source["name"]).__name__, field="name")
    size = source.get("size")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int | float)):
        raise Problem("invalid_type", expected="number", got=type(size).__name__, field="size")
    return {"name": source["name"], **({"size": size} if size else {}), "count": len(body["entities"])}


@routes.get(ONE)
@allow(Verb.DATASET_READ)
@described(JSON, extended=True)
def show_entity(project_id: int, name: str, entity_id: str) -> Response:
    """One entity with its data."""
    return _shown(*_find(project_id, name, entity_id))


@routes.patch(ONE)
@allow(Verb.RECORD_WRITE)
@described(JSON, body=EntityChange, optional=True, query=EntityChangeQuery)
def change_entity(project_id: int, name: str, entity_id: str) -> Response:
    """Changes label and data; baseVersion must be the current version, or force=true. resolve=true settles its conflicts."""
    session, who = db.session(), identity()
    dataset, found = _find(project_id, name, entity_id)
    base, settles = request.args.get("baseVersion", ""), flag(request.args.get("resolve"))
    if base and not (base.isascii() and base.isdigit() and len(base) < 10):
        raise Problem("unexpected_value", field="baseVersion", value=base[:50], reason="it must be a whole number.")
    if settles:
        entities.check_conflict(found)
    entities.check_version(found, int(base) if base else None, flag(request.args.get("force")))
    if not settles or json_body():
        entities.update(session, who, dataset, found, read(EntityChange()), _client())
    if settles:
        entities.resolve(session, who, dataset, found, _client())
    return _shown(dataset, entities.just_written(session, dataset, found.asked))


@routes.delete(ONE)
@allow(Verb.RECORD_WRITE)
@described(SuccessAnswer)
def delete_entity(project_id: int, name: str, entity_id: str) -> Response:
    """Takes an entity off the list; it can be restored."""
    dataset, found = _find(project_id, name, entity_id)
    entities.set_deleted(db.session(), identity(), dataset, [found], True, _client())
    return success()


@routes.post(f"{ONE}/restore")
@allow(Verb.RECORD_WRITE)
@described(SuccessAnswer)
def restore_entity(project_id: int, name: str, entity_id: str) -> Response:
    """Brings a deleted entity back."""
    dataset, found = _find(project_id, name, entity_id, deleted=True)
    entities.set_deleted(db.session(), identity(), dataset, [found], False, _client())
    return success()


@routes.post(f"{ENTITIES}/bulk-delete")
@allow(Verb.RECORD_WRITE)
@described(SuccessAnswer, body=EntityIds)
def delete_entities(project_id: int, name: str) -> Response:
    """Takes several entities off the list; those that are not on it are passed over."""
    return _change_several(project_id, name, True)


@routes.post(f"{ENTITIES}/bulk-restore")
@allow(Verb.RECORD_WRITE)
@described(SuccessAnswer, body=EntityIds)
def restore_entities(project_id: int, name: str) -> Response:
    """Brings several deleted entities back; those that are not deleted are passed over."""
    return _change_several(project_id, name, False)


def _change_several(project_id: int, name: str, deleted: bool) -> Response:
    session, who, dataset = db.session(), identity(), dataset_of(project_id, name)
    found = entities.several(session, who, dataset, read(EntityIds())["ids"], not deleted)
    entities.set_deleted(session, who, dataset, found, deleted, _client())
    return success()


@routes.get(f"{ONE}/versions")
@allow(Verb.DATASET_READ)
@described(JSON, query=VersionsQuery)
def list_entity_versions(project_id: int, name: str, entity_id: str) -> Response:
    """How the entity became what it is, oldest first, with its conflicts."""
    dataset, found = _find(project_id, name, entity_id, deleted=None)
    steps = entity_history.judged(entity_history.versions(db.session(), dataset, found.record))
    rows = [version_row(step, step is steps[-1]) for step in steps]
    if flag(request.args.get("relevantToConflict")):
        rows = [row for row in rows if row["relevantToConflict"]]
    return as_json(rows)


@routes.get(f"{ONE}/past")
@allow(Verb.DATASET_READ)
@described(JSON, query=PastQuery)
def show_past_entity(project_id: int, name: str, entity_id: str) -> Response:
    """The entity as it was: of what was observed until `observed`, and of what had arrived until `known` if given."""
    _dataset, found = _find(project_id, name, entity_id, deleted=None)
    was = past_records.as_of(db.session(), found.record, _moment("observed") or now(), _moment("known"))
    if was is None:
        raise Problem("not_found")
    return as_json(past_entity(found.record.id, was))


def _moment(name: str) -> dt.datetime | None:
    text = request.args.get(name)
    found = read_datetime(text, dt.UTC) if text else None
    if text and found is None:
        raise Problem("unexpected_value", field=name, value=text, reason="it is a date or a date and time (ISO 8601).")
    return found + dt.timedelta(days=1) if found is not None and len(text or "") <= 10 else found


@routes.get(f"{ONE}/diffs")
@allow(Verb.DATASET_READ)
@described(JSON)
def list_entity_changes(project_id: int, name: str, entity_id: str) -> Response:
    """What each version changed, property by property, oldest first."""
    dataset, found = _find(project_id, name, entity_id, deleted=None)
    return as_json(entity_history.differences(entity_history.versions(db.session(), dataset, found.record)))


@routes.get(f"{ONE}/audits")
@allow(Verb.DATASET_READ)
@described(JSON, query=PageQuery, extended=True)
def list_entity_history(project_id: int, name: str, entity_id: str) -> Response:
    """The same as a log, newest first, in ODK Central's words."""
    dataset, found = _find(project_id, name, entity_id, deleted=None)
    limit, offset = limits()
    rows = entity_history.log(db.session(), dataset, found.record)
    more = extended()
    return as_json([log_row(row, more) for row in rows[offset : None if limit is None else offset + limit]])
