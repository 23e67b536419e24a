"""The entity lists that forms write: made and widened when a form is published; what a form would change of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from forms.fields import FormDefinition
from server.models import Dataset, DatasetProperty, Form, FormVersion
from server.problems import Problem
from server.queries import forms as queries
from server.services import journal
from server.services.definitions import definition_of


@dataclass(frozen=True)
class PropertyChange:
    """A property of a list: is_new when publishing the form adds it, in_form when the form writes it."""

    name: str
    is_new: bool
    in_form: bool


@dataclass(frozen=True)
class DatasetChange:
    """A list that a form writes; is_new when publishing the form makes it."""

    name: str
    is_new: bool
    properties: tuple[PropertyChange, ...]


def ensure_dataset(
    session: Session,
    project_id: int,
    name: str,
    properties: Mapping[str, Iterable[str]] | Iterable[str] = (),
    register: str | None = None,
) -> Dataset:
    """The entity list of that name, made if need be, with at least these properties; expected files of that name are linked.

    properties: names, or names with the form ids that write them. The caller commits.
    """
    instant = journal.now()
    dataset = queries.dataset(session, project_id, name) or queries.deleted_dataset(session, project_id, name)
    if dataset is not None and dataset.deleted_at is not None:
        dataset.deleted_at = None
    if dataset is None:
        dataset = Dataset(project_id=project_id, name=name, register=register, created_at=instant, published_at=instant)
        session.add(dataset)
        session.flush()
    elif register and dataset.register is None:
        dataset.register = register
    known = {row.name: row for row in queries.properties(session, dataset.id)}
    wanted = properties if isinstance(properties, Mapping) else dict.fromkeys(properties, ())
    for property_name, form_ids in wanted.items():
        known_one = known.get(property_name)
        if known_one is None:
            session.add(DatasetProperty(dataset_id=dataset.id, name=property_name, forms=sorted(form_ids), published_at=instant))
        elif not set(form_ids) <= set(known_one.forms):
            known_one.forms = sorted({*known_one.forms, *form_ids})
    for row in queries.unlinked_attachments(session, project_id, f"{name}.csv"):
        row.dataset_name, row.updated_at = name, instant
    session.flush()
    return dataset


def check_names(session: Session, project_id: int, definition: FormDefinition) -> None:
    """Raises dataset_name_case (409.16) and property_name_case (409.17) for names that differ in capitals only."""
    known = {each.name.lower(): each for each in queries.datasets(session, project_id)}
    for name, written in _written(definition).items():
        dataset = known.get(name.lower())
        if dataset is None:
            continue
        if dataset.name != name:
            raise Problem("dataset_name_case", current=dataset.name, provided=name)
        there = {row.name.lower(): row.name for row in queries.properties(session, dataset.id)}
        clashing = [each for each in written if there.get(each.lower(), each) != each]
        if clashing:
            raise Problem("property_name_case", names=", ".join(clashing))


def declare_datasets(session: Session, form: Form, definition: FormDefinition) -> None:
    """Makes or widens the lists that the form writes; the caller commits. Raises as `check_names`."""
    check_names(session, form.project_id, definition)
    for name, written in _written(definition).items():
        ensure_dataset(session, form.project_id, name, {each: (form.xml_form_id,) for each in written})


def changes(session: Session, form: Form, version: FormVersion) -> list[DatasetChange]:
    """The lists that this version writes with all their properties, and what publishing it adds."""
    found = []
    for name, written in _written(definition_of(version)).items():
        dataset = queries.dataset(session, form.project_id, name)
        there = {row.name for row in queries.properties(session, dataset.id)} if dataset is not None else set()
        properties = (PropertyChange(each, each not in there, each in written) for each in sorted(there | set(written)))
        found.append(DatasetChange(name, dataset is None, tuple(properties)))
    return found


def _written(definition: FormDefinition) -> dict[str, list[str]]:
    """Property names by list; one form may write a list from several places."""
    found: dict[str, list[str]] = {}
    for block in definition.entity_blocks:
        found.setdefault(block.dataset, []).extend(name for _path, name in block.save_to)
    return found
